"""How far each step of each series has come; see `BaseDatabaseManager.upsert_task_status`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.database.tables import TABLE_TASKS

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.abc import Transaction

__all__ = ["TaskRecord", "record"]

_STATUSES = ("running", "completed", "failed")

# A new run begins when the status becomes `running` and was not: only then does started_at change.
_UPSERT = """
INSERT INTO {table} AS task (
    metric_name, detector_id, process_type, status, started_at, updated_at,
    last_processed_timestamp, error_message, timeout_seconds
) VALUES (
    %(metric_name)s, %(detector_id)s, %(process_type)s, %(status)s, %(now)s, %(now)s,
    %(last_processed_timestamp)s, %(error_message)s, %(timeout_seconds)s
)
ON CONFLICT (metric_name, detector_id, process_type) DO UPDATE SET
    status = excluded.status,
    started_at = CASE
        WHEN excluded.status = 'running' AND task.status <> 'running' THEN excluded.started_at
        ELSE task.started_at
    END,
    updated_at = excluded.updated_at,
    last_processed_timestamp = coalesce(excluded.last_processed_timestamp, task.last_processed_timestamp),
    error_message = excluded.error_message,
    timeout_seconds = excluded.timeout_seconds
"""


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """What to record about a step (`load` or `detect`) of a series.

    Attributes:
        metric_name: The series.
        detector_id: The detector, or `load`.
        process_type: `load` or `detect`.
        status: `running`, `completed` or `failed`.
        last_processed_timestamp: How far it came, UTC; `None` keeps what is stored.
        error_message: Why it failed; kept with the status `failed` only.
        timeout_seconds: How long a run may take.

    Raises:
        ValueError: The status is none of the three.
    """

    metric_name: str
    detector_id: str
    process_type: str
    status: str
    last_processed_timestamp: datetime | None = None
    error_message: str | None = None
    timeout_seconds: int = 3600

    def __post_init__(self) -> None:
        if self.status not in _STATUSES:
            raise ValueError(f"{self.status!r} is no status of a task: {', '.join(_STATUSES)}")


def record(transaction: Transaction, task: TaskRecord, now: datetime) -> None:
    """Write a record over the one that is there."""
    transaction.execute_query(
        _UPSERT.format(table=transaction.get_full_table_name(TABLE_TASKS)),
        {
            "metric_name": task.metric_name,
            "detector_id": task.detector_id,
            "process_type": task.process_type,
            "status": str(task.status),
            "now": now,
            "last_processed_timestamp": task.last_processed_timestamp,
            "error_message": task.error_message if task.status == "failed" else None,
            "timeout_seconds": task.timeout_seconds,
        },
    )
