"""The book of thresholds of alerting, kept by the event storage in the memory's open transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tocsin.alerting.plan import Answer
from tocsin.eventstorage.thresholds import (
    DEFAULT_RULES,
    Candidate,
    Thresholder,
    ThresholdKey,
    ThresholdRule,
    VerdictKind,
)
from tocsin.model import DecisionKind, Severity
from tocsin.runtime.findings.store import as_database_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tocsin.alerting.plan import Asked
    from tocsin.eventstorage.cursor import EventStorageCursor
    from tocsin.eventstorage.thresholds import Verdict
    from tocsin.model import AlertCandidate
    from tocsin.runtime.config.groups import GroupsConfig

__all__ = ["StoreThresholds", "incident_class", "threshold_rules"]

_MOST_IDS = 100
_KINDS = {kind: DecisionKind(kind.value) for kind in VerdictKind}


def threshold_rules(groups: GroupsConfig) -> dict[str, ThresholdRule]:
    """Give the rules of a project's thresholds, of the severities for which `groups.yml` has some."""
    return {
        severity.value: ThresholdRule(DEFAULT_RULES[severity].period, given.silence, given.relapse)
        for severity, given in groups.thresholds.items()
    }


def incident_class(monitor: str, rule: str) -> str:
    """Give the class that an incident is told as."""
    return f"{monitor}/{rule}"


class StoreThresholds:
    """A `tocsin.alerting.plan.ThresholdBook` over the event storage's `Thresholder`.

    An event is asked about as it is. An opening of an incident is asked about as an event whose class is the
    monitor and the rule, and whose entity the series: a series that was told stays silent for the rule.

    Args:
        cursor: Within the open transaction of the memory, which ends what is written here.
        rules: Severity → rule, where it is not the default.

    Attributes:
        shortest: The shortest silence that may relapse, `None` when none may.
        asked: The earliest and the latest event time that was asked about, `None` before anything was.

    Raises:
        DataError: A rule is wrong.
    """

    def __init__(
        self,
        cursor: EventStorageCursor,
        rules: Mapping[str, ThresholdRule] | None = None,
    ) -> None:
        self._cursor = cursor
        self._thresholder = Thresholder(cursor, rules)
        self._passed: datetime | None = None
        self.asked: tuple[datetime, datetime] | None = None
        times = [self._thresholder.rule(severity) for severity in Severity]
        self.shortest = min((rule.silence for rule in times if rule.relapse), default=None)

    def pass_to(self, at: datetime) -> None:
        """Go on to an event time: relapses are due by then, even when the clock is further."""
        self._passed = at

    def any_due(self) -> bool:
        """Tell whether something is due by the event time that has passed."""
        with as_database_errors():
            return self._passed is not None and self._thresholder.next_due(self._passed) is not None

    def next_end(self, at: datetime) -> datetime | None:
        """Say when the next silence ends after an event time that may relapse by then."""
        with as_database_errors():
            return self._thresholder.next_end(at)

    def forget(self, before: datetime, limit: int) -> int:
        """Forget some of what was over at an event time and does not relapse; 0: nothing is left of it."""
        with as_database_errors():
            forgotten = self._thresholder.clean_some(before, limit)
            self._cursor.commit()
        return forgotten

    def ask(self, questions: Sequence[Asked]) -> list[Answer]:
        """Decide about candidates in order, and remember what was decided.

        Raises:
            DatabaseError: The memory failed.
        """
        asked = [
            Candidate(
                _event(one.candidate),
                one.group,
                one.channel,
                one.at,
                _side(one.candidate),
                severity=one.candidate.severity,
            )
            for one in questions
        ]
        with as_database_errors():
            answers = [self._answer(verdict) for verdict in self._thresholder.admit_all(asked)]
            self._cursor.commit()
        times = [*(one.at for one in questions), *(self.asked or ())]
        self.asked = (min(times), max(times)) if times else None
        return answers

    def due(self, now: datetime, *, limit: int = 1000) -> list[Answer]:
        """Give what was still going on near the end of its silence, when that is over; each once.

        Each is told as of the end of its silence, however late we come.

        Raises:
            DatabaseError: The memory failed.
        """
        until = now if self._passed is None else min(now, self._passed)
        answers: list[Answer] = []
        with as_database_errors():
            while len(answers) < limit and (end := self._thresholder.next_due(until)) is not None:
                found = self._thresholder.due(end, limit=limit - len(answers))
                if not found:  # others have them in hand
                    break
                answers += [self._with_event(self._answer(verdict, end), verdict.key) for verdict in found]
            self._cursor.commit()
        return answers

    def untell(self, answers: Sequence[Answer]) -> None:
        """Note that nobody was told of what came due: the next of it is told as the first.

        Raises:
            DatabaseError: The memory failed.
        """
        with as_database_errors():
            self._thresholder.forget(one.key for one in answers if isinstance(one.key, ThresholdKey))
            self._cursor.commit()

    def _with_event(self, answer: Answer, key: ThresholdKey) -> Answer:
        """Add the last event that was held back: by what it says silences may hold what came due.

        What came due is about one of its sources, or of its targets; each of several is told by itself.
        """
        event = self._cursor.fetch_event(answer.held_ids[-1]) if answer.held_ids else None
        row = None if event is None else event.row
        named = {
            "source": () if row is None else row.source_ip + row.source_host,
            "target": () if row is None else row.target_ip + row.target_host,
        }
        if key.entity_from in named:
            named[key.entity_from] = (key.entity,)
        return replace(answer, event=event, sources=named["source"], targets=named["target"])

    def _answer(self, verdict: Verdict, at: datetime | None = None) -> Answer:
        tells_of_more = verdict.is_told and verdict.held_count > 0
        return Answer(
            kind=_KINDS[verdict.kind],
            until=verdict.until,
            held_count=verdict.held_count,
            group=verdict.key.group,
            channel=verdict.key.channel,
            classes=verdict.key.classes,
            entity=verdict.key.entity,
            severity=verdict.severity,
            held_ids=tuple(self._thresholder.held_ids(verdict, limit=_MOST_IDS)) if tells_of_more else (),
            at=at,
            key=verdict.key,
        )


def _event(candidate: AlertCandidate) -> Mapping[str, Any]:
    """Give what the question is about; of an incident an event that nobody stores."""
    if candidate.event is not None:
        return candidate.event
    return {
        "Format": "IDEA0",
        "ID": candidate.event_ids[0] if candidate.event_ids else candidate.id,
        "DetectTime": candidate.at.isoformat(),
        "Category": ["Anomaly.Behaviour"],
        "Node": [{"Name": candidate.series}],
        "_Tocsin": {
            "EventClass": incident_class(candidate.monitor, candidate.rule),
            "EventSeverity": candidate.severity.value,
        },
    }


def _side(candidate: AlertCandidate) -> Any:
    return candidate.side if candidate.event is not None else "source"
