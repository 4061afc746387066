"""Deleting what is old, in steps that nobody has to wait for.

The months that are old as a whole are taken away; that needs every reader out of the way for a moment, so it
is tried for a few milliseconds at a time, and after some seconds given up: a long report is not waited for.
Of the month that is left the events are deleted with their messages, a batch at a time, the oldest first.
Every step is a transaction, after which everything is consistent.

What is not found any more follows: what is kept by address, host name and port, which leads to no event; the
ids, which are not kept by month and count as absent by their number until then (`event_store.dropped_seq`);
and the tables of months that were taken away. That is done on a second connection meanwhile, and on both in
the end. A call that is stopped may leave some; the next call removes them.

What a crash of the server undoes, the next call does again: no step waits for the disk but the last ones.
"""

from __future__ import annotations

import random
import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from tocsin.errors import StorageContentionError, StorageIntegrityError
from tocsin.eventstorage.pace import Pace
from tocsin.eventstorage.postgres import deleting, partitions
from tocsin.eventstorage.postgres.aside import Aside
from tocsin.eventstorage.postgres.connections import run
from tocsin.eventstorage.postgres.leftovers import Leftovers
from tocsin.eventstorage.postgres.schema import PARTITIONED
from tocsin.eventstorage.postgres.turns import keep_turn, lost_state

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
_AIM = 0.05  # seconds that deleting a batch of events should take
_FIRST_EVENTS, _LEAST_EVENTS = 4000, 100
_GLANCE = 0.05  # seconds
_MOMENT = timedelta(microseconds=1)
_FOUND = ("events", "event_messages")  # events first, as who deletes some of them does

# Numbers and storage times rise together, so that the old events are those up to the last old one.
_OLD = """\
SELECT (SELECT min(e.seq) FROM {0} e WHERE e.seq > s.dropped_seq),
    (SELECT e.seq FROM {0} e WHERE e.storagetime < %s ORDER BY e.storagetime DESC, e.seq DESC LIMIT 1),
    (SELECT min(e.seq) FROM events e WHERE e.seq > s.dropped_seq AND e.storagetime < %s)
FROM event_store s"""
_NEXT = """\
SELECT min(n.seq), max(n.seq) FROM (
    SELECT e.seq FROM {} e WHERE e.seq > %s AND e.seq <= %s ORDER BY e.seq LIMIT %s) n"""
_LAST = "SELECT coalesce(max(seq), 0), max(storagetime) FROM {}"
# In one go: another call may remove the table as soon as it is taken away.
_KEEP_UNTIL_COUNTED = "COMMIT AND CHAIN; LOCK TABLE {} IN ACCESS SHARE MODE"
_DELETE = "DELETE FROM {} WHERE seq >= {} AND seq <= {}"
_GONE = "UPDATE event_store SET dropped_seq = greatest(dropped_seq, %s)"
# What is stored next is later than all that was taken away, whatever the clock says.
_TAKEN = """\
UPDATE event_store SET dropped_seq = greatest(dropped_seq, %s),
    last_storagetime = greatest(last_storagetime, %s), generation = generation + 1"""
_NOT_DURABLE = "SET LOCAL synchronous_commit = off"
# A commit waits for the disk when it has something to write; this locks nothing meanwhile.
_WAIT_FOR_DISK = "SELECT pg_logical_emit_message(true, 'tocsin', 'retention')"


def retain(session: PostgresSession, other: PostgresSession, before: datetime, batch: int) -> Iterator[int]:
    """Delete the events stored before an instant; see `Backend.retain`.

    Args:
        session: Of its own.
        other: Another one of its own, on a connection of its own.
        before: What was stored earlier goes.
        batch: How many events at a time at most.

    Raises:
        StorageIntegrityError: The store has lost its state.
    """
    if not session.execute("SELECT 1 FROM event_store"):
        raise lost_state()
    leftovers = Leftovers(session, _NUMBERS_AT_A_TIME)
    has_worked = False
    with Aside(session, other) as aside:
        for removed in _steps(session, aside, leftovers, before, batch):
            has_worked = True
            yield removed
    if has_worked:
        _transaction(session, lambda connection: run(connection, _WAIT_FOR_DISK))
        yield 0


def _steps(
    session: PostgresSession, aside: Aside, leftovers: Leftovers, before: datetime, batch: int
) -> Iterator[int]:
    events = _events(session, aside, leftovers, before, batch)
    while (removed := next(events, None)) is not None:
        yield removed
        yield from _settle(aside, leftovers)
    yield from _sweep_values(session, before)
    # Rows first: somebody may read a table, and then we wait.
    while (work := leftovers.next_rows() or aside.unbegun()) is not None or aside.is_busy:
        if work is None:
            aside.wait(_GLANCE)
        else:
            _again(session, work)
        yield 0
        yield from _settle(aside, leftovers)


def _events(
    session: PostgresSession, aside: Aside, leftovers: Leftovers, before: datetime, batch: int
) -> Iterator[int]:
    """Remove the events, so that no search finds them."""
    for part in session.work(partitions.existing):
        if part.begin >= before:
            break
        try:
            yield from _remove(session, aside, leftovers, part, before, batch)
        except StorageIntegrityError:
            if part in session.work(partitions.existing):
                raise
            # Another call has taken it away.


def _remove(
    session: PostgresSession,
    aside: Aside,
    leftovers: Leftovers,
    part: Partition,
    before: datetime,
    batch: int,
) -> Iterator[int]:
    """Remove the old events of a partition."""
    taken = _take_away(session, aside, part, before)
    if taken is None:
        yield from _delete(session, part, before, batch)
    else:
        leftovers.look()
        if taken:
            yield taken


def _settle(aside: Aside, leftovers: Leftovers) -> Iterator[int]:
    """See what was done aside, postpone what could not be, and give more."""
    for work in aside.over():
        if work is not None:
            leftovers.postpone(work)
        yield 0
    while aside.has_room and (work := leftovers.next()) is not None:
        aside.give(work)


def _take_away(session: PostgresSession, aside: Aside, part: Partition, before: datetime) -> int | None:
    """Take a partition away in which all is old; `None` when something is not, or readers are in the way."""
    for _ in range(_DROP_ATTEMPTS):
        try:
            # Found now, as it may take its time; under the locks only what came since.
            [(seq, last)] = session.execute(_LAST.format(part.table("events")))
            if part.end > before and (last is None or last >= before):
                return None
            session.begin()
            table = session.work(partial(_try_to_detach, part, before, seq))
        except StorageContentionError:
            time.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311 - so that it meets others
        else:
            if table is not None:
                return _count(session, aside, table)
            session.commit()
            return None
    return None


def _count(session: PostgresSession, aside: Aside, table: str) -> int:
    """Keep a partition taken away, and count its events: only now does nobody else delete any of them."""
    session.work(lambda connection: run(connection, _KEEP_UNTIL_COUNTED.format(table)))
    with aside.connecting():
        [(number,)] = session.execute(f"SELECT count(*) FROM {table}")
    session.commit()
    return int(number)


def _try_to_detach(part: Partition, before: datetime, known: int, connection: Connection) -> str | None:
    """Take a partition away, if that can be done at once and all in it is still old.

    Args:
        part: Which one.
        before: What is stored before it is old.
        known: The last number of its events, but for those that came since.
        connection: With an open transaction.

    Returns:
        The table that its events are in now; `None` when something is not old.
    """
    # For the turn: nobody but who stores waits with us.
    run(connection, f"{_NOT_DURABLE}; SET LOCAL lock_timeout = '2s'")
    keep_turn(connection)
    run(connection, "SET LOCAL lock_timeout = '40ms'")  # from here readers wait, too
    run(connection, "LOCK TABLE ONLY events IN ACCESS EXCLUSIVE MODE")
    others = ", ".join(f"ONLY {table}" for table in PARTITIONED[1:])
    run(connection, f"LOCK TABLE {others} IN ACCESS EXCLUSIVE MODE NOWAIT")
    query = "SELECT coalesce(max(seq), %s), (SELECT max(storagetime) FROM {0}) FROM {0} WHERE seq > %s"
    [(seq, last)] = run(connection, query.format(part.table("events")), (known, known)).fetchall()
    older = run(connection, "SELECT 1 FROM events WHERE storagetime < %s LIMIT 1", (part.begin,)).fetchone()
    if older is not None or (last is not None and last >= before):
        return None
    run(connection, "SET LOCAL lock_timeout = '10ms'")
    table = partitions.detach(connection, part)
    run(connection, _TAKEN, (seq, None if last is None else last + _MOMENT))
    return table


def _delete(session: PostgresSession, part: Partition, before: datetime, batch: int) -> Iterator[int]:
    """Delete the old events of a partition, a batch at a time, so that no search finds them."""
    pace = Pace(_AIM, _FIRST_EVENTS, _LEAST_EVENTS, batch)
    table = part.table("events")
    [(first, last_old, earlier)] = session.execute(_OLD.format(table), (before, part.begin))
    if first is None or last_old is None or earlier is not None:
        return  # an earlier month has got events since: the next call begins with them
    last = first + int(pace.amount) - 1
    while first is not None and first <= last_old:
        last = min(last, last_old)
        removed = _again(session, partial(_delete_some, part, first, last, pace))
        yield removed
        if removed == last - first + 1:
            first, last = last + 1, last + int(pace.amount)
        else:  # duplicates take numbers, too: there may be millions that no event has
            [(first, last)] = session.execute(_NEXT.format(table), (last, last_old, int(pace.amount)))


def _delete_some(part: Partition, first: int, last: int, pace: Pace, connection: Connection) -> int:
    run(connection, _NOT_DURABLE)
    began = time.monotonic()
    deletions = (_DELETE.format(part.table(parent), first, last) for parent in _FOUND)
    number = run(connection, "; ".join(deletions)).rowcount  # of the first statement
    pace.took(time.monotonic() - began)
    run(connection, _GONE, (last,))  # waits for its turn, and keeps it no longer than it must
    return number


def _sweep_values(session: PostgresSession, before: datetime) -> Iterator[int]:
    """Forget the values that no event has any more: some that were not stored since, or are doubted."""
    if _again(session, _forget_old_values):
        yield 0
    query = "SELECT name, value FROM event_values WHERE last_day <= %s OR last_day = %s ORDER BY name, value"
    candidates = session.execute(query, (before.date(), deleting.DOUBTED))
    for start in range(0, len(candidates), _VALUES_AT_A_TIME):
        some = candidates[start : start + _VALUES_AT_A_TIME]
        _again(session, partial(deleting.sweep_values, candidates=some))
        yield 0


def _forget_old_values(connection: Connection) -> bool:
    run(connection, _NOT_DURABLE)
    return deleting.forget_old_values(connection)


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
