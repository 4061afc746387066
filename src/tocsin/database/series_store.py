"""Series in the memory: their slots, verdicts and reading positions.

Everything works on a `Transaction` or, where it only reads, on a manager as well. A NaN is stored as
NULL and read as NaN again. A metric `m` has the series `m`, or `m{dimension=value}` for each value.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.database.batches import Constant
from tocsin.database.tables import (
    TABLE_DATAPOINTS,
    TABLE_DETECTIONS,
    TABLE_POSITIONS,
    TABLE_TASKS,
)
from tocsin.database.times import from_milliseconds, to_milliseconds
from tocsin.model import Direction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from tocsin.abc import Transaction
    from tocsin.database.manager import BaseDatabaseManager
    from tocsin.model import Detections, SeriesData

    Instant = datetime | np.datetime64
    Reader = Transaction | BaseDatabaseManager

__all__ = [
    "delete_position",
    "delete_series",
    "first_slot",
    "read_datapoints",
    "read_detections",
    "read_position",
    "series_of_metric",
    "write_datapoints",
    "write_detections",
    "write_position",
]

_SIGNS = {Direction.UP: 1, Direction.DOWN: -1}


def write_datapoints(
    tx: Transaction, metric_name: str, data: SeriesData, interval_seconds: int, created_at: datetime
) -> int:
    """Write slots of a series over those that are there, and give how many."""
    count = len(data["timestamp"])
    return tx.insert_batch(
        TABLE_DATAPOINTS,
        {
            "metric_name": Constant(metric_name, count),
            "timestamp": data["timestamp"],
            "value": data["value"],
            "seasonality_data": data["seasonality_data"],
            "interval_seconds": Constant(interval_seconds, count),
            "seasonality_columns": Constant(",".join(data["seasonality_columns"]), count),
            "created_at": Constant(created_at, count),
        },
        "replace",
    )


def read_datapoints(
    tx: Reader, metric_name: str, start: Instant | None = None, end: Instant | None = None
) -> SeriesData:
    """Read the slots of a series from `start` (inclusive) to `end` (exclusive), in order of time."""
    condition, params = _of_series(metric_name, start, end)
    table = tx.get_full_table_name(TABLE_DATAPOINTS)
    columns = tx.read_columns(
        f"SELECT timestamp, value, seasonality_data FROM {table} WHERE {condition} ORDER BY timestamp", params
    )
    newest = tx.read_columns(
        f"SELECT seasonality_columns FROM {table} WHERE {condition} ORDER BY timestamp DESC LIMIT 1", params
    )["seasonality_columns"]
    return {
        "timestamp": columns["timestamp"],
        "value": columns["value"].astype(np.float64, copy=False),
        "seasonality_data": columns["seasonality_data"],
        "seasonality_columns": newest[0].split(",") if len(newest) and newest[0] else [],
    }


def write_detections(
    tx: Transaction,
    metric_name: str,
    detector_id: str,
    detector_params: str,
    detections: Detections,
    metadata: Sequence[str],
    created_at: datetime,
) -> int:
    """Write verdicts of a detector on a series over those that are there, and give how many.

    Args:
        tx: The transaction.
        metric_name: The series.
        detector_id: Which detector.
        detector_params: Its parameters as JSON.
        detections: The verdicts.
        metadata: The metadata of each as JSON.
        created_at: Now.
    """
    count = len(detections)
    return tx.insert_batch(
        TABLE_DETECTIONS,
        {
            "metric_name": Constant(metric_name, count),
            "detector_id": Constant(detector_id, count),
            "timestamp": detections.timestamp,
            "is_anomaly": detections.is_anomaly,
            "confidence_lower": detections.confidence_lower,
            "confidence_upper": detections.confidence_upper,
            "value": detections.value,
            "detector_params": Constant(detector_params, count),
            "detection_metadata": metadata,
            "created_at": Constant(created_at, count),
        },
        "replace",
    )


def read_detections(
    tx: Reader,
    metric_name: str,
    detector_ids: Sequence[str] | None = None,
    start: Instant | None = None,
    end: Instant | None = None,
) -> dict[str, NDArray[Any]]:
    """Read verdicts on the slots of a series from `start` (inclusive) to `end` (exclusive).

    Args:
        tx: Where to read.
        metric_name: The series.
        detector_ids: Of which detectors; `None` of all.
        start: The first instant, or `None`.
        end: The end, or `None`.

    Returns:
        The columns `detector_id`, `timestamp` (datetime64[ms]), `is_anomaly` (bool), `confidence_lower`,
        `confidence_upper` and `value` (float64, NaN for NULL), `detection_metadata` (JSON), and from the
        metadata of anomalies `severity` (float64) and `direction` (int8: 1 up, -1 down), 0 for other
        slots; in order of time, then of detector id.
    """
    condition, params = _of_series(metric_name, start, end)
    if detector_ids is not None:
        names = {f"detector_{number}": identity for number, identity in enumerate(detector_ids)}
        condition += f" AND detector_id IN ({', '.join(f'%({name})s' for name in names) or 'NULL'})"
        params |= names
    columns = tx.read_columns(
        "SELECT detector_id, timestamp, is_anomaly, confidence_lower, confidence_upper, value,"
        f" detection_metadata FROM {tx.get_full_table_name(TABLE_DETECTIONS)} WHERE {condition}"
        " ORDER BY timestamp, detector_id",
        params,
    )
    for name in ("confidence_lower", "confidence_upper", "value"):
        columns[name] = columns[name].astype(np.float64, copy=False)
    columns["is_anomaly"] = columns["is_anomaly"].astype(np.bool_, copy=False)
    count = len(columns["timestamp"])
    severity, direction = np.zeros(count), np.zeros(count, dtype=np.int8)
    for place in np.flatnonzero(columns["is_anomaly"]).tolist():
        metadata = json.loads(columns["detection_metadata"][place])
        severity[place] = metadata.get("severity") or 0.0
        direction[place] = _SIGNS.get(metadata.get("direction"), 0)
    return columns | {"severity": severity, "direction": direction}


def first_slot(tx: Reader, metric_name: str) -> datetime | None:
    """Give the first slot of a series, `None` when it has none."""
    found = tx.read_columns(
        f"SELECT timestamp FROM {tx.get_full_table_name(TABLE_DATAPOINTS)}"
        " WHERE metric_name = %(metric_name)s ORDER BY timestamp LIMIT 1",
        {"metric_name": metric_name},
    )["timestamp"]
    milliseconds = to_milliseconds(found[0]) if len(found) else None
    return None if milliseconds is None else from_milliseconds(milliseconds)


def series_of_metric(name: str, column: str = "metric_name") -> tuple[str, dict[str, str]]:
    """Give the condition that a column names a metric or a series of it, and its parameters."""
    condition = f"({column} = %(name)s OR ({column} >= %(first)s AND {column} < %(last)s))"
    return condition, {"name": name, "first": name + "{", "last": name + "|"}  # "|" comes after "{"


def delete_series(tx: Transaction, metric_name: str) -> None:
    """Delete all series of a metric: slots, verdicts and what is recorded of their steps."""
    condition, params = series_of_metric(metric_name)
    for table in (TABLE_DATAPOINTS, TABLE_DETECTIONS, TABLE_TASKS):
        tx.execute_query(f"DELETE FROM {tx.get_full_table_name(table)} WHERE {condition}", params)


def read_position(tx: Reader, name: str) -> dict[str, Any] | None:
    """Give a reading position, `None` when there is none."""
    rows = tx.execute_query(
        f"SELECT position FROM {tx.get_full_table_name(TABLE_POSITIONS)} WHERE name = %(name)s",
        {"name": name},
    )
    if not rows:
        return None
    position: dict[str, Any] = json.loads(rows[0]["position"])
    return position


def write_position(tx: Transaction, name: str, position: Mapping[str, Any], now: datetime) -> None:
    """Write a reading position over the one that is there."""
    text = json.dumps(position, sort_keys=True)
    tx.insert_batch(TABLE_POSITIONS, {"name": [name], "position": [text], "updated_at": [now]}, "replace")


def delete_position(tx: Transaction, name: str) -> None:
    """Forget a reading position."""
    tx.execute_query(
        f"DELETE FROM {tx.get_full_table_name(TABLE_POSITIONS)} WHERE name = %(name)s", {"name": name}
    )


def _of_series(metric_name: str, start: Instant | None, end: Instant | None) -> tuple[str, dict[str, Any]]:
    condition = "metric_name = %(metric_name)s"
    params: dict[str, Any] = {"metric_name": metric_name}
    bounds = {"start": (">=", start), "end": ("<", end)}
    for name, (operator, instant) in bounds.items():
        if instant is not None:
            condition += f" AND timestamp {operator} %({name})s"
            params[name] = instant
    return condition, params
