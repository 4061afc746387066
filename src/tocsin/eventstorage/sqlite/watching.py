"""Running queries by name: who they are, how long they may run, and how one is ended.

SQLite calls back every few thousand steps of a statement, in the thread that runs it. There it is asked
whether the query was cancelled or is over its time: no thread watches, nothing else can be hit, and a
cancellation that comes just before a statement starts is not lost.
"""

from __future__ import annotations

import getpass
import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import ref

from tocsin.errors import QueryCanceledException

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from datetime import datetime

__all__ = ["RunningQueries", "Watch"]

_STEPS = 5000  # of SQLite's virtual machine between two looks: well under a millisecond


class Watch:
    """One named block of statements, or one with a time limit.

    Args:
        name: The name, `None` for one that has only a limit.
        timeout: How many seconds the database may work for it, `None` for no limit. Not counted is how long
            the reader of a stream takes between two rows.
        started_at: When it began.
        outer: The block around it.
    """

    def __init__(
        self,
        name: str | None,
        timeout: float | None,
        started_at: datetime | None,
        outer: Watch | None,
    ) -> None:
        self.name = name
        self.outer = outer
        self.thread = threading.current_thread().name
        self.started_at = started_at
        self.waits = False
        self.has_ended = False
        self._began = time.monotonic()
        self._spent = 0.0
        self._at_work_since: float | None = None
        self._timeout = timeout
        self._cancelled = False

    def chain(self) -> Iterator[Watch]:
        """Give it, and the blocks around it."""
        watch: Watch | None = self
        while watch is not None:
            yield watch
            watch = watch.outer

    def cancel(self) -> None:
        """End it at the next opportunity."""
        self._cancelled = True

    def is_over(self) -> bool:
        """Tell whether it must end; what SQLite asks."""
        return self._cancelled or (self._timeout is not None and self._worked() > self._timeout)

    def _worked(self) -> float:
        since = self._at_work_since
        return self._spent if since is None else self._spent + time.monotonic() - since

    @property
    def duration(self) -> float:
        """How many seconds it has been running."""
        return time.monotonic() - self._began

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Count the time of a block: of a statement, or of the waiting for one's turn."""
        if self._at_work_since is not None:
            yield
            return
        self._at_work_since = time.monotonic()
        try:
            yield
        finally:
            self._spent, self._at_work_since = self._worked(), None

    @contextmanager
    def over(self, connection: sqlite3.Connection) -> Iterator[None]:
        """Watch what runs on a connection in a block.

        Raises:
            QueryCanceledException: It must not even begin.
        """
        self.check()
        connection.set_progress_handler(self.is_over, _STEPS)
        try:
            with self.at_work():
                yield
        finally:
            connection.set_progress_handler(None, 0)

    def check(self) -> None:
        """Raise when it must end.

        Raises:
            QueryCanceledException: It was cancelled, or is over its time.
        """
        if self.is_over():
            raise self.error()

    def error(self) -> QueryCanceledException:
        """Say why it ended."""
        what = "the query" if self.name is None else f"the query {self.name}"
        if self._cancelled:
            return QueryCanceledException(f"{what} was cancelled")
        return QueryCanceledException(
            f"{what} ran longer than {self._timeout:g} s", hint="give it more time, or narrow it down"
        )

    def status(self) -> dict[str, Any]:
        """Describe it; see `EventStorageService.queries_status`."""
        return {
            "pid": os.getpid(),
            "user": _user(),
            "application": "tocsin",
            "client": f"this process, thread {self.thread}",
            "started_at": self.started_at,
            "waiting": self.waits,
            "state": "active",
            "duration": self.duration,
            "query_name": self.name,
        }


class RunningQueries:
    """The named queries of this process on one file.

    They are known by weak references: of one that was interrupted before it could say that it has ended,
    nothing is left either. To end takes no lock: a stream that nobody closed ends when it is collected as
    garbage, which can be while its thread has the lock. Nor are the references told of an end: what is
    raised there (an interrupt) would be lost.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watches: list[ref[Watch]] = []

    def add(self, watch: Watch) -> None:
        """Make a query known, if it has a name."""
        if watch.name is not None:
            with self._lock:
                self._watches = [ref(one) for one in (*self._those_at_work(), watch)]

    def remove(self, watch: Watch) -> None:
        """Forget a query that has ended."""
        watch.has_ended = True

    def status(self) -> dict[str, dict[str, Any]]:
        """Describe those that run; of two with one name the older one."""
        oldest_last = sorted(self._those_at_work(), key=lambda watch: watch.duration)
        return {watch.name: watch.status() for watch in oldest_last if watch.name is not None}

    def cancel(self, name: str) -> bool:
        """End all of a name; false when there is none."""
        watches = [watch for watch in self._those_at_work() if watch.name == name]
        for watch in watches:
            watch.cancel()
        return bool(watches)

    def _those_at_work(self) -> list[Watch]:
        watches = [one() for one in self._watches]
        return [watch for watch in watches if watch is not None and not watch.has_ended]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return str(os.getuid())
