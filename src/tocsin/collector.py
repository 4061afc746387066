"""Keeps Python's garbage collector at rest while many objects are made that all stay."""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["collector_at_rest"]


class _Rests:
    """How many blocks rest on the collector now; it is one for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._was_enabled = False

    def begin(self) -> None:
        with self._lock:
            if self._count == 0:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._count += 1

    def end(self) -> None:
        with self._lock:
            self._count -= 1
            if self._count == 0 and self._was_enabled:
                gc.enable()


_rests = _Rests()


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Collect no cyclic garbage within the block.

    For the results of a long series, or a batch of events: tens of thousands of objects, none of which is
    part of a cycle. As they are many and stay for a while, the collector would look through all objects of
    the process again and again: that was up to half of the time. What nothing refers to is freed as ever.
    """
    _rests.begin()
    try:
        yield
    finally:
        _rests.end()
