"""The life of incidents, told point by point: pending, firing, recovering, resolved. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from tocsin.alerting.message import utc
from tocsin.alerting.verdicts import instant, milliseconds
from tocsin.model import AlertDecision, AlertRule, DecisionKind, Incident, Interval, Subject
from tocsin.model.alert import IncidentState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from numpy.typing import NDArray

    from tocsin.alerting.verdicts import Points, Side

__all__ = ["Outcome", "TakenDecision", "fold", "is_escalation", "recovering"]

_SIDE_WORDS = {"up": "above the band", "down": "below the band", None: "without a value"}


@dataclass(frozen=True, slots=True)
class TakenDecision:
    """A decision, the point (event time, UTC) at which it was taken, and the incident as of then."""

    at: datetime
    decision: AlertDecision
    incident: Incident


@dataclass(slots=True)
class Outcome:
    """What a fold found: the decisions in order, each incident it touched as it is now, what is open.

    `joined` has the runs that lead into an incident that was told before, and so belong to it: the first
    point of a run, and that incident.
    """

    decisions: list[TakenDecision] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    current: Incident | None = None
    joined: list[tuple[datetime, Incident]] = field(default_factory=list)


def is_escalation(severity: float, told: float | None) -> bool:
    """Say whether a severity is clearly above what was told: twice as much, and a spread more."""
    return severity >= _escalation_bound(told)


def fold(
    points: Points,
    sides: Sequence[Side],
    rule: AlertRule,
    *,
    series: str,
    start: int,
    stop: int,
    current: Incident | None = None,
    floor: int | None = None,
) -> Outcome:
    """Take the points from `start` to `stop` one after another, skipping those where nothing happens.

    The result is the same however a series is cut into calls, provided that the points before `start`
    reach back as far as the rule looks.

    Args:
        points: The slots, a history in front included.
        sides: What counts, from `anomaly_sides` or `no_data_sides`.
        rule: The rule.
        series: The series' name.
        start: The first point to take.
        stop: The point after the last one.
        current: The open (told) incident at `start`, or `None`.
        floor: Matching points up to this instant (ms) belong to an earlier incident.
    """
    outcome = Outcome()
    index = start
    while index < stop:
        if current is None:
            opening = _next_opening(points, sides, index, stop, floor)
            if opening is None:
                break
            side, index = opening
            current = _open(points, side, rule, series, index, floor)
            reason = _opening_reason(current, side, rule)
            kind = DecisionKind.NO_DATA if current.direction is None else DecisionKind.FIRST
            outcome.decisions.append(
                TakenDecision(instant(points.timestamp[index]), AlertDecision(kind, reason), current)
            )
            index += 1
            continue
        side_or_none = _side_of(sides, current)
        end = _end(points, side_or_none, current, index, stop)
        if side_or_none is not None:
            current = _advance(points, side_or_none, rule, current, index, min(end, stop), outcome)
            current = recovering(points, side_or_none, current, index, min(end, stop))
        if end >= stop:
            break
        current = replace(current, state=IncidentState.RESOLVED, resolved_at=instant(points.timestamp[end]))
        outcome.incidents.append(current)
        outcome.decisions.append(_closing(current, rule))
        floor = milliseconds(current.last_anomaly_at)
        current, index = None, end
    outcome.current = current or _pending(points, sides, rule, series, stop, floor)
    if outcome.current is not None:
        outcome.incidents.append(outcome.current)
    return outcome


def recovering(points: Points, side: Side, incident: Incident, start: int, stop: int) -> Incident:
    """Note that a judged point after the last matching one was fine, and the rule no longer held there.

    Only points from `start` on are looked at: those before may lack the history to say it.
    """
    position = int(np.searchsorted(side.over, stop)) - 1
    if position < np.searchsorted(side.over, start):
        return incident
    if points.timestamp[side.over[position]] <= milliseconds(incident.last_anomaly_at):
        return incident
    return replace(incident, state=IncidentState.RECOVERING)


def _next_opening(
    points: Points, sides: Sequence[Side], index: int, stop: int, floor: int | None
) -> tuple[Side, int] | None:
    best: tuple[Side, int] | None = None
    for side in sides:
        for candidate in side.holds[np.searchsorted(side.holds, index) :]:
            if candidate >= stop or (best is not None and candidate >= best[1]):
                break
            if len(_counted(points, side, int(candidate), floor)) >= side.need:
                best = side, int(candidate)
                break
    return best


def _counted(points: Points, side: Side, index: int, floor: int | None) -> NDArray[np.intp]:
    """Give the matching points that count towards an incident at a point."""
    first = max(index - side.window + 1, 0)
    if floor is not None:
        first = max(first, int(np.searchsorted(points.timestamp, floor, side="right")))
    low, high = np.searchsorted(side.match, (first, index + 1))
    return side.match[low:high]


def _open(
    points: Points, side: Side, rule: AlertRule, series: str, index: int, floor: int | None
) -> Incident:
    counted = _counted(points, side, index, floor)
    severity = float(side.severity[counted].max())
    at = instant(points.timestamp[index])
    return Incident(
        rule=rule.name,
        series=series,
        opened_at=instant(points.timestamp[counted[0]]),
        state=IncidentState.FIRING,
        last_anomaly_at=at,
        anomalies=len(counted),
        direction=_direction(side, index),
        severity=severity,
        told_at=at,
        told_severity=severity,
    )


def _direction(side: Side, index: int) -> str | None:
    if None in side.covers:
        return None
    if len(side.covers) == 1:
        return next(iter(side.covers))
    return "up" if side.rises[index] else "down"


def _side_of(sides: Sequence[Side], incident: Incident) -> Side | None:
    """Find the side of an incident; `None` when a changed rule does not look there any more."""
    return next((side for side in sides if incident.direction in side.covers), None)


def _end(points: Points, side: Side | None, incident: Incident, index: int, stop: int) -> int:
    """Find the point that resolves the incident, `stop` when there is none before that."""
    if side is None:
        return index
    low, high = np.searchsorted(side.over, (index, stop))
    if not side.keep_ms:
        return int(side.over[low]) if low < high else stop
    last = milliseconds(incident.last_anomaly_at)
    matches = side.match[np.searchsorted(side.match, index) :]
    step = 64
    while low < high:  # the end is mostly near: look at a few points first, then at more and more
        over = side.over[low : min(low + step, high)]
        behind = np.searchsorted(matches, over) - 1
        since = np.where(behind >= 0, points.timestamp[matches[behind]], last) if len(matches) else last
        late = np.flatnonzero(points.timestamp[over] - since >= side.keep_ms)
        if len(late):
            return int(over[late[0]])
        low += step
        step *= 4
    return stop


def _advance(
    points: Points, side: Side, rule: AlertRule, incident: Incident, start: int, stop: int, outcome: Outcome
) -> Incident:
    """Add the matching points of a stretch to the open incident, with what is to be told on the way."""
    low, high = np.searchsorted(side.match, (start, stop))
    found = side.match[low:high]
    if not len(found):
        return incident
    times = points.timestamp[found]
    largest = np.maximum(np.maximum.accumulate(side.severity[found]), incident.severity)
    begun = incident.anomalies

    def as_of(position: int) -> Incident:
        return replace(
            incident,
            state=IncidentState.FIRING,
            last_anomaly_at=instant(times[position]),
            anomalies=begun + position + 1,
            severity=float(largest[position]),
        )

    position = 0
    while position < len(found):
        escalates = repeats = len(found)
        if rule.subject is Subject.SLOTS:  # a line is no measure: more reasons are not worse
            bound = _escalation_bound(incident.told_severity)
            escalates = position + int(np.searchsorted(largest[position:], bound))
        if rule.renotify_every is not None and incident.told_at is not None:
            due = milliseconds(incident.told_at + rule.renotify_every)
            repeats = position + int(np.searchsorted(times[position:], due))
        position = min(escalates, repeats)
        if position >= len(found):
            break
        before = incident
        at = instant(times[position])
        now = as_of(position)
        incident = replace(now, told_at=at, told_severity=now.severity)
        decision = _escalated(before, incident) if escalates <= repeats else _repeated(incident, at, rule)
        outcome.decisions.append(TakenDecision(at, decision, incident))
        position += 1
    return as_of(len(found) - 1)


def _pending(
    points: Points, sides: Sequence[Side], rule: AlertRule, series: str, stop: int, floor: int | None
) -> Incident | None:
    """Give the incident that may open at the next points, if the last ones hint at one."""
    best: Incident | None = None
    for side in sides:
        counted = _counted(points, side, stop - 1, floor)
        oldest = stop - side.window + 1  # the next point's window begins here
        counted = counted[counted >= oldest]
        if side.need == side.window and len(counted):
            breaks = np.flatnonzero(np.diff(np.append(counted, stop)) > 1)
            counted = counted[breaks[-1] + 1 :] if len(breaks) else counted
        if not len(counted):
            continue
        incident = Incident(
            rule=rule.name,
            series=series,
            opened_at=instant(points.timestamp[counted[0]]),
            state=IncidentState.PENDING,
            last_anomaly_at=instant(points.timestamp[counted[-1]]),
            anomalies=len(counted),
            direction=_direction(side, int(counted[-1])),
            severity=float(side.severity[counted].max()),
        )
        if best is None or incident.last_anomaly_at > best.last_anomaly_at:
            best = incident
    return best


def _escalation_bound(told: float | None) -> float:
    base = told or 0.0
    return max(2 * base, base + 1)


def _length(time: timedelta | None) -> str:
    seconds = 0.0 if time is None else time.total_seconds()
    return str(Interval(int(seconds))) if seconds >= 1 and seconds.is_integer() else f"{seconds:g}s"


def _opening_reason(incident: Incident, side: Side, rule: AlertRule) -> str:
    if rule.subject is Subject.LINES:
        return "the line is anomalous"
    where = _SIDE_WORDS[incident.direction]
    if incident.direction is None:
        return (
            f"no value in {incident.anomalies} slots in a row, which is {_length(rule.no_data_for)} or longer"
        )
    if side.need < side.window:
        share = f"the rule asks for {side.need}"
        return f"{incident.anomalies} of the last {side.window} points lie {where}, {share}"
    if side.need == 1:
        return f"the point lies {where}"
    return f"{incident.anomalies} points in a row lie {where}"


def _escalated(before: Incident, after: Incident) -> AlertDecision:
    told = before.told_severity or 0.0
    reason = f"severity {after.severity:.3g} is at least twice the {told:.3g} that was told"
    return AlertDecision(DecisionKind.ESCALATED, reason)


def _repeated(incident: Incident, at: datetime, rule: AlertRule) -> AlertDecision:
    """Say that it goes on; when whom was told before is known to those alone who tell."""
    where = "anomalous" if rule.subject is Subject.LINES else _SIDE_WORDS[incident.direction]
    return AlertDecision(DecisionKind.REPEAT, f"still {where} after {at - incident.opened_at}")


def _closing(incident: Incident, rule: AlertRule) -> TakenDecision:
    at = incident.resolved_at or incident.last_anomaly_at
    if incident.direction is None:
        slots = "1 slot" if incident.anomalies == 1 else f"{incident.anomalies} slots"
        reason = f"values arrive again, after {slots} without one"
    elif rule.subject is Subject.LINES:
        lines = "1 anomalous line" if incident.anomalies == 1 else f"{incident.anomalies} anomalous lines"
        reason = f"no further one since {utc(incident.last_anomaly_at)}, after {lines}"
    else:
        where = _SIDE_WORDS[incident.direction]
        points = "1 point" if incident.anomalies == 1 else f"{incident.anomalies} points"
        reason = f"no longer {where}, after {points}"
    kind = DecisionKind.RECOVERED
    if not rule.recovery:
        kind, reason = DecisionKind.NONE, f"{reason} (this rule does not tell recoveries)"
    return TakenDecision(at, AlertDecision(kind, reason), incident)
