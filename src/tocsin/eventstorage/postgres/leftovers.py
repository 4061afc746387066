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
# Of all months: another call may take one away meanwhile.
_TABLES_OF_ROWS = ("event_ip", "event_host", "event_port", "event_ids")
# To look takes as long as to delete a few thousand rows; to delete where there are none, next to nothing.
_LOOKS_AHEAD = 4
_FIRST = "(SELECT min(t.seq) FROM {} t WHERE t.seq > %s AND t.seq <= s.dropped_seq)"
_FIRSTS = f"SELECT s.dropped_seq, {', '.join(map(_FIRST.format, _TABLES_OF_ROWS))} FROM event_store s"


class _Rows:
    """The rows that belong to events that are gone.

    Args:
        session: Looks for them.
        numbers: The rows of how many numbers of events to delete at a time.
    """

    def __init__(self, session: PostgresSession, numbers: int) -> None:
        self._session = session
        self._numbers = numbers
        self._last = [0] * len(_TABLES_OF_ROWS)
        self._ahead: list[Work] = []

    def next(self) -> Work | None:
        """Give what deletes the next of them, `None` when there are none so far."""
        if not self._ahead:
            self._look()
        return self._ahead.pop() if self._ahead else None

    def _look(self) -> None:
        [(gone, *firsts)] = self._session.execute(_FIRSTS, self._last)
        for place, first in enumerate(firsts):
            if first is not None:
                end = self._last[place] = min(first + _LOOKS_AHEAD * self._numbers - 1, gone)
                for begin in range(first, end + 1, self._numbers):
                    last = min(begin + self._numbers - 1, end)
                    self._ahead.append(partial(_clear, _TABLES_OF_ROWS[place], begin, last))
                self._ahead.reverse()
                return


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
    deletion = f"DELETE FROM {table} WHERE seq >= %s AND seq <= %s"
    run(connection, "SET LOCAL synchronous_commit = off")
    try:
        with connection.transaction():
            run(connection, "SET LOCAL lock_timeout = '5ms'")
            run(connection, deletion, (first, last))
    except psycopg.errors.LockNotAvailable:
        keep_turn(connection)
        run(connection, deletion, (first, last))
