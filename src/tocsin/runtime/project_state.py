"""Asks the memory how far everything is: positions, states, leases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tocsin.database.series_store import series_of_metric
from tocsin.database.tables import TABLE_LEASES, TABLE_POSITIONS, TABLE_TASKS
from tocsin.model import Lease

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.database import BaseDatabaseManager

__all__ = [
    "break_leases",
    "describe_owner",
    "errors_of_monitors",
    "held_leases",
    "last_update",
    "lease_holder",
    "metric_of",
    "monitors_in_state",
    "positions_of_series",
    "task_positions",
]


def metric_of(series: str) -> str:
    """Give the metric that a series belongs to.

    >>> metric_of("cpu{host=web-1}")
    'cpu'
    """
    return series.partition("{")[0]


def task_positions(
    memory: Transaction | BaseDatabaseManager, metric: str, process_type: str
) -> dict[str, dict[str, datetime]]:
    """Give how far a step is: series → detector id (or rule) → the last slot done."""
    of_metric, params = series_of_metric(metric)
    rows = memory.execute_query(
        "SELECT metric_name, detector_id, last_processed_timestamp"
        f" FROM {memory.get_full_table_name(TABLE_TASKS)}"
        f" WHERE {of_metric} AND process_type = %(process)s AND last_processed_timestamp IS NOT NULL",
        {**params, "process": process_type},
    )
    found: dict[str, dict[str, datetime]] = {}
    for row in rows:
        found.setdefault(row["metric_name"], {})[row["detector_id"]] = row["last_processed_timestamp"]
    return found


def positions_of_series(
    memory: Transaction | BaseDatabaseManager, prefix: str, metric: str
) -> dict[str, dict[str, Any]]:
    """Give the positions `prefix:series` of all series of a metric, by series."""
    of_metric, params = series_of_metric(f"{prefix}:{metric}", "name")
    rows = memory.execute_query(
        f"SELECT name, position FROM {memory.get_full_table_name(TABLE_POSITIONS)} WHERE {of_metric}", params
    )
    return {row["name"].removeprefix(f"{prefix}:"): json.loads(row["position"]) for row in rows}


def last_update(memory: BaseDatabaseManager) -> datetime | None:
    """Give when the memory was last told of a step, by the clock of that run."""
    rows = memory.execute_query(
        f"SELECT updated_at FROM {memory.get_full_table_name(TABLE_TASKS)} ORDER BY updated_at DESC LIMIT 1"
    )
    return rows[0]["updated_at"] if rows else None


def monitors_in_state(memory: BaseDatabaseManager, state: str) -> set[str]:
    """Give the monitors of which a step is in a state: `running`, `completed`, `failed`."""
    rows = memory.execute_query(
        f"SELECT DISTINCT metric_name FROM {memory.get_full_table_name(TABLE_TASKS)}"
        " WHERE status = %(state)s",
        {"state": state},
    )
    return {metric_of(row["metric_name"]) for row in rows}


def errors_of_monitors(memory: BaseDatabaseManager) -> dict[str, str]:
    """Give what failed in the last run of each monitor in which something did."""
    rows = memory.execute_query(
        f"SELECT metric_name, error_message FROM {memory.get_full_table_name(TABLE_TASKS)}"
        " WHERE status = 'failed'"
    )
    return {metric_of(row["metric_name"]): row["error_message"] or "" for row in rows}


def held_leases(memory: BaseDatabaseManager) -> list[Lease]:
    """Give the leases that were granted and not released, whether their time has run out or not."""
    rows = memory.execute_query(
        f"SELECT name, owner, token, expires_at FROM {memory.get_full_table_name(TABLE_LEASES)}"
        " WHERE owner <> '' ORDER BY name"
    )
    return [Lease(row["name"], row["owner"], row["token"], row["expires_at"]) for row in rows]


def describe_owner(owner: str) -> str:
    """Say who holds a lease, for people: `process 4711 on web-1`."""
    parts = owner.split("/")
    return f"process {parts[3]} on {parts[0].partition('@')[0]}" if len(parts) > 3 else owner  # noqa: PLR2004


def lease_holder(memory: BaseDatabaseManager, name: str) -> str:
    """Say who holds a lease, for people."""
    return next(
        (describe_owner(lease.owner) for lease in held_leases(memory) if lease.name == name),
        "it has just ended",
    )


def break_leases(memory: BaseDatabaseManager, monitors: Sequence[str] | None) -> list[dict[str, str]]:
    """End leases, of all monitors or of some; what their holders write from then on is refused."""
    broken = []
    for lease in held_leases(memory):
        if monitors is None or lease.name in monitors or lease.name.partition(":")[2] in monitors:
            memory.release(lease)
            broken.append({"name": lease.name, "owner": describe_owner(lease.owner)})
    return broken
