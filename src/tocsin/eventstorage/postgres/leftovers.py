"""What is left of events that are gone, and that nobody finds: tables of whole months, and rows of others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg

from tocsin.eventstorage.postgres import partitions
from tocsin.eventstorage.postgres.connections import run
from tocsin.eventstorage.postgres.schema import PARTITIONED
from tocsin.eventstorage.postgres.turns import keep_turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.eventstorage.postgres.connections import Connection
    from tocsin.eventstorage.postgres.session import PostgresSession

    Work = Callable[[Connection], Any]

__all__ = ["Leftovers"]

# The server waits for the disk, and looks through its whole memory, each time.
_TABLES_AT_ONCE = len(PARTITIONED)
# Of all months: another call may take one away meanwhile. What takes longest comes first, to end together.
_TABLES_OF_ROWS = ("event_ip", "event_port", "event_host", "event_ids")
# To look takes as long as to delete a few thousand rows; to delete where there are none, next to nothing.
_LOOKS_AHEAD = 4
_HOW_FAR = "SELECT dropped_seq FROM event_store"
_FIRST = "SELECT min(seq) FROM {} WHERE seq >= %s"
# A lock is waited for only until the savepoint is given up; at the commit nobody waits for the disk.
_CLEAR = """\
SAVEPOINT clear; SET LOCAL synchronous_commit = off; SET LOCAL lock_timeout = '5ms';
DELETE FROM {table} WHERE seq >= {first} AND seq <= {last}"""
_CLEAR_IN_TURN = """\
SET LOCAL synchronous_commit = off; DELETE FROM {table} WHERE seq >= {first} AND seq <= {last}"""


class _Rows:
    """The rows that belong to events that are gone, by ranges of numbers; holes cost next to nothing.

    Args:
        session: Looks for them.
        numbers: The rows of how many numbers of events to delete at a time.
    """

    def __init__(self, session: PostgresSession, numbers: int) -> None:
        self._session = session
        self._numbers = numbers
        self._gone = 0
        self._begin = dict.fromkeys(_TABLES_OF_ROWS, 1)

    def next(self) -> Work | None:
        """Give what deletes the next of them, `None` when there are none so far."""
        work = self._piece()
        if work is None and self._look():
            work = self._piece()
        return work

    def _piece(self) -> Work | None:
        for table, begin in self._begin.items():
            if begin <= self._gone:
                last = min(begin + self._numbers - 1, self._gone)
                self._begin[table] = last + 1
                return partial(_clear, table, begin, last)
        return None

    def _look(self) -> bool:
        """See how far events are gone by now; tell whether that is further."""
        [(gone,)] = self._session.execute(_HOW_FAR)
        if gone == self._gone:
            return False
        self._gone = gone
        for table, begin in self._begin.items():
            if gone - begin >= _LOOKS_AHEAD * self._numbers:
                [(first,)] = self._session.execute(_FIRST.format(table), (begin,))
                self._begin[table] = gone + 1 if first is None else first
        return True


class Leftovers:
    """The tables of months that were taken away, and what other tables have of events that are gone.

    Args:
        session: Looks for them.
        numbers: The rows of how many numbers of events to delete at a time.
    """

    def __init__(self, session: PostgresSession, numbers: int) -> None:
        self._session = session
        self._tables: list[str] = []
        self._seen: set[str] = set()
        self._postponed: list[Work] = []
        self._rows = _Rows(session, numbers)
        self.look()

    def look(self) -> None:
        """Look for tables that were taken away since."""
        new = [name for name in self._session.work(partitions.detached) if name not in self._seen]
        self._tables += new
        self._seen.update(new)

    def postpone(self, work: Work) -> None:
        """Leave something to the end: somebody is in its way."""
        self._postponed.append(work)

    def next(self) -> Work | None:
        """Give what removes the next of them, `None` when there is nothing left so far."""
        return self._next_tables() or self._rows.next()

    def next_rows(self) -> Work | None:
        """Give what removes the next rows, and when there are none so far what is left of the rest."""
        work = self._rows.next() or self._next_tables()
        return work if work is not None or not self._postponed else self._postponed.pop()

    def _next_tables(self) -> Work | None:
        if not self._tables:
            return None
        some = ", ".join(self._tables[-_TABLES_AT_ONCE:])
        del self._tables[-_TABLES_AT_ONCE:]
        return partial(run, query=f"DROP TABLE IF EXISTS {some}")


def _clear(table: str, first: int, last: int, connection: Connection) -> None:
    """Delete the rows of a range of events; who stores new events does not wait for that.

    Only who stores an event of such an id again changes its row, and would wait for us while we wait for it.
    So we do not wait for long, and then take our turn first.
    """
    where = {"table": table, "first": first, "last": last}
    try:
        run(connection, _CLEAR.format_map(where))  # all at once: the way to the server takes its time as well
    except psycopg.errors.LockNotAvailable:
        run(connection, "ROLLBACK TO SAVEPOINT clear")
        keep_turn(connection)
        run(connection, _CLEAR_IN_TURN.format_map(where))
