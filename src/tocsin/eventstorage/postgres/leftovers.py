"""What is left of events that are gone, and that nobody finds: tables of whole months, and ids."""

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

__all__ = ["Leftovers", "OrphanRows"]

# The server waits for the disk, and looks through its whole memory, each time.
_TABLES_AT_ONCE = len(PARTITIONED)


class OrphanRows:
    """The rows of a table that belong to events that are gone.

    Args:
        session: Looks for them.
        table: The table.
        numbers: How many numbers of events to delete at a time.
    """

    def __init__(self, session: PostgresSession, table: str, numbers: int) -> None:
        self._session = session
        self._table = table
        self._numbers = numbers
        self._last = 0

    def next(self) -> Work | None:
        """Give what deletes the next of them, `None` when there are none so far."""
        [(gone, first)] = self._session.execute(
            f"SELECT s.dropped_seq, (SELECT min(t.seq) FROM {self._table} t "
            "WHERE t.seq > %s AND t.seq <= s.dropped_seq) FROM event_store s",
            (self._last,),
        )
        if first is None:
            return None
        self._last = min(first + self._numbers - 1, gone)
        return partial(_clear, self._table, first, self._last)


class Leftovers:
    """The tables of months that were taken away, and the ids of events that are gone.

    Args:
        session: Looks for them.
        numbers: How many numbers of events to delete at a time.
    """

    def __init__(self, session: PostgresSession, numbers: int) -> None:
        self._session = session
        self._tables: list[str] = []
        self._seen: set[str] = set()
        self._postponed: list[Work] = []
        self._ids = OrphanRows(session, "event_ids", numbers)
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
        return self._next_tables() or self._ids.next()

    def next_ids(self) -> Work | None:
        """Give what removes the next ids, and when there are none so far what is left of the rest."""
        work = self._ids.next() or self._next_tables()
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
    deletion = f"DELETE FROM {table} WHERE seq >= %s AND seq <= %s"
    run(connection, "SET LOCAL synchronous_commit = off")
    try:
        with connection.transaction():
            run(connection, "SET LOCAL lock_timeout = '5ms'")
            run(connection, deletion, (first, last))
    except psycopg.errors.LockNotAvailable:
        keep_turn(connection)
        run(connection, deletion, (first, last))
