"""Lets the threads of a run overlap where it helps: while a source answers, while a long series is judged.

Python runs one thread at a time, and hands over at every call of SQLite. Two threads that both read and write
small series spend their time on handing over: 50 queries of 100 series took half as long again with two
threads as with one (ADR 5). So a thread has to pass a gate to work, and leaves it while it waits or
computes outside of Python.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from tocsin.database import Capabilities
    from tocsin.runtime.databases import MetricSource

__all__ = ["Gate", "GatedSource"]


class Gate:
    """One thread at a time is inside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Wait until the gate is free, and keep it for the block."""
        with self._lock:
            yield

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Leave the gate to others for the block; the caller is inside."""
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()


class GatedSource:
    """A source that is waited for outside of the gate.

    Args:
        source: A database, or what counts events.
        gate: The gate that the caller is inside of.
    """

    def __init__(self, source: MetricSource, gate: Gate) -> None:
        self._source = source
        self._gate = gate

    @property
    def capabilities(self) -> Capabilities:
        """What the database can do."""
        return self._source.capabilities

    def read_columns(self, query: str, params: Mapping[str, Any] | None = None) -> dict[str, NDArray[Any]]:
        """See `tocsin.abc.ColumnSource`."""
        with self._gate.outside():
            return self._source.read_columns(query, params)
