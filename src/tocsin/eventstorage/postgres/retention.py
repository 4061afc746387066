"""Deleting what is old, in steps that nobody has to wait for.

The months that are old as a whole are dropped; that needs every reader out of the way for a moment, so it is
tried for a few milliseconds at a time, and after some seconds given up: a long report is not waited for. Of
what is left the events and their messages are deleted, a batch at a time, the oldest first. Every step is a
transaction, after which everything is consistent.

What else there was of them (ids, addresses, names and ports) nobody finds any more: it belongs to no event,
and an id up to `event_store.dropped_seq` counts as absent. Most of it goes with the month, when that is
dropped; the rest is deleted by the next call.
"""

from __future__ import annotations

import random
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from tocsin.errors import StorageContentionError
from tocsin.eventstorage.postgres import deleting, partitions
from tocsin.eventstorage.postgres.connections import run
from tocsin.eventstorage.postgres.schema import PARTITIONED
from tocsin.eventstorage.postgres.turns import keep_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from typing import TypeVar

    from tocsin.eventstorage.postgres.connections import Connection
    from tocsin.eventstorage.postgres.partitions import Partition
    from tocsin.eventstorage.postgres.session import PostgresSession
    from tocsin.eventstorage.session import Row

    T = TypeVar("T")

__all__ = ["retain"]

_DROP_ATTEMPTS = 30
_PAUSE_SECONDS = 0.1
_LEFTOVERS_AT_A_TIME = 20_000
_VALUES_AT_A_TIME = 50
_SIDES = ("event_ip", "event_host", "event_port")

# Numbers and storage times rise together. What a crash of the server undoes, the next call does again: only
# the last batch, which has less than it might, waits until it is on the disk.
_DELETE = """\
WITH old AS MATERIALIZED (
    SELECT e.seq FROM {events} e WHERE e.seq > %s AND e.storagetime < %s ORDER BY e.seq LIMIT %s
),
whole AS MATERIALIZED (SELECT count(*) AS number, coalesce(max(seq), 0) AS last FROM old),
of_events AS (DELETE FROM {events} WHERE seq > %s AND seq <= (SELECT last FROM whole)),
of_messages AS (DELETE FROM {messages} WHERE seq > %s AND seq <= (SELECT last FROM whole)),
of_store AS (UPDATE event_store SET dropped_seq = greatest(dropped_seq, (SELECT last FROM whole)))
SELECT number, last, set_config('synchronous_commit',
    CASE WHEN number < %s THEN current_setting('synchronous_commit') ELSE 'off' END, true) FROM whole"""
_COUNT = "SELECT (SELECT count(*) FROM {0}), (SELECT coalesce(max(seq), 0) FROM {0})"
_DROPPED = "UPDATE event_store SET dropped_seq = greatest(dropped_seq, %s), generation = generation + 1"
_NOT_DURABLE = "SET LOCAL synchronous_commit = off"
_LEFTOVERS = """\
DELETE FROM {0} WHERE ctid = ANY (ARRAY(
    SELECT x.ctid FROM {0} x WHERE x.seq <= %s LIMIT %s FOR UPDATE SKIP LOCKED))"""
# What is locked is an id that is stored again just now, and no leftover any more.


def retain(session: PostgresSession, before: datetime, batch: int) -> Iterator[int]:
    """Delete the events stored before an instant; see `Backend.retain`."""
    [(left,)] = session.execute("SELECT dropped_seq FROM event_store")
    for part in session.work(partitions.existing):
        if part.begin >= before:
            break
        dropped = _drop(session, part, before)
        if dropped is None:
            yield from _delete(session, part, before, batch)
        elif dropped:
            yield dropped
    yield from _sweep_values(session, before)
    yield from _sweep_leftovers(session, left, before)


def _drop(session: PostgresSession, part: Partition, before: datetime) -> int | None:
    """Drop a partition in which all is old; `None` when something is not, or readers are in the way."""
    for _ in range(_DROP_ATTEMPTS):
        last = session.work(lambda connection: _last_of(connection, part))
        if last is not None and last >= before:
            return None
        if last is None and part.end > before:
            return 0  # nothing in it yet
        try:
            # Counted now, as it takes its time; under the locks only what came since.
            [(rows, seq)] = session.execute(_COUNT.format(part.table("events")))
            later = _transaction(session, partial(_try_drop, part, before, seq))
        except StorageContentionError:
            time.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311 - so that it meets others
        else:
            return None if later is None else int(rows) + later
    return None


def _last_of(connection: Connection, part: Partition) -> datetime | None:
    [(last,)] = run(connection, f"SELECT max(storagetime) FROM {part.table('events')}").fetchall()
    instant: datetime | None = last
    return instant


def _try_drop(part: Partition, before: datetime, counted: int, connection: Connection) -> int | None:
    """Drop a partition, if that can be done at once and all in it is still old.

    Args:
        part: Which one.
        before: What is stored before it is old.
        counted: The last number of its events when they were counted.
        connection: With an open transaction.

    Returns:
        How many events came since they were counted; `None` when something is not old.
    """
    run(connection, "SET LOCAL lock_timeout = '2s'")  # for the turn: nobody but who stores waits with us
    keep_turn(connection)
    run(connection, "SET LOCAL lock_timeout = '40ms'")  # from here readers wait, too
    run(connection, "LOCK TABLE ONLY events IN ACCESS EXCLUSIVE MODE")
    others = ", ".join(f"ONLY {table}" for table in PARTITIONED[1:])
    run(connection, f"LOCK TABLE {others} IN ACCESS EXCLUSIVE MODE NOWAIT")
    last = _last_of(connection, part)
    older = run(connection, "SELECT 1 FROM events WHERE storagetime < %s LIMIT 1", (part.begin,)).fetchone()
    if older is not None or (last is not None and last >= before):
        return None
    query = f"SELECT count(*), coalesce(max(seq), %s) FROM {part.table('events')} WHERE seq > %s"
    [(later, seq)] = run(connection, query, (counted, counted)).fetchall()
    run(connection, "SET LOCAL lock_timeout = '10ms'")
    run(connection, f"DROP TABLE {', '.join(part.table(parent) for parent in PARTITIONED)}")
    run(connection, _DROPPED, (seq,))
    return int(later)


def _delete(session: PostgresSession, part: Partition, before: datetime, batch: int) -> Iterator[int]:
    """Delete the old events of a partition, a batch at a time, and their messages."""
    statement = _DELETE.format(events=part.table("events"), messages=part.table("event_messages"))
    last = 0
    while True:
        args = (last, before, batch, last, last, batch)
        [(number, last, _)] = _again(session, partial(_rows_of, statement, args))
        if number:
            yield number
        if number < batch:
            return


def _rows_of(statement: str, args: Sequence[Any], connection: Connection) -> list[Row]:
    return run(connection, statement, args).fetchall()


def _sweep_leftovers(session: PostgresSession, left: int, before: datetime) -> Iterator[int]:
    """Delete what earlier calls left of events; nobody finds it."""
    parts = [part for part in session.work(partitions.existing) if part.begin < before]
    for table in ("event_ids", *(part.table(side) for part in parts for side in _SIDES)):
        work = partial(_delete_leftovers, _LEFTOVERS.format(table), left)
        while _again(session, work) == _LEFTOVERS_AT_A_TIME:
            yield 0


def _delete_leftovers(statement: str, left: int, connection: Connection) -> int:
    run(connection, _NOT_DURABLE)
    return run(connection, statement, (left, _LEFTOVERS_AT_A_TIME)).rowcount


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
