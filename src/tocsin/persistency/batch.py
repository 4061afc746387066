"""Batches of events: a table becomes, for each event, columns of its rows in order."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tocsin.persistency.batch_table import arrow_table, coded, event_ids, times_of, whole_column
from tocsin.persistency.batch_variables import variables_of
from tocsin.persistency.columns import CodedColumn
from tocsin.persistency.values import UnsupportedValueError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from tocsin.persistency.batch_variables import Place, Plan
    from tocsin.persistency.layout import Layouts
    from tocsin.persistency.values import EventID

__all__ = ["Batch", "LooseRow", "Segment", "read_batch", "rows_of"]

_MANY_ROWS = 48
"""From here on it is quicker to look at columns than at rows."""


class Segment(NamedTuple):
    """Consecutive rows of one event that have one layout, with their times in microseconds or without."""

    event_id: EventID
    names: tuple[str, ...]
    columns: list[CodedColumn]
    times: NDArray[np.int64] | None


class LooseRow(NamedTuple):
    """A row of an event with few rows a segment; `heavy` when its values may be long texts."""

    event_id: EventID
    names: tuple[str, ...]
    values: Sequence[Any]
    heavy: bool
    micros: int | None


@dataclass(frozen=True, slots=True)
class Batch:
    """A table of events, checked: nothing of it can fail any more.

    Attributes:
        rows: How many rows it has.
        seen: The events in order of first occurrence, also those without variables.
        templates: The last template of each event with variables, in order of first occurrence.
        segments: The rows of events with many of them.
        loose: The rows of the others, in order.
    """

    rows: int
    seen: list[EventID]
    templates: dict[EventID, str]
    segments: list[Segment]
    loose: list[LooseRow]


def rows_of(table: Any) -> Iterator[tuple[Any, Any, Any, Any, Any]]:
    """Give the arguments of `ingest_event` for each row of a batch."""
    for row in arrow_table(table).to_pylist():
        named = row.get("named_variables") or {}
        variables = row.get("variables") or ()
        yield row["event_id"], row["event_template"], variables, dict(named), row.get("timestamp")


def read_batch(table: Any, layouts: Layouts) -> Batch:
    """Read a table of events.

    Raises:
        TypeError: It is no table, or a column is of a wrong type.
        ValueError: Its columns or times are not those of a batch.
        UnsupportedValueError: A value or an EventID cannot be kept.
    """
    whole = arrow_table(table)
    if not whole.num_rows:
        return Batch(0, [], {}, [], [])
    reader = _Reader(whole, layouts)
    return Batch(whole.num_rows, reader.ids, reader.templates(), *reader.segments())


class _Reader:
    """The columns of a batch, one entry a row, and `kept`: the rows with variables."""

    def __init__(self, table: pa.Table, layouts: Layouts) -> None:
        self._table = table
        self.ids, self._events = event_ids(whole_column(table, "event_id"))
        self._plans, self._plan_of_row = variables_of(table, layouts)
        stamps = whole_column(table, "timestamp")
        nothing = np.zeros(table.num_rows, dtype=np.int64)
        self._times: NDArray[np.int64] = nothing
        self._timed: NDArray[np.bool_] = nothing > 0
        if stamps is not None:
            self._times, self._timed = times_of(stamps)
        self._kept = np.array([bool(plan.names) for plan in self._plans])[self._plan_of_row].nonzero()[0]

    def templates(self) -> dict[EventID, str]:
        """Give the last template of each event with variables.

        Raises:
            UnsupportedValueError: A row with variables has a template that is no text.
        """
        texts, codes = coded(whole_column(self._table, "event_template"))
        wrong = [code for code, text in enumerate(texts) if type(text) is not str]
        for row in self._kept[np.isin(codes[self._kept], wrong)].tolist() if wrong else ():
            kind = type(texts[codes[row]]).__name__
            message = f"the template of event {self.ids[self._events[row]]!r} is a text, not a {kind}"
            raise UnsupportedValueError(message)
        events = self._events[self._kept]
        last = dict(zip(events.tolist(), self._kept.tolist(), strict=True))  # in order of first occurrence
        return {self.ids[event]: texts[codes[row]] for event, row in last.items()}

    def segments(self) -> tuple[list[Segment], list[LooseRow]]:
        """Give the rows with variables, each once: those of an event all as segments, or all as loose rows.

        Raises:
            UnsupportedValueError: A value cannot be kept.
        """
        events, count = self._events[self._kept], len(self.ids)
        order = self._kept[np.argsort(_narrow(events, count), kind="stable")]
        marks = (self._events[order] * len(self._plans) + self._plan_of_row[order]) * 2 + self._timed[order]
        changes = np.flatnonzero(np.diff(marks)) + 1
        starts = np.concatenate(([0], changes))[: len(order)]
        lengths = np.bincount(events, minlength=count)
        pieces = np.bincount(self._events[order[starts]], minlength=count)
        is_loose = lengths < pieces * _MANY_ROWS
        segments = [
            self._segment(order[start:stop])
            for start, stop in pairwise([*starts.tolist(), len(order)])
            if not is_loose[self._events[order[start]]]
        ]
        return segments, self._loose(self._kept[is_loose[events]])

    def _segment(self, rows: NDArray[np.int64]) -> Segment:
        plan = self._plans[self._plan_of_row[rows[0]]]
        times = self._times[rows] if self._timed[rows[0]] else None
        return Segment(self.ids[self._events[rows[0]]], plan.names, self._columns(plan, rows), times)

    def _loose(self, rows: NDArray[np.int64]) -> list[LooseRow]:
        plans = self._plan_of_row[rows]
        loose: list[Any] = [None] * len(rows)
        for number in np.unique(plans).tolist():
            plan, places = self._plans[number], np.flatnonzero(plans == number)
            mine = rows[places]
            columns = self._columns(plan, mine)
            heavy = any(column.dictionary.is_heavy for column in columns)
            values = zip(*(column.tolist() for column in columns), strict=True)
            times = zip(self._times[mine].tolist(), self._timed[mine].tolist(), strict=True)
            events = self._events[mine].tolist()
            for place, event, row, (time, timed) in zip(places.tolist(), events, values, times, strict=True):
                loose[place] = LooseRow(self.ids[event], plan.names, row, heavy, time if timed else None)
        return loose

    def _columns(self, plan: Plan, rows: NDArray[np.int64]) -> list[CodedColumn]:
        return [self._column(place, rows, name) for name, place in zip(plan.names, plan.places, strict=True)]

    def _column(self, place: Place, rows: NDArray[np.int64], name: str) -> CodedColumn:
        source, offset = place
        codes = source.codes[source.starts[rows] + offset]
        if source.wrong:
            for row in np.isin(codes, list(source.wrong)).nonzero()[0].tolist():
                event_id = self.ids[self._events[rows[row]]]
                message = f"event {event_id!r}, variable {name!r}: {source.wrong[int(codes[row])]}"
                raise UnsupportedValueError(message)
        return CodedColumn(source.dictionary, codes)


def _narrow(codes: NDArray[np.int64], count: int) -> NDArray[Any]:
    """Give codes as a type that numpy sorts by radix, if they are few."""
    return codes.astype(np.int16) if count < 2**15 else codes
