"""Evaluates the rules of a series inside the transaction that keeps its verdicts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.alerting.decide import decide, history_needed
from tocsin.alerting.message import TOLD_KINDS, build_message, message_id
from tocsin.alerting.reading import read_verdicts
from tocsin.alerting.records import (
    IncidentRow,
    Queued,
    incident_key,
    queue_messages,
    read_incidents,
    read_positions,
    write_incidents,
    write_positions,
)
from tocsin.alerting.verdicts import milliseconds
from tocsin.model import AlertDecision, DecisionKind
from tocsin.model.alert import IncidentState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.alerting.fold import Outcome, TakenDecision
    from tocsin.alerting.reading import JudgedSeries
    from tocsin.model import AlertRule, Incident

__all__ = ["EvaluationResult", "evaluate"]

_PENDING = AlertDecision(DecisionKind.NONE, "anomalous, but not yet as long as the rule asks for")


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """What an evaluation did.

    Attributes:
        decisions: What was decided, in the order of the rules, and within a rule of the points.
        incidents: The incidents that are new or changed, as they are now.
        messages: How many messages were put into the outbox.
    """

    decisions: tuple[TakenDecision, ...] = ()
    incidents: tuple[Incident, ...] = ()
    messages: int = 0


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
) -> EvaluationResult:
    """Decide about every point since the last evaluation, and keep incidents, messages and position.

    All of it happens within `tx`: with the verdicts it is kept, or lost, as one. Points count when all
    current detectors have judged them; verdicts of other detectors count for nothing. Every rule has a
    position of its own, so that a new rule looks at the series from its beginning.

    A correction is evaluated again from `rejudged_from` on, under the rule that what was told stands:

    - A told incident keeps its key, the time it was opened at, and so the ids of its messages. The
      points from then to its end are not decided again. While it is open, its number of points,
      severity and last anomalous point are counted again, so that one that was corrected away
      recovers at the next point.
    - All other points are decided as if seen for the first time. A late anomaly opens an incident and
      is told; a run of anomalies that leads into a told incident belongs to it and is not told.
    - The id of a message is made from its content, so even a lost incident row tells nothing twice.

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
    work = _Work(tx, monitor, series, verdicts, known, interval_ms, now, context)
    for plan in plans:
        work.do(plan)
    return work.finish()


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
    ) -> None:
        self._tx, self._monitor, self._series = tx, monitor, series
        self._verdicts, self._known, self._interval_ms = verdicts, known, interval_ms
        self._now, self._context = now, context
        self._decisions: list[TakenDecision] = []
        self._rows: list[IncidentRow] = []
        self._gone: list[Incident] = []
        self._queued: list[Queued] = []
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

    def _queue(self, outcome: Outcome, rule: AlertRule) -> None:
        for taken in outcome.decisions if rule.channels else ():
            if taken.decision.kind not in TOLD_KINDS:
                continue
            facts = self._verdicts.facts(milliseconds(taken.at), taken.incident.direction)
            message = build_message(
                taken,
                rule=rule,
                monitor=self._monitor,
                facts=facts,
                context=self._context,
                now=self._now,
            )
            for channel in dict.fromkeys(rule.channels):
                project = str(self._context.get("project", ""))
                name = message_id(taken, project=project, monitor=self._monitor, channel=channel)
                payload = json.dumps({"id": name, **message}, allow_nan=False, default=str)
                self._queued.append(
                    Queued(name, channel, message["kind"], rule.name, self._series, payload, taken.at)
                )

    def finish(self) -> EvaluationResult:
        """Write what was found."""
        write_incidents(self._tx, self._rows, self._gone, self._now)
        messages = queue_messages(self._tx, self._queued, self._now)
        write_positions(self._tx, self._series, self._positions, self._now)
        return EvaluationResult(
            decisions=tuple(self._decisions),
            incidents=tuple(row.incident for row in self._rows),
            messages=messages,
        )
