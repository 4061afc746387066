"""Tells what was held back, and went on near the end of its silence, without waiting for more of it."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tocsin.alerting.case import Case, Outcome, TellReport
from tocsin.alerting.collect import openings_set_aside
from tocsin.alerting.event_message import incident_lines, relapse_message, when_lines
from tocsin.alerting.keep import keep
from tocsin.alerting.known import read_standing
from tocsin.alerting.message import iso
from tocsin.alerting.mute import Mutes
from tocsin.alerting.record import Stage
from tocsin.alerting.records import incident_of
from tocsin.alerting.rows import execute_for
from tocsin.alerting.threshold import relapse_decision
from tocsin.model import AlertCandidate, DecisionKind, Group, MonitorKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.alerting.plan import AlertingPlan, Answer, ThresholdBook
    from tocsin.alerting.records import IncidentKey

__all__ = ["tell_relapses"]

_NAMESPACE = uuid.UUID("0b8a5f4e-1a5d-5a57-8f0e-9d1c7f6a2b43")
_NOBODY = "events"


def tell_relapses(
    tx: Transaction, *, plan: AlertingPlan, book: ThresholdBook, now: datetime, limit: int = 1000
) -> TellReport:
    """Tell the relapses that are due, each once: in one message what was held back of each.

    A relapse that a silence or a trouble elsewhere mutes is not told later, as an event is not. Nor does it
    begin a silence, since nobody was told: what comes of it next is told as the first. An incident that goes
    on is told when it may be, see `tell_outlasting`.

    Args:
        tx: Where decisions, notices, silences and incidents are.
        plan: The project's groups and rules.
        book: What was told before, and held back since.
        now: The present.
        limit: How many at most; call again until fewer are taken.
    """
    answers = book.due(now, limit=limit)
    report = TellReport(taken=len(answers))
    if not answers:
        return report
    held = _read_held(tx, answers)
    groups = {group.name: group for group in plan.groups}
    since = min(_moment(answer, now) for answer in answers)
    mutes = Mutes.read(tx, plan, since=since, ends={}, now=now)
    series = {row["series"] for row in held.values() if row["opened_at"]}
    ends, standing = read_standing(tx, series)
    openings = openings_set_aside(tx, series)
    outcomes: list[Outcome] = []
    payloads: list[dict[str, Any]] = []
    for place, answer in enumerate(answers):
        candidate = _candidate(answer, held, openings, plan, now)
        group = groups.get(answer.group) or Group(answer.group)
        outcome = _decide(Case(place, candidate, group, answer.channel, candidate.at), answer, mutes)
        outcomes.append(outcome)
        key, times = incident_of(candidate), [row["event_at"] for row in _rows(answer, held)]
        about_held = (
            incident_lines(candidate, standing[key], ends[key])
            if key in standing and answer.held_count <= len(times)
            else when_lines(times, answer.held_count)
        )
        payloads.append(
            relapse_message(
                answer,
                outcome.decision,
                candidate=candidate,
                project=plan.project,
                now=now,
                about_held=about_held,
            )
            if outcome.is_told
            else {}
        )
    final = [
        (outcome, payload, (answer.classes, answer.entity, answer.until, answer.held_ids))
        for answer, outcome, payload in zip(answers, outcomes, payloads, strict=True)
        if outcome.is_told or not _goes_on(outcome, ends)
    ]
    if final:
        decided, told, subjects = zip(*final, strict=True)
        for one in decided:
            report.count(one.decision.kind)
        keep(tx, decided, project=plan.project, now=now, payloads=told, subjects=subjects)
        mutes.count(tx, {one.case.candidate.id for one in decided})
    book.untell([answer for answer, one in zip(answers, outcomes, strict=True) if not one.is_told])
    return report


def _goes_on(outcome: Outcome, ends: Mapping[IncidentKey, datetime | None]) -> bool:
    key = incident_of(outcome.case.candidate)
    return key is not None and key in ends and ends[key] is None


def _moment(answer: Answer, now: datetime) -> datetime:
    return now if answer.at is None else min(answer.at, now)


def _decide(case: Case, answer: Answer, mutes: Mutes) -> Outcome:
    passed = mutes.passed(case)
    if isinstance(passed, Outcome):
        return passed
    return Outcome(case, Stage.THRESHOLD, relapse_decision(answer), until=answer.until, answer=answer)


def _rows(answer: Answer, held: dict[tuple[str, str, str], dict[str, Any]]) -> list[dict[str, Any]]:
    """Give what was decided about the first of what an answer tells of."""
    keys = [(one, answer.group, answer.channel) for one in answer.held_ids]
    return [held[key] for key in keys if key in held]


def _candidate(
    answer: Answer,
    held: dict[tuple[str, str, str], dict[str, Any]],
    openings: Mapping[IncidentKey, AlertCandidate],
    plan: AlertingPlan,
    now: datetime,
) -> AlertCandidate:
    """Make what stands for all that was held back: as its last, of which most is known."""
    last = max(_rows(answer, held), key=lambda row: row["event_at"], default={})
    monitor = last.get("monitor") or _NOBODY
    parts = [
        answer.group,
        answer.channel,
        answer.classes,
        answer.entity,
        answer.held_ids[:1],
        iso(answer.until),
    ]
    entity = (answer.entity,) if answer.entity else ()
    made = AlertCandidate(
        id=str(uuid.uuid5(_NAMESPACE, json.dumps([plan.project, *parts]))),
        monitor=monitor,
        source=MonitorKind.EVENTS,
        series=last.get("series") or monitor,
        rule=last.get("rule") or "default",
        kind=DecisionKind.RELAPSED,
        reason="",
        at=_moment(answer, now),
        severity=answer.severity,
        # Of an incident that was held back: what it comes to is told from now on.
        condition=last.get("condition") or "event",
        opened_at=last.get("opened_at"),
        event_ids=answer.held_ids,
        # Where it is not known which side it is, who silences it may name either.
        sources=entity,
        targets=entity,
        tags=plan.monitor_tags.get(monitor, ()),
        event={"Category": list(answer.classes), "_Tocsin": {"EventClass": next(iter(answer.classes), None)}},
    )
    key = incident_of(made)
    opening = None if key is None else openings.get(key)
    if opening is not None:
        return replace(made, sources=opening.sources, targets=opening.targets, tags=opening.tags)
    if answer.event is None and not (answer.sources or answer.targets):
        return made
    event = made.event if key is not None or answer.event is None else answer.event
    return replace(made, sources=answer.sources, targets=answer.targets, event=event)


def _read_held(tx: Transaction, answers: Sequence[Answer]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Read what was decided about the events, or incidents, that were held back, by their ids."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    rows = execute_for(
        tx,
        "SELECT candidate_id, event_id, group_name, channel, monitor, series, rule, condition, opened_at,"
        f" event_at FROM {tx.get_full_table_name('_tocsin_decisions')}"
        " WHERE (event_id IN ({values}) OR candidate_id IN ({values})) AND kind = %(held)s",
        (one for answer in answers for one in answer.held_ids),
        {"held": DecisionKind.HELD.value},
    )
    for row in rows:
        for identity in filter(None, (row["event_id"], row["candidate_id"])):
            found[identity, row["group_name"], row["channel"]] = row
    return found
