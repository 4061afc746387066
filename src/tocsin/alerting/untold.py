"""Why a rule did not tell an anomalous point: one decision of kind `NONE` for each, in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tocsin.alerting.message import TOLD_KINDS, utc
from tocsin.alerting.record import Decision, Stage
from tocsin.alerting.records import incident_key
from tocsin.alerting.verdicts import anomaly_sides, instant, milliseconds
from tocsin.model import DecisionKind, DirectionRule, Incident, Subject
from tocsin.model.alert import IncidentState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from tocsin.abc import Transaction
    from tocsin.alerting.fold import Outcome
    from tocsin.alerting.verdicts import Points, Side
    from tocsin.model import AlertRule, FindingFacts

__all__ = ["told_instants", "untold_points"]

_AT_ANOMALIES = TOLD_KINDS - {DecisionKind.RECOVERED, DecisionKind.NO_DATA}
_FOREVER = 2**62
_WHERE = {"up": "above the band", "down": "below the band"}


def told_instants(tx: Transaction, known: Iterable[Incident], since: int) -> set[int]:
    """Give the points (ms) from an instant on at which something was told of a rule's incidents before.

    Where a correction is evaluated again these are looked at again, and are not untold.
    """
    told = [one for one in known if one.direction is not None and one.told_at is not None]
    if not told:
        return set()
    params = {
        "series": told[0].series,
        "rule": told[0].rule,
        "opened_at": min(one.opened_at for one in told),
        "since": instant(since),
    }
    found: set[int] = set()
    for table in ("_tocsin_candidates", "_tocsin_decisions"):
        rows = tx.execute_query(
            f"SELECT DISTINCT event_at FROM {tx.get_full_table_name(table)}"
            " WHERE series = %(series)s AND rule = %(rule)s AND opened_at >= %(opened_at)s"
            " AND condition = 'anomaly' AND event_at >= %(since)s AND candidate_id <> ''",
            params,
        )
        found |= {milliseconds(row["event_at"]) for row in rows}
    return found


def untold_points(
    points: Points,
    anomalous: NDArray[np.int64],
    rule: AlertRule,
    outcome: Outcome,
    known: Iterable[Incident],
    *,
    monitor: str,
    series: str,
    interval_ms: int,
    since: int,
    told: set[int],
    findings: Callable[[int], FindingFacts],
) -> list[Decision]:
    """Say why, for every anomalous point from an instant on at which nothing was told.

    It belongs to an incident that is told elsewhere; or it lies on the other side while one is open; or
    too few detectors agree, or they do on a side that the rule ignores; or it is not enough by itself.

    Args:
        points: The points that were decided about, and a history.
        anomalous: The instants (ms) that any detector finds anomalous.
        rule: The rule.
        outcome: What was decided.
        known: The incidents of this rule as they were before.
        monitor: The monitor's name.
        series: The series' name.
        interval_ms: The distance of two points in milliseconds.
        since: The first instant to speak of (ms).
        told: Further instants at which something was told before.
        findings: Gives the events that a point is.
    """

    def untold(at: datetime, reason: str, opened_at: datetime | None, event_id: str | None) -> Decision:
        return Decision(
            candidate_id="",
            event_id=event_id,
            monitor=monitor,
            series=series,
            rule=rule.name,
            condition="anomaly",
            opened_at=opened_at,
            group="",
            channel="",
            kind=DecisionKind.NONE,
            stage=Stage.RULE,
            reason=reason,
            severity=rule.severity,
            event_at=at,
        )

    decisions = [
        untold(taken.at, taken.decision.reason, taken.incident.opened_at, None)
        for taken in outcome.decisions
        if taken.decision.kind is DecisionKind.NONE
    ]
    told = told | {
        milliseconds(taken.at) for taken in outcome.decisions if taken.decision.kind in _AT_ANOMALIES
    }
    times = anomalous[np.searchsorted(anomalous, since) :]
    if told:
        times = times[~np.isin(times, np.fromiter(told, np.int64))]
    if not len(times):
        return decisions
    reasons = _Reasons(points, rule, interval_ms, _spans(outcome, known))
    for at, (reason, incident) in zip(times.tolist(), reasons.of(times), strict=True):
        event_ids = findings(at).event_ids
        opened_at = None if incident is None else incident.opened_at
        decisions.append(untold(instant(at), reason, opened_at, event_ids[0] if event_ids else None))
    return decisions


@dataclass(slots=True)
class _Span:
    """An incident that was told: from when to when it lasted (ms), and when it was reported."""

    incident: Incident
    begin: int
    end: int = _FOREVER
    reported: list[int] = field(default_factory=list)


def _spans(outcome: Outcome, known: Iterable[Incident]) -> list[_Span]:
    """Give the incidents of anomalies that were told, before or now, the first to begin first."""
    spans: dict[object, _Span] = {}
    for incident in (*known, *outcome.incidents):  # what was found now is newer
        if incident.direction is None or incident.state is IncidentState.PENDING:
            continue
        span = spans.setdefault(incident_key(incident), _Span(incident, milliseconds(incident.opened_at)))
        span.incident = incident
        span.end = _FOREVER if incident.resolved_at is None else milliseconds(incident.resolved_at)
    for incident in known:
        if incident.told_at is not None and (found := spans.get(incident_key(incident))):
            found.reported.append(milliseconds(incident.told_at))
    for taken in outcome.decisions:
        if taken.decision.kind in _AT_ANOMALIES and (found := spans.get(incident_key(taken.incident))):
            found.reported.append(milliseconds(taken.at))
    for begin, incident in outcome.joined:
        if found := spans.get(incident_key(incident)):
            found.begin = min(found.begin, milliseconds(begin))
    for found in spans.values():
        found.reported.sort()
    return sorted(spans.values(), key=lambda span: span.begin)


class _Reasons:
    """The reason of each of many points: of what weighs more last, so that it replaces the others."""

    def __init__(self, points: Points, rule: AlertRule, interval_ms: int, spans: Sequence[_Span]) -> None:
        self._points, self._rule, self._spans = points, rule, spans
        self._sides = anomaly_sides(points, rule, interval_ms)
        self._point = "line" if rule.subject is Subject.LINES else "point"

    def of(self, times: NDArray[np.int64]) -> list[tuple[str, Incident | None]]:
        """Give the reason for each of these instants, and the incident that it belongs to."""
        place = np.searchsorted(self._points.timestamp, times)
        above, below = self._points.above[place], self._points.below[place]
        said: list[tuple[str, Incident | None]] = [
            (self._too_few(up, down), None) for up, down in zip(above.tolist(), below.tolist(), strict=True)
        ]
        for side in self._sides:
            chosen = np.flatnonzero(np.isin(place, side.match))
            short = self._too_short(side)
            for index in chosen.tolist():
                said[index] = short, None
            self._place(said, times, chosen, side)
        return said

    def _place(
        self,
        said: list[tuple[str, Incident | None]],
        times: NDArray[np.int64],
        chosen: NDArray[np.intp],
        side: Side,
    ) -> None:
        """Say of the matching points of a side to which incident they belong."""
        instants = times[chosen]
        spans = [(span.incident.direction in side.covers, span) for span in self._spans]
        for is_own, span in sorted(spans, key=lambda each: each[0]):
            low = int(np.searchsorted(instants, span.begin))
            high = int(np.searchsorted(instants, span.end, side="right" if is_own else "left"))
            if low >= high:
                continue
            if not is_own:
                for index in chosen[low:high].tolist():
                    said[index] = _elsewhere(span), None
                continue
            reported = np.searchsorted(np.array(span.reported, dtype=np.int64), instants[low:high], "right")
            reasons = {place: _belongs(span, place) for place in np.unique(reported).tolist()}
            for index, place in zip(chosen[low:high].tolist(), reported.tolist(), strict=True):
                said[index] = reasons[place], span.incident

    def _too_few(self, above: int, below: int) -> str:
        if not above + below:
            return f"not every detector of the monitor has judged this {self._point}"
        least, direction = max(self._rule.min_detectors, 1), self._rule.direction
        if (direction is DirectionRule.UP and not above) or (direction is DirectionRule.DOWN and not below):
            where = "below" if direction is DirectionRule.UP else "above"
            return f"it lies {where} the band, and the rule looks at the other side only"
        agreeing = {
            DirectionRule.UP: above,
            DirectionRule.DOWN: below,
            DirectionRule.SAME: max(above, below),
            DirectionRule.ANY: above + below,
        }[direction]
        finds = "1 detector finds" if agreeing == 1 else f"{agreeing} detectors find"
        together = " on one side" if direction is DirectionRule.SAME and above and below else ""
        return f"{finds} it anomalous{together}, the rule asks for {least}"

    def _too_short(self, side: Side) -> str:
        asked = f"{side.need} {self._point}s in a row"
        if side.need < side.window:
            asked = f"{side.need} of {side.window} {self._point}s"
        return f"anomalous, but not yet as long as the rule asks for: {asked}"


def _belongs(span: _Span, before: int) -> str:
    """Name the incident, and when it was last reported; `before` counts the reports up to the point."""
    told = ""
    if span.reported:
        told = f", which the rule reported at {utc(instant(span.reported[max(before - 1, 0)]))}"
    return f"belongs to the incident of {utc(span.incident.opened_at)}{told}"


def _elsewhere(span: _Span) -> str:
    where = _WHERE.get(span.incident.direction or "", "")
    return f"came while the incident of {utc(span.incident.opened_at)} {where} was open"
