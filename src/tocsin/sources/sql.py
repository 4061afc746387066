"""The metric loader: runs a query, puts its rows on the grid, and accounts for every one of them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.errors import LoadError
from tocsin.sources.grid import Grid
from tocsin.sources.instants import instant_of, milliseconds_of
from tocsin.sources.placement import Layout, Rows, first_astray, place_rows, rejected_rows
from tocsin.sources.seasonality import seasonality_json, seasonality_of
from tocsin.sources.spec import LoadedSeries, LoadResult, LoadSpec, RejectedRow
from tocsin.sources.template import render_query

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from numpy.typing import NDArray

    from tocsin.abc import ColumnSource
    from tocsin.model import SeriesData

__all__ = ["LoadResult", "LoadSpec", "LoadedSeries", "MetricLoader", "RejectedRow"]


class MetricLoader:
    """Reads a metric's series from a source.

    The same rows give the same result, whatever window they are read in: reading `[a, b)` and then
    `[b, c)` gives the slots, values and counts of `[a, c)`.

    Args:
        source: What answers the query.
        spec: How to read it.

    >>> from datetime import datetime
    >>> import numpy as np
    >>> from tocsin.model import Interval
    >>> class Two:
    ...     def read_columns(self, query, params=None):
    ...         times = np.array(["2026-11-30T10:00", "2026-11-30T12:00"], dtype="datetime64[ms]")
    ...         return {"timestamp": times, "value": np.array([1.0, 3.0])}
    >>> loader = MetricLoader(Two(), LoadSpec("requests", "SELECT …", Interval.parse("1h")))
    >>> loader.load(datetime(2026, 11, 30, 10), datetime(2026, 11, 30, 14))["value"]
    array([ 1., nan,  3., nan])
    """

    def __init__(self, source: ColumnSource, spec: LoadSpec) -> None:
        self._source = source
        self._spec = spec
        self._grid = Grid(milliseconds_of(spec.anchor), spec.interval.milliseconds, spec.align)

    def load(
        self,
        from_date: datetime | None,
        to_date: datetime | None,
        fill_gaps: bool = True,  # noqa: FBT001, FBT002 (the specified signature)
    ) -> SeriesData:
        """Load the series of a metric without a dimension.

        Args:
            from_date: The first instant (naive is UTC), `None` for the first row's slot.
            to_date: The first instant that is not wanted, `None` for the end of the last row's slot.
            fill_gaps: Whether slots without a row are there, as NaN.

        Returns:
            The slots that lie whole in `[from_date, to_date)`.

        Raises:
            LoadError: The query gave something that is not a series, or the metric has a dimension.
            ConfigError: The query's template, or the metric's zone or holidays, are wrong.
            DatabaseError: The query failed.
        """
        if self._spec.dimension is not None:
            message = f"{self._spec.name} has a dimension and therefore many series"
            raise LoadError(message, hint="use read()")
        (series,) = self.read(from_date, to_date).series
        data = series.data
        if not fill_gaps:
            there = series.rows > 0
            data["timestamp"] = data["timestamp"][there]
            data["value"] = data["value"][there]
            data["seasonality_data"] = data["seasonality_data"][there]
        return data

    def read(
        self,
        start: datetime | None,
        end: datetime | None,
        known: Mapping[str, datetime] | None = None,
        *,
        stop_at_data: bool = False,
        present: datetime | None = None,
    ) -> LoadResult:
        """Read a window: all series, every slot of theirs, and what became of every row.

        Only intervals that lie whole in `[start, end)` count; rows outside are ignored, so that a query
        need not filter. Each series has slots up to the common end, from: its instant in `known` (but
        not before `start`); else, for a metric without a dimension, `start`; else its first row.

        Args:
            start: The first instant wanted (naive is UTC), `None` for the beginning of the data.
            end: The first instant not wanted, `None` for the end of the last row's slot.
            known: Series that were seen before, each with the instant from which its slots are wanted:
                they are in the result even when the query has no row of them.
            stop_at_data: Whether to end with the last row's slot when that is before `end`, as with
                `end=None`; then a window without a row has no slots.
            present: The time it is now, or to which was read before. Rows ahead of it count only as long as
                they follow each other, if any row (or a known series) is not ahead of it: one that a
                typing error puts a century ahead would end the series there, and what comes later would
                never be read. `None`: all rows count.

        Raises:
            LoadError: The query gave something that is not a series.
            ConfigError: The query's template, or the metric's zone or holidays, are wrong.
            DatabaseError: The query failed.
        """
        spec, grid = self._spec, self._grid
        first = None if start is None else grid.ceil(milliseconds_of(start))
        limit = None if end is None else grid.floor(milliseconds_of(end))
        begins = {name: grid.ceil(milliseconds_of(instant)) for name, instant in (known or {}).items()}
        if first is not None:
            begins = {name: max(begin, first) for name, begin in begins.items()}
            if spec.dimension is None:
                begins = {spec.name: begins.get(spec.name, first)}

        columns = self._query(first, limit)
        rows = place_rows(columns, spec, grid, begins, first=first, limit=limit)
        astray = None
        if present is not None:
            astray = first_astray(rows.slots, milliseconds_of(present), grid.interval, begun=bool(known))
        if astray is not None:
            rows = place_rows(columns, spec, grid, begins, first=first, limit=astray)
        if limit is None or stop_at_data:
            data_end = None if rows.last is None else grid.slot(rows.last) + grid.interval
            limit = data_end if limit is None or data_end is None else min(limit, data_end)
        layout = Layout.of(rows, spec, grid, begins, limit)
        return LoadResult(
            series=self._series(columns, rows, layout),
            rows_read=rows.read,
            rows_ignored=rows.read - len(rows.order) - len(rows.unplaced),
            unplaced=len(rows.unplaced),
            rejected=rejected_rows(columns, spec, rows),
            last_timestamp=None if rows.last is None else instant_of(rows.last),
            end=None if limit is None else instant_of(limit),
            astray=None if astray is None else instant_of(astray),
        )

    def _query(self, first: int | None, limit: int | None) -> dict[str, NDArray[Any]]:
        spec, shift = self._spec, self._grid.shift
        query = render_query(
            spec.query,
            start=None if first is None else instant_of(first - shift),
            end=None if limit is None else instant_of(limit - shift),
            interval_seconds=spec.interval.seconds,
            variables=spec.variables,
        )
        columns = self._source.read_columns(query)
        wanted = [spec.timestamp_column, spec.metric_column, *spec.seasonality_source_columns]
        if spec.dimension is not None:
            wanted.append(spec.dimension)
        for column in wanted:
            if column not in columns:
                raise _missing_column(spec.name, column, list(columns))
        return columns

    def _series(
        self, columns: Mapping[str, NDArray[Any]], rows: Rows, layout: Layout
    ) -> tuple[LoadedSeries, ...]:
        spec, step = self._spec, self._grid.interval
        accepted = layout.count(rows, rejected=False)
        rejected = layout.count(rows, rejected=True)
        values = layout.values(rows, spec.aggregate)
        if spec.fill is not None:
            values = np.where(accepted + rejected == 0, spec.fill, values)
        extra = {
            name: layout.spread(rows, columns[name][rows.order]) for name in spec.seasonality_source_columns
        }
        common = _Seasonality(spec, layout)
        names = [*spec.seasonality_columns, *spec.seasonality_source_columns]
        result = []
        for name, begin, part in layout.parts():
            count = part.stop - part.start
            data: SeriesData = {
                "timestamp": (begin + step * np.arange(count)).astype("datetime64[ms]"),
                "value": values[part],
                "seasonality_data": common.of(begin, count, {key: extra[key][part] for key in extra}),
                "seasonality_columns": names.copy(),
            }
            merged = np.maximum(accepted[part] - 1, 0)
            result.append(LoadedSeries(name, data, accepted[part], merged, rejected[part]))
        return tuple(result)


class _Seasonality:
    """The computed columns over all slots of all series, made once, since series share their slots."""

    def __init__(self, spec: LoadSpec, layout: Layout) -> None:
        self._step = layout.interval
        self._first = layout.first
        slots = layout.first + layout.interval * np.arange(layout.span)
        self._columns = seasonality_of(
            slots, spec.seasonality_columns, timezone=spec.timezone, holidays=spec.holidays
        )
        self._json = seasonality_json(self._columns, len(slots))

    def of(self, begin: int, count: int, extra: Mapping[str, NDArray[Any]]) -> NDArray[np.object_]:
        at = (begin - self._first) // self._step
        part = slice(at, at + count)
        if not extra:
            return self._json[part].copy()
        computed = {name: column[part] for name, column in self._columns.items()}
        return seasonality_json({**computed, **extra}, count)


def _missing_column(metric: str, column: str, there: list[str]) -> LoadError:
    if not there:
        return LoadError(f"the query of {metric} gave no columns", hint="it must be a SELECT")
    near = get_close_matches(column.lower(), [name.lower() for name in there], n=1)
    meant = [name for name in there if near and name.lower() == near[0]]
    hint = (
        f"did you mean {meant[0]!r}?" if meant else "set query_columns, or give the column that name with AS"
    )
    return LoadError(f"the query of {metric} has no column {column!r}, only {', '.join(there)}", hint=hint)
