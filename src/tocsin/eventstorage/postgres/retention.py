"""Deleting what is old, in steps that nobody has to wait for.

The months that are old as a whole are taken away; that needs every reader out of the way for a moment, so it
is tried for a few milliseconds at a time, and after some seconds given up: a long report is not waited for.
Of the month that is left the events are deleted with all that is kept of them, a batch at a time, the oldest
first. Every step is a transaction, after which everything is consistent.

Only the ids, which are not kept by month, follow when the events are gone: until then an id counts as absent
by its number (`event_store.dropped_seq`). A call that is stopped may leave some, and the tables of months
that were taken away; nobody finds them, and the next call removes them.

What a crash of the server undoes, the next call does again: no step waits for the disk but the last ones.
"""

from __future__ import annotations

import random
import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

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
_NUMBERS_AT_A_TIME = 20_000
_VALUES_AT_A_TIME = 50
_MOMENT = timedelta(microseconds=1)
_SIDES = ("event_ip", "event_host", "event_port")

# Numbers and storage times rise together. `+ 0`: of the events of one time, not of all from the newest on.
_LAST_OLD = """\
SELECT max(e.seq + 0) FROM {0} e
WHERE e.storagetime = (SELECT max(o.storagetime) FROM {0} o WHERE o.storagetime < %s)"""
_OLDEST = """\
SELECT count(*), min(o.seq), max(o.seq) FROM (
    SELECT e.seq FROM {} e WHERE e.seq > %s AND e.seq <= %s ORDER BY e.seq LIMIT %s) o"""
_COUNT = "SELECT (SELECT count(*) FROM {0}), (SELECT coalesce(max(seq), 0) FROM {0})"
_GONE = "UPDATE event_store SET dropped_seq = greatest(dropped_seq, %s)"
# What is stored next is later than all that was taken away, whatever the clock says.
_TAKEN = """\
UPDATE event_store SET dropped_seq = greatest(dropped_seq, %s),
    last_storagetime = greatest(last_storagetime, %s), generation = generation + 1"""
_NOT_DURABLE = "SET LOCAL synchronous_commit = off"
# A commit waits for the disk when it has something to write; this locks nothing meanwhile.
_WAIT_FOR_DISK = "SELECT pg_logical_emit_message(true, 'tocsin', 'retention')"


def retain(session: PostgresSession, before: datetime, batch: int) -> Iterator[int]:
    """Delete the events stored before an instant; see `Backend.retain`."""
    yield from _remove_detached(session)
    has_worked = False
    for removed in _steps(session, before, batch):
        has_worked = True
        yield removed
    if has_worked:
        _transaction(session, lambda connection: run(connection, _WAIT_FOR_DISK))
        yield 0
    yield from _remove_detached(session)


def _steps(session: PostgresSession, before: datetime, batch: int) -> Iterator[int]:
    yield from _clear_sides(session, before)
    for part in session.work(partitions.existing):
        if part.begin >= before:
            break
        taken = _take_away(session, part, before)
        if taken is None:
            yield from _delete(session, part, before, batch)
        elif taken:
            yield taken
    yield from _clear(session, "event_ids")
    yield from _sweep_values(session, before)


def _take_away(session: PostgresSession, part: Partition, before: datetime) -> int | None:
    """Take a partition away in which all is old; `None` when something is not, or readers are in the way."""
    for _ in range(_DROP_ATTEMPTS):
        last = session.work(lambda connection: _last_of(connection, part))
        if last is not None and last >= before:
            return None
        if last is None and part.end > before:
            return 0  # nothing in it yet
        try:
            # Counted now, as it takes its time; under the locks only what came since.
            [(rows, seq)] = session.execute(_COUNT.format(part.table("events")))
            later = _transaction(session, partial(_try_to_detach, part, before, seq))
        except StorageContentionError:
            time.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311 - so that it meets others
        else:
            return None if later is None else int(rows) + later
    return None


def _last_of(connection: Connection, part: Partition) -> datetime | None:
    [(last,)] = run(connection, f"SELECT max(storagetime) FROM {part.table('events')}").fetchall()
    instant: datetime | None = last
    return instant


def _try_to_detach(part: Partition, before: datetime, counted: int, connection: Connection) -> int | None:
    """Take a partition away, if that can be done at once and all in it is still old.

    Args:
        part: Which one.
        before: What is stored before it is old.
        counted: The last number of its events when they were counted.
        connection: With an open transaction.

    Returns:
        How many events came since they were counted; `None` when something is not old.
    """
    run(connection, _NOT_DURABLE)
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
    partitions.detach(connection, part)
    run(connection, _TAKEN, (seq, None if last is None else last + _MOMENT))
    return int(later)


def _remove_detached(session: PostgresSession) -> Iterator[int]:
    """Remove what is left of months that were taken away: the server removes the files while nobody waits."""
    for table in session.work(partitions.detached):
        _again(session, partial(run, query=f"DROP TABLE IF EXISTS {table}"))
        yield 0


class _Oldest(NamedTuple):
    """Some old events of a partition: how many, and their first and last numbers (`seq`)."""

    number: int
    first: int
    last: int


def _delete(session: PostgresSession, part: Partition, before: datetime, batch: int) -> Iterator[int]:
    """Delete the old events of a partition, a batch at a time, with all that is kept of them by month."""
    events = part.table("events")
    [(end,)] = session.execute(_LAST_OLD.format(events), (before,))
    last = 0
    while end is not None and last < end:
        [row] = session.execute(_OLDEST.format(events), (last, end, batch))
        some = _Oldest(*row)
        if not some.number:
            return
        last = some.last
        yield _again(session, partial(_delete_some, part, some))


def _delete_some(part: Partition, some: _Oldest, connection: Connection) -> int:
    run(connection, _NOT_DURABLE)
    some_rows = "DELETE FROM {} WHERE seq >= %s AND seq <= %s"
    events, *others = (some_rows.format(part.table(parent)) for parent in PARTITIONED)
    beside = ", ".join(f"of_table_{number} AS ({deletion})" for number, deletion in enumerate(others))
    args = (some.first, some.last) * len(PARTITIONED)
    number = run(connection, f"WITH {beside} {events}", args).rowcount
    run(connection, _GONE, (some.last,))  # waits for its turn, and keeps it no longer than it must
    return number


def _clear_sides(session: PostgresSession, before: datetime) -> Iterator[int]:
    """Remove what belongs to events that are gone."""
    for part in session.work(partitions.existing):
        if part.begin < before:
            for table in _SIDES:
                yield from _clear(session, part.table(table))


def _clear(session: PostgresSession, table: str) -> Iterator[int]:
    """Remove the rows of a table that belong to events that are gone, some numbers at a time."""
    [(gone,)] = session.execute("SELECT dropped_seq FROM event_store")
    last = 0
    while True:
        [(first,)] = session.execute(
            f"SELECT min(seq) FROM {table} WHERE seq > %s AND seq <= %s", (last, gone)
        )
        if first is None:
            return
        last = min(first + _NUMBERS_AT_A_TIME - 1, gone)
        _again(session, partial(_clear_range, table, first, last))
        yield 0


def _clear_range(table: str, first: int, last: int, connection: Connection) -> None:
    run(connection, _NOT_DURABLE)
    keep_turn(connection)  # who stores such an id again changes its row: we would wait for each other
    run(connection, f"DELETE FROM {table} WHERE seq >= %s AND seq <= %s", (first, last))


def _sweep_values(session: PostgresSession, before: datetime) -> Iterator[int]:
    """Forget the values that no event has any more: those that were not stored since."""
    if _again(session, deleting.forget_old_values):
        yield 0
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
