"""What the current detectors say about each point of a series, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from tocsin.model import AlertRule, DirectionRule

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Points", "Side", "anomaly_sides", "instant", "milliseconds", "no_data_sides", "slots_needed"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_UP: frozenset[str | None] = frozenset({"up"})
_DOWN: frozenset[str | None] = frozenset({"down"})
_NO_DATA: frozenset[str | None] = frozenset({None})


def instant(timestamp: int) -> datetime:
    """Give the aware datetime of milliseconds since the epoch."""
    return _EPOCH + timedelta(milliseconds=int(timestamp))


def milliseconds(moment: datetime) -> int:
    """Give the milliseconds since the epoch of an aware datetime."""
    return (moment - _EPOCH) // _MILLISECOND


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """The slots of a series with what the current detectors say, in order, all arrays of length n.

    Attributes:
        timestamp: int64, start of the slot in milliseconds since the epoch (UTC).
        missing: bool, the slot has no value.
        judged: bool, all current detectors looked at it, and at least one had a band for it.
        above: int64, how many detectors find it anomalous above their band.
        below: int64, likewise below.
        severity_above: float64, the largest severity of those above, 0.0 without any.
        severity_below: float64, likewise below.
    """

    timestamp: NDArray[np.int64]
    missing: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    above: NDArray[np.int64]
    below: NDArray[np.int64]
    severity_above: NDArray[np.float64]
    severity_below: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.timestamp)


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One way in which a series can be wrong, with the points at which something happens.

    Attributes:
        covers: The directions of incidents that live here (`None`: missing data).
        rises: bool per point: whether an incident that opens there is one of `up`.
        need: How many matching points among the last `window` open an incident.
        window: How many slots are looked at.
        keep_ms: How long after the last matching point an incident still fires.
        severity: float64 per point.
        match: Indices of the matching points.
        holds: Indices of the matching points at which the rule holds.
        over: Indices of judged points that do not match and at which the rule does not hold.
    """

    covers: frozenset[str | None]
    rises: NDArray[np.bool_]
    need: int
    window: int
    keep_ms: int
    severity: NDArray[np.float64]
    match: NDArray[np.intp]
    holds: NDArray[np.intp]
    over: NDArray[np.intp]


def slots_needed(rule: AlertRule, interval_ms: int) -> tuple[int, int]:
    """Say how many slots an incident of anomalies, and one of missing data, looks back at.

    The second is 0 when the rule does not watch for missing data.
    """
    window = rule.consecutive_anomalies
    if rule.anomaly_window is not None and rule.min_anomaly_share is not None:
        window = rule.anomaly_window
    silent = 0 if rule.no_data_for is None else -(-(rule.no_data_for // _MILLISECOND) // interval_ms)
    return max(window, 1), silent if rule.no_data_for is None else max(silent, 1)


def anomaly_sides(points: Points, rule: AlertRule, interval_ms: int) -> list[Side]:
    """Find where the points are anomalous in a way that the rule counts.

    With `same`, the detectors of a point vote (ties go to the larger severity, then up) and the votes
    on the winning side must reach `min_detectors`; a run must lie on one side.
    """
    window, _ = slots_needed(rule, interval_ms)
    need = window
    if rule.anomaly_window is not None and rule.min_anomaly_share is not None:
        need = max(1, int(np.ceil(rule.min_anomaly_share * window - 1e-9)))
    keep_ms = 0 if rule.keep_firing_for is None else rule.keep_firing_for // _MILLISECOND
    least = max(rule.min_detectors, 1)
    up, down = points.severity_above, points.severity_below
    rises = _vote(points)
    found: list[tuple[NDArray[np.bool_], NDArray[np.float64], frozenset[str | None]]]
    match rule.direction:
        case DirectionRule.UP:
            found = [(points.above >= least, up, _UP)]
        case DirectionRule.DOWN:
            found = [(points.below >= least, down, _DOWN)]
        case DirectionRule.SAME:
            found = [
                (rises & (points.above >= least), up, _UP),
                (~rises & (points.below >= least), down, _DOWN),
            ]
        case DirectionRule.ANY:
            found = [(points.above + points.below >= least, np.maximum(up, down), _UP | _DOWN)]
    return [
        _side(match, points.judged, severity, rises, covers, need, window, keep_ms)
        for match, severity, covers in found
    ]


def no_data_sides(points: Points, rule: AlertRule, interval_ms: int) -> list[Side]:
    """Find where values are missing for as long as the rule says."""
    _, window = slots_needed(rule, interval_ms)
    if not window:
        return []
    severity = np.zeros(len(points))
    return [_side(points.missing, ~points.missing, severity, points.missing, _NO_DATA, window, window, 0)]


def _vote(points: Points) -> NDArray[np.bool_]:
    tie: NDArray[np.bool_] = (points.above == points.below) & (points.severity_above >= points.severity_below)
    more: NDArray[np.bool_] = points.above > points.below
    return more | tie


def _side(
    match: NDArray[np.bool_],
    judged: NDArray[np.bool_],
    severity: NDArray[np.float64],
    rises: NDArray[np.bool_],
    covers: frozenset[str | None],
    need: int,
    window: int,
    keep_ms: int,
) -> Side:
    found = match.nonzero()[0]
    if not len(found):
        return Side(covers, rises, need, window, keep_ms, severity, found, found, judged.nonzero()[0])
    total = np.cumsum(match)
    before = np.concatenate((np.zeros(min(window, len(total)), dtype=total.dtype), total[:-window]))
    holds = total - before >= need
    return Side(
        covers=covers,
        rises=rises,
        need=need,
        window=window,
        keep_ms=keep_ms,
        severity=severity,
        match=found,
        holds=(match & holds).nonzero()[0],
        over=(judged & ~match & ~holds).nonzero()[0],
    )
