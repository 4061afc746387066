"""What a run found, for the screen: the anomalies it judged and the incidents it changed."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.database.tables import TABLE_DETECTIONS, TABLE_INCIDENTS
from tocsin.model import Incident, IncidentState

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.database import BaseDatabaseManager

__all__ = ["Anomaly", "changed_incidents", "worst_anomalies"]

_MOST_OF_A_SERIES = 3


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An anomalous point as a table shows it.

    Attributes:
        series: The series.
        timestamp: The slot, UTC.
        value: The value.
        lower: The lower end of the band, `None` when it has none.
        upper: The upper end.
        direction: `up` or `down`.
        severity: Distance beyond the bound in spreads; the largest of the detectors that agree.
    """

    series: str
    timestamp: datetime
    value: float
    lower: float | None
    upper: float | None
    direction: str
    severity: float


def worst_anomalies(memory: BaseDatabaseManager, since: datetime, limit: int) -> list[Anomaly]:
    """Give the worst anomalies of each series that were judged since an instant, the most severe first."""
    rows = memory.execute_query(
        "SELECT metric_name, timestamp, value, confidence_lower, confidence_upper, detection_metadata"
        f" FROM {memory.get_full_table_name(TABLE_DETECTIONS)}"
        " WHERE is_anomaly AND created_at >= %(since)s",
        {"since": since},
    )
    worst: dict[tuple[str, datetime], Anomaly] = {}
    for row in rows:
        metadata = json.loads(row["detection_metadata"])
        anomaly = Anomaly(
            row["metric_name"],
            row["timestamp"],
            row["value"],
            row["confidence_lower"],
            row["confidence_upper"],
            metadata.get("direction", ""),
            float(metadata.get("severity") or 0.0),
        )
        key = anomaly.series, anomaly.timestamp
        if key not in worst or anomaly.severity > worst[key].severity:
            worst[key] = anomaly
    chosen: list[Anomaly] = []
    shown: Counter[str] = Counter()
    for anomaly in sorted(worst.values(), key=lambda a: (-a.severity, a.series, a.timestamp)):
        if shown[anomaly.series] < _MOST_OF_A_SERIES:
            shown[anomaly.series] += 1
            chosen.append(anomaly)
    return chosen[:limit]


def changed_incidents(memory: BaseDatabaseManager, since: datetime) -> list[Incident]:
    """Give the incidents that were opened or changed since an instant and are told or to be told."""
    rows = memory.execute_query(
        "SELECT rule, series, opened_at, state, last_anomaly_at, anomalies, direction, severity, told_at,"
        f" told_severity, resolved_at FROM {memory.get_full_table_name(TABLE_INCIDENTS)}"
        " WHERE updated_at >= %(since)s ORDER BY opened_at, series, rule",
        {"since": since},
    )
    incidents = [Incident(**{**row, "state": IncidentState(row["state"])}) for row in rows]
    return [incident for incident in incidents if incident.told_at is not None]
