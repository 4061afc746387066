"""Reads what the current detectors said about a series from the memory."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tocsin.alerting.verdicts import Points, instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tocsin.abc import Transaction

__all__ = ["Facts", "JudgedSeries", "Verdicts", "read_verdicts"]

_NO_INDICES = np.empty(0, dtype=np.intp)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a message says about one point: of the detector that finds it worst, and who agrees.

    Of a line of a log: why it is anomalous (`explanation`), and the line.
    """

    value: float | None
    confidence_lower: float | None
    confidence_upper: float | None
    detectors: tuple[str, ...]
    explanation: str | None = None
    log: str | None = None


class JudgedSeries(Protocol):
    """Points, and what is to be said about each."""

    @property
    def points(self) -> Points:
        """The points in order of time."""
        ...

    @property
    def anomalous(self) -> NDArray[np.int64]:
        """The instants (ms) that a detector finds anomalous, in order, each once; of these points only."""
        ...

    def facts(self, timestamp: int, direction: str | None) -> Facts:
        """Give what is to be said about a point, seen from an incident's direction."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """The rows of the detections, a row a point and detector, and the points made of them.

    `up` is int8 per row: 1 for an anomaly above the band, -1 for one below, 0 for none.
    """

    points: Points
    timestamp: NDArray[np.int64]
    detector_id: NDArray[Any]
    value: NDArray[np.float64]
    confidence_lower: NDArray[np.float64]
    confidence_upper: NDArray[np.float64]
    up: NDArray[np.int8]
    severity: NDArray[np.float64]

    @property
    def anomalous(self) -> NDArray[np.int64]:
        """The instants (ms) that a detector finds anomalous, whether the others have judged them or not."""
        return np.unique(self.timestamp[self.up != 0])

    def facts(self, timestamp: int, direction: str | None) -> Facts:
        """Give what is to be said about a point, seen from an incident's direction."""
        rows = np.flatnonzero(self.timestamp == timestamp)
        wanted = {"up": 1, "down": -1}.get(direction or "", 0)
        agreeing = rows[self.up[rows] == wanted] if wanted else _NO_INDICES
        if not len(agreeing):
            agreeing = rows[self.up[rows] != 0]
        candidates = agreeing if len(agreeing) else rows
        worst = candidates[np.argmax(self.severity[candidates])]
        return Facts(
            value=_finite(self.value[worst]),
            confidence_lower=_finite(self.confidence_lower[worst]),
            confidence_upper=_finite(self.confidence_upper[worst]),
            detectors=tuple(sorted(str(name) for name in self.detector_id[agreeing])),
        )


def read_verdicts(
    tx: Transaction, series: str, detector_ids: Sequence[str], since: int | None
) -> Verdicts | None:
    """Read the verdicts from an instant (ms) on, up to the last point that all detectors reached.

    Gives `None` when there is no such point.
    """
    wanted = sorted(set(detector_ids))
    params: dict[str, Any] = {f"detector_{place:03d}": name for place, name in enumerate(wanted)}
    names = ", ".join(f"%({name})s" for name in params)
    from_then = "" if since is None else " AND timestamp >= %(since)s"
    if since is not None:
        params["since"] = instant(since)
    columns = tx.read_columns(
        "SELECT detector_id, timestamp, is_anomaly, confidence_lower, confidence_upper, value,"
        " CASE WHEN is_anomaly THEN detection_metadata END AS metadata"
        f" FROM {tx.get_full_table_name('_tocsin_detections')}"
        f" WHERE metric_name = %(series)s AND detector_id IN ({names}){from_then}"
        " ORDER BY detector_id, timestamp",
        {"series": series, **params},
    )
    timestamp = columns["timestamp"].astype("datetime64[ms]").astype(np.int64)
    if not len(timestamp):
        return None
    horizon = _horizon(columns["detector_id"], timestamp, len(wanted))
    if horizon is None:
        return None
    kept = timestamp <= horizon
    if not kept.all():
        columns = {name: column[kept] for name, column in columns.items()}
        timestamp = timestamp[kept]
    return _verdicts(columns, timestamp, len(wanted))


def _horizon(detector_id: NDArray[Any], timestamp: NDArray[np.int64], detectors: int) -> int | None:
    """Give the last instant that every detector has reached; the rows are in order of detectors."""
    ends = np.flatnonzero(detector_id[1:] != detector_id[:-1])
    if len(ends) + 1 < detectors:
        return None
    return int(min(timestamp[np.append(ends, len(timestamp) - 1)]))


def _verdicts(columns: dict[str, NDArray[Any]], timestamp: NDArray[np.int64], detectors: int) -> Verdicts:
    lower, upper, value = (
        columns[name].astype(np.float64) for name in ("confidence_lower", "confidence_upper", "value")
    )
    anomalous = np.flatnonzero(columns["is_anomaly"].astype(np.bool_))
    up = np.zeros(len(timestamp), dtype=np.int8)
    severity = np.zeros(len(timestamp))
    for row in anomalous.tolist():
        up[row], severity[row] = _side(columns["metadata"][row], value[row], upper[row])
    if detectors == 1:
        slots, place = timestamp, np.arange(len(timestamp))
    else:
        slots, place = np.unique(timestamp, return_inverse=True)
    n = len(slots)
    banded = ~(np.isnan(lower) & np.isnan(upper))
    missing = np.zeros(n, dtype=np.bool_)
    missing[place[np.isnan(value)]] = True
    complete = np.bincount(place, minlength=n) == detectors
    judged = complete & (np.bincount(place[banded], minlength=n) > 0) & ~missing
    # A verdict of one detector is none of all of them: an incomplete slot counts for nothing.
    up_rows, down_rows = (
        np.flatnonzero((up == sign) & complete[place]) if len(anomalous) else _NO_INDICES for sign in (1, -1)
    )
    points = Points(
        timestamp=slots,
        missing=missing,
        judged=judged,
        above=np.bincount(place[up_rows], minlength=n),
        below=np.bincount(place[down_rows], minlength=n),
        severity_above=_largest(place[up_rows], severity[up_rows], n),
        severity_below=_largest(place[down_rows], severity[down_rows], n),
    )
    return Verdicts(points, timestamp, columns["detector_id"], value, lower, upper, up, severity)


def _side(metadata: Any, value: float, upper: float) -> tuple[int, float]:
    found = json.loads(metadata) if isinstance(metadata, str) and metadata else {}
    direction = found.get("direction")
    if direction not in {"up", "down"}:
        direction = "up" if value > upper else "down"
    severity = found.get("severity")
    if not isinstance(severity, int | float) or not math.isfinite(severity):
        severity = 0.0
    return (1 if direction == "up" else -1), float(severity)


def _largest(place: NDArray[np.intp], severity: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    largest = np.zeros(n)
    np.maximum.at(largest, place, severity)
    return largest


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
