"""Lets the writing threads of a process take turns in the order in which they came.

SQLite itself makes them sleep longer and longer, and lets in who happens to wake up.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from tocsin.errors import StorageContentionError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Turn", "Turns"]

_LOOK_UP = 0.02  # seconds between two looks at whether who waits was cancelled


class Turns:
    """A lock that is given in the order in which it was asked for.

    Its own lock may be taken twice by a thread: the turn of a session that nobody closed is given when it is
    collected, which can be at any moment.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    def take(self, patience: float, check: Callable[[], None]) -> bool:
        """Wait for the turn; false when it did not come in time.

        Args:
            patience: Seconds.
            check: Called now and then while it waits; what it raises ends the waiting.
        """
        ticket = threading.Lock()
        ticket.acquire()
        with self._lock:
            self._waiting.append(ticket)
            self._call_next()
        try:
            given = _wait(ticket, patience, check)
        except BaseException:
            if not self._leave(ticket):
                self.give()
            raise
        return given or not self._leave(ticket)

    def give(self) -> None:
        """Let the next one in."""
        with self._lock:
            self._taken = False
            self._call_next()

    def _call_next(self) -> None:
        if self._waiting and not self._taken:
            self._taken = True
            self._waiting.popleft().release()

    def _leave(self, ticket: threading.Lock) -> bool:
        """Stop waiting; false when the turn has come meanwhile."""
        with self._lock:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                return True
            return False


def _wait(ticket: threading.Lock, patience: float, check: Callable[[], None]) -> bool:
    deadline = time.monotonic() + patience
    while not ticket.acquire(timeout=max(0.0, min(deadline - time.monotonic(), _LOOK_UP))):
        check()
        if time.monotonic() >= deadline:
            return False
    return True


class Turn:
    """The turn of one session.

    Args:
        turns: What all sessions of a file in this process share.
        patience: How many seconds to wait.
        where: The file, for messages.
    """

    def __init__(self, turns: Turns, patience: float, where: str) -> None:
        self._turns = turns
        self._patience = patience
        self._where = where
        self._lock = threading.RLock()
        self._ours = False

    def take(self, check: Callable[[], None]) -> None:
        """Wait for the turn, if it is not ours; see `Turns.take`.

        Raises:
            StorageContentionError: Another thread kept it for longer than we wait.
        """
        if self._ours:
            return
        if not self._turns.take(self._patience, check):
            raise StorageContentionError(
                f"{self._where} is locked by another thread", hint="try again when it is done", transient=True
            )
        self._ours = True

    def give(self) -> None:
        """Let the next one in, if the turn is ours; a service that closes does this for its threads."""
        with self._lock:
            ours, self._ours = self._ours, False
        if ours:
            self._turns.give()
