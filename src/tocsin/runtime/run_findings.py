"""What a run found, for the screen: the anomalies it judged and the incidents it changed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tocsin.alerting.records import select_incidents
from tocsin.model import Direction
from tocsin.runtime.metrics.load_position import from_ms

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tocsin.database import BaseDatabaseManager
    from tocsin.model import Detections, Incident

__all__ = ["Anomaly", "changed_incidents", "read_incidents", "worst_anomalies", "worst_of"]

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


def worst_of(series: str, detections: Detections) -> list[Anomaly]:
    """Give the most severe anomalies among verdicts, a few."""
    places = np.flatnonzero(detections.is_anomaly)
    worst = places[np.argsort(-detections.severity[places], kind="stable")][:_MOST_OF_A_SERIES]
    return [
        Anomaly(
            series,
            from_ms(int(detections.timestamp[place].astype(np.int64))),
            float(detections.value[place]),
            _number(detections.confidence_lower[place]),
            _number(detections.confidence_upper[place]),
            Direction.UP if detections.direction[place] > 0 else Direction.DOWN,
            float(detections.severity[place]),
        )
        for place in worst.tolist()
    ]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def worst_anomalies(found: Iterable[Anomaly], limit: int) -> list[Anomaly]:
    """Choose from what was found a few anomalies of each series, the most severe first."""
    chosen: dict[tuple[str, datetime], Anomaly] = {}
    shown: Counter[str] = Counter()
    for anomaly in sorted(found, key=lambda a: (-a.severity, a.series, a.timestamp)):
        key = anomaly.series, anomaly.timestamp  # several detectors may agree on it
        if key not in chosen and shown[anomaly.series] < _MOST_OF_A_SERIES:
            shown[anomaly.series] += 1
            chosen[key] = anomaly
    return list(chosen.values())[:limit]


def changed_incidents(memory: BaseDatabaseManager, since: datetime, until: datetime) -> list[Incident]:
    """Give the incidents that were opened or changed in a stretch of time and are told or to be told."""
    incidents = read_incidents(memory, since=since, until=until)
    return [incident for incident in incidents if incident.told_at is not None]


def read_incidents(
    memory: BaseDatabaseManager,
    *,
    series: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Incident]:
    """Read incidents, oldest first: of one series or of all, those changed in a stretch of time or all."""
    wanted = {
        "series = %(series)s": series,
        "updated_at >= %(since)s": since,
        "updated_at <= %(until)s": until,
    }
    conditions = " AND ".join(condition for condition, value in wanted.items() if value is not None)
    params = {"series": series, "since": since, "until": until}
    rows = select_incidents(memory, conditions or "TRUE", params, order="opened_at, series, rule")
    return [row.incident for row in rows]
