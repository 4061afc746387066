"""Deciding about many events in one transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from tocsin.eventstorage.query.values import instant_of, read_flag, read_text, read_time
from tocsin.eventstorage.thresholds.entities import facts_of
from tocsin.eventstorage.thresholds.keys import ThresholdKey
from tocsin.eventstorage.thresholds.report_table import HeldEvent, held_before, locked_reports, save
from tocsin.eventstorage.thresholds.verdicts import VerdictKind
from tocsin.model import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tocsin.eventstorage.idea import Idea
    from tocsin.eventstorage.session import Session
    from tocsin.eventstorage.thresholds.entities import Facts, Side
    from tocsin.eventstorage.thresholds.rules import ThresholdRule
    from tocsin.eventstorage.thresholds.verdicts import Verdict

    Message: TypeAlias = Idea | Mapping[str, Any] | str | bytes

__all__ = ["Candidate", "Question", "judge", "question_of"]

_ORDER = (VerdictKind.RELAPSED, VerdictKind.ESCALATED, VerdictKind.FIRST, VerdictKind.HELD)


class Candidate(NamedTuple):
    """An event that may be told to a group by a channel.

    Attributes:
        event: The event.
        group: Who would be told.
        channel: By what.
        now: When; a naive one is UTC.
        side: Which side of the event it is about: `source` or `target`.
        shadow: Whether it is a trial, which silences nothing real.
        severity: How bad it is, whatever the event says; `None`: as the event says.
    """

    event: Message
    group: str
    channel: str
    now: datetime
    side: Side = "source"
    shadow: bool = False
    severity: str | None = None


class Question(NamedTuple):
    """A candidate as it is decided.

    Attributes:
        facts: What of the event counts.
        keys: Digest → key, for each of the event's entities.
        now: When, aware, UTC.
    """

    facts: Facts
    keys: dict[str, ThresholdKey]
    now: datetime


def question_of(candidate: Candidate) -> Question:
    """Look at a candidate.

    Raises:
        DataError: It is no event, or an argument is wrong.
    """
    event, group, channel, now, side, shadow, severity = candidate
    facts = facts_of(event, side)
    if severity is not None:
        facts = facts._replace(severity=Severity.of(severity))
    group, channel = read_text("group", group), read_text("channel", channel)
    shadow = read_flag("shadow", shadow)
    keys = [
        ThresholdKey(group, channel, side, shadow, facts.classes, facts.entity_from, entity)
        for entity in facts.entities
    ]
    return Question(facts, {key.id: key for key in keys}, instant_of(read_time("now", now)))


def judge(
    session: Session, questions: Sequence[Question], rules: Mapping[Severity, ThresholdRule]
) -> list[Verdict]:
    """Decide about events, one after the other, and write down what was decided.

    Args:
        session: Its transaction is begun, and kept open: it holds the locks.
        questions: The events.
        rules: Today's rules.
    """
    session.begin()
    keys = {ident: key for question in questions for ident, key in question.keys.items()}
    before = locked_reports(session, keys)
    seen = held_before(session, [question.facts.id for question in questions])
    reports = dict(before)
    held: list[HeldEvent] = []
    verdicts = []
    for facts, asked, now in questions:
        parts = []
        for ident, key in asked.items():
            report = reports[ident]
            verdict = report.said(facts.id, rules)
            if verdict is None and (ident, facts.id) in seen:
                verdict = report.said_held(seen[ident, facts.id], rules)
            if verdict is None:
                report, verdict = report.heard(facts.id, facts.severity, now, rules)
                reports[ident] = report
                if verdict.kind is VerdictKind.HELD:
                    seen[ident, facts.id] = report.number
                    severity = facts.severity.value
                    at = report.createtime(now)
                    held.append(HeldEvent(verdict.held_under, facts.id, key.group, severity, at))
            parts.append(verdict)
        verdicts.append(_together(parts))
    changed = [(before[ident], report) for ident, report in reports.items() if report is not before[ident]]
    save(session, changed, held, rules)
    return verdicts


def _together(parts: Sequence[Verdict]) -> Verdict:
    if len(parts) == 1:
        return parts[0]
    foremost = min(parts, key=lambda one: (_ORDER.index(one.kind), one.until))
    return replace(foremost, each=tuple(parts))
