"""Lets the writing threads of a process take turns, before the database makes them wait its own way.

SQLite waits for a lock by sleeping longer and longer, DuckDB refuses the second writer when it commits. A
lock of the process wakes the next thread at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.errors import StoreLockedError

if TYPE_CHECKING:
    import threading

__all__ = ["Turn"]


class Turn:
    """The turn of one session; all sessions of a manager share the lock.

    Args:
        lock: The lock.
        patience: How many seconds to wait for it.
        location: The database, for messages.

    Attributes:
        is_ours: Whether the session has the turn: a transaction is open.
    """

    def __init__(self, lock: threading.Lock, patience: float, location: str) -> None:
        self._lock = lock
        self._patience = patience
        self._location = location
        self.is_ours = False

    def take(self) -> None:
        """Wait for the turn.

        Raises:
            StoreLockedError: Another thread kept it for longer than we wait.
        """
        if not self._lock.acquire(timeout=self._patience):
            raise StoreLockedError(f"{self._location} is locked by another thread", transient=True)
        self.is_ours = True

    def give(self) -> None:
        """Let the next one in, if the turn is ours."""
        if self.is_ours:
            self.is_ours = False
            self._lock.release()
