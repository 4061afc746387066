"""Lets the writing threads of a process take turns in the order in which they came.

SQLite itself makes them sleep longer and longer, and lets in who happens to wake up.

A thread may be interrupted (Ctrl-C) between any two steps, so nothing is said twice: it is the turn of who is
first in the line, and a deque is changed in one step.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from tocsin.errors import StorageContentionError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Turn", "Turns"]

_LOOK_UP = 0.02  # seconds between two looks at whether who waits was cancelled, or is first


class Turns:
    """The line of those who want a turn, the one who has it first.

    Each has a ticket: a lock that is released to wake who waits with it. Who is not woken looks up soon. The
    line has no lock: the turn of a session that nobody closed is given when that is collected, which can be
    at any moment.
    """

    def __init__(self) -> None:
        self._line: deque[threading.Lock] = deque()

    def wait(self, ticket: threading.Lock, patience: float, check: Callable[[], None]) -> bool:
        """Stand in the line until the turn has come; false when it did not in time. See `leave`.

        Args:
            ticket: A lock that is taken; nobody has used it before.
            patience: Seconds.
            check: Called now and then while it waits; what it raises ends the waiting.
        """
        self._line.append(ticket)
        deadline = time.monotonic() + patience
        while not self.is_first(ticket):
            ticket.acquire(timeout=max(0.0, min(deadline - time.monotonic(), _LOOK_UP)))
            if not self.is_first(ticket):
                check()
                if time.monotonic() >= deadline:
                    return False
        return True

    def is_first(self, ticket: threading.Lock) -> bool:
        """Tell whether it is the turn of a ticket."""
        try:
            return self._line[0] is ticket
        except IndexError:
            return False

    def leave(self, ticket: threading.Lock) -> None:
        """Give the turn to the next one, or stop waiting for it, if the ticket is in the line."""
        with suppress(ValueError):
            self._line.remove(ticket)
        with suppress(IndexError, RuntimeError):  # nobody is there, or is awake
            self._line[0].release()


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
        self._ticket = threading.Lock()

    def take(self, check: Callable[[], None]) -> None:
        """Wait for the turn, if it is not ours. Whatever is raised, `give` has to be called.

        Raises:
            StorageContentionError: Another thread kept it for longer than we wait.
        """
        if self._turns.is_first(self._ticket):
            return
        ticket = threading.Lock()
        ticket.acquire()
        self._ticket = ticket  # before it stands in the line
        if not self._turns.wait(ticket, self._patience, check):
            raise StorageContentionError(
                f"{self._where} is locked by another thread", hint="try again when it is done", transient=True
            )

    def give(self) -> None:
        """Let the next one in, if the turn is ours; a service that closes does this for its threads."""
        self._turns.leave(self._ticket)
