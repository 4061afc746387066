"""What was told of a key, and what that means for the next event: without a database, without a clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from tocsin.eventstorage.thresholds.rules import Severity
from tocsin.eventstorage.thresholds.verdicts import Verdict, VerdictKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from tocsin.eventstorage.thresholds.keys import ThresholdKey
    from tocsin.eventstorage.thresholds.rules import ThresholdRule

__all__ = ["Report", "Telling", "silence_end"]

_LAST = datetime.max.replace(tzinfo=UTC)
_MOST_TELLINGS = 6  # a silence has no more: one, and four that are more severe; and what went before


class Telling(NamedTuple):
    """One time that a key was told.

    Attributes:
        number: Which one it was.
        event: The ID of the event that came; of a relapse that was told without one, a name for the occasion.
        kind: Why it was told.
        severity: What was told.
        at: When.
        held_count: How many events were held back before it, since the telling before.
    """

    number: int
    event: str
    kind: VerdictKind
    severity: Severity
    at: datetime
    held_count: int


@dataclass(frozen=True, slots=True)
class Report:
    """What was told of a key last, and what came since.

    Attributes:
        key: The key.
        id: Its digest.
        tellings: The last times that it was told, in order; `()` when it never was.
        held_count: How many events were held back since.
        last_held_after: How long after it was told the last of them was held back; `None` without any.
        worst_held: The highest severity of them.
    """

    key: ThresholdKey
    id: str
    tellings: tuple[Telling, ...] = ()
    held_count: int = 0
    last_held_after: timedelta | None = None
    worst_held: Severity | None = None

    @property
    def number(self) -> int:
        """How many times it was told."""
        return self.tellings[-1].number if self.tellings else 0

    def held_under(self, number: int) -> str:
        """Give the key under which the events are noted that were held back after a telling."""
        return f"{self.id}/{number}"

    def heard(
        self, event: str, severity: Severity, now: datetime, rules: Mapping[Severity, ThresholdRule]
    ) -> tuple[Report, Verdict]:
        """Decide about one more event that was not seen before.

        Args:
            event: Its ID.
            severity: Its severity.
            now: When.
            rules: The rules of today; the times of what was told before follow them too.

        Returns:
            The report that follows, and what is said.
        """
        if not self.tellings:
            return self._told(event, VerdictKind.FIRST, severity, now, rules)
        last = self.tellings[-1]
        silence = rules[last.severity].silence
        # A telling from further ahead than its whole silence is of a clock that was wrong.
        if not last.at - now > silence and now <= silence_end(last, rules):
            if severity.rank > last.severity.rank:
                return self._told(event, VerdictKind.ESCALATED, severity, now, rules)
            return self._held(severity, now, rules)
        if self.relapses(rules):
            worst = max(severity, self.worst_held or severity, key=lambda one: one.rank)
            return self._told(event, VerdictKind.RELAPSED, worst, now, rules)
        return self._told(event, VerdictKind.FIRST, severity, now, rules)

    def relapsed(
        self, occasion: str, now: datetime, rules: Mapping[Severity, ThresholdRule]
    ) -> tuple[Report, Verdict] | None:
        """Tell again what was still going on when its silence ended; `None` when there is no such thing."""
        if not self.tellings or now < silence_end(self.tellings[-1], rules) or not self.relapses(rules):
            return None
        return self._told(occasion, VerdictKind.RELAPSED, self.worst_held or Severity.MEDIUM, now, rules)

    def relapses(self, rules: Mapping[Severity, ThresholdRule]) -> bool:
        """Whether something was held back in the relapse period."""
        rule = rules[self.tellings[-1].severity]
        after = self.last_held_after
        return after is not None and bool(rule.relapse) and after >= rule.silence - rule.relapse

    def said(self, event: str, rules: Mapping[Severity, ThresholdRule]) -> Verdict | None:
        """Repeat what was said when the key was told because of an event; `None` when it was not."""
        for telling in self.tellings:
            if telling.event == event:
                return _telling(self, telling, rules)
        return None

    def said_held(self, number: int, rules: Mapping[Severity, ThresholdRule]) -> Verdict:
        """Repeat that an event was held back after a telling."""
        telling = next((one for one in self.tellings if one.number == number), self.tellings[-1])
        following = next((one for one in self.tellings if one.number == number + 1), None)
        count = following.held_count if following else self.held_count
        return _holding(self, telling, count, rules)

    def createtime(self, now: datetime) -> datetime:
        """Say when an event is noted as held back: never before the telling that it is held back after."""
        return max(now, self.tellings[-1].at)

    def _told(
        self,
        event: str,
        kind: VerdictKind,
        severity: Severity,
        now: datetime,
        rules: Mapping[Severity, ThresholdRule],
    ) -> tuple[Report, Verdict]:
        telling = Telling(self.number + 1, event, kind, severity, now, self.held_count)
        tellings = (*self.tellings, telling)[-_MOST_TELLINGS:]
        report = Report(self.key, self.id, tellings)
        return report, _telling(report, telling, rules)

    def _held(
        self, severity: Severity, now: datetime, rules: Mapping[Severity, ThresholdRule]
    ) -> tuple[Report, Verdict]:
        after = self.createtime(now) - self.tellings[-1].at
        report = replace(
            self,
            held_count=self.held_count + 1,
            last_held_after=max(after, self.last_held_after or after),
            worst_held=max(severity, self.worst_held or severity, key=lambda one: one.rank),
        )
        return report, _holding(report, self.tellings[-1], report.held_count, rules)


def silence_end(telling: Telling, rules: Mapping[Severity, ThresholdRule]) -> datetime:
    """Say until when a telling makes its key silent."""
    silence = rules[telling.severity].silence
    return telling.at + silence if silence <= _LAST - telling.at else _LAST


def _holding(
    report: Report, telling: Telling, count: int, rules: Mapping[Severity, ThresholdRule]
) -> Verdict:
    until = silence_end(telling, rules)
    under = report.held_under(telling.number)
    return Verdict(VerdictKind.HELD, report.key, until, count, telling.severity, under)


def _telling(report: Report, telling: Telling, rules: Mapping[Severity, ThresholdRule]) -> Verdict:
    until = silence_end(telling, rules)
    count = 0 if telling.kind is VerdictKind.FIRST else telling.held_count
    under = report.held_under(telling.number - 1)
    return Verdict(telling.kind, report.key, until, count, telling.severity, under)
