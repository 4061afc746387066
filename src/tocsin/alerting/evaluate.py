"""Evaluates the rules of a series inside the transaction that keeps its verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.alerting.collect import queue_candidates
from tocsin.alerting.decide import decide, history_needed
from tocsin.alerting.message import TOLD_KINDS, build_message, candidate_id
from tocsin.alerting.reading import read_verdicts
from tocsin.alerting.record import write_decisions
from tocsin.alerting.records import (
    IncidentRow,
    incident_key,
    read_incidents,
    read_positions,
    write_incidents,
    write_positions,
)
from tocsin.alerting.untold import told_instants, untold_points
from tocsin.alerting.verdicts import milliseconds
from tocsin.model import AlertCandidate, AlertDecision, DecisionKind, FindingFacts, MonitorKind, Subject
from tocsin.model.alert import IncidentState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.alerting.fold import Outcome, TakenDecision
    from tocsin.alerting.reading import JudgedSeries
    from tocsin.alerting.record import Decision
    from tocsin.model import AlertRule, Incident

__all__ = ["EvaluationResult", "evaluate"]

_MOST_POINTS = 100
_PENDING = AlertDecision(DecisionKind.NONE, "anomalous, but not yet as long as the rule asks for")


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """What an evaluation did.

    Attributes:
        decisions: What was decided, in the order of the rules, and within a rule of the points.
        incidents: The incidents that are new or changed, as they are now.
        candidates: How many candidates were queued that were not waiting already.
    """

    decisions: tuple[TakenDecision, ...] = ()
    incidents: tuple[Incident, ...] = ()
    candidates: int = 0


def evaluate(
    tx: Transaction,
    *,
    monitor: str,
    series: str,
    rules: Sequence[AlertRule],
    detector_ids: Sequence[str],
    interval_ms: int,
    rejudged_from: np.datetime64 | None,
    now: datetime,
    context: Mapping[str, Any],
    read: Callable[[int | None], JudgedSeries | None] | None = None,
    findings: Callable[[int], FindingFacts] | None = None,
    tags: Sequence[str] = (),
) -> EvaluationResult:
    """Decide about every point since the last evaluation; keep incidents, candidates, reasons, position.

    All of it happens within `tx`: with the verdicts it is kept, or lost, as one. Points count when all
    current detectors have judged them; verdicts of other detectors count for nothing. Every rule has a
    position of its own, so that a new rule looks at the series from its beginning.

    A correction is evaluated again from `rejudged_from` on, under the rule that what was told stands:

    - A told incident keeps its key, the time it was opened at, and so the ids of its candidates. The
      points from then to its end are not decided again. While it is open, its number of points,
      severity and last anomalous point are counted again, so that one that was corrected away
      recovers at the next point.
    - All other points are decided as if seen for the first time. A late anomaly opens an incident and
      is told; a run of anomalies that leads into a told incident belongs to it and is not told.
    - The id of a candidate is made from its content, so even a lost incident row tells nothing twice.

    Of every anomalous point that is looked at for the first time, and is none at which something is told,
    the reason is kept as a decision of kind `NONE`: see `tocsin.alerting.untold`.

    Args:
        tx: The transaction that the verdicts were written in, or a later one.
        monitor: The monitor's name.
        series: The series' name: `metric`, or `metric{dimension=value}`.
        rules: The rules of the monitor.
        detector_ids: The ids of the current detectors.
        interval_ms: The distance of two points in milliseconds.
        rejudged_from: The earliest point whose verdict a late correction made again, or `None`. The
            verdicts of a changed detector are not a correction: they count from the position on.
        now: For `created_at` and `updated_at`; decisions follow event time alone.
        context: `project`, `description`, `tags` and what else templates may use; JSON values.
        read: Gives the judged points from an instant (ms) on, or `None` when there are none; by
            default the verdicts on the slots of the series.
        findings: Gives the events of the store that an anomalous point (ms) is; by default there are none.
        tags: The monitor's tags, which groups and inhibitions may go by.

    Raises:
        DatabaseError: The memory failed; the caller's transaction is to be given up.
    """
    if not rules or not detector_ids:
        return EvaluationResult()
    positions = read_positions(tx, series)
    plans = [_Plan.make(rule, positions.get(rule.name), rejudged_from, interval_ms) for rule in rules]
    since = _earliest([plan.since for plan in plans])
    known = read_incidents(tx, series, since)
    for plan in plans:
        plan.reach_back(known)
    begin = _earliest([plan.since for plan in plans])
    verdicts = read_verdicts(tx, series, detector_ids, begin) if read is None else read(begin)
    if verdicts is None:
        return EvaluationResult()
    findings = _no_findings if findings is None else findings
    work = _Work(tx, monitor, series, verdicts, known, interval_ms, now, context, findings, tags)
    for plan in plans:
        work.do(plan)
    return work.finish()


def _no_findings(_: int) -> FindingFacts:
    return FindingFacts()


def _earliest(instants: list[int | None]) -> int | None:
    found = [moment for moment in instants if moment is not None]
    return min(found) if len(found) == len(instants) else None


@dataclass(slots=True)
class _Plan:
    """From where a rule reads, decides (again), and has not decided yet (ms; `None`: the beginning)."""

    rule: AlertRule
    position: int | None
    first: int | None
    since: int | None

    @classmethod
    def make(
        cls, rule: AlertRule, position: int | None, rejudged_from: np.datetime64 | None, interval_ms: int
    ) -> _Plan:
        if position is None:
            return cls(rule, None, None, None)
        first = position + 1
        if rejudged_from is not None:
            first = min(first, int(rejudged_from.astype("datetime64[ms]").astype(np.int64)))
        return cls(rule, position, first, first - (history_needed(rule, interval_ms) + 1) * interval_ms)

    def reach_back(self, known: Sequence[IncidentRow]) -> None:
        """Read all points of an open incident when they are to be counted again."""
        if self.since is None or self.first is None or self.position is None or self.first > self.position:
            return
        history = self.first - self.since
        for row in known:
            incident = row.incident
            told_and_open = incident.told_at is not None and incident.resolved_at is None
            if incident.rule == self.rule.name and told_and_open:
                self.since = min(self.since, milliseconds(incident.opened_at) - history)


class _Work:
    """One evaluation under way."""

    def __init__(
        self,
        tx: Transaction,
        monitor: str,
        series: str,
        verdicts: JudgedSeries,
        known: Sequence[IncidentRow],
        interval_ms: int,
        now: datetime,
        context: Mapping[str, Any],
        findings: Callable[[int], FindingFacts],
        tags: Sequence[str],
    ) -> None:
        self._tx, self._monitor, self._series = tx, monitor, series
        self._verdicts, self._known, self._interval_ms = verdicts, known, interval_ms
        self._now, self._context = now, context
        self._findings, self._tags = cache(findings), tuple(tags)
        self._anomalous = verdicts.anomalous
        self._decisions: list[TakenDecision] = []
        self._rows: list[IncidentRow] = []
        self._gone: list[Incident] = []
        self._queued: list[AlertCandidate] = []
        self._untold: list[Decision] = []
        self._positions: dict[str, int] = {}

    def do(self, plan: _Plan) -> None:
        """Decide for one rule."""
        times = self._verdicts.points.timestamp
        start = 0 if plan.first is None else int(np.searchsorted(times, plan.first))
        evaluated = 0 if plan.position is None else int(np.searchsorted(times, plan.position, side="right"))
        if start >= len(times):
            return
        if plan.position is not None and times[-1] < plan.position:
            return  # a new detector is still behind: what is open would be counted by half of its points
        known = [row for row in self._known if row.incident.rule == plan.rule.name]
        outcome = decide(
            self._verdicts.points,
            plan.rule,
            series=self._series,
            interval_ms=self._interval_ms,
            told=[row.incident for row in known if row.incident.told_at is not None],
            start=start,
            evaluated=max(start, evaluated),
        )
        self._decisions += outcome.decisions
        self._collect(outcome, known)
        self._queue(outcome, plan.rule)
        self._explain(outcome, plan.rule, known, start, evaluated)
        if plan.position is None or times[-1] > plan.position:
            self._positions[plan.rule.name] = int(times[-1])

    def _collect(self, outcome: Outcome, known: Sequence[IncidentRow]) -> None:
        before = {incident_key(row.incident): row for row in known}
        last = {incident_key(taken.incident): taken.decision for taken in outcome.decisions}
        kept = {incident_key(incident) for incident in outcome.incidents}
        for incident in outcome.incidents:
            key = incident_key(incident)
            row = before.get(key)
            decision = last.get(key) or (_PENDING if row is None else row.decision)
            if row is None or row.incident != incident:
                self._rows.append(IncidentRow(incident, decision))
        self._gone += [
            row.incident
            for key, row in before.items()
            if row.incident.state is IncidentState.PENDING and key not in kept
        ]

    def _explain(
        self, outcome: Outcome, rule: AlertRule, known: Sequence[IncidentRow], start: int, evaluated: int
    ) -> None:
        """Say of the anomalous points that are not told why that is."""
        times = self._verdicts.points.timestamp
        # Of a run that was too short so far, the end was open: what became of it is said now.
        incidents = [row.incident for row in known]
        pending = [
            milliseconds(incident.opened_at)
            for incident in incidents
            if incident.state is IncidentState.PENDING and incident.direction is not None
        ]
        since = min([int(times[start]), *pending])
        self._untold += untold_points(
            self._verdicts.points,
            self._anomalous,
            rule,
            outcome,
            incidents,
            monitor=self._monitor,
            series=self._series,
            interval_ms=self._interval_ms,
            since=since,
            told=told_instants(self._tx, incidents, since) if start < evaluated else set(),
            findings=self._findings,
        )

    def _queue(self, outcome: Outcome, rule: AlertRule) -> None:
        told_at = {incident_key(row.incident): row.incident.told_at for row in self._known}
        for taken in outcome.decisions:
            if taken.decision.kind not in TOLD_KINDS:
                continue
            key = incident_key(taken.incident)
            self._queued.append(self._candidate(taken, rule, told_at.get(key)))
            told_at[key] = taken.at

    def _candidate(self, taken: TakenDecision, rule: AlertRule, told_at: datetime | None) -> AlertCandidate:
        incident = taken.incident
        message = build_message(
            taken,
            rule=rule,
            monitor=self._monitor,
            facts=self._verdicts.facts(milliseconds(taken.at), incident.direction),
            context=self._context,
            now=self._now,
        )
        facts = [self._findings(point) for point in self._told_points(taken, told_at)]
        series, rule_name, condition, opened_at = incident_key(incident)
        return AlertCandidate(
            id=candidate_id(taken, project=str(self._context.get("project", "")), monitor=self._monitor),
            monitor=self._monitor,
            source=MonitorKind.LOG if rule.subject is Subject.LINES else MonitorKind.METRIC,
            series=series,
            rule=rule_name,
            kind=taken.decision.kind,
            reason=taken.decision.reason,
            at=taken.at,
            severity=rule.severity,
            condition=condition,
            opened_at=opened_at,
            event_ids=_each_once(found.event_ids for found in facts),
            sources=_each_once(found.sources for found in facts),
            targets=_each_once(found.targets for found in facts),
            tags=self._tags,
            channels=tuple(dict.fromkeys(rule.channels)),
            threshold=rule.threshold,
            message=message,
        )

    def _told_points(self, taken: TakenDecision, told_at: datetime | None) -> list[int]:
        """Give the anomalous points (ms) that a decision tells of, the latest first."""
        incident = taken.incident
        if taken.decision.kind is DecisionKind.RECOVERED or incident.direction is None:
            return [milliseconds(incident.last_anomaly_at)]
        anomalous = self._anomalous
        low = np.searchsorted(anomalous, milliseconds(incident.opened_at))
        if told_at is not None:
            low = np.searchsorted(anomalous, milliseconds(told_at), side="right")
        high = np.searchsorted(anomalous, milliseconds(taken.at), side="right")
        latest: list[int] = anomalous[low:high][: -_MOST_POINTS - 1 : -1].tolist()
        return latest

    def finish(self) -> EvaluationResult:
        """Write what was found."""
        write_incidents(self._tx, self._rows, self._gone, self._now)
        candidates = queue_candidates(self._tx, self._queued, self._now)
        write_decisions(self._tx, self._untold, self._now)
        write_positions(self._tx, self._series, self._positions, self._now)
        return EvaluationResult(
            decisions=tuple(self._decisions),
            incidents=tuple(row.incident for row in self._rows),
            candidates=candidates,
        )


def _each_once(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in lists for name in names))
