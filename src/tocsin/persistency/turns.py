"""One at a time, and one for all who wait: the order in which saves happen."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Turns"]

_Result = TypeVar("_Result")
_Outcome: TypeAlias = tuple[_Result, None] | tuple[None, Exception]


class Turns(Generic[_Result]):
    """Runs a function, never twice at a time.

    Who comes while it runs needs a run that begins later; all who wait share the next one.

    Args:
        run: The function.

    >>> Turns(lambda: "saved").take()
    'saved'
    """

    def __init__(self, run: Callable[[], _Result]) -> None:
        self._run = run
        self._running = threading.Lock()
        self._begun = 0
        self._waiting: set[object] = set()
        self._outcome: _Outcome[_Result] | None = None

    @property
    def waiting(self) -> int:
        """How many wait for a run."""
        return len(self._waiting)

    def take(self) -> _Result:
        """Give the result of a run that began after this was called, or raise what it raised."""
        wanted, who = self._begun + 1, object()
        self._waiting.add(who)
        try:
            with self._running:
                outcome = self._outcome
                if self._begun < wanted or outcome is None:
                    outcome = self._run_once()
        finally:
            self._waiting.discard(who)
        result, error = outcome
        if error is not None:
            raise error
        return result  # type: ignore[return-value] # without an error there is a result

    def _run_once(self) -> _Outcome[_Result]:
        self._begun += 1
        self._outcome = None  # an interrupted run has none: somebody who waits takes its place
        try:
            self._outcome = (self._run(), None)
        except Exception as error:  # noqa: BLE001  # raised to all who share it
            self._outcome = (None, error)
        return self._outcome
