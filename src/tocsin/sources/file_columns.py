"""Which column of a file is the time, which are values, and which tells series apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.errors import LoadError
from tocsin.sources.file_format import quoted_identifier, quoted_text
from tocsin.sources.number_forms import LeftOut, NumberForm, find_forms, is_missing_sql

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
_EPOCH_1990, _EPOCH_2100 = 631_152_000, 4_102_444_800
_UNITS = (("1e6", 1), ("1e3", 10**3), ("1", 10**6), ("1e-3", 10**9))  # µs in the unit, units in a second
_DAY_FORMATS = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y"),
    *("%Y%m%d", "%Y-%m-%d", "%Y/%m/%d", "%Y-%m"),
    *("%b %d, %Y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%B %d, %Y", "%d %B %Y"),  # Aug 3, 2026; 3 August 2026
    *("%b %Y", "%B %Y", "%a, %d %b %Y"),
)
_CLOCK_FORMATS = (
    *(" %H:%M:%S", " %H:%M", "T%H:%M:%S", " %I:%M:%S %p", " %I:%M %p", "T%H%M%SZ", "T%H%M%S", "%H%M%S", ""),
    *(", %H:%M:%S", ", %H:%M", ", %I:%M:%S %p", ", %I:%M %p", " %H:%M:%S GMT"),
)
_ZONED_FORMATS = ("Z", "GMT")
_MONTH_NAME = re.compile("%[bB]")
_FEW_ROWS = 1000
_DAY_CLOCKS = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M:%S %p", "%I:%M %p")
_MOST_SERIES = 1000
_REPEATED = 0.05
_FEW_NAMES = 3


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
        distinct: How many different things are in it, about.
        low: The 1 % quantile of the numbers; NaN without any.
        high: The 99 % quantile.
        missing: What stands in it for values that are missing, besides nothing.
        form: How its numbers are written, or why they are not read; `None` for plain ones and for text.
    """

    name: str
    type: str
    given: int
    numbers: int
    times: int
    zones: int
    distinct: int
    low: float
    high: float
    missing: tuple[str, ...] = ()
    form: NumberForm | LeftOut | None = None

    @property
    def sql(self) -> str:
        """The column in a query over `file`."""
        return f"file.{quoted_identifier(self.name)}"

    @property
    def value_sql(self) -> str:
        """The column as numbers; what is none is left as it is, so that it can be shown."""
        numbers = self.form.sql(self.sql) if isinstance(self.form, NumberForm) else self.sql
        if not self.missing:
            return numbers
        return f"CASE WHEN trim({self.sql}) NOT IN ({_listed(self.missing)}) THEN {numbers} END"

    @property
    def is_number(self) -> bool:
        """Whether (nearly) all that is in it is a number that can be read."""
        if self.form is not None:
            return isinstance(self.form, NumberForm)
        return self.numbers > 0 and self.numbers >= _MANY * self.given

    @property
    def is_text(self) -> bool:
        """Whether it holds text that is neither numbers, however they are written, nor nested."""
        unread = isinstance(self.form, LeftOut) and self.form.is_number
        return not (self.is_number or unread or _is_nested(self))


@dataclass(frozen=True, slots=True)
class Roles:
    """What the columns of a file are.

    Attributes:
        timestamp: The column of times.
        timestamp_sql: The expression that makes a TIMESTAMP (UTC) of it, NULL where it is none.
        values: The columns of values.
        dimension: The column that tells series apart, or `None`.
        left_out: The columns with numbers that cannot be watched, each with the reason.
        time_words: How times with the name of a month are read, by an example; empty for all others.
        ambiguous: Whether day and month could be the other way round.
        has_zone: Whether all times say of which zone they are.
    """

    timestamp: Column
    timestamp_sql: str
    values: tuple[Column, ...]
    dimension: Column | None
    left_out: tuple[tuple[str, str], ...] = ()
    time_words: str = ""
    ambiguous: bool = False
    has_zone: bool = True


@dataclass(frozen=True, slots=True)
class _Time:
    """A column of times and how it is read; see `Roles`."""

    column: Column
    sql: str
    has_zone: bool
    words: str = ""
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
    timestamp, timestamp_sql = time.column, time.sql
    rest = _with_forms(source, sample, [column for column in looked if column is not timestamp])
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
    left_out = tuple(
        (column.name, column.form.reason)
        for column in rest
        if column is not dimension and isinstance(column.form, LeftOut)
    )
    if not values:
        why = "".join(f"; {name} is left out: {reason}" for name, reason in left_out[:_FEW_NAMES])
        message = f"{label} has no column of numbers, only {names}{why}"
        raise LoadError(message, hint="write the metric's query by hand")
    return Roles(
        timestamp, timestamp_sql, values, dimension, left_out, time.words, time.ambiguous, time.has_zone
    )


def _with_forms(source: ColumnSource, sample: str, columns: list[Column]) -> list[Column]:
    """Find how the numbers of columns are written that are text."""
    texts = [one for one in columns if one.type == "VARCHAR" and one.times < _MOST * one.given]
    odd = [one.name for one in texts if one.numbers < one.given]
    plain = [one.name for one in texts if one.numbers == one.given > 0]
    forms = find_forms(source, sample, odd, plain)
    return [replace(column, form=forms.get(column.name)) for column in columns]


def _look(source: ColumnSource, sample: str, columns: list[tuple[str, str]]) -> list[Column]:
    parts, zone = [], quoted_text(_ZONE)
    for place, (name, _) in enumerate(columns):
        text = f"trim(CAST(file.{quoted_identifier(name)} AS VARCHAR))"
        as_number = f"TRY_CAST({text} AS DOUBLE)"
        plain = f"(NOT regexp_matches({text}, '{_WORD_BEHIND}') OR regexp_matches({text}, '{_ZONE}'))"
        finite = f"FILTER (isfinite({as_number}))"
        missing = is_missing_sql(text)
        parts += [
            f"count(*) FILTER (NOT {missing}) AS given{place}",
            f"string_agg(DISTINCT nullif({text}, ''), chr(10)) FILTER ({missing}) AS missing{place}",
            f"count({as_number}) AS numbers{place}",
            f"count(*) FILTER (TRY_CAST({text} AS TIMESTAMP) >= {_FIRST_TIME} AND {plain}) AS times{place}",
            f"count(*) FILTER (NOT {missing} AND regexp_matches({text}, {zone})) AS zones{place}",
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

    def texts(key: str) -> tuple[str, ...]:
        return tuple(sorted((seen[key][0] or "").splitlines()))

    return [
        Column(
            name, kind, count(f"given{i}"), count(f"numbers{i}"), count(f"times{i}"), count(f"zones{i}"),
            count(f"distinct{i}"), number(f"low{i}"), number(f"high{i}"), texts(f"missing{i}"),
        )
        for i, (name, kind) in enumerate(columns)
    ]  # fmt: skip


def _find_time(source: ColumnSource, sample: str, columns: list[Column]) -> _Time | None:
    """Find the column of times, and how it is read."""
    found = [time for time in map(_plain_time, columns) if time is not None]
    if found:
        return min(found, key=lambda time: _name_rank(time.column))  # the first one of a rank
    for column in sorted(columns, key=_name_rank):
        if column.type == "VARCHAR" and column.given and (formats := _text_formats(source, sample, column)):
            times = [f"TRY_STRPTIME(trim({column.sql}), {quoted_text(form)})" for form in formats]
            words = _in_words(source, sample, column, times[0]) if _MONTH_NAME.search(formats[0]) else ""
            has_zone = formats[0].endswith(_ZONED_FORMATS)
            return _Time(column, times[0], has_zone, words, _differ(source, sample, times))
    return None


def _in_words(source: ColumnSource, sample: str, column: Column, time: str) -> str:
    """Say by an example how times are read."""
    seen = source.read_columns(
        f"SELECT trim({column.sql}) AS text, strftime({time}, '%Y-%m-%d %H:%M') AS read "
        f"FROM {sample} WHERE {time} IS NOT NULL LIMIT 1"
    )
    return f"{str(seen['text'][0])!r} is read as {str(seen['read'][0]).removesuffix(' 00:00')}"


def _differ(source: ColumnSource, sample: str, times: list[str]) -> bool:
    """Say whether forms that read a column equally well read different times: in May a month has one name."""
    others = " OR ".join(f"{time} IS DISTINCT FROM {times[0]}" for time in times[1:])
    if not others:
        return False
    return int(source.read_columns(f"SELECT count(*) FILTER ({others}) AS n FROM {sample}")["n"][0]) > 0


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


def _plain_time(column: Column) -> _Time | None:
    """Read a column as times that DuckDB knows, or as numbers since 1970; `None` when it holds neither."""
    kind = column.type.upper()
    if kind == "TIMESTAMP WITH TIME ZONE":
        return _Time(column, f"make_timestamp(epoch_us({column.sql}))", has_zone=True)
    if kind == "TIMESTAMPTZ_NS":  # DuckDB casts it to no other time
        return _Time(column, f"make_timestamp(epoch_ns({column.sql}) // 1000)", has_zone=True)
    if kind.startswith(("TIMESTAMP", "DATE")):
        return _Time(column, f"CAST({column.sql} AS TIMESTAMP)", has_zone=False)
    if kind.startswith("BOOL") or _is_nested(column) or not column.given:
        return None
    if column.times >= _MOST * column.given:
        cast = f"TRY_CAST(trim({column.sql}) AS TIMESTAMP)"
        with_zone = f"make_timestamp(epoch_us(TRY_CAST(trim({column.sql}) AS TIMESTAMPTZ)))"
        return _Time(column, with_zone if column.zones else cast, has_zone=column.zones >= column.times)
    return _epoch_time(column) if column.numbers >= _MOST * column.given else None


def _epoch_time(column: Column) -> _Time | None:
    for microseconds, units in _UNITS:
        if _EPOCH_1990 * units <= column.low <= column.high <= _EPOCH_2100 * units:
            number = f"TRY_CAST({column.sql} AS DOUBLE) * {microseconds}"
            return _Time(column, f"make_timestamp(TRY_CAST({number} AS BIGINT))", has_zone=True)
    return None


def _listed(texts: tuple[str, ...]) -> str:
    return ", ".join(map(quoted_text, texts))


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
        and (column.is_text or (column.is_number and _KEY_WORDS.search(column.name)))
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
