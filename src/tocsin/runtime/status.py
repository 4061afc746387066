"""Collects the state of a project for `tocsin status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.database.processes import is_dead
from tocsin.database.series_store import read_position, series_of_metric
from tocsin.database.tables import (
    TABLE_DATAPOINTS,
    TABLE_DETECTIONS,
    TABLE_INCIDENTS,
    TABLE_OUTBOX,
    TABLE_TASKS,
)
from tocsin.model import IncidentState, OutboxState
from tocsin.runtime.config.monitors import BrokenMonitor, EventsMonitor
from tocsin.runtime.events.facts import NO_EVENTS, events_facts
from tocsin.runtime.logs.memory import log_position_name
from tocsin.runtime.pipeline import lease_name
from tocsin.runtime.project_state import describe_owner, held_leases, metric_of

if TYPE_CHECKING:
    from tocsin.database import BaseDatabaseManager
    from tocsin.runtime.config.loader import Project

__all__ = ["project_status"]


def project_status(project: Project, memory: BaseDatabaseManager) -> dict[str, Any]:
    """Give for each monitor its counts and its last point, and for the project locks and messages.

    A log has, besides, its lines and the phase of each detector; its last point is its last line. Events
    have, besides, how many files wait in their folder, and how many of the store are not looked at yet.
    Anomalies are the distinct points that a detector of the present configuration calls anomalous.
    """
    points = _by_metric(
        memory,
        "SELECT metric_name, count(*) AS points, count(*) - count(value) AS gaps,"
        " max(timestamp) AS last_point"
        " FROM {table} GROUP BY metric_name",
        TABLE_DATAPOINTS,
    )
    tasks = _by_metric(
        memory, "SELECT metric_name, status, error_message, process_type FROM {table}", TABLE_TASKS
    )
    incidents = _by_metric(
        memory,
        f"SELECT series AS metric_name FROM {{table}} WHERE state <> '{IncidentState.RESOLVED}'",
        TABLE_INCIDENTS,
    )
    working = [lease for lease in held_leases(memory) if not is_dead(lease.owner)]
    held = {lease.name for lease in working}
    monitors = []
    for monitor in project.monitors:
        rows = points.get(monitor.name, [])
        failed = [row for row in tasks.get(monitor.name, []) if row["status"] == "failed"]
        row = {
            "name": monitor.name,
            "kind": monitor.kind,
            "status": _status(
                tasks.get(monitor.name, []), failed=bool(failed), held=lease_name(monitor) in held
            ),
            "series": len(rows),
            "points": sum(row["points"] for row in rows),
            "gaps": sum(row["gaps"] for row in rows),
            "anomalies": 0,
            "open_incidents": len(incidents.get(monitor.name, [])),
            "last_point": _as_time(max((row["last_point"] for row in rows), default=None)),
            "error": failed[0]["error_message"] if failed else None,
        }
        if monitor.kind == "log":
            row |= _log_facts(memory, monitor.name)
        if monitor.kind == "events":
            row |= NO_EVENTS
        if isinstance(monitor, BrokenMonitor):
            row |= {"status": "broken", "error": str(monitor.error)}
        elif isinstance(monitor, EventsMonitor):
            row |= events_facts(project, memory, monitor)
        else:
            row["anomalies"] = _anomalies(
                memory, [d.get_detector_id() for d in monitor.detectors], monitor.name
            )
        monitors.append(row)
    return {
        "project": project.config.name,
        "memory": memory.internal_location,
        "monitors": monitors,
        "locks": [{"name": lease.name, "owner": describe_owner(lease.owner)} for lease in working],
        "outbox": _outbox(memory),
    }


def _log_facts(memory: BaseDatabaseManager, name: str) -> dict[str, Any]:
    position = read_position(memory, log_position_name(name)) or {}
    return {
        "lines": position.get("lines", 0),
        "lines_rejected": position.get("rejected", 0),
        "phases": position.get("phases", {}),
        "last_point": _as_time(position.get("latest")),
    }


def _status(tasks: list[dict[str, Any]], *, failed: bool, held: bool) -> str:
    if failed:
        return "failed"
    if any(row["status"] == "running" for row in tasks):
        return "running" if held else "interrupted"  # whoever ran it was ended before it could say so
    return "completed" if tasks else "never run"


def _by_metric(memory: BaseDatabaseManager, query: str, table: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in memory.execute_query(query.format(table=memory.get_full_table_name(table))):
        found.setdefault(metric_of(row["metric_name"]), []).append(row)
    return found


def _anomalies(memory: BaseDatabaseManager, detector_ids: list[str], metric: str) -> int:
    if not detector_ids:
        return 0
    names = {f"d{index}": identity for index, identity in enumerate(detector_ids)}
    chosen = ", ".join(f"%({name})s" for name in names)
    of_metric, params = series_of_metric(metric)
    rows = memory.execute_query(
        "SELECT count(*) AS n FROM (SELECT DISTINCT metric_name, timestamp"
        f" FROM {memory.get_full_table_name(TABLE_DETECTIONS)}"
        f" WHERE {of_metric} AND is_anomaly AND detector_id IN ({chosen})) AS anomalous",
        {**params, **names},
    )
    return int(rows[0]["n"])


def _outbox(memory: BaseDatabaseManager) -> dict[str, int]:
    rows = memory.execute_query(
        f"SELECT state, count(*) AS n FROM {memory.get_full_table_name(TABLE_OUTBOX)} GROUP BY state"
    )
    found = {row["state"]: int(row["n"]) for row in rows}
    return {str(state): found.get(str(state), 0) for state in OutboxState}


def _as_time(value: Any) -> str | None:
    """Write an instant; an aggregate comes as the database stores it, which may be milliseconds."""
    if value is None:
        return None
    if isinstance(value, int):
        from tocsin.runtime.metrics.load_position import from_ms

        value = from_ms(value)
    return f"{value:%Y-%m-%d %H:%M}"
