"""What to tell about a series, as a pure function of verdicts, incidents and a rule."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tocsin.alerting.fold import Outcome, TakenDecision, fold, is_escalation, recovering
from tocsin.alerting.verdicts import (
    Points,
    anomaly_sides,
    instant,
    milliseconds,
    no_data_sides,
    slots_needed,
)
from tocsin.model.alert import Incident, IncidentState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tocsin.alerting.verdicts import Side
    from tocsin.model import AlertRule

__all__ = ["Outcome", "Points", "TakenDecision", "decide", "history_needed", "is_escalation"]


def history_needed(rule: AlertRule, interval_ms: int) -> int:
    """Say how many points before the first new one `decide` must see."""
    return max(slots_needed(rule, interval_ms)) - 1


def decide(
    points: Points,
    rule: AlertRule,
    *,
    series: str,
    interval_ms: int,
    told: Sequence[Incident] = (),
    start: int = 0,
    evaluated: int | None = None,
) -> Outcome:
    """Decide what to tell, point after point, by event time alone.

    An incident opens at a judged, complete point when the last `consecutive_anomalies` points all lie
    on one side of the band, or `min_anomaly_share` of the last `anomaly_window` do. It is over at the
    first judged point that is not anomalous, at which the rule no longer holds, and which lies
    `keep_firing_for` or more after its last anomalous point. A gap, or a point without a verdict, is
    never an anomaly; it breaks a run, but it is no sign of recovery either: an open incident waits for
    the next verdict. Missing data is an incident of its own beside it (`direction` is `None`).
    A message is repeated at the first anomalous point `renotify_every` after the last one, and
    escalates when the severity is at least twice what was told and a spread more.

    What was told stands: points within a told incident (`opened_at` to `resolved_at`; for an open one
    to the last evaluated point) are not decided again, whatever a late correction made of them, and a
    run that leads into a told incident belongs to it. Everywhere else from `start` on, points count as
    they are now. So evaluating again, from anywhere, tells nothing twice, and a late anomaly is told.

    Args:
        points: The slots in order, one interval apart, those before `start` (`history_needed`, and
            where an evaluation is done again as many before the open incident) being history.
        rule: The rule.
        series: The series' name.
        interval_ms: The distance of two points in milliseconds.
        told: The told incidents of this rule and series that are open or were resolved at or after
            the first point.
        start: The index of the first point to decide (again).
        evaluated: The index after the last point that was evaluated before; `None` is `start`.

    Returns:
        The decisions in the order of their points, and the incidents that were touched; an incident
        that is pending at the end is among them.
    """
    evaluated = start if evaluated is None else evaluated
    outcome = Outcome()
    for sides, incidents in (
        (anomaly_sides(points, rule, interval_ms), [i for i in told if i.direction is not None]),
        (no_data_sides(points, rule, interval_ms), [i for i in told if i.direction is None]),
    ):
        if sides or incidents:
            _follow(points, sides, rule, series, sorted(incidents, key=_opened), start, evaluated, outcome)
    outcome.decisions.sort(key=lambda taken: taken.at)
    return outcome


def _opened(incident: Incident) -> int:
    return milliseconds(incident.opened_at)


def _follow(
    points: Points,
    sides: Sequence[Side],
    rule: AlertRule,
    series: str,
    told: Iterable[Incident],
    start: int,
    evaluated: int,
    outcome: Outcome,
) -> None:
    """Fold the stretches between told incidents, and after them."""
    index, floor, current = start, None, None
    for incident in told:
        opened = int(np.searchsorted(points.timestamp, _opened(incident)))
        if index < min(opened, evaluated):
            stretch = fold(
                points, sides, rule, series=series, start=index, stop=min(opened, evaluated), floor=floor
            )
            _keep(stretch, sides, incident, outcome)
        if incident.resolved_at is None:
            counted_again = start < evaluated and opened < evaluated
            current = _again(points, sides, incident, opened, evaluated) if counted_again else incident
            # After a full refresh the series begins before the incident, which does not end before it began.
            last = milliseconds(current.last_anomaly_at)
            index = max(index, evaluated, int(np.searchsorted(points.timestamp, last, side="right")))
        else:
            resolved = milliseconds(incident.resolved_at)
            index = max(index, int(np.searchsorted(points.timestamp, resolved, side="right")))
        floor = max(floor or 0, milliseconds(incident.last_anomaly_at))
    rest = fold(
        points,
        sides,
        rule,
        series=series,
        start=index,
        stop=len(points),
        current=current,
        floor=floor if current is None else None,
    )
    outcome.decisions += rest.decisions
    outcome.incidents += rest.incidents


def _keep(stretch: Outcome, sides: Sequence[Side], told: Incident, outcome: Outcome) -> None:
    """Keep what a stretch found, but for an incident that leads into the told one behind it."""
    leads_in = None
    if stretch.current is not None:
        leads_in = stretch.current.opened_at
        if _joins(stretch.current, sides, told):
            outcome.joined.append((leads_in, told))
    outcome.decisions += [taken for taken in stretch.decisions if taken.incident.opened_at != leads_in]
    outcome.incidents += [incident for incident in stretch.incidents if incident.opened_at != leads_in]


def _joins(leading: Incident, sides: Sequence[Side], told: Incident) -> bool:
    """Say whether a run belongs to the told incident behind it: all but a mere hint at another one."""
    if leading.state is not IncidentState.PENDING:
        return True
    side = next(side for side in sides if leading.direction in side.covers)
    return told.direction in side.covers and side.need == side.window


def _again(
    points: Points, sides: Sequence[Side], incident: Incident, opened: int, evaluated: int
) -> Incident:
    """Count the points of an open told incident again, since a correction may have changed them."""
    for side in sides:
        if incident.direction in side.covers:
            low, high = np.searchsorted(side.match, (opened, evaluated))
            found = side.match[low:high]
            incident = replace(
                incident,
                state=IncidentState.FIRING,
                last_anomaly_at=instant(points.timestamp[found[-1]]) if len(found) else incident.opened_at,
                anomalies=len(found),
                severity=float(side.severity[found].max()) if len(found) else incident.severity,
            )
            return recovering(points, side, incident, opened, evaluated)
    return incident
