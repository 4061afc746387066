"""The load step of a metric: reads what is new (and what may have changed) and keeps it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from tocsin.database import series_store as store
from tocsin.database.tables import TABLE_DATAPOINTS
from tocsin.runtime.metrics.load_position import (
    LoadPosition,
    empty_position,
    forget_metric,
    from_ms,
    loaded_position,
    note_rejudge,
    position_name,
    to_ms,
)
from tocsin.sources import LoadSpec, MetricLoader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from numpy.typing import NDArray

    from tocsin.abc import Transaction
    from tocsin.model import SeriesData
    from tocsin.runtime.config.monitors import MetricMonitor
    from tocsin.runtime.gate import GatedSource
    from tocsin.runtime.job import Job
    from tocsin.runtime.run_report import MonitorReport
    from tocsin.sources import LoadedSeries, LoadResult

__all__ = ["load_metric"]

_FIRST = -62_135_596_800_000  # the first instant that Python can name, ms since the epoch
_MOST_REJECTED_SHOWN = 5


def load_metric(job: Job[MetricMonitor], source: GatedSource) -> None:
    """Load what is new of a metric, each batch in one transaction with the position.

    Raises:
        TocsinError: The source, the memory or the configuration failed; batches before are kept.
    """
    with job.memory.transaction(lease=job.lease):
        job.memory.upsert_task_status(job.monitor.name, "load", "load", "running")
    step = _LoadStep(job, source)
    for start, end in step.windows():
        step.load_window(start, end)
    step.finish()


class _LoadStep:
    def __init__(self, job: Job[MetricMonitor], source: GatedSource) -> None:
        monitor, config = job.monitor, job.monitor.config
        self._monitor, self._config, self._memory, self._lease = monitor, config, job.memory, job.lease
        self._options, self._report, self._now = job.options, job.report, job.now
        self._step = config.interval.milliseconds
        self._phase = to_ms(config.anchor) % self._step
        self._lookback = config.lookback // timedelta(milliseconds=1)
        usual_end = "data" if source.capabilities.files else "now"
        self._to_data_end = (config.loading_end or usual_end) == "data"
        self._forget_first = job.options.full_refresh
        self._position = (
            empty_position(monitor) if self._forget_first else loaded_position(job.memory, monitor)
        )
        self._loader = MetricLoader(source, _spec_of(monitor))
        self._rows_read = 0
        self._rejected_shown = 0

    def _floor(self, instant: int) -> int:
        floor = (instant - self._phase) // self._step * self._step + self._phase
        return floor if floor >= _FIRST else floor + self._step

    def _first_whole_slot(self, instant: datetime) -> int:
        """Only whole intervals are loaded: the one that `loading_start_time` cuts is not."""
        return self._floor(to_ms(instant) + self._step - 1)

    def windows(self) -> Iterator[tuple[datetime | None, datetime | None]]:
        """Give the half-open windows to read, oldest first; `None` is an open end."""
        position, config = self._position, self._config
        if self._options.start is not None:
            start = self._floor(to_ms(self._options.start))
        elif position.until is not None:
            # The last slot is read again: rows may have been appended to it.
            start = self._floor(position.until - self._step - self._lookback)
            if config.loading_start_time is not None:
                start = max(start, self._first_whole_slot(config.loading_start_time))
        elif config.loading_start_time is not None:
            start = self._first_whole_slot(config.loading_start_time)
        else:
            start = None
        if start is not None and position.until is not None:
            start = min(start, position.until - self._step)  # a later start would leave a hole
        limits = [] if self._to_data_end else [to_ms(self._now - config.loading_delay)]
        if self._options.end is not None:
            limits.append(to_ms(self._options.end))
        end = self._floor(min(limits)) if limits else None
        if start is None or end is None or self._to_data_end:
            # A file has an end, and is read whole for each window: one is enough.
            yield (None if start is None else from_ms(start)), (None if end is None else from_ms(end))
            return
        batch = config.loading_batch_size * self._step
        for begin in range(start, end, batch):
            yield from_ms(begin), from_ms(min(begin + batch, end))

    def load_window(self, start: datetime | None, end: datetime | None) -> None:
        """Read a window and keep it, with the position, in one transaction."""
        position, config, name = self._position, self._config, self._monitor.name
        known = {series: start or from_ms(first) for series, first in position.first.items()}
        result = self._loader.read(start, end, known, stop_at_data=self._to_data_end, present=self._present())
        if result.astray is not None:
            self._report.notes.append(
                f"rows at {result.astray:%Y-%m-%d %H:%M:%S} UTC and later lie far ahead of the clock,"
                " and are left out until then"
            )
        if self._to_data_end and self._is_under_way(result):
            complete = from_ms(self._floor(to_ms(self._now - config.loading_delay)))
            result = self._loader.read(start, complete, known, stop_at_data=True)
        self._rows_read += result.rows_read
        if self._options.start is None or self._to_data_end:
            result = replace(result, series=tuple(_trimmed(one, position.first) for one in result.series))
        with self._report.counting(), self._memory.transaction(lease=self._lease) as tx:
            after = self._account(result)
            if self._forget_first:  # only now: the source has answered
                forget_metric(tx, name)
            for series in result.series:
                self._keep(tx, series)
            store.write_position(tx, position_name(name), after.to_json(), self._now)
            self._memory.upsert_task_status(
                name,
                "load",
                "load",
                "running",
                None if after.until is None else from_ms(after.until - self._step),
                timeout_seconds=int(self._options.timeouts["load"].total_seconds()),
            )
        self._position, self._forget_first = after, False
        self._note_rejected(result)

    def _present(self) -> datetime | None:
        """Give the time from which on rows must follow each other, see `MetricLoader.read`."""
        position, now = self._position, to_ms(self._now)
        if not self._to_data_end or min(position.first.values(), default=now) > now:
            return None
        return from_ms(max(now, position.until or now))

    def finish(self) -> None:
        """Close the books of the step, and say so when the source has never had a row."""
        with self._memory.transaction(lease=self._lease) as tx:
            self._memory.upsert_task_status(self._monitor.name, "load", "load", "completed")
            never_any = not self._rows_read and not _has_values(tx, self._position.first)
        more = self._report.rows_rejected - self._rejected_shown
        if more > 0:
            self._report.notes.append(f"and {more:,} more rejected")
        if never_any:
            self._report.notes.append("the query gave no rows")

    def _is_under_way(self, result: LoadResult) -> bool:
        """Say whether the last interval of the data is not over yet.

        An interval is complete when the clock has passed its end, or the source has later rows: a file
        with times that lie ahead of the clock has an end of its own.
        """
        if result.end is None or result.last_timestamp is None or result.last_timestamp > self._now:
            return False
        return to_ms(result.end) > self._floor(to_ms(self._now - self._config.loading_delay))

    def _account(self, result: LoadResult) -> LoadPosition:
        """Count rows that were not counted before, and make the position after this window."""
        before, report = self._position, self._report
        ends = [
            end
            for end in (before.until, None if result.end is None else to_ms(result.end))
            if end is not None
        ]
        until = max(ends, default=None)
        kept_from = None if until is None else until - self._step - self._lookback
        rows: dict[str, dict[str, list[int]]] = {series: {} for series in before.first}
        firsts = dict(before.first)
        for series in result.series:
            times = series.data["timestamp"].astype(np.int64)
            seen = before.rows.get(series.name, {})
            if len(times):
                firsts[series.name] = min(int(times[0]), firsts.get(series.name, int(times[0])))
            _count_rows(series, times, seen, report)
            if kept_from is not None:
                tail = np.flatnonzero((times >= kept_from) & (series.merged + series.rejected > 0))
                rows[series.name] = {
                    str(times[i]): [int(series.merged[i]), int(series.rejected[i])] for i in tail
                }
                # Slots outside of this window (with --from and --to) keep what is known of them.
                first, last = (times[0], times[-1]) if len(times) else (0, -1)
                for slot, counts in seen.items():
                    if not first <= int(slot) <= last and int(slot) >= kept_from:
                        rows[series.name][slot] = counts
        report.rows_rejected += max(0, result.unplaced - before.unplaced)
        unplaced = max(before.unplaced, result.unplaced)
        return replace(before, until=until, first=firsts, rows=rows, unplaced=unplaced)

    def _keep(self, tx: Transaction, series: LoadedSeries) -> None:
        """Write the slots that are new or changed; note the changed ones that were judged already."""
        data = series.data
        if not len(data["timestamp"]):
            return
        times = data["timestamp"].astype(np.int64)
        stored = store.read_datapoints(tx, series.name, from_ms(int(times[0])), from_ms(int(times[-1]) + 1))
        write = _differs(data, stored)
        if not write.any():
            return
        chosen: SeriesData = {
            "timestamp": data["timestamp"][write],
            "value": data["value"][write],
            "seasonality_data": data["seasonality_data"][write],
            "seasonality_columns": data["seasonality_columns"],
        }
        store.write_datapoints(tx, series.name, chosen, self._config.interval.seconds, self._now)
        self._report.points_loaded += int(write.sum())
        changed = times[write & np.isin(times, stored["timestamp"].astype(np.int64))]
        until = self._position.until
        late = times[write & (times < until)] if until is not None else changed
        if len(late):
            note_rejudge(tx, series.name, late, self._step, self._now)

    def _note_rejected(self, result: LoadResult) -> None:
        if self._report.rows_rejected:
            for row in result.rejected[:_MOST_REJECTED_SHOWN]:
                when = "" if row.timestamp is None else f" at {row.timestamp:%Y-%m-%d %H:%M:%S}"
                self._rejected_shown += 1
                self._report.notes.append(f"row {row.number}{when} rejected: {row.reason}: {row.value!r}")


def _spec_of(monitor: MetricMonitor) -> LoadSpec:
    config = monitor.config
    counts_events = config.source == "events"
    return LoadSpec(
        name=config.name,
        query=monitor.query,
        interval=config.interval,
        timestamp_column=config.query_columns.timestamp,
        metric_column=config.query_columns.metric,
        seasonality_source_columns=config.query_columns.seasonality,
        dimension=config.dimension,
        anchor=config.anchor,
        align=config.align,
        aggregate="sum" if counts_events else config.aggregate,
        seasonality_columns=config.seasonality_columns,
        timezone=config.timezone,
        holidays=config.holidays,
        variables=config.variables,
        fill=0.0 if counts_events else None,
    )


def _trimmed(series: LoadedSeries, firsts: Mapping[str, int]) -> LoadedSeries:
    """Leave out the empty slots in front of a known series: before its first one only late rows count."""
    times = series.data["timestamp"].astype(np.int64)
    first = firsts.get(series.name)
    if first is None or not len(times) or times[0] >= first:
        return series
    wanted = np.flatnonzero((times >= first) | (series.rows + series.rejected > 0))
    begin = int(wanted[0]) if len(wanted) else len(times)
    data = series.data
    return replace(
        series,
        data={
            "timestamp": data["timestamp"][begin:],
            "value": data["value"][begin:],
            "seasonality_data": data["seasonality_data"][begin:],
            "seasonality_columns": data["seasonality_columns"],
        },
        rows=series.rows[begin:],
        merged=series.merged[begin:],
        rejected=series.rejected[begin:],
    )


def _count_rows(
    series: LoadedSeries, times: NDArray[np.int64], seen: dict[str, list[int]], report: MonitorReport
) -> None:
    """Add the rows that were not counted in an earlier run."""
    merged, rejected = int(series.merged.sum()), int(series.rejected.sum())
    for slot, (merged_before, rejected_before) in seen.items():
        i = int(np.searchsorted(times, int(slot)))
        if i < len(times) and times[i] == int(slot):
            merged -= min(merged_before, int(series.merged[i]))
            rejected -= min(rejected_before, int(series.rejected[i]))
    report.rows_merged += merged
    report.rows_rejected += rejected


def _differs(data: SeriesData, stored: SeriesData) -> NDArray[np.bool_]:
    """Say for each slot whether it is not stored just so."""
    times, old_times = data["timestamp"].astype(np.int64), stored["timestamp"].astype(np.int64)
    differs = np.ones(len(times), dtype=np.bool_)
    if not len(old_times):
        return differs
    at = np.minimum(np.searchsorted(old_times, times), len(old_times) - 1)
    there = old_times[at] == times
    old, new = stored["value"][at], data["value"]
    same_value = (old == new) | (np.isnan(old) & np.isnan(new))
    same_season = stored["seasonality_data"][at] == data["seasonality_data"]
    result: NDArray[np.bool_] = ~(there & same_value & same_season)
    return result


def _has_values(tx: Transaction, series: Iterable[str]) -> bool:
    """Say whether any of the series has ever had a value."""
    table = tx.get_full_table_name(TABLE_DATAPOINTS)
    query = f"SELECT 1 FROM {table} WHERE metric_name = %(name)s AND value IS NOT NULL LIMIT 1"
    return any(tx.execute_query(query, {"name": name}) for name in series)
