"""Looks at files and proposes metrics over them: what `tocsin init --from` writes."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tocsin.errors import DatabaseError, LoadError
from tocsin.model import Interval
from tocsin.sources.file_columns import SAMPLE_ROWS, Column, Roles, find_roles
from tocsin.sources.file_format import (
    FileFormat,
    quoted_identifier,
    recognise_file,
    template_text,
)
from tocsin.sources.grid import Grid
from tocsin.sources.instants import instant_of, milliseconds_of
from tocsin.sources.number_forms import NumberForm
from tocsin.sources.rhythm import Rhythm, find_rhythm
from tocsin.sources.timestamps import NO_TIME, milliseconds_of_column
from tocsin.sources.values import factorise_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray

    from tocsin.abc import ColumnSource
    from tocsin.sources.spec import Aggregate, Align

__all__ = ["FileProposal", "MetricProposal", "inspect_file", "inspect_files"]

_REGULAR_ENOUGH = 0.5
_LONGEST_NAME = 60
_MOST_LEFT_OUT, _MOST_NAMES = 5, 5  # that notes tell of, and name


@dataclass(frozen=True, slots=True)
class MetricProposal:
    """A metric over one column of a file, as its YAML would say it.

    Attributes:
        name: Made of the file's name, and the column's when there are several; letters, digits, `_.-`.
        column: The column of values.
        reading: How its numbers are read that are not plain, by an example, and what is a missing value.
        query: The query, a template with the window's placeholders; it gives `timestamp`, `value`, and
            the dimension. It names the file by its whole path.
        located_query: The query with the file's name as it shall be written.
        dimension: The query's column that tells series apart, or `None`.
        interval: The distance between two points.
        anchor: An instant on the grid; the epoch unless the points fall elsewhere.
        align: What to do with points off the grid.
        aggregate: What to make of several points in a slot.
        loading_start_time: When to begin, only for a file with points before 1970.
    """

    name: str
    column: str
    reading: str
    query: str
    located_query: str
    dimension: str | None
    interval: Interval
    anchor: datetime
    align: Align
    aggregate: Aggregate
    loading_start_time: datetime | None


@dataclass(frozen=True, slots=True)
class FileProposal:
    """What was found in a file.

    Attributes:
        path: The file.
        format: `csv`, `parquet` or `json`.
        rows: How many rows it has.
        rows_without_time: How many of them have no usable timestamp.
        series: How many series they are.
        first: The earliest time, UTC.
        last: The latest time, UTC.
        timestamp_column: The column of times.
        rhythm: How regular it is.
        metrics: One for each column of values.
        notes: What to look at before trusting the proposal, each a sentence.
        readings: How numbers and times were read that are not plain, and which columns were left out.
        has_zone: Whether all times say of which zone they are; others are taken as UTC.
    """

    path: Path
    format: str
    rows: int
    rows_without_time: int
    series: int
    first: datetime
    last: datetime
    timestamp_column: str
    rhythm: Rhythm
    metrics: tuple[MetricProposal, ...]
    notes: tuple[str, ...]
    readings: tuple[str, ...] = ()
    has_zone: bool = True


def inspect_files(
    paths: Iterable[Path], source: ColumnSource, *, locate: Callable[[Path], str] = str
) -> list[FileProposal]:
    """Look at files, and give every metric a name of its own.

    Args:
        paths: The files.
        source: DuckDB.
        locate: Gives the name of a file as it shall be written.

    Raises:
        ConfigError: A file is not there, or has no known ending.
        LoadError: A file has nothing that a metric could be made of.
    """
    taken: set[str] = set()
    proposals = []
    for path in paths:
        proposal = inspect_file(path, source, taken=taken, location=locate(path))
        taken.update(metric.name.lower() for metric in proposal.metrics)
        proposals.append(proposal)
    return proposals


def inspect_file(
    path: Path, source: ColumnSource, *, taken: Iterable[str] = (), location: str | None = None
) -> FileProposal:
    """Look at a file, and propose a metric for each column of values.

    Args:
        path: A CSV, Parquet or JSON file, perhaps compressed.
        source: DuckDB.
        taken: Names (in lower case) that the metrics may not have.
        location: The file's name as it shall be written, its whole path when `None`.

    Raises:
        ConfigError: The file is not there, or has no known ending.
        LoadError: It has nothing that a metric could be made of.
    """
    file = recognise_file(path)
    try:
        file, columns = _columns(source, file, path)
        whole = str(path.absolute())
        relation = file.relation(whole)
        located = file.relation(location or whole)
        roles = find_roles(source, relation, columns, str(path))
        rows, placed, first, last = _extent(source, relation, roles)
        times, codes = _sample_times(source, relation, roles)
    except DatabaseError as error:
        # The database's first words say what is wrong; how to call its functions helps nobody here.
        reason = re.split(r"\s*(?:Possible (?:fix|solution)|LINE \d)", str(error), flags=re.IGNORECASE)[0]
        message = f"{path} cannot be read as {file.kind}: {' '.join(reason.split())}"
        raise LoadError(message) from error
    rhythm = find_rhythm(times, codes)
    if first is None or last is None or rhythm is None:
        message = (
            f"{path} has no two different times in {roles.timestamp.name}, so that no interval can be found"
        )
        raise LoadError(message, hint="write the metric by hand")
    metrics = []
    names = set(taken)
    for value in roles.values:
        stem = _safe_name(file.stem, "metric")
        name = stem if len(roles.values) == 1 else f"{stem}_{_safe_name(value.name, 'value')}"
        name = _unique_name(name, names)
        names.add(name.lower())
        metrics.append(_metric(name, value, (relation, located), roles, rhythm, first))
    return FileProposal(
        path=path,
        format=file.kind,
        rows=rows,
        rows_without_time=rows - placed,
        series=len(np.unique(codes)),
        first=first,
        last=last,
        timestamp_column=roles.timestamp.name,
        rhythm=rhythm,
        metrics=tuple(metrics),
        notes=tuple(_notes(roles, rhythm, rows, placed)),
        readings=tuple(_readings(roles)),
        has_zone=roles.has_zone,
    )


def _columns(source: ColumnSource, file: FileFormat, path: Path) -> tuple[FileFormat, list[tuple[str, str]]]:
    described = source.read_columns(f"DESCRIBE SELECT * FROM {file.relation(str(path.absolute()))}")
    names = [str(name) for name in described["column_name"]]
    if file.kind == "json":
        # As text, so that a value of another type further down does not stop the query.
        return file.as_text(names), [(name, "VARCHAR") for name in names]
    return file, list(zip(names, map(str, described["column_type"]), strict=True))


def _extent(
    source: ColumnSource, relation: str, roles: Roles
) -> tuple[int, int, datetime | None, datetime | None]:
    time = roles.timestamp_sql
    seen = source.read_columns(
        f"SELECT count(*) AS n, count({time}) AS placed, min({time}) AS low, max({time}) AS high "
        f"FROM {relation} AS file"
    )
    low, high = (milliseconds_of_column(seen[key])[0] for key in ("low", "high"))
    instants = [None if time == NO_TIME else instant_of(int(time)) for time in (low, high)]
    return int(seen["n"][0]), int(seen["placed"][0]), instants[0], instants[1]


def _sample_times(
    source: ColumnSource, relation: str, roles: Roles
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    dimension = "''" if roles.dimension is None else roles.dimension.sql
    seen = source.read_columns(
        f"SELECT {roles.timestamp_sql} AS t, {dimension} AS d FROM {relation} AS file LIMIT {SAMPLE_ROWS}"
    )
    times = milliseconds_of_column(seen["t"])
    placed = times != NO_TIME
    codes, _ = factorise_texts(seen["d"])
    return times[placed], codes[placed]


def _metric(
    name: str, value: Column, relations: tuple[str, str], roles: Roles, rhythm: Rhythm, first: datetime
) -> MetricProposal:
    dimension = None
    if roles.dimension is not None:
        taken = roles.dimension.name.lower() in ("timestamp", "value")
        dimension = f"{roles.dimension.name}_" if taken else roles.dimension.name
    grid = Grid(rhythm.phase, rhythm.interval_seconds * 1000, rhythm.align)
    query, located_query = (_query(value, relation, roles, dimension) for relation in relations)
    return MetricProposal(
        name=name,
        column=value.name,
        reading="; ".join(filter(None, (_reading(value), _missing(value)))),
        query=query,
        located_query=located_query,
        dimension=dimension,
        interval=Interval(rhythm.interval_seconds),
        anchor=instant_of(rhythm.phase),
        align=rhythm.align,
        aggregate=rhythm.aggregate,
        loading_start_time=instant_of(grid.slot(milliseconds_of(first))) if first < instant_of(0) else None,
    )


def _query(value: Column, relation: str, roles: Roles, dimension: str | None) -> str:
    """Write the query; rows without a time pass the window's filter, so that they are counted."""
    columns = [f"{roles.timestamp_sql} AS timestamp", f"{value.value_sql} AS value"]
    if roles.dimension is not None and dimension is not None:
        columns.append(f"{roles.dimension.sql} AS {quoted_identifier(dimension)}")
    listed = template_text(",\n    ".join(columns))
    return f"""\
WITH points AS (
  SELECT
    {listed}
  FROM {template_text(relation)} AS file
)
SELECT * FROM points
WHERE timestamp IS NULL
  OR (timestamp >= TIMESTAMP '{{{{ tocsin_start_time }}}}'
      AND timestamp < TIMESTAMP '{{{{ tocsin_end_time }}}}')
"""


def _safe_name(text: str, otherwise: str) -> str:
    """Keep the letters (without their accents), digits and `_.-` of a text."""
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", plain).strip("_.-")[:_LONGEST_NAME] or otherwise


def _unique_name(name: str, taken: set[str]) -> str:
    number, unique = 1, name
    while unique.lower() in taken:
        number += 1
        unique = f"{name}_{number}"
    return unique


def _notes(roles: Roles, rhythm: Rhythm, rows: int, placed: int) -> list[str]:
    notes = []
    if roles.ambiguous:
        notes.append(f"day and month in {roles.timestamp.name} may be the other way round: check the query")
    if rhythm.calendar is not None:
        notes.append(
            f"a point for each {rhythm.calendar}: slots have its mean length, and begin some days off"
        )
    if rhythm.aggregate == "mean":
        notes.append(
            "several rows fall into one slot, of which the mean is taken: check interval and dimension"
        )
    if rhythm.regular < _REGULAR_ENOUGH:
        how = "jitter around the grid" if rhythm.align == "nearest" else "are irregular"
        notes.append(f"the points {how}: check interval and anchor")
    if rhythm.filled < _REGULAR_ENOUGH:
        notes.append(f"only {rhythm.filled:.0%} of the slots have a point: a longer interval may suit better")
    if placed < rows:
        notes.append(f"{rows - placed} of {rows} rows have no time that can be read, and will be rejected")
    return notes


def _reading(value: Column) -> str:
    """Say by an example how the numbers of a column are read."""
    return value.form.reading if isinstance(value.form, NumberForm) else ""


def _missing(value: Column) -> str:
    """Say what in a column stands for a value that is missing."""
    if not value.missing:
        return ""
    *others, last = [f"'{text}'" for text in value.missing]
    if not others:
        return f"{last} is read as a missing value"
    return f"{', '.join(others)} and {last} are read as missing values"


def _readings(roles: Roles) -> list[str]:
    """Say what was made of columns that are not plain: a line each, of one form the first alone."""
    lines = [f"{roles.timestamp.name}: {roles.time_words}"] if roles.time_words else []
    alike: dict[tuple[str, ...], list[Column]] = {}
    without: dict[tuple[str, ...], list[Column]] = {}
    for value in roles.values:
        if isinstance(value.form, NumberForm):
            alike.setdefault((value.form.decimal, value.form.unit), []).append(value)
        if value.missing:
            without.setdefault(value.missing, []).append(value)
    for first, *others in alike.values():
        lines.append(f"{first.name}: {_reading(first)}{_and_alike(others)}")
    for first, *others in without.values():
        lines.append(f"{first.name}: {_missing(first)}{_and_alike(others)}")
    lines += [f"{name} is left out: {reason}" for name, reason in roles.left_out[:_MOST_LEFT_OUT]]
    if more := [name for name, _ in roles.left_out[_MOST_LEFT_OUT:]]:
        lines.append(f"{_few(more)} {'is' if len(more) == 1 else 'are'} left out, too")
    return lines


def _and_alike(others: list[Column]) -> str:
    return f"; {_few([other.name for other in others])} alike" if others else ""


def _few(names: list[str]) -> str:
    """Name a few things, and count the others."""
    shown = ", ".join(names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES:,} more"
