"""How far a metric is loaded, and which slots have to be judged again.

Where reading goes on is one JSON position a metric, committed with the slots. It holds, besides the
end of what was loaded, how many source rows each slot had that will be read again (the last slot and
those within `lookback`), so that every row is counted once however often it is seen.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.database import series_store as store
from tocsin.database.tables import TABLE_DETECTIONS, TABLE_TASKS
from tocsin.errors import ConfigError
from tocsin.runtime.project_state import positions_of_series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tocsin.abc import Transaction
    from tocsin.database import BaseDatabaseManager
    from tocsin.runtime.config.monitors import MetricMonitor

__all__ = [
    "LoadPosition",
    "Rejudge",
    "empty_position",
    "forget_metric",
    "forget_verdicts",
    "from_ms",
    "loaded_position",
    "merge_ranges",
    "note_rejudge",
    "position_name",
    "read_rejudge",
    "rejudge_name",
    "to_ms",
    "write_rejudge",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def position_name(metric: str) -> str:
    """Name the load position of a metric."""
    return f"load:{metric}"


def rejudge_name(series: str) -> str:
    """Name the list of slots of a series whose values changed after they were judged."""
    return f"rejudge:{series}"


def to_ms(instant: datetime) -> int:
    """Give milliseconds since the epoch."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def from_ms(milliseconds: int) -> datetime:
    """Give the aware instant, UTC, of milliseconds since the epoch."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


@dataclass(slots=True)
class LoadPosition:
    """How far a metric is loaded.

    Attributes:
        until: End of what is loaded (exclusive), ms since the epoch; `None` when nothing is.
        interval_seconds: The grid's interval at that time.
        phase: The grid's offset from the epoch, ms.
        first: series → its first slot, ms.
        rows: series → {slot (ms, as text): [rows merged, rows rejected]} as counted, for the slots that
            will be read again and have any.
        unplaced: Rows without a timestamp that were counted.
        shape: What the slots hold besides values, see `_shape_of`.
    """

    until: int | None
    interval_seconds: int
    phase: int
    first: dict[str, int]
    rows: dict[str, dict[str, list[int]]]
    unplaced: int = 0
    shape: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Give what is stored."""
        return {
            "until": self.until,
            "interval_seconds": self.interval_seconds,
            "phase": self.phase,
            "first": self.first,
            "rows": self.rows,
            "unplaced": self.unplaced,
            "shape": self.shape,
        }


@dataclass(frozen=True, slots=True)
class Rejudge:
    """What is left to do for a series after values changed that had been judged.

    Attributes:
        ranges: The slots to judge again, first and last of each stretch, both included, in ms.
        evaluate_from: The first slot that was judged again and not evaluated since, in ms: a run without
            the step `alert` leaves that to the next one with it.
    """

    ranges: tuple[tuple[int, int], ...] = ()
    evaluate_from: int | None = None


def empty_position(monitor: MetricMonitor) -> LoadPosition:
    """Give the position of a metric of which nothing is loaded."""
    config = monitor.config
    phase = to_ms(config.anchor) % config.interval.milliseconds
    return LoadPosition(None, config.interval.seconds, phase, {}, {}, shape=_shape_of(monitor))


def forget_metric(tx: Transaction, metric: str) -> None:
    """Delete series, verdicts and positions; incidents and messages stay, so nothing is told twice."""
    changed = positions_of_series(tx, "rejudge", metric)
    store.delete_series(tx, metric)
    for name in (position_name(metric), *map(rejudge_name, changed)):
        store.delete_position(tx, name)


def forget_verdicts(tx: Transaction, metric: str) -> None:
    """Delete verdicts, and how far detectors and rules have come; the series stay."""
    series, params = store.series_of_metric(metric)
    tx.execute_query(f"DELETE FROM {tx.get_full_table_name(TABLE_DETECTIONS)} WHERE {series}", params)
    tx.execute_query(
        f"DELETE FROM {tx.get_full_table_name(TABLE_TASKS)} WHERE {series} AND process_type <> 'load'", params
    )


def loaded_position(tx: Transaction | BaseDatabaseManager, monitor: MetricMonitor) -> LoadPosition:
    """Read how far a metric is loaded.

    Raises:
        ConfigError: Grid, dimension or seasonality in the configuration are not those that were loaded.
    """
    fresh = empty_position(monitor)
    stored = store.read_position(tx, position_name(monitor.name))
    if stored is None:
        return fresh
    position = LoadPosition(**stored)
    changed = [key for key, value in fresh.shape.items() if value != position.shape.get(key)]
    if (position.interval_seconds, position.phase) != (fresh.interval_seconds, fresh.phase):
        changed.append("interval or anchor")
    if not changed:
        return position
    if position.first:
        raise ConfigError(
            f"{', '.join(changed)} changed since {monitor.name} was loaded",
            path=str(monitor.path),
            hint=f"load it again: tocsin run --select {monitor.name} --full-refresh",
        )
    return fresh


def _shape_of(monitor: MetricMonitor) -> dict[str, Any]:
    """Give the keys of a metric that decide which series it has and what their slots hold."""
    config = monitor.config
    seasonality: list[str | None] = [*config.seasonality_columns, *config.query_columns.seasonality]
    if config.seasonality_columns:
        seasonality += [config.timezone, config.holidays]
    return {"dimension": config.dimension, "seasonality (columns, timezone or holidays)": seasonality}


def note_rejudge(tx: Transaction, series: str, slots: NDArray[np.int64], step: int, now: datetime) -> None:
    """Remember which slots changed, as ranges, until every detector has judged them again."""
    before = read_rejudge(store.read_position(tx, rejudge_name(series)))
    breaks = np.flatnonzero(np.diff(slots) != step)
    firsts = slots[np.concatenate(([0], breaks + 1))]
    lasts = slots[np.concatenate((breaks, [len(slots) - 1]))]
    new = zip(firsts.tolist(), lasts.tolist(), strict=True)
    write_rejudge(tx, series, replace(before, ranges=merge_ranges([*before.ranges, *new], step)), now)


def read_rejudge(stored: Mapping[str, Any] | None) -> Rejudge:
    """Read what is stored under `rejudge_name`."""
    found = stored or {}
    ranges = tuple((int(first), int(last)) for first, last in found.get("ranges", ()))
    return Rejudge(ranges, found.get("evaluate_from"))


def write_rejudge(tx: Transaction, series: str, rejudge: Rejudge, now: datetime) -> None:
    """Keep what is left to do after a correction, or forget it when that is nothing."""
    if rejudge == Rejudge():
        store.delete_position(tx, rejudge_name(series))
    else:
        store.write_position(tx, rejudge_name(series), asdict(rejudge), now)


def merge_ranges(ranges: list[tuple[int, int]], step: int) -> tuple[tuple[int, int], ...]:
    """Join ranges of slots (first and last, both included) that overlap or touch, in order."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + step:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    return tuple(merged)
