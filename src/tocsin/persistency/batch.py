"""Batches of events: a table becomes, for each event, columns of its rows in order."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tocsin.persistency.batch_table import (
    arrow_table,
    coded,
    dictionary_of,
    event_ids,
    ranges,
    times_of,
    whole_column,
)
from tocsin.persistency.columns import CodedColumn
from tocsin.persistency.values import UnsupportedValueError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from numpy.typing import NDArray

    from tocsin.persistency.columns import Dictionary
    from tocsin.persistency.layout import Layout, Layouts
    from tocsin.persistency.values import EventID

__all__ = ["Batch", "Segment", "read_batch", "rows_of"]


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive rows of one event that have one layout.

    Attributes:
        event_id: The event.
        template: Its template in the last of them.
        names: The variables.
        columns: The values of each.
        times: Microseconds, or `None`.
    """

    event_id: EventID
    template: str
    names: tuple[str, ...]
    columns: list[CodedColumn]
    times: NDArray[np.int64] | None


@dataclass(frozen=True, slots=True)
class Batch:
    """A table of events, checked: nothing of it can fail any more.

    Attributes:
        rows: How many rows it has.
        event_ids: The events in order of first occurrence, also those without variables.
        segments: Those with variables; of one event in order.
    """

    rows: int
    event_ids: list[EventID]
    segments: list[Segment]


class _Source(NamedTuple):
    """Where values come from: those of row i begin at `starts[i]` of the codes."""

    dictionary: Dictionary
    wrong: dict[int, str]
    codes: NDArray[np.int64]
    starts: NDArray[np.int64]


class _Place(NamedTuple):
    """Where the value of a variable is: a source, and how far behind the begin of the row's values."""

    source: _Source
    offset: int


class _Named(NamedTuple):
    """The named variables: for each row which of the `shapes` it has."""

    which: NDArray[np.int64]
    shapes: list[dict[str, _Place]]


def rows_of(table: Any) -> Iterator[tuple[Any, Any, Any, Any, Any]]:
    """Give the arguments of `ingest_event` for each row of a batch."""
    for row in arrow_table(table).to_pylist():
        named = row.get("named_variables") or {}
        yield (
            row["event_id"],
            row["event_template"],
            row.get("variables") or (),
            dict(named),
            row.get("timestamp"),
        )


def read_batch(table: Any, layouts: Layouts) -> Batch:
    """Read a table of events.

    Raises:
        TypeError: It is no table, or a column is of a wrong type.
        ValueError: Its columns or times are not those of a batch.
        UnsupportedValueError: A value or an EventID cannot be kept.
    """
    whole = arrow_table(table)
    if not whole.num_rows:
        return Batch(0, [], [])
    ids, events = event_ids(whole_column(whole, "event_id"))
    positional, lengths = _positional(whole_column(whole, "variables"), whole.num_rows)
    named = _named(whole_column(whole, "named_variables"), whole.num_rows)
    stamps = whole_column(whole, "timestamp")
    times, timed = (events, np.zeros(len(events), dtype=bool)) if stamps is None else times_of(stamps)

    shapes, shape_of_row = _distinct(lengths * len(named.shapes) + named.which)
    plans = []
    for shape in shapes.tolist():
        length, which = divmod(shape, len(named.shapes))
        plans.append(_plan(length, positional, named.shapes[which], layouts))
    kept = np.array([bool(layout.names) for layout, _ in plans])[shape_of_row].nonzero()[0]
    templates = _templates(whole_column(whole, "event_template"), kept, ids, events)

    # Rows of one event together, in order; a segment ends where layout or timedness change.
    order = kept[np.argsort(_narrow(events[kept], len(ids)), kind="stable")]
    marks = (events[order] * len(plans) + shape_of_row[order]) * 2 + timed[order]
    borders = [0, *(np.flatnonzero(np.diff(marks)) + 1).tolist(), len(order)] if len(order) else []
    segments = []
    for start, stop in pairwise(borders):
        rows = order[start:stop]
        event_id = ids[events[rows[0]]]
        layout, places = plans[shape_of_row[rows[0]]]
        columns = [
            _column(place, rows, event_id, name) for name, place in zip(layout.names, places, strict=True)
        ]
        instants = times[rows] if timed[rows[0]] else None
        segments.append(Segment(event_id, templates.of_row(rows[-1]), layout.names, columns, instants))
    first_rows: dict[EventID, int] = {}
    for segment, start in zip(segments, borders, strict=False):
        first_rows.setdefault(segment.event_id, int(order[start]))
    segments.sort(key=lambda segment: first_rows[segment.event_id])
    return Batch(whole.num_rows, ids, segments)


def _column(place: _Place, rows: NDArray[np.int64], event_id: EventID, name: str) -> CodedColumn:
    source, offset = place
    codes = source.codes[source.starts[rows] + offset]
    if source.wrong:
        for code in codes[np.isin(codes, list(source.wrong))].tolist():
            message = f"event {event_id!r}, variable {name!r}: {source.wrong[code]}"
            raise UnsupportedValueError(message)
    return CodedColumn(source.dictionary, codes)


def _plan(
    length: int, positional: _Source | None, shape: dict[str, _Place], layouts: Layouts
) -> tuple[Layout, list[_Place]]:
    """Give the layout of a row, and where the value of each variable that is kept is."""
    layout = layouts.mixed(length, tuple(shape)) if shape else layouts.positional(length)
    places = [_Place(positional, index) for index in range(length)] if positional is not None else []
    places += shape.values()
    return layout, list(places if layout.pick is None else layout.pick(places))


def _positional(array: pa.Array | None, rows: int) -> tuple[_Source | None, NDArray[np.int64]]:
    if array is None:
        return None, np.zeros(rows, dtype=np.int64)
    starts, lengths, flat = ranges(array, "variables")
    return _source(flat, starts), lengths


def _source(flat: pa.Array, starts: NDArray[np.int64]) -> _Source:
    values, codes = coded(flat)
    return _Source(*dictionary_of(values), codes, starts)


def _named(array: pa.Array | None, rows: int) -> _Named:
    """Find out which named variables each row has: a null among the fields of a struct is the value `None`."""
    import pyarrow.types as kinds

    if array is None or kinds.is_null(array.type):
        return _Named(np.zeros(rows, dtype=np.int64), [{}])
    if kinds.is_map(array.type):
        return _named_by_maps(array)
    if not kinds.is_struct(array.type):
        message = f"column 'named_variables' is a struct or a map in each row, not {array.type}"
        raise TypeError(message)
    names = [field.name for field in array.type]
    if len(set(names)) < len(names):
        message = f"column 'named_variables' has a field twice: {', '.join(names)}"
        raise ValueError(message)
    every = np.arange(rows)
    shape = {name: _Place(_source(array.field(place), every), 0) for place, name in enumerate(names)}
    return _Named(array.is_valid().to_numpy(zero_copy_only=False).astype(np.int64), [{}, shape])


def _named_by_maps(array: pa.Array) -> _Named:
    """Find the rows whose maps have the same keys; of a key that comes twice the last value counts."""
    starts, lengths, (flat_keys, flat_values) = ranges(array, "named_variables")
    names, codes = coded(flat_keys)
    source = _source(flat_values, starts)
    which = []
    shapes: list[dict[str, _Place]] = []
    known: dict[bytes, int] = {}
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        mark = codes[start : start + length].tobytes()
        if mark not in known:
            known[mark] = len(shapes)
            shapes.append(
                {
                    names[code]: _Place(source, offset)
                    for offset, code in enumerate(codes[start : start + length])
                }
            )
        which.append(known[mark])
    return _Named(np.array(which, dtype=np.int64), shapes)


def _templates(
    array: pa.Array, kept: NDArray[np.int64], ids: list[EventID], events: NDArray[np.int64]
) -> _Templates:
    values, codes = coded(array)
    wrong = [code for code, value in enumerate(values) if type(value) is not str]
    for row in kept[np.isin(codes[kept], wrong)].tolist() if wrong else ():
        kind = type(values[codes[row]]).__name__
        message = f"the template of event {ids[events[row]]!r} is a text, not a {kind}"
        raise UnsupportedValueError(message)
    return _Templates(values, codes)


class _Templates(NamedTuple):
    values: list[Any]
    codes: NDArray[np.int64]

    def of_row(self, row: int) -> str:
        template: str = self.values[self.codes[row]]
        return template


def _distinct(numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the different numbers, and for each place which of them it has."""
    least, most = int(numbers.min()), int(numbers.max())
    if most - least >= len(numbers):
        return np.unique(numbers, return_inverse=True)
    there = np.bincount(numbers - least) > 0
    return there.nonzero()[0] + least, (np.cumsum(there) - 1)[numbers - least]


def _narrow(codes: NDArray[np.int64], count: int) -> NDArray[Any]:
    """Give codes as a type that numpy sorts by radix, if they are few."""
    return codes.astype(np.int16) if count < 2**15 else codes
