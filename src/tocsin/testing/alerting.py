"""A fake for who builds on alerting: a book of thresholds in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from tocsin.alerting.event_facts import event_categories, event_class
from tocsin.alerting.plan import Answer
from tocsin.model import DecisionKind, MonitorKind, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tocsin.alerting.plan import Asked
    from tocsin.model import AlertCandidate

__all__ = ["DEFAULT_SILENCES", "MemoryThresholds"]

DEFAULT_SILENCES: Mapping[Severity, tuple[timedelta, timedelta]] = MappingProxyType(
    {
        Severity.INFO: (timedelta(days=28), timedelta(days=7)),
        Severity.LOW: (timedelta(days=6), timedelta(days=2)),
        Severity.MEDIUM: (timedelta(days=6), timedelta(days=2)),
        Severity.HIGH: (timedelta(days=1), timedelta(hours=12)),
        Severity.CRITICAL: (timedelta(hours=2), timedelta(0)),
    }
)
"""Severity → how long it is silent after a report, and the last part of that in which it relapses."""

_MOST_IDS = 100
_Key = tuple[str, str, tuple[str, ...], str]


@dataclass(slots=True)
class _Report:
    severity: Severity
    until: datetime
    relapse_from: datetime
    held: dict[str, datetime] = field(default_factory=dict)

    @property
    def relapses(self) -> bool:
        return any(at >= self.relapse_from for at in self.held.values()) and self.relapse_from < self.until


class MemoryThresholds:
    """A `tocsin.alerting.plan.ThresholdBook` in plain dictionaries; nothing of it belongs to a transaction.

    What is told once is a group, a channel, the classes of a candidate (of an event its class, without one
    its categories; otherwise its monitor and rule) and each of its entities (those of its side; of an
    incident its series).

    Args:
        silences: Severity → silence and relapse period, where it is not the default.

    Example:
        >>> from dataclasses import replace
        >>> from datetime import UTC, datetime
        >>> from tocsin.alerting.plan import Asked
        >>> from tocsin.model import AlertCandidate
        >>> at, first = datetime(2026, 3, 1, tzinfo=UTC), DecisionKind.FIRST
        >>> candidate = AlertCandidate("c", "ids", MonitorKind.EVENTS, "ids", "default", first, "seen", at)
        >>> book = MemoryThresholds()
        >>> [answer.kind.value for answer in book.ask([Asked(candidate, "soc", "mail", at)])]
        ['first']
        >>> later = replace(candidate, id="d")
        >>> [answer.kind.value for answer in book.ask([Asked(later, "soc", "mail", at)])]
        ['held']
    """

    def __init__(self, silences: Mapping[Severity, tuple[timedelta, timedelta]] | None = None) -> None:
        self._silences = {**DEFAULT_SILENCES, **(silences or {})}
        self._reports: dict[_Key, _Report] = {}

    def ask(self, questions: Sequence[Asked]) -> list[Answer]:
        """Decide about candidates in order, and remember what was decided."""
        return [self._answer(asked) for asked in questions]

    def due(self, now: datetime, *, limit: int = 1000) -> list[Answer]:
        """Give what was still going on near the end of its silence, when that is over; each once."""
        answers: list[Answer] = []
        for key, report in sorted(self._reports.items()):
            if report.until <= now and report.relapses and len(answers) < limit:
                answers.append(
                    self._report(key, DecisionKind.RELAPSED, report.severity, report.until, report)
                )
        return answers

    def untell(self, answers: Sequence[Answer]) -> None:
        """Note that nobody was told of what came due: the next of it is told as the first."""
        for one in answers:
            self._reports.pop((one.group, one.channel, one.classes, one.entity), None)

    def _answer(self, asked: Asked) -> Answer:
        candidate = asked.candidate
        keys = [(asked.group, asked.channel, _classes(candidate), one) for one in _entities(candidate)]
        reports = {key: self._reports.get(key) for key in keys}
        kinds = {key: self._kind(report, asked) for key, report in reports.items()}
        if all(kind is DecisionKind.HELD for kind in kinds.values()):
            for report in filter(None, reports.values()):
                report.held.setdefault(_identity(candidate), asked.at)
            key = keys[0]
            first = self._reports[key]
            return Answer(DecisionKind.HELD, first.until, len(first.held), *key, severity=first.severity)
        answers = [
            self._report(key, kind, candidate.severity, asked.at, reports[key])
            for key, kind in kinds.items()
            if kind is not DecisionKind.HELD
        ]
        return answers[0]

    def _kind(self, report: _Report | None, asked: Asked) -> DecisionKind:
        if report is None:
            return DecisionKind.FIRST
        if asked.at >= report.until:
            return DecisionKind.RELAPSED if report.relapses else DecisionKind.FIRST
        worse = asked.candidate.severity.rank > report.severity.rank
        return DecisionKind.ESCALATED if worse else DecisionKind.HELD

    def _report(
        self, key: _Key, kind: DecisionKind, severity: Severity, at: datetime, before: _Report | None
    ) -> Answer:
        silence, relapse = self._silences[severity]
        self._reports[key] = _Report(severity, at + silence, at + silence - relapse)
        held = before.held if before is not None and kind is not DecisionKind.FIRST else {}
        ids = tuple(held)[:_MOST_IDS]
        return Answer(kind, at + silence, len(held), *key, severity=severity, held_ids=ids, at=at)


def _identity(candidate: AlertCandidate) -> str:
    return candidate.event_ids[0] if candidate.event_ids else candidate.id


def _classes(candidate: AlertCandidate) -> tuple[str, ...]:
    if candidate.event is None:
        return candidate.monitor, candidate.rule
    found = event_class(candidate.event)
    return (found,) if found else tuple(sorted(event_categories(candidate.event)))


def _entities(candidate: AlertCandidate) -> tuple[str, ...]:
    if candidate.source is not MonitorKind.EVENTS:
        return (candidate.series,)
    own, other = candidate.sources, candidate.targets
    if candidate.side == "target":
        own, other = other, own
    return tuple(dict.fromkeys(own or other)) or ("",)
