"""Looks at files and proposes metrics over them: what `tocsin init --from` writes."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tocsin.errors import DatabaseError, LoadError
from tocsin.model import Interval
from tocsin.sources.file_columns import SAMPLE_ROWS, Column, Roles, find_roles
from tocsin.sources.file_format import (
    FileFormat,
    quoted_identifier,
    quoted_text,
    recognise_file,
    template_text,
)
from tocsin.sources.instants import instant_of, milliseconds_of
from tocsin.sources.rhythm import Rhythm, find_rhythm
from tocsin.sources.timestamps import NO_TIME, milliseconds_of_column
from tocsin.sources.values import factorise_texts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from numpy.typing import NDArray

    from tocsin.abc import ColumnSource
    from tocsin.sources.spec import Aggregate, Align

__all__ = ["FileProposal", "MetricProposal", "inspect_file", "inspect_files"]


@dataclass(frozen=True, slots=True)
class MetricProposal:
    """A metric over one column of a file, as its YAML would say it.

    Attributes:
        name: Made of the file's name, and the column's when there are several; letters, digits, `_.-`.
        column: The column of values.
        query: The query, a template with the window's placeholders; it gives `timestamp`, `value`, and
            the dimension.
        dimension: The query's column that tells series apart, or `None`.
        interval: The distance between two points.
        anchor: An instant on the grid; the epoch unless the points fall elsewhere.
        align: What to do with points off the grid.
        aggregate: What to make of several points in a slot.
        loading_start_time: When to begin, only for a file with points before 1970.
    """

    name: str
    column: str
    query: str
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


def inspect_files(paths: Iterable[Path], source: ColumnSource) -> list[FileProposal]:
    """Look at files, and give every metric a name of its own.

    Raises:
        ConfigError: A file is not there, or has no known ending.
        LoadError: A file has nothing that a metric could be made of.
    """
    taken: set[str] = set()
    proposals = []
    for path in paths:
        proposal = inspect_file(path, source, taken=taken)
        taken.update(metric.name.lower() for metric in proposal.metrics)
        proposals.append(proposal)
    return proposals


def inspect_file(
    path: Path, source: ColumnSource, *, location: str | None = None, taken: Iterable[str] = ()
) -> FileProposal:
    """Look at a file, and propose a metric for each column of values.

    Args:
        path: A CSV, Parquet or JSON file, perhaps compressed.
        source: DuckDB.
        location: The path to write into the queries, by default the absolute one.
        taken: Names (in lower case) that the metrics may not have.

    Raises:
        ConfigError: The file is not there, or has no known ending.
        LoadError: It has nothing that a metric could be made of.
    """
    file = recognise_file(path, str(path.resolve()))
    in_query = recognise_file(path, location) if location is not None else file
    try:
        relation, columns = _columns(source, file)
        roles = find_roles(source, relation, columns, str(path))
        rows, placed, times, codes = _times(source, relation, roles)
    except DatabaseError as error:
        reason = " ".join(str(error).split())
        raise LoadError(f"{path} cannot be read as {file.kind}: {reason}") from error
    if not placed:
        raise LoadError(f"{path} has no row with a time in {roles.timestamp.name}")
    rhythm = find_rhythm(times, codes)
    if rhythm is None:
        message = f"{path} has no two different times, so that no interval can be found"
        raise LoadError(message, hint="write the metric by hand")
    first, last = int(times.min()), int(times.max())
    relation_in_query = relation.replace(file.relation[: file.relation.index(", ")], "") if False else relation
    del relation_in_query
    queried, _ = (relation, None) if in_query is file else _columns(source, in_query, known=columns)
    metrics = []
    names = set(taken)
    for value in roles.values:
        stem = file.stem if len(roles.values) == 1 else f"{file.stem}_{value.name}"
        name = _unique(_safe_name(stem), names)
        names.add(name.lower())
        metrics.append(_metric(name, value, queried, roles, rhythm, first))
    return FileProposal(
        path=path,
        format=file.kind,
        rows=rows,
        rows_without_time=rows - placed,
        series=len(np.unique(codes)),
        first=instant_of(first),
        last=instant_of(last),
        timestamp_column=roles.timestamp.name,
        rhythm=rhythm,
        metrics=tuple(metrics),
        notes=tuple(_notes(roles, rhythm, rows, placed)),
    )
