"""Deleting events with all that belongs to them, and the values that no event has any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.eventstorage.columns import ARRAY_COLUMNS, VALUE_COLUMNS
from tocsin.eventstorage.postgres.connections import run
from tocsin.eventstorage.postgres.turns import keep_turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tocsin.eventstorage.postgres.connections import Connection

__all__ = ["DOUBTED", "delete_events", "forget_old_values", "statement", "sweep_values"]

DOUBTED = "infinity"
"""The last day of a value of which nobody knows it: whether an event has it has to be looked at."""

_SIDES = ("event_messages", "event_ip", "event_host", "event_port")
_LISTS = tuple(name for name in VALUE_COLUMNS if name in ARRAY_COLUMNS)
_LAST_STORED = "SELECT last_seq FROM event_store"
_FORGET_VALUES = """\
DELETE FROM event_values v USING unnest(%s::text[], %s::text[]) AS u (name, value)
WHERE v.name = u.name AND v.value = u.value"""
# Without a turn: nobody is waited for. Who has such a row just now stores an event with the value.
_DOUBT = f"""\
UPDATE event_values v SET last_day = '{DOUBTED}' FROM (
    SELECT o.name, o.value FROM event_values o,
        unnest(%s::text[], %s::text[], %s::text[]::date[]) AS u (name, value, day)
    WHERE o.name = u.name AND o.value = u.value AND o.last_day <= u.day
    FOR NO KEY UPDATE OF o SKIP LOCKED
) AS d WHERE v.name = d.name AND v.value = d.value"""
# The day of the oldest event; of an empty store, of the latest that there was.
_OLDEST_DAY = """\
SELECT (coalesce(
    (SELECT e.storagetime FROM events e WHERE e.seq > s.dropped_seq ORDER BY e.seq LIMIT 1),
    s.last_storagetime
) AT TIME ZONE 'UTC')::date FROM event_store s"""
_SCALARS = tuple(name for name in VALUE_COLUMNS if name not in ARRAY_COLUMNS)


def statement(query: str) -> str:
    """Give the statement that deletes the events whose `seq` a query gives.

    Its first row has the number of events, the others what they had: column, value, and the last day on which
    one of them was stored.
    """
    sides = ", ".join(
        f"of_{table} AS (DELETE FROM {table} x USING gone "
        "WHERE x.seq = gone.seq AND x.storagetime = gone.storagetime)"
        for table in _SIDES
    )
    values = " UNION ALL ".join(
        [f"SELECT '{name}', unnest(gone.{name})" for name in _LISTS]
        + [f"SELECT '{name}', gone.{name}" for name in _SCALARS]
    )
    day = "to_char(max(gone.storagetime) AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
    return f"""\
WITH doomed (seq) AS MATERIALIZED ({query}),
gone AS (
    DELETE FROM events e USING doomed WHERE e.seq = doomed.seq
    RETURNING e.seq, e.storagetime, e.id, {", ".join(f"e.{name}" for name in VALUE_COLUMNS)}
),
{sides},
of_event_ids AS (DELETE FROM event_ids x USING gone WHERE x.id = gone.id AND x.seq = gone.seq)
SELECT NULL, NULL, NULL, count(*) FROM gone
UNION ALL
SELECT v.name, v.value, {day}, 0 FROM gone, LATERAL ({values}) AS v (name, value)
WHERE v.value IS NOT NULL GROUP BY 1, 2"""


def delete_events(connection: Connection, deletion: str, args: Sequence[Any]) -> int:
    """Run what `statement` gave, in the open transaction, and give how many events there were."""
    rows = run(connection, deletion, args).fetchall()
    number = next(count for name, *_, count in rows if name is None)
    days = {(name, value): day for name, value, day, _ in rows if name is not None}
    sweep_values(connection, days)
    _doubt_values(connection, days)
    return int(number)


def sweep_values(connection: Connection, candidates: Iterable[tuple[str, str]]) -> None:
    """Forget those of some (column, value) that no event has any more.

    Only when there seem to be any, a turn is taken, in which nobody stores an event with one of them. Who
    stored something before may have: then it is looked at again.
    """
    stored = run(connection, _LAST_STORED).fetchone()
    orphans = _orphans(connection, candidates)
    if not orphans:
        return
    keep_turn(connection)
    if run(connection, _LAST_STORED).fetchone() != stored:
        orphans = _orphans(connection, orphans)
    names, values = [name for name, _ in orphans], [value for _, value in orphans]
    run(connection, _FORGET_VALUES, (names, values))
    run(connection, "UPDATE event_store SET generation = generation + 1")


def _doubt_values(connection: Connection, days: Mapping[tuple[str, str], str]) -> None:
    """Let retention look at values that older events still have: their last day may have no event any more.

    That is noted once for a value.
    """
    if days:
        names, values = zip(*days, strict=True)
        run(connection, _DOUBT, (list(names), list(values), list(days.values())))


def forget_old_values(connection: Connection) -> bool:
    """Forget the values that were last stored on a day of which there is no event any more.

    That needs no look at the events. Who stores something stores it on that day or later.

    Returns:
        Whether there were any.
    """
    [(day,)] = run(connection, _OLDEST_DAY).fetchall()
    if run(connection, "SELECT 1 FROM event_values WHERE last_day < %s LIMIT 1", (day,)).fetchone() is None:
        return False
    keep_turn(connection)
    run(connection, "DELETE FROM event_values WHERE last_day < %s", (day,))
    return True


def _orphans(connection: Connection, candidates: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [one for one in candidates if not _is_used(connection, *one)]


def _is_used(connection: Connection, name: str, value: str) -> bool:
    condition = f"{name} @> ARRAY[%s]::text[]" if name in _LISTS else f"{name} = %s"
    return run(connection, f"SELECT 1 FROM events WHERE {condition} LIMIT 1", (value,)).fetchone() is not None
