"""Which column of a file is the time, which are values, and which tells series apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.errors import LoadError
from tocsin.sources.file_format import quoted_identifier, quoted_text

if TYPE_CHECKING:
    from tocsin.abc import ColumnSource

__all__ = ["Column", "Roles", "find_roles"]

SAMPLE_ROWS = 1_000_000
_MOST = 0.9
_MANY = 0.8
_TIME_NAMES = ("timestamp", "time", "datetime", "ts", "date", "event_time", "created_at", "epoch", "unixtime")
_TIME_WORDS = re.compile(r"time|date|stamp|epoch|^ts$|_ts$|_at$|^t$|clock", re.IGNORECASE)
_KEY_WORDS = re.compile(
    r"(^|_)(id|key|code|host|node|device|sensor|station|store|shop|zone|region)$", re.IGNORECASE
)
_ZONE = r"(Z|[+-][0-9]{2}:?[0-9]{2}|:[0-9.]+ ?[+-][0-9]{2}|UTC|GMT|[A-Za-z]+/[A-Za-z_/]+)$"
_WORD_BEHIND = "[A-Za-z]$"  # DuckDB reads a time over PM and CEST as if they were not there
_FIRST_TIME = "TIMESTAMP '1000-01-01'"  # before it the year has two digits, and means another
_COMMA_NUMBER = "[+-]?([0-9]{1,3}([.][0-9]{3})+|[0-9]+)(,[0-9]+)?"  # 12.345,67: as most of Europe writes it
_SURE_COMMA = ".*(^|[^0-9])0,[0-9]+|.*,([0-9]{1,2}|[0-9]{4,})"  # 1,234 may be a thousand as well
_EPOCH_1990, _EPOCH_2100 = 631_152_000, 4_102_444_800
_UNITS = (("1e6", 1), ("1e3", 10**3), ("1", 10**6), ("1e-3", 10**9))  # µs in the unit, units in a second
_DAY_FORMATS = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y"),
    *("%Y%m%d", "%Y-%m-%d", "%Y/%m/%d", "%Y-%m"),
)
_CLOCK_FORMATS = (
    *(" %H:%M:%S", " %H:%M", "T%H:%M:%S", " %I:%M:%S %p", " %I:%M %p", "T%H%M%SZ", "T%H%M%S", "%H%M%S", ""),
)
_FEW_ROWS = 1000
_DAY_CLOCKS = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M:%S %p", "%I:%M %p")
_MOST_SERIES = 1000
_REPEATED = 0.05


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file, as a first look saw it.

    Attributes:
        name: Its name.
        type: DuckDB's type of it.
        given: How many rows have something in it.
        numbers: How many have a number.
        times: How many have a time in ISO form.
        zones: How many have a time zone with it.
        commas: How many have a number with a decimal comma.
        sure_commas: How many of these can be nothing else.
        distinct: How many different things are in it, about.
        low: The 1 % quantile of the numbers; NaN without any.
        high: The 99 % quantile.
    """

    name: str
    type: str
    given: int
    numbers: int
    times: int
    zones: int
    commas: int
    sure_commas: int
    distinct: int
    low: float
    high: float

    @property
    def sql(self) -> str:
        """The column in a query over `file`."""
        return f"file.{quoted_identifier(self.name)}"

    @property
    def value_sql(self) -> str:
        """The column as numbers; what is none is left as it is, so that it can be shown."""
        if not self._has_decimal_commas:
            return self.sql
        text = f"trim({self.sql})"
        is_number = f"regexp_full_match({text}, {quoted_text(_COMMA_NUMBER)})"
        return f"CASE WHEN {is_number} THEN replace(replace({text}, '.', ''), ',', '.') ELSE {self.sql} END"

    @property
    def is_number(self) -> bool:
        """Whether (nearly) all that is in it is a number."""
        numbers = self.numbers + (self.commas if self._has_decimal_commas else 0)
        return numbers > 0 and numbers >= _MANY * self.given

    @property
    def _has_decimal_commas(self) -> bool:
        return self.commas > 0 and self.sure_commas >= _REPEATED * self.commas


@dataclass(frozen=True, slots=True)
class Roles:
    """What the columns of a file are.

    Attributes:
        timestamp: The column of times.
        timestamp_sql: The expression that makes a TIMESTAMP (UTC) of it, NULL where it is none.
        values: The columns of values.
        dimension: The column that tells series apart, or `None`.
        ambiguous: Whether day and month could be the other way round.
    """

    timestamp: Column
    timestamp_sql: str
    values: tuple[Column, ...]
    dimension: Column | None
    ambiguous: bool = False


def find_roles(source: ColumnSource, relation: str, columns: list[tuple[str, str]], label: str) -> Roles:
    """Look at what is in the columns of a file.

    Args:
        source: DuckDB.
        relation: The table function that reads the file.
        columns: Name and type of each column.
        label: What to call the file in errors.

    Raises:
        LoadError: It has no rows, or no column of times or of values.
    """
    sample = f"(SELECT * FROM {relation} LIMIT {SAMPLE_ROWS}) AS file"
    looked = _look(source, sample, columns)
    if not any(column.given for column in looked):
        raise LoadError(f"{label} has no rows", hint="a header alone does not show what is in the columns")
    time = _find_time(source, sample, looked)
    names = ", ".join(column.name for column in looked)
    if time is None:
        raise LoadError(
            f"{label} has no column of times, only {names}", hint="write the metric's query by hand"
        )
    timestamp, timestamp_sql, ambiguous = time
    rest = [column for column in looked if column is not timestamp]
    clock = _find_clock(source, sample, timestamp_sql, rest)
    if clock is not None:
        others = [column for column in rest if column is not clock[0]]
        # Where another column tells the rows of a day apart, the time of day is that of something else.
        if _find_dimension(source, sample, timestamp_sql, others) is None:
            rest, timestamp_sql = others, f"CAST({timestamp_sql} AS DATE) + {clock[1]}"
    dimension = _find_dimension(source, sample, timestamp_sql, rest)
    rows = max(column.given for column in looked)
    values = tuple(
        column
        for column in rest
        if column is not dimension and column.is_number and not _is_row_number(column, rows)
    )
    if not values:
        raise LoadError(
            f"{label} has no column of numbers, only {names}", hint="write the metric's query by hand"
        )
    return Roles(timestamp, timestamp_sql, values, dimension, ambiguous)


def _look(source: ColumnSource, sample: str, columns: list[tuple[str, str]]) -> list[Column]:
    parts = []
    for place, (name, _) in enumerate(columns):
        text = f"trim(CAST(file.{quoted_identifier(name)} AS VARCHAR))"
        as_number = f"TRY_CAST({text} AS DOUBLE)"
        plain = f"(NOT regexp_matches({text}, '{_WORD_BEHIND}') OR regexp_matches({text}, '{_ZONE}'))"
        comma = f"contains({text}, ',') AND regexp_full_match({text}, {quoted_text(_COMMA_NUMBER)})"
        sure = f"regexp_full_match({text}, {quoted_text(_SURE_COMMA)})"
        finite = f"FILTER (isfinite({as_number}))"
        parts += [
            f"count(nullif({text}, '')) AS given{place}",
            f"count({as_number}) AS numbers{place}",
            f"count(*) FILTER (TRY_CAST({text} AS TIMESTAMP) >= {_FIRST_TIME} AND {plain}) AS times{place}",
            f"count(*) FILTER (regexp_matches({text}, {quoted_text(_ZONE)})) AS zones{place}",
            f"count(*) FILTER ({comma}) AS commas{place}",
            f"count(*) FILTER ({comma} AND {sure}) AS sure{place}",
            f"approx_count_distinct({text}) AS distinct{place}",
            f"quantile_cont({as_number}, 0.01) {finite} AS low{place}",
            f"quantile_cont({as_number}, 0.99) {finite} AS high{place}",
        ]
    seen = source.read_columns(f"SELECT {', '.join(parts)} FROM {sample}")

    def count(key: str) -> int:
        return int(seen[key][0])

    def number(key: str) -> float:
        value: Any = seen[key][0]
        return float("nan") if value is None else float(value)

    return [
        Column(
            name, kind, count(f"given{i}"), count(f"numbers{i}"), count(f"times{i}"), count(f"zones{i}"),
            count(f"commas{i}"), count(f"sure{i}"), count(f"distinct{i}"),
            number(f"low{i}"), number(f"high{i}"),
        )
        for i, (name, kind) in enumerate(columns)
    ]  # fmt: skip


def _find_time(source: ColumnSource, sample: str, columns: list[Column]) -> tuple[Column, str, bool] | None:
    """Find the column of times, the expression for it, and whether day and month are ambiguous."""
    found = []
    for place, column in enumerate(columns):
        expression = _time_expression(column)
        if expression is not None:
            found.append((_name_rank(column), place, column, expression))
    if found:
        _, _, column, expression = min(found, key=lambda one: one[:2])
        return column, expression, False
    for column in sorted(columns, key=_name_rank):
        if column.type == "VARCHAR" and column.given and (formats := _text_formats(source, sample, column)):
            expression = f"TRY_STRPTIME(trim({column.sql}), {quoted_text(formats[0])})"
            return column, expression, len(formats) > 1
    return None


def _find_clock(
    source: ColumnSource, sample: str, timestamp_sql: str, columns: list[Column]
) -> tuple[Column, str] | None:
    """Find a column with the time of day, where that of times has dates alone, and more than once."""
    texts = [column for column in columns if column.type == "VARCHAR" and column.given and not column.times]
    if not texts:
        return None
    forms = [
        (column, f"CAST(TRY_STRPTIME(trim({column.sql}), {quoted_text(form)}) AS TIME)")
        for column in texts
        for form in _DAY_CLOCKS
    ]
    counts = ", ".join(f"count({sql}) AS n{place}" for place, (_, sql) in enumerate(forms))
    clocked = f"count(*) FILTER (({timestamp_sql}) <> date_trunc('day', {timestamp_sql}))"
    seen = source.read_columns(
        f"SELECT {clocked} AS clocked, count({timestamp_sql}) AS given, "
        f"count(DISTINCT {timestamp_sql}) AS days, {counts} FROM {sample}"
    )
    given = int(seen["given"][0])
    if int(seen["clocked"][0]) or given - int(seen["days"][0]) < _REPEATED * given:
        return None
    for place, (column, sql) in enumerate(forms):
        if int(seen[f"n{place}"][0]) >= _MOST * column.given:
            return column, sql
    return None


def _name_rank(column: Column) -> int:
    name = column.name.lower()
    if name in _TIME_NAMES:
        return _TIME_NAMES.index(name)
    return len(_TIME_NAMES) + (0 if _TIME_WORDS.search(name) else 1)


def _time_expression(column: Column) -> str | None:
    kind = column.type.upper()
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"make_timestamp(epoch_us({column.sql}))"
    if kind == "TIMESTAMPTZ_NS":  # DuckDB casts it to no other time
        return f"make_timestamp(epoch_ns({column.sql}) // 1000)"
    if kind.startswith(("TIMESTAMP", "DATE")):
        return f"CAST({column.sql} AS TIMESTAMP)"
    if kind.startswith("BOOL") or _is_nested(column) or not column.given:
        return None
    if column.times >= _MOST * column.given:
        cast = f"TRY_CAST(trim({column.sql}) AS TIMESTAMP)"
        with_zone = f"make_timestamp(epoch_us(TRY_CAST(trim({column.sql}) AS TIMESTAMPTZ)))"
        return with_zone if column.zones else cast
    return _epoch_expression(column) if column.numbers >= _MOST * column.given else None


def _epoch_expression(column: Column) -> str | None:
    for microseconds, units in _UNITS:
        if _EPOCH_1990 * units <= column.low <= column.high <= _EPOCH_2100 * units:
            number = f"TRY_CAST({column.sql} AS DOUBLE) * {microseconds}"
            return f"make_timestamp(TRY_CAST({number} AS BIGINT))"
    return None


def _is_nested(column: Column) -> bool:
    return "[" in column.type or column.type.startswith(("STRUCT", "MAP"))


def _text_formats(source: ColumnSource, sample: str, column: Column) -> list[str]:
    """Give the forms that read (nearly) all of a column, those that read most first."""
    formats = [day + clock for day in _DAY_FORMATS for clock in _CLOCK_FORMATS]
    few = f"(SELECT {column.sql} FROM {sample} WHERE {column.sql} IS NOT NULL LIMIT {_FEW_ROWS}) AS file"
    formats = [form for form, count in _count_formats(source, few, column, formats).items() if count]
    if not formats:
        return []
    read = _count_formats(source, sample, column, formats)
    good = [form for form in formats if read[form] >= _MOST * column.given]
    best = max((read[form] for form in good), default=0)
    return [form for form in good if read[form] == best]


def _count_formats(source: ColumnSource, sample: str, column: Column, formats: list[str]) -> dict[str, int]:
    """Count the rows that each form reads."""
    times = [f"TRY_STRPTIME(trim({column.sql}), {quoted_text(form)})" for form in formats]
    counts = ", ".join(
        f"count(*) FILTER ({time} >= {_FIRST_TIME}) AS n{place}" for place, time in enumerate(times)
    )
    seen = source.read_columns(f"SELECT {counts} FROM {sample}")
    return {form: int(seen[f"n{place}"][0]) for place, form in enumerate(formats)}


def _find_dimension(
    source: ColumnSource, sample: str, timestamp_sql: str, columns: list[Column]
) -> Column | None:
    """Find the column without which one time would have many rows."""
    candidates = [
        column
        for column in columns
        if 1 < column.distinct <= min(_MOST_SERIES, column.given / 2)
        and (not column.is_number or _KEY_WORDS.search(column.name))
        and not _is_nested(column)
    ]
    counts = ", ".join(
        f"count(DISTINCT ({timestamp_sql}, CAST({column.sql} AS VARCHAR))) AS n{place}"
        for place, column in enumerate(candidates)
    )
    if not candidates:
        return None
    seen = source.read_columns(
        f"SELECT count(*) AS n, count(DISTINCT {timestamp_sql}) AS times, {counts} FROM {sample} "
        f"WHERE {timestamp_sql} IS NOT NULL"
    )
    rows = int(seen["n"][0])
    repeated = rows - int(seen["times"][0])
    if repeated < _REPEATED * rows:
        return None
    left = [rows - int(seen[f"n{place}"][0]) for place in range(len(candidates))]
    best = int(np.lexsort(([column.distinct for column in candidates], left))[0])
    return candidates[best] if left[best] <= repeated / 2 else None


def _is_row_number(column: Column, rows: int) -> bool:
    """Say whether a column without a name of its own only counts the rows."""
    unnamed = re.fullmatch(r"column0|unnamed.*|index|row|row_?number|#|", column.name, re.IGNORECASE)
    return unnamed is not None and column.high <= rows + 1 and column.distinct > _MANY * rows
