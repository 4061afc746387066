"""Who ends what a session wrote: the session itself, or the owner of a connection that it was lent."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Protocol

from tocsin.errors import EventStorageException
from tocsin.eventstorage.sqlite.errors import is_busy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.eventstorage.sqlite.turns import Turn

__all__ = ["BorrowedTransaction", "OwnTransaction", "Transaction"]

_LOOK_UP_MS = 20


class Transaction(Protocol):
    """How a session begins and ends to write. Errors are the driver's."""

    @property
    def is_open(self) -> bool:
        """Whether something is open that a commit would keep."""
        ...

    def begin(self, check: Callable[[], None]) -> None:
        """Get the right to write; nothing happens when it is there.

        Args:
            check: Called now and then while it waits; what it raises ends the waiting.
        """
        ...

    def commit(self) -> None:
        """Keep what was written."""
        ...

    def rollback(self) -> None:
        """Undo what was written."""
        ...


class OwnTransaction:
    """Transactions of a connection that is the session's alone.

    Args:
        connection: In autocommit mode.
        turn: The session's turn among the threads of this process.
        patience: How many seconds to wait for other processes.
    """

    def __init__(self, connection: sqlite3.Connection, turn: Turn, patience: float) -> None:
        self._connection = connection
        self._turn = turn
        self._patience = patience

    @property
    def is_open(self) -> bool:
        """Whether a transaction is open."""
        return self._connection.in_transaction

    def begin(self, check: Callable[[], None]) -> None:
        """Wait for the turn in this process, then for other processes."""
        if self._connection.in_transaction:
            return
        try:
            self._turn.take(check)
            self._lock(check)
        except BaseException:
            self._turn.give()
            raise

    def _lock(self, check: Callable[[], None]) -> None:
        """Wait as SQLite does, but look up now and then: it asks nobody while it waits for a lock."""
        deadline = time.monotonic() + self._patience
        self._connection.execute(f"PRAGMA busy_timeout = {_LOOK_UP_MS}")
        try:
            while True:
                check()
                try:
                    self._connection.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError as error:
                    if not is_busy(error) or time.monotonic() > deadline:
                        raise
                else:
                    return
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {int(self._patience * 1000)}")

    def commit(self) -> None:
        """Commit, and let the next one in."""
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")
        self._turn.give()

    def rollback(self) -> None:
        """Undo, and let the next one in; after a full disk SQLite has undone it already."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        finally:
            self._turn.give()


class BorrowedTransaction:
    """A part of a transaction that somebody else opened and will end.

    `commit` hands the part over to the owner, `rollback` undoes the part and nothing else.

    Args:
        connection: With an open transaction.
        where: The file, for messages.
    """

    def __init__(self, connection: sqlite3.Connection, where: str) -> None:
        self._connection = connection
        self._where = where
        self.is_open = False

    def begin(self, check: Callable[[], None]) -> None:  # noqa: ARG002 - the owner has waited already
        """Mark where the part begins."""
        if self.is_open:
            return
        if not self._connection.in_transaction:
            raise EventStorageException(
                f"no transaction is open on the lent connection to {self._where}", hint="begin one first"
            )
        self._connection.execute("SAVEPOINT tocsin_events")
        self.is_open = True

    def commit(self) -> None:
        """Hand the part over."""
        if self.is_open:
            self.is_open = False
            self._connection.execute("RELEASE tocsin_events")

    def rollback(self) -> None:
        """Undo the part; when the whole transaction is gone there is nothing to undo."""
        if self.is_open:
            self.is_open = False
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO tocsin_events")
                self._connection.execute("RELEASE tocsin_events")
