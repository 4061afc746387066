"""Counting events by value and by time: the statements, and what their rows mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tocsin.errors import DataError
from tocsin.eventstorage.columns import ARRAY_COLUMNS
from tocsin.eventstorage.idea.times import FIRST_MONDAY
from tocsin.eventstorage.query.columns import counted_column
from tocsin.eventstorage.query.parameters import read_parameters
from tocsin.eventstorage.query.statements import Statement
from tocsin.eventstorage.query.values import LARGEST, read_step, read_whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime, timedelta

    from tocsin.eventstorage.query.statements import Query
    from tocsin.eventstorage.session import Dialect, Row

__all__ = [
    "MOST_BUCKETS",
    "Aggregate",
    "Timeline",
    "TimelineBucket",
    "ValueCount",
    "aggregate_of",
    "compile_aggregate",
    "compile_timeline",
    "timeline_of",
    "write_aggregate",
    "write_timeline",
]

MOST_BUCKETS = 10_000
"""How many buckets a timeline has at most."""

_VALUE, _TOTAL, _NONE, _ALL = range(4)  # what a row tells: of a value, all events, those without, all values


@dataclass(frozen=True, slots=True)
class ValueCount:
    """How many events have a value.

    Attributes:
        value: The value: a text, or a port.
        count: How many events have it.
    """

    value: str | int
    count: int


@dataclass(frozen=True, slots=True)
class Aggregate:
    """How many events have which value. An event with two values counts for both.

    Attributes:
        by: The column.
        rows: The most frequent values first; those with equal counts in their own order.
        rest: How often all other values occur together.
        none: How many events have no value.
        total: How many events there are.
    """

    by: str
    rows: tuple[ValueCount, ...]
    rest: int
    none: int
    total: int


@dataclass(frozen=True, slots=True)
class TimelineBucket:
    """A stretch of time.

    Attributes:
        start: Its beginning, aware, UTC; its end is the next one's beginning.
        total: How many events were detected in it.
        counts: How many events have each value of the timeline, in its order.
        rest: How often all other values occur together.
        none: How many events have no value.
    """

    start: datetime
    total: int
    counts: tuple[int, ...] = ()
    rest: int = 0
    none: int = 0


@dataclass(frozen=True, slots=True)
class Timeline:
    """How many events were detected when, from the first to the last, without gaps.

    Attributes:
        step: How long a bucket is; they begin at multiples of it since a Monday, 1970-01-05 (UTC), the
            first one not before the year 1.
        by: The column whose values are told apart, or `None`.
        values: The most frequent ones first; those with equal counts in their own order.
        buckets: In order of time.
    """

    step: timedelta
    by: str | None
    values: tuple[str | int, ...]
    buckets: tuple[TimelineBucket, ...]


def compile_aggregate(
    parameters: Mapping[str, Any] | None,
    dialect: Dialect,
    *,
    by: str,
    limit: int,
    text_index: bool = True,
) -> Query:
    """Give the statement that counts events by value; `aggregate_of` reads its rows.

    Raises:
        DataError: A parameter is wrong.
    """
    statement = Statement(read_parameters(parameters), dialect, text_index=text_index)
    return write_aggregate(statement, by, limit)


def write_aggregate(statement: Statement, by: str, limit: int) -> Query:
    """Write the statement that counts the events of a search by value."""
    column = counted_column(by)
    read_whole_number("limit", limit)
    sql, found = statement.sql, statement.found()
    value = sql.sorted_text("value", column)
    query = f"""WITH
        combinations AS MATERIALIZED (
            SELECT e.{column} AS combination, count(*) AS n FROM events e WHERE {found.sql} GROUP BY 1
        ),
        counts AS MATERIALIZED (
            SELECT v.value AS value, sum(g.n) AS n FROM combinations g, {sql.each(column)}
            WHERE v.value IS NOT NULL GROUP BY 1
        ),
        top AS (SELECT value, n FROM counts ORDER BY n DESC, {value} LIMIT %s)
        SELECT {_VALUE}, value, n FROM top
        UNION ALL SELECT {_TOTAL}, NULL, sum(n) FROM combinations
        UNION ALL SELECT {_NONE}, NULL, sum(n) FROM combinations WHERE {_without_value(column, sql.no_items)}
        UNION ALL SELECT {_ALL}, NULL, sum(n) FROM counts"""
    return query, [*found.args, limit]


def aggregate_of(rows: Iterable[Row], by: str) -> Aggregate:
    """Read what the statement of `compile_aggregate` gives."""
    values = []
    sums = dict.fromkeys((_TOTAL, _NONE, _ALL), 0)
    for kind, value, count in rows:
        if kind == _VALUE:
            values.append(ValueCount(value, int(count)))
        else:
            sums[kind] = int(count or 0)
    values.sort(key=lambda one: (-one.count, one.value))
    return Aggregate(
        by=counted_column(by),
        rows=tuple(values),
        rest=sums[_ALL] - sum(one.count for one in values),
        none=sums[_NONE],
        total=sums[_TOTAL],
    )


def compile_timeline(
    parameters: Mapping[str, Any] | None,
    dialect: Dialect,
    *,
    step: timedelta,
    by: str | None = None,
    limit: int = 10,
    text_index: bool = True,
) -> Query:
    """Give the statement that counts events by time; `timeline_of` reads its rows.

    Raises:
        DataError: A parameter is wrong.
    """
    statement = Statement(read_parameters(parameters), dialect, text_index=text_index)
    return write_timeline(statement, step, by, limit)


def write_timeline(statement: Statement, step: timedelta, by: str | None, limit: int) -> Query:
    """Write the statement that counts the events of a search by time."""
    read_step("step", step)
    read_whole_number("limit", limit)
    sql, found = statement.sql, statement.found()
    bucket = sql.bucket("detecttime", step)
    if by is None:
        query = f"""SELECT {_TOTAL}, {bucket.sql} AS bucket, NULL, count(*) FROM events e
            WHERE {found.sql} GROUP BY 2 LIMIT %s"""
        return query, [*bucket.args, *found.args, MOST_BUCKETS + 1]
    column = counted_column(by)
    query = f"""WITH
        combinations AS MATERIALIZED (
            SELECT {bucket.sql} AS bucket, e.{column} AS combination, count(*) AS n FROM events e
            WHERE {found.sql} GROUP BY 1, 2
        ),
        counts AS MATERIALIZED (
            SELECT g.bucket AS bucket, v.value AS value, sum(g.n) AS n FROM combinations g, {sql.each(column)}
            WHERE v.value IS NOT NULL GROUP BY 1, 2
        ),
        top AS MATERIALIZED (
            SELECT value FROM counts GROUP BY value ORDER BY sum(n) DESC, {sql.sorted_text("value", column)}
            LIMIT %s
        )
        SELECT {_VALUE}, bucket, value, n FROM counts WHERE value IN (SELECT value FROM top)
        UNION ALL SELECT {_TOTAL}, bucket, NULL, sum(n) FROM combinations GROUP BY bucket
        UNION ALL SELECT {_NONE}, bucket, NULL, sum(n) FROM combinations
            WHERE {_without_value(column, sql.no_items)} GROUP BY bucket
        UNION ALL SELECT {_ALL}, bucket, NULL, sum(n) FROM counts GROUP BY bucket
        LIMIT %s"""
    most = min((MOST_BUCKETS + 1) * (limit + 3), LARGEST)
    return query, [*bucket.args, *found.args, limit, most]


def timeline_of(
    rows: Iterable[Row], step: timedelta, by: str | None, from_time: Callable[[Any], datetime]
) -> Timeline:
    """Read what the statement of `compile_timeline` gives.

    Raises:
        DataError: There are more buckets than `MOST_BUCKETS`.
    """
    totals: dict[datetime, int] = {}
    sums: dict[int, dict[datetime, int]] = {_TOTAL: totals, _NONE: {}, _ALL: {}}
    values: dict[str | int, dict[datetime, int]] = {}
    for kind, bucket, value, count in rows:
        counts = values.setdefault(value, {}) if kind == _VALUE else sums[kind]
        counts[from_time(bucket)] = int(count)
    names = sorted(values, key=lambda name: (-sum(values[name].values()), name))
    buckets = []
    for start in _starts(totals, step):
        counted = tuple(values[name].get(start, 0) for name in names)
        buckets.append(
            TimelineBucket(
                start=start,
                total=totals.get(start, 0),
                counts=counted,
                rest=sums[_ALL].get(start, 0) - sum(counted),
                none=sums[_NONE].get(start, 0),
            )
        )
    by = None if by is None else counted_column(by)
    return Timeline(step=step, by=by, values=tuple(names), buckets=tuple(buckets))


def _starts(totals: Mapping[datetime, int], step: timedelta) -> list[datetime]:
    if not totals:
        return []
    first, last = ((at - FIRST_MONDAY) // step for at in (min(totals), max(totals)))
    count = last - first + 1
    if count > MOST_BUCKETS:
        raise DataError(
            f"a step of {step} makes {count:,} buckets, more than {MOST_BUCKETS:,}",
            hint="take a longer step, or a shorter time",
            parameter="step",
        )
    return [min(totals), *(FIRST_MONDAY + number * step for number in range(first + 1, last + 1))]


def _without_value(column: str, no_items: str) -> str:
    return f"combination = '{no_items}'" if column in ARRAY_COLUMNS else "combination IS NULL"
