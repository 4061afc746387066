"""Deleting what is old, in steps that nobody has to wait for.

The months that are old as a whole are dropped; that needs every reader out of the way for a moment, so it is
tried for a few milliseconds at a time, and after some seconds given up: a long report is not waited for. What
is left is deleted a batch at a time. Every step is a transaction, after which everything is consistent.
"""

from __future__ import annotations

import random
import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from tocsin.errors import StorageContentionError
from tocsin.eventstorage.postgres import deleting, partitions
from tocsin.eventstorage.postgres.connections import run
from tocsin.eventstorage.postgres.schema import PARTITIONED
from tocsin.eventstorage.postgres.turns import keep_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from typing import TypeVar

    from tocsin.eventstorage.postgres.connections import Connection
    from tocsin.eventstorage.postgres.partitions import Partition
    from tocsin.eventstorage.postgres.session import PostgresSession

    T = TypeVar("T")

__all__ = ["retain"]

_DROP_ATTEMPTS = 30
_PAUSE_SECONDS = 0.1
_IDS_AT_A_TIME = 5000
_VALUES_AT_A_TIME = 50
_MOMENT = timedelta(microseconds=1)

_OLD_EVENTS = """\
SELECT e.seq FROM events e WHERE e.storagetime >= %s AND e.storagetime < %s
ORDER BY e.storagetime, e.seq LIMIT %s"""
# An id that was stored again meanwhile is locked, or not old any more.
_OLD_IDS = """\
DELETE FROM event_ids WHERE ctid = ANY (ARRAY(
    SELECT i.ctid FROM event_ids i WHERE i.storagetime < (SELECT s.dropped_before FROM event_store s)
    LIMIT %s FOR UPDATE SKIP LOCKED))"""
_LAST_OF = "SELECT max(storagetime) FROM {}"
_DROPPED = """\
UPDATE event_store SET dropped_before = greatest(dropped_before, %s),
    last_storagetime = greatest(last_storagetime, %s), generation = generation + 1"""


def retain(session: PostgresSession, before: datetime, batch: int) -> Iterator[int]:
    """Delete the events stored before an instant; see `Backend.retain`."""
    for part in session.work(partitions.existing):
        if part.begin >= before:
            break
        dropped = _drop(session, part, before)
        if dropped is None:
            yield from _delete(session, part, before, batch)
        elif dropped:
            yield dropped
    yield from _forget_ids(session)
    yield from _sweep_values(session, before)


def _drop(session: PostgresSession, part: Partition, before: datetime) -> int | None:
    """Drop a partition in which all is old; `None` when something is not, or readers are in the way."""
    for _ in range(_DROP_ATTEMPTS):
        last, rows = session.work(lambda connection: _contents(connection, part))
        if last is not None and last >= before:
            return None
        if last is None and part.end > before:
            return 0  # nothing in it yet
        try:
            if _transaction(session, lambda connection: _try_drop(connection, part, before)):
                return rows
        except StorageContentionError:
            time.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311 - so that it meets others
        else:
            return None
    return None


def _contents(connection: Connection, part: Partition) -> tuple[datetime | None, int]:
    query = f"SELECT max(storagetime), count(*) FROM {part.table('events')}"
    last, rows = run(connection, query).fetchone() or (None, 0)
    return last, rows


def _try_drop(connection: Connection, part: Partition, before: datetime) -> bool:
    """Drop a partition, if that can be done at once and all in it is still old."""
    run(connection, "SET LOCAL lock_timeout = '2s'")  # for the turn: nobody but who stores waits with us
    keep_turn(connection)
    run(connection, "SET LOCAL lock_timeout = '40ms'")  # from here readers wait, too
    run(connection, "LOCK TABLE ONLY events IN ACCESS EXCLUSIVE MODE")
    others = ", ".join(f"ONLY {table}" for table in PARTITIONED[1:])
    run(connection, f"LOCK TABLE {others} IN ACCESS EXCLUSIVE MODE NOWAIT")
    (last,) = run(connection, _LAST_OF.format(part.table("events"))).fetchone() or (None,)
    older = run(connection, "SELECT 1 FROM events WHERE storagetime < %s LIMIT 1", (part.begin,)).fetchone()
    if older is not None or (last is not None and last >= before):
        return False
    run(connection, "SET LOCAL lock_timeout = '10ms'")
    run(connection, f"DROP TABLE {', '.join(part.table(parent) for parent in PARTITIONED)}")
    if last is not None:
        run(connection, _DROPPED, (last + _MOMENT, last + _MOMENT))
    else:
        run(connection, "UPDATE event_store SET generation = generation + 1")
    return True


def _delete(session: PostgresSession, part: Partition, before: datetime, batch: int) -> Iterator[int]:
    """Delete the old events of a partition, a batch at a time."""
    end = min(part.end, before)
    statement = deleting.statement(_OLD_EVENTS)
    while True:
        rows = _again(
            session, lambda connection: run(connection, statement, (part.begin, end, batch)).fetchall()
        )
        count = next(number for name, _, number in rows if name is None)
        if not count:
            return
        yield count


def _forget_ids(session: PostgresSession) -> Iterator[int]:
    """Forget the ids of what was dropped; they count as absent already."""
    while _again(session, lambda connection: run(connection, _OLD_IDS, (_IDS_AT_A_TIME,)).rowcount):
        yield 0


def _sweep_values(session: PostgresSession, before: datetime) -> Iterator[int]:
    """Forget the values that no event has any more: those that were not stored since."""
    query = "SELECT name, value FROM event_values WHERE last_day <= %s ORDER BY name, value"
    candidates = session.execute(query, (before.date(),))
    for start in range(0, len(candidates), _VALUES_AT_A_TIME):
        some = candidates[start : start + _VALUES_AT_A_TIME]
        _again(session, partial(deleting.sweep_values, candidates=some))
        yield 0


def _again(session: PostgresSession, work: Callable[[Connection], T]) -> T:
    """Do something in a transaction of its own, a few times when others are in the way."""
    for _ in range(_DROP_ATTEMPTS):
        try:
            return _transaction(session, work)
        except StorageContentionError:
            time.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311 - so that rivals part
    return _transaction(session, work)


def _transaction(session: PostgresSession, work: Callable[[Connection], T]) -> T:
    session.begin()
    result = session.work(work)
    session.commit()
    return result
