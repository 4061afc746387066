"""Makes what is reported of a log from what the memory holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tocsin.database import series_store as store
from tocsin.database.tables import TABLE_DETECTIONS
from tocsin.reporting import LogView, ReportedLine
from tocsin.runtime.config.monitors import BrokenMonitor, LogMonitor
from tocsin.runtime.logs.memory import log_position_name
from tocsin.runtime.metrics.load_position import from_ms
from tocsin.runtime.project_state import errors_of_monitors
from tocsin.runtime.run_findings import read_incidents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.database import BaseDatabaseManager
    from tocsin.runtime.config.monitors import Monitor

__all__ = ["log_views"]

_MOST_LINES = 200  # a page of a million lines helps nobody


def log_views(
    memory: BaseDatabaseManager,
    monitors: Sequence[Monitor],
    *,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[LogView]:
    """Read what was found in each log among some monitors; a broken one is a view without lines.

    Args:
        memory: The project's memory.
        monitors: The monitors.
        start: The first instant to read, or `None` for all.
        end: The end, exclusive, or `None`.
    """
    views = []
    errors = errors_of_monitors(memory)
    for monitor in monitors:
        if isinstance(monitor, BrokenMonitor) and monitor.kind == "log":
            views.append(LogView(monitor.name, status="broken", error=str(monitor.error)))
        elif isinstance(monitor, LogMonitor):
            views.append(_view(memory, monitor, start, end, errors.get(monitor.name)))
    return views


def _view(
    memory: BaseDatabaseManager,
    monitor: LogMonitor,
    start: datetime | None,
    end: datetime | None,
    error: str | None,
) -> LogView:
    position = store.read_position(memory, log_position_name(monitor.name)) or {}
    wanted = {f"d{n}": detector.get_detector_id() for n, detector in enumerate(monitor.detectors)}
    chosen = ", ".join(f"%({name})s" for name in wanted)
    condition = (
        f"metric_name = %(monitor)s AND is_anomaly AND detector_id IN ({chosen})"
        + ("" if start is None else " AND timestamp >= %(start)s")
        + ("" if end is None else " AND timestamp < %(end)s")
    )
    params = {"monitor": monitor.name, **wanted, "start": start, "end": end}
    table = memory.get_full_table_name(TABLE_DETECTIONS)
    found = memory.execute_query(
        f"SELECT count(DISTINCT timestamp) AS n FROM {table} WHERE {condition}", params
    )
    rows = memory.execute_query(
        f"SELECT timestamp, detection_metadata FROM {table} WHERE {condition} AND timestamp IN"
        f" (SELECT DISTINCT timestamp FROM {table} WHERE {condition}"
        f" ORDER BY timestamp DESC LIMIT {_MOST_LINES})"
        " ORDER BY timestamp, detector_id",
        params,
    )
    by_line: dict[datetime, list[dict[str, Any]]] = {}
    for row in rows:
        by_line.setdefault(row["timestamp"], []).append(json.loads(row["detection_metadata"]))
    incidents = [
        incident
        for incident in read_incidents(memory, series=monitor.name)
        if (start is None or incident.last_anomaly_at >= start) and (end is None or incident.opened_at < end)
    ]
    return LogView(
        name=monitor.name,
        lines=tuple(_line(instant, said) for instant, said in by_line.items()),
        found=int(found[0]["n"]),
        read=position.get("lines", 0),
        rejected=position.get("rejected", 0),
        description=monitor.config.description,
        timezone=monitor.config.timezone,
        last=from_ms(position["latest"]) if "latest" in position else None,
        incidents=tuple(incidents),
        status="ok" if error is None else "failed",
        error=error,
    )


def _line(instant: datetime, said: list[dict[str, Any]]) -> ReportedLine:
    first = said[0]
    exact = first.get("time")
    return ReportedLine(
        timestamp=instant if exact is None else _time(exact, instant),
        place=f"{first['file']}:{first['line']}",
        event=str(first["EventID"]),
        severity=max(float(one["severity"]) for one in said),
        explanations=tuple((str(one["detector"]), str(one["explanation"])) for one in said),
        text=str(first["log"]),
    )


def _time(seconds: float, otherwise: datetime) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return otherwise
