"""One at a time, and one for all who wait: the order in which saves happen."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Turns"]

_Result = TypeVar("_Result")


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
        self._changed = threading.Condition()
        self._begun = 0
        self._ended = 0
        self._waiting = 0
        self._outcome: tuple[_Result, None] | tuple[None, Exception] | None = None

    @property
    def waiting(self) -> int:
        """How many wait for a run."""
        return self._waiting

    def take(self) -> _Result:
        """Give the result of a run that began after this was called, or raise what it raised."""
        with self._changed:
            wanted = self._begun + 1
            while self._ended < wanted or self._outcome is None:
                if self._begun == self._ended:  # nobody runs
                    self._begun += 1
                    break
                self._waiting += 1
                try:
                    self._changed.wait()
                finally:
                    self._waiting -= 1
            else:
                result, error = self._outcome
                if error is not None:
                    raise error
                return result  # type: ignore[return-value] # without an error there is a result
        return self._lead()

    def _lead(self) -> _Result:
        outcome: tuple[_Result, None] | tuple[None, Exception] | None = None
        try:
            result = self._run()
            outcome = (result, None)
        except Exception as error:
            outcome = (None, error)
            raise
        finally:  # an interrupted run has no outcome: somebody who waits takes its place
            with self._changed:
                self._outcome = outcome
                self._ended = self._begun
                self._changed.notify_all()
        return result
