"""Where the rows of a query's result belong: series, slots, and those that belong nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.errors import LoadError
from tocsin.sources.grid import Grid, aggregate_runs
from tocsin.sources.instants import instant_of
from tocsin.sources.spec import Aggregate, LoadSpec, RejectedRow
from tocsin.sources.timestamps import NO_TIME, milliseconds_of_column
from tocsin.sources.values import factorise_texts, numbers_of_column, text_of_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from numpy.typing import NDArray

__all__ = ["Layout", "Rows", "first_astray", "place_rows", "rejected_rows"]

_MOST_SLOTS = 50_000_000
_MOST_REJECTED = 100
_LONGEST_VALUE = 80
_LONGEST_PAUSE = 86_400_000  # ms between rows ahead of the clock that still follow each other: a day …
_LONGEST_PAUSE_SLOTS = 10  # … or so many slots, whichever is longer
_NULL = "NULL"


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows within the window, sorted by series, time and place in the query's result.

    Attributes:
        read: How many rows the query gave.
        order: int64, the place of each row in the query's result.
        names: The series, sorted; with their row or without.
        codes: int64, the place of each row's series in `names`.
        slots: int64, the slot that each row falls into, in milliseconds.
        times: int64, each row's time, in milliseconds.
        values: float64, NaN for NULL.
        bad: bool, whether the value is not a number.
        unplaced: int64, places in the query's result of the rows that have no time.
        last: The latest time, `None` without rows.
    """

    read: int
    order: NDArray[np.int64]
    names: list[str]
    codes: NDArray[np.int64]
    slots: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    bad: NDArray[np.bool_]
    unplaced: NDArray[np.int64]
    last: int | None


def place_rows(
    columns: Mapping[str, NDArray[Any]],
    spec: LoadSpec,
    grid: Grid,
    begins: Mapping[str, int],
    *,
    first: int | None,
    limit: int | None,
) -> Rows:
    """Find the slot and the series of every row, and leave out the rows outside the window.

    Args:
        columns: The query's result.
        spec: How to read it.
        grid: The slots.
        begins: Series → the first slot that is wanted of it.
        first: The first slot that is wanted of any series.
        limit: The first slot that is not wanted.

    Raises:
        LoadError: A row lies off the grid and `align` is `error`.
    """
    times = milliseconds_of_column(columns[spec.timestamp_column])
    inside = times != NO_TIME
    unplaced = np.flatnonzero(~inside)
    slots = grid.slots(times) if not len(unplaced) else grid.slots(np.where(inside, times, grid.anchor))
    if first is not None:
        inside &= slots >= first
    if limit is not None:
        inside &= slots < limit
    names, codes = _series_of_rows(columns, spec, begins)
    if spec.dimension is not None and begins:
        earliest = np.array([begins.get(name, slots.min(initial=0)) for name in names], dtype=np.int64)
        inside &= slots >= earliest[codes]
    elif spec.name in begins:
        inside &= slots >= begins[spec.name]
    if spec.align == "error":
        _refuse_off_grid(spec, times, slots, inside)

    order = np.flatnonzero(inside)
    codes, times, slots = codes[order], times[order], slots[order]
    if (np.diff(codes) < 0).any() or ((np.diff(times) < 0) & (np.diff(codes) == 0)).any():
        by_series = np.lexsort((times, codes))
        order, codes, times, slots = order[by_series], codes[by_series], times[by_series], slots[by_series]
    values, bad = numbers_of_column(columns[spec.metric_column][order])
    last = int(times.max()) if len(times) else None
    return Rows(len(inside), order, names, codes, slots, times, values, bad, unplaced, last)


def _series_of_rows(
    columns: Mapping[str, NDArray[Any]], spec: LoadSpec, begins: Mapping[str, int]
) -> tuple[list[str], NDArray[np.int64]]:
    if spec.dimension is None:
        return [spec.name], np.zeros(len(columns[spec.timestamp_column]), dtype=np.int64)
    codes, texts = factorise_texts(columns[spec.dimension])
    found = [f"{spec.name}{{{spec.dimension}={text}}}" for text in texts]
    names = sorted({*found, *begins})
    places = {name: place for place, name in enumerate(names)}
    return names, np.array([places[name] for name in found], dtype=np.int64)[codes]


def _refuse_off_grid(
    spec: LoadSpec,
    times: NDArray[np.int64],
    slots: NDArray[np.int64],
    inside: NDArray[np.bool_],
) -> None:
    off = np.flatnonzero(inside & (times != slots))
    if len(off):
        row = int(off[0])
        when, slot = instant_of(int(times[row])), instant_of(int(slots[row]))
        message = (
            f"row {row + 1} of {spec.name} is off the grid of {spec.interval}: {_written(when)} is not "
            f"{_written(slot)} ({len(off)} such rows)"
        )
        raise LoadError(message, hint="set anchor to the time of a row that is on the grid, or align: floor")


def _written(instant: datetime) -> str:
    return instant.replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds").removesuffix(".000")


def first_astray(slots: NDArray[np.int64], present: int, interval: int, *, begun: bool) -> int | None:
    """Find the first slot ahead of the present that does not follow the present, or the slot before it.

    Args:
        slots: The slots of all rows, in any order, in milliseconds.
        present: The time it is now, in milliseconds.
        interval: The length of a slot in milliseconds.
        begun: Whether the series began before the present, whatever these rows are. When neither they nor
            any row did, the source's times have nothing to do with the clock, and none is astray.
    """
    ahead = np.unique(slots[slots > present])
    if not begun and len(ahead) and slots.min() > present:
        return None
    pauses = np.diff(ahead, prepend=present)
    far = np.flatnonzero(pauses > max(_LONGEST_PAUSE, _LONGEST_PAUSE_SLOTS * interval))
    return int(ahead[far[0]]) if len(far) else None


def rejected_rows(columns: Mapping[str, NDArray[Any]], spec: LoadSpec, rows: Rows) -> tuple[RejectedRow, ...]:
    """Describe the first rows that could not be used, in the order of the query's result."""
    bad = np.flatnonzero(rows.bad)
    bad = bad[np.argsort(rows.order[bad])][:_MOST_REJECTED]
    found = [
        RejectedRow(
            number=int(rows.order[at]) + 1,
            series=rows.names[rows.codes[at]],
            timestamp=instant_of(int(rows.times[at])),
            value=_shown(columns[spec.metric_column][rows.order[at]]),
            reason="not a number",
        )
        for at in bad
    ]
    for at in rows.unplaced[:_MOST_REJECTED]:
        part = {name: column[at : at + 1] for name, column in columns.items()}
        (name,) = _series_of_rows(part, spec, {})[0]
        shown = _shown(columns[spec.timestamp_column][at])
        if shown == _NULL:  # then the value helps to find the row
            shown = f"{_NULL}, {spec.metric_column} {_shown(columns[spec.metric_column][at])}"
        found.append(RejectedRow(int(at) + 1, name, None, shown, "no timestamp"))
    found.sort(key=lambda row: row.number)
    return tuple(found[:_MOST_REJECTED])


def _shown(value: Any) -> str:
    text = text_of_value(value) or ("" if isinstance(value, str) else _NULL)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The slots of all series one behind the other, as one long array.

    Attributes:
        names: The series that are in the result.
        begins: int64, the first slot of each series of `Rows.names`, in milliseconds.
        bases: int64, where its slots begin in the long array; one more at the end.
        interval: The length of a slot in milliseconds.
        first: The first slot of any series.
        span: How many slots there are from there to the end.
    """

    names: dict[int, str]
    begins: NDArray[np.int64]
    bases: NDArray[np.int64]
    interval: int
    first: int
    span: int

    @classmethod
    def of(
        cls, rows: Rows, spec: LoadSpec, grid: Grid, begins: Mapping[str, int], limit: int | None
    ) -> Layout:
        """Lay out the slots of every series up to the limit.

        Raises:
            LoadError: There would be far too many.
        """
        bounds = np.searchsorted(rows.codes, np.arange(len(rows.names) + 1))
        kept: dict[int, str] = {}
        starts = np.zeros(len(rows.names), dtype=np.int64)
        ends = np.zeros(len(rows.names), dtype=np.int64)
        for place, name in enumerate(rows.names):
            has_rows = bounds[place] < bounds[place + 1]
            begin = begins.get(name, int(rows.slots[bounds[place]]) if has_rows else None)
            if begin is not None and limit is not None and begin < limit:
                starts[place], ends[place] = begin, limit
                kept[place] = name
            elif name in begins or spec.dimension is None:
                kept[place] = name
        counts = (ends - starts) // grid.interval
        if counts.sum() > _MOST_SLOTS:
            used = counts > 0
            message = (
                f"{spec.name} would have {counts.sum():,} slots of {spec.interval} from "
                f"{instant_of(int(starts[used].min())):%Y-%m-%d} to {instant_of(int(ends.max())):%Y-%m-%d}"
            )
            raise LoadError(
                message, hint="is a timestamp wrong? set loading_start_time, or a longer interval"
            )
        used = counts > 0
        first = int(starts[used].min()) if used.any() else 0
        span = (int(ends.max()) - first) // grid.interval if used.any() else 0
        bases = np.concatenate(([0], np.cumsum(counts)))
        return cls(kept, starts, bases, grid.interval, first, span)

    def parts(self) -> Iterator[tuple[str, int, slice]]:
        """Give for each series its name, its first slot and its place in the long arrays."""
        for place, name in self.names.items():
            yield name, int(self.begins[place]), slice(int(self.bases[place]), int(self.bases[place + 1]))

    def count(self, rows: Rows, *, rejected: bool) -> NDArray[np.int64]:
        """Count the rejected, or the accepted, rows of every slot."""
        chosen = rows.bad if rejected else ~rows.bad
        return np.bincount(self._places(rows)[chosen], minlength=int(self.bases[-1]))

    def values(self, rows: Rows, how: Aggregate) -> NDArray[np.float64]:
        """Make the value of every slot from its accepted rows; NaN without one."""
        result = np.full(int(self.bases[-1]), np.nan)
        places, values = self._places(rows)[~rows.bad], rows.values[~rows.bad]
        if len(places):
            starts = np.flatnonzero(np.diff(places, prepend=-1))
            result[places[starts]] = aggregate_runs(values, starts, how)
        return result

    def spread(self, rows: Rows, column: NDArray[Any]) -> NDArray[np.object_]:
        """Give every slot the value that its last accepted row has in a column; `None` without one."""
        result = np.full(int(self.bases[-1]), None, dtype=object)
        places = self._places(rows)[~rows.bad]
        if len(places):
            lasts = np.flatnonzero(np.diff(places, append=-1))
            result[places[lasts]] = column[~rows.bad][lasts].astype(object)
        return result

    def _places(self, rows: Rows) -> NDArray[np.int64]:
        return self.bases[rows.codes] + (rows.slots - self.begins[rows.codes]) // self.interval
