"""Keeps what detectors say about lines of a log, as rows of the detections and as findings to show.

The table has one row for a monitor, detector and instant, in milliseconds. Lines may share their instant
(syslog writes whole seconds), so that each anomalous line gets an instant of its own: the first free
millisecond at or after its time. A line from the future is kept at the instant it was read at, or what
comes after it would be late. Where and when exactly a line was is in the metadata.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.database.tables import TABLE_DETECTIONS
from tocsin.runtime.findings.endpoints import NOBODY
from tocsin.runtime.metrics.load_position import from_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.abc import Transaction
    from tocsin.database import BaseDatabaseManager
    from tocsin.detectors.events import CoreDetector
    from tocsin.model import LogAlert
    from tocsin.runtime.findings.endpoints import Whom

__all__ = ["AnomalousLine", "LineAlert", "Written", "forget_lines", "was_detected", "write_line_alerts"]

_LONGEST_LOG = 2000
_LAST_MS = 253_402_300_799_000  # the year 9999: what a time in a database can be
_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class LineAlert:
    """What one detector says about one line, and which line it is."""

    detector: CoreDetector
    alert: LogAlert
    source: str
    number: int
    text: str
    whom: Whom = NOBODY

    @property
    def log_id(self) -> str:
        """What the line is known by."""
        return self.alert["logIDs"][-1]

    @property
    def at(self) -> int:
        """The time of the line in milliseconds, as far as a database can have it."""
        seconds = self.alert["detectionTimestamp"]
        return min(max(round(seconds * 1000), 0), _LAST_MS) if math.isfinite(seconds) else 0

    @property
    def severity(self) -> float:
        """How bad it is, finite."""
        return min(max(float(self.alert["score"]), 0.0), sys.float_info.max)  # NaN gives 0


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
        summaries: The same, where that is long in fewer words.
        variables: Which variables each detector speaks of, by detector name.
        log: The line, cut at 2,000 characters.
    """

    source: str
    line: int
    timestamp: datetime
    event_id: int | str
    severity: float
    explanations: dict[str, str]
    summaries: dict[str, str]
    variables: dict[str, list[str]]
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


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Attributes:
        lines: The anomalous lines, in the order they were read.
        first: The earliest of their instants (ms), `None` when there are none.
    """

    lines: list[AnomalousLine]
    first: int | None


def write_line_alerts(tx: Transaction, monitor: str, alerts: Sequence[LineAlert], now: datetime) -> Written:
    """Write the alerts of some lines.

    Args:
        tx: The transaction of state and position.
        monitor: The monitor's name.
        alerts: In the order of the lines; those of one line one after the other.
        now: For `created_at`; a line from the future is kept at this instant.
    """
    if not alerts:
        return Written([], None)
    instants = _instants(tx, monitor, alerts, to_ms(now))
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
            "value": [alert.severity for alert in alerts],
            "detector_params": [alert.detector.get_detector_params() for alert in alerts],
            "detection_metadata": rows,
            "created_at": [now] * len(rows),
        },
        "replace",
    )
    return Written(_lines(alerts), min(instants.values()))


def forget_lines(tx: Transaction, monitor: str, is_gone: Callable[[str], bool]) -> int:
    """Delete the detections of lines that will be read again; give how many lines.

    Args:
        tx: Where to delete.
        monitor: The log.
        is_gone: Tells from a log id whether the line goes.
    """
    table = tx.get_full_table_name(TABLE_DETECTIONS)
    gone: set[datetime] = set()
    last = None
    while True:
        beyond = "" if last is None else " AND timestamp > %(last)s"
        instants = tx.execute_query(
            f"SELECT DISTINCT timestamp FROM {table} WHERE metric_name = %(monitor)s{beyond}"
            f" ORDER BY timestamp LIMIT {_PAGE}",
            {"monitor": monitor, "last": last},
        )
        if not instants:
            break
        first, last = instants[0]["timestamp"], instants[-1]["timestamp"]
        rows = tx.execute_query(
            f"SELECT timestamp, detection_metadata FROM {table} WHERE metric_name = %(monitor)s"
            " AND timestamp >= %(first)s AND timestamp <= %(last)s",
            {"monitor": monitor, "first": first, "last": last},
        )
        gone |= {
            row["timestamp"]
            for row in rows
            if is_gone(str(json.loads(row["detection_metadata"]).get("logID", "")))
        }
    for instant in gone:
        tx.execute_query(
            f"DELETE FROM {table} WHERE metric_name = %(monitor)s AND timestamp = %(instant)s",
            {"monitor": monitor, "instant": instant},
        )
    return len(gone)


def was_detected(memory: BaseDatabaseManager, monitor: str, event_id: int | str) -> bool:
    """Say whether an anomalous line of a log that is still kept was such an event.

    Args:
        memory: The project's memory.
        monitor: The log.
        event_id: The EventID.
    """
    # The metadata begin with it. A backslash would take its meaning from the character behind it.
    beginning = f'{{"EventID": {json.dumps(event_id)}, '.replace("\\", "_")
    return bool(
        memory.execute_query(
            f"SELECT 1 FROM {memory.get_full_table_name(TABLE_DETECTIONS)}"
            " WHERE metric_name = %(monitor)s AND detection_metadata LIKE %(beginning)s LIMIT 1",
            {"monitor": monitor, "beginning": f"{beginning}%"},
        )
    )


def _instants(tx: Transaction, monitor: str, alerts: Sequence[LineAlert], now: int) -> dict[str, int]:
    """Choose the instant of each line: the first free one at or after its time."""
    wanted: dict[str, int] = {}
    for alert in alerts:
        wanted.setdefault(alert.log_id, min(alert.at, now))
    ids = {f"d{n}": name for n, name in enumerate({alert.detector.get_detector_id() for alert in alerts})}
    taken = tx.read_columns(
        f"SELECT DISTINCT timestamp FROM {tx.get_full_table_name(TABLE_DETECTIONS)}"
        f" WHERE metric_name = %(monitor)s AND detector_id IN ({', '.join(f'%({d})s' for d in ids)})"
        " AND timestamp >= %(first)s",
        {"monitor": monitor, **ids, "first": from_ms(min(wanted.values()))},
    )["timestamp"]
    following = dict.fromkeys(taken.astype(np.int64).tolist(), 1)
    return {log_id: _first_free(following, at) for log_id, at in wanted.items()}


def _first_free(following: dict[int, int], at: int) -> int:
    """Take the first free instant from `at` on.

    `following` tells of each that is taken how far behind it the next one may be that is free; it is kept
    short on the way, so that thousands of lines of one second do not go through them all again.
    """
    free, passed = at, []
    while (step := following.get(free)) is not None:
        passed.append(free)
        free += step
    for instant in passed:
        following[instant] = free + 1 - instant
    following[free] = 1
    return free


def _row(alert: LineAlert, instant: int) -> str:
    """Write the metadata; ASCII, since a line may hold what is no Unicode text."""
    said = alert.alert
    metadata: dict[str, Any] = {
        "EventID": said["EventID"],
        "variables": said["alertsObtain"],
        "explanation": said["description"],
        **({"summary": said["summary"]} if "summary" in said else {}),
        "severity": alert.severity,
        "direction": "up",
        "detector": alert.detector.name,
        "file": alert.source,
        "line": alert.number,
        "logID": alert.log_id,
        "alertID": said["alertID"],
        "log": alert.text[:_LONGEST_LOG],
    }
    seconds = said["detectionTimestamp"]
    if math.isfinite(seconds) and round(seconds * 1000) != instant:
        metadata["time"] = seconds
    whom = {"sources": alert.whom.source.names, "targets": alert.whom.target.names}
    metadata |= {side: names for side, names in whom.items() if names}
    return json.dumps(metadata, sort_keys=True, default=str)


def _lines(alerts: Sequence[LineAlert]) -> list[AnomalousLine]:
    by_line: dict[str, list[LineAlert]] = {}
    for alert in alerts:
        by_line.setdefault(alert.log_id, []).append(alert)
    return [
        AnomalousLine(
            source=said[0].source,
            line=said[0].number,
            timestamp=datetime.fromtimestamp(said[0].at / 1000, UTC),
            event_id=said[0].alert["EventID"],
            severity=max(one.severity for one in said),
            explanations={one.detector.name: one.alert["description"] for one in said},
            summaries={one.detector.name: one.alert.get("summary", one.alert["description"]) for one in said},
            variables={one.detector.name: sorted(one.alert["alertsObtain"]) for one in said},
            log=said[0].text[:_LONGEST_LOG],
        )
        for said in by_line.values()
    ]
