"""Keeps what detectors say about lines of a log, as rows of the detections and as findings to show.

The table has one row for a monitor, detector and instant, in milliseconds. Lines may share their instant
(syslog writes whole seconds), so that each anomalous line gets an instant of its own: the first free
millisecond at or after its time. A line that was kept before, known by its log id, keeps its instant, so
reading it again replaces its rows. Where and when exactly it was is in the metadata.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tocsin.database.tables import TABLE_DETECTIONS
from tocsin.runtime.load_position import from_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.abc import Transaction
    from tocsin.detectors.events import CoreDetector
    from tocsin.model import LogAlert

__all__ = ["AnomalousLine", "LineAlert", "write_line_alerts"]

_LONGEST_LOG = 2000
_SEARCHED_MS = 60_000  # how far after its time a line may have been kept
_LAST_MS = 253_402_300_799_000  # the year 9999: what a time in a database can be


@dataclass(frozen=True, slots=True)
class LineAlert:
    """What one detector says about one line, and which line it is."""

    detector: CoreDetector
    alert: LogAlert
    source: str
    number: int
    text: str

    @property
    def log_id(self) -> str:
        """What the line is known by."""
        return self.alert["logIDs"][-1]


@dataclass(frozen=True, slots=True)
class AnomalousLine:
    """An anomalous line, for the screen and for `--json`.

    Attributes:
        source: The file.
        line: Its 1-based number there.
        timestamp: When it happened, UTC.
        event_id: Its EventID.
        severity: The largest score of its detectors.
        explanations: What each detector says, by detector name.
        log: The line, cut at 2,000 characters.
    """

    source: str
    line: int
    timestamp: datetime
    event_id: int | str
    severity: float
    explanations: dict[str, str]
    log: str

    def to_dict(self) -> dict[str, Any]:
        """Give the documented fields."""
        return {
            "file": self.source,
            "line": self.line,
            "timestamp": self.timestamp.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "EventID": self.event_id,
            "severity": self.severity,
            "explanations": self.explanations,
            "log": self.log,
        }


def write_line_alerts(
    tx: Transaction, monitor: str, alerts: Sequence[LineAlert], now: datetime
) -> tuple[list[AnomalousLine], int]:
    """Write the alerts of some lines; give the lines in the order they were read, and the last instant (ms).

    Args:
        tx: The transaction of state and position.
        monitor: The monitor's name.
        alerts: In the order of the lines; those of one line one after the other.
        now: For `created_at`.
    """
    if not alerts:
        return [], 0
    instants = _instants(tx, monitor, alerts)
    rows = [_row(alert, instants[alert.log_id]) for alert in alerts]
    tx.insert_batch(
        TABLE_DETECTIONS,
        {
            "metric_name": [monitor] * len(rows),
            "detector_id": [alert.detector.get_detector_id() for alert in alerts],
            "timestamp": [from_ms(instants[alert.log_id]) for alert in alerts],
            "is_anomaly": [True] * len(rows),
            "confidence_lower": [None] * len(rows),
            "confidence_upper": [None] * len(rows),
            "value": [alert.alert["score"] for alert in alerts],
            "detector_params": [alert.detector.get_detector_params() for alert in alerts],
            "detection_metadata": rows,
            "created_at": [now] * len(rows),
        },
        "replace",
    )
    return _lines(alerts), max(instants.values())


def _event_ms(alert: LogAlert) -> int:
    return min(max(round(alert["detectionTimestamp"] * 1000), 0), _LAST_MS - _SEARCHED_MS)


def _instants(tx: Transaction, monitor: str, alerts: Sequence[LineAlert]) -> dict[str, int]:
    """Choose the instant of each line: the one it has, or the first free one at or after its time."""
    wanted: dict[str, int] = {}
    for alert in alerts:
        wanted.setdefault(alert.log_id, _event_ms(alert.alert))
    known = _known_instants(tx, monitor, min(wanted.values()), max(wanted.values()) + _SEARCHED_MS)
    taken = set(known.values())
    chosen: dict[str, int] = {}
    for log_id, at in wanted.items():
        instant = known.get(log_id)
        if instant is None:
            instant = at
            while instant in taken:
                instant += 1
            taken.add(instant)
        chosen[log_id] = instant
    return chosen


def _known_instants(tx: Transaction, monitor: str, first: int, last: int) -> dict[str, int]:
    rows = tx.execute_query(
        f"SELECT timestamp, detection_metadata FROM {tx.get_full_table_name(TABLE_DETECTIONS)}"
        " WHERE metric_name = %(monitor)s AND timestamp >= %(first)s AND timestamp <= %(last)s",
        {"monitor": monitor, "first": from_ms(first), "last": from_ms(last)},
    )
    return {
        str(json.loads(row["detection_metadata"]).get("logID", "")): to_ms(row["timestamp"]) for row in rows
    }


def _row(alert: LineAlert, instant: int) -> str:
    """Write the metadata; ASCII, since a line may hold what is no Unicode text."""
    said = alert.alert
    metadata: dict[str, Any] = {
        "EventID": said["EventID"],
        "variables": said["alertsObtain"],
        "explanation": said["description"],
        "severity": said["score"],
        "direction": "up",
        "detector": alert.detector.name,
        "file": alert.source,
        "line": alert.number,
        "logID": alert.log_id,
        "alertID": said["alertID"],
        "log": alert.text[:_LONGEST_LOG],
    }
    if instant != round(said["detectionTimestamp"] * 1000):
        metadata["time"] = said["detectionTimestamp"]
    return json.dumps(metadata, sort_keys=True, default=str)


def _lines(alerts: Sequence[LineAlert]) -> list[AnomalousLine]:
    by_line: dict[str, list[LineAlert]] = {}
    for alert in alerts:
        by_line.setdefault(alert.log_id, []).append(alert)
    return [
        AnomalousLine(
            source=said[0].source,
            line=said[0].number,
            timestamp=datetime.fromtimestamp(_event_ms(said[0].alert) / 1000, UTC),
            event_id=said[0].alert["EventID"],
            severity=max(one.alert["score"] for one in said),
            explanations={one.detector.name: one.alert["description"] for one in said},
            log=said[0].text[:_LONGEST_LOG],
        )
        for said in by_line.values()
    ]
