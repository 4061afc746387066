"""A batch of events on its way into the tables, within an open transaction.

What is costly and touches nobody else (the batch in the binary form of `COPY`) is made first. Then the batch
takes its turn by the store's one row: it gets its numbers and its storage time, and until it is committed
nobody else stores anything, so that a larger `seq` is never seen before a smaller one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tocsin.eventstorage.postgres import partitions, single
from tocsin.eventstorage.postgres.batch import Batch
from tocsin.eventstorage.postgres.connections import run
from tocsin.eventstorage.postgres.known import Learned
from tocsin.eventstorage.postgres.turns import Turn, take_turn
from tocsin.eventstorage.session import made_anew

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tocsin.eventstorage.postgres.connections import Connection
    from tocsin.eventstorage.postgres.known import Known
    from tocsin.eventstorage.row import EventRow

__all__ = ["Inserted", "insert_rows"]

_FEW = 2
_KEEP_IDS = """\
INSERT INTO event_ids (id, seq, storagetime)
SELECT u.id, %s + u.n, %s FROM unnest(%s::text[]) WITH ORDINALITY AS u(id, n)
ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, storagetime = excluded.storagetime
    WHERE event_ids.seq <= %s
RETURNING seq"""
_KEEP_VALUES = """\
INSERT INTO event_values (name, value, last_day)
SELECT u.name, u.value, %s FROM unnest(%s::text[], %s::text[]) AS u(name, value)
ON CONFLICT (name, value) DO UPDATE SET last_day = excluded.last_day
    WHERE event_values.last_day < excluded.last_day"""


class Inserted(NamedTuple):
    """What became of a batch.

    Attributes:
        new: For each row whether it is new.
        learned: What the process knows once it is committed.
    """

    new: list[bool]
    learned: list[Learned]


def insert_rows(
    connection: Connection, rows: Sequence[EventRow], known: Known, now: datetime | None, *, text_index: bool
) -> Inserted:
    """Insert the rows whose id is not there; see `Session.insert_rows`.

    Args:
        connection: With an open transaction.
        rows: The events, at least one.
        known: What this process knows.
        now: The time, `None` for the database's own.
        text_index: Whether the rows were made with words.

    Raises:
        StorageContentionError: The store was made anew meanwhile, with or without a text index.
    """
    last_of = {row.id: number for number, row in enumerate(rows)}
    if len(last_of) == len(rows):
        return _insert_unique(connection, rows, known, now, text_index=text_index)
    seen: set[str] = set()
    first = [not (row.id in seen or seen.add(row.id)) for row in rows]  # type: ignore[func-returns-value]
    unique = [row for row, is_first in zip(rows, first, strict=True) if is_first]
    inserted = _insert_unique(connection, unique, known, now, text_index=text_index)
    verdicts = iter(inserted.new)
    return Inserted([is_first and next(verdicts) for is_first in first], inserted.learned)


def _insert_unique(
    connection: Connection, rows: Sequence[EventRow], known: Known, now: datetime | None, *, text_index: bool
) -> Inserted:
    if len(rows) <= _FEW and known.has_partition(now):
        return _insert_few(connection, rows, known, now, text_index=text_index)
    batch = Batch(rows, text_index=text_index)
    turn = take_turn(connection, len(rows), now, batch.sizes)
    _check(turn, known, text_index=text_index)
    base = turn.last_seq - len(rows) + 1
    ids = [row.id for row in rows]
    kept = run(connection, _KEEP_IDS, (base - 1, turn.storagetime, ids, turn.dropped_seq)).fetchall()
    fresh = {seq - base for (seq,) in kept}
    learned = Learned(turn.generation, turn.storagetime.date(), analyze=turn.is_for_analysis)
    new = [number in fresh for number in range(len(rows))]
    if fresh:
        _make_partitions(connection, turn, known, learned)
        _keep_values(connection, batch.values(new), known, learned)
        for statement, data in batch.files(turn, new):
            with connection.cursor().copy(statement) as copy:
                copy.write(data)
    return Inserted(new, [learned])


def _insert_few(
    connection: Connection, rows: Sequence[EventRow], known: Known, now: datetime | None, *, text_index: bool
) -> Inserted:
    new: list[bool] = []
    all_learned: list[Learned] = []
    for row in rows:
        batch = Batch([row], text_index=text_index)
        turn, is_new = single.insert_one(connection, batch, row, now, text_index=text_index)
        _check(turn, known, text_index=text_index)
        learned = Learned(turn.generation, turn.storagetime.date(), analyze=turn.is_for_analysis)
        if is_new:
            _make_partitions(connection, turn, known, learned)  # it found its own: the next one, in time
            _keep_values(connection, batch.values([True]), known, learned)
        new.append(is_new)
        all_learned.append(learned)
    return Inserted(new, all_learned)


def _check(turn: Turn, known: Known, *, text_index: bool) -> None:
    if turn.text_index != text_index:
        known.forget()
        raise made_anew()


def _make_partitions(connection: Connection, turn: Turn, known: Known, learned: Learned) -> None:
    month = partitions.month_of(turn.storagetime)
    if month not in known.at(turn.generation, learned.day).months:
        # With the next one, so that a new month does not begin with a pause.
        partitions.make(connection, month)
        partitions.make(connection, partitions.month_after(month))
        learned.months.add(month)


def _keep_values(
    connection: Connection, values: set[tuple[str, str]], known: Known, learned: Learned
) -> None:
    missing = sorted(values - known.at(learned.generation, learned.day).values)
    if missing:
        names, texts = zip(*missing, strict=True)
        run(connection, _KEEP_VALUES, (learned.day, list(names), list(texts)))
        learned.values.update(missing)
