"""A candidate for one group and one channel, on its way through the stages, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.alerting.message import TOLD_KINDS
from tocsin.alerting.record import Stage
from tocsin.model import AlertDecision, DecisionKind

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.alerting.plan import Answer
    from tocsin.model import AlertCandidate, Group

__all__ = [
    "MAY_WAIT",
    "MUTED",
    "OPENINGS",
    "Case",
    "Outcome",
    "Pair",
    "Standing",
    "TellReport",
    "none",
    "told",
]

Pair = tuple[str, str]
"""A group and a channel."""
OPENINGS = frozenset({DecisionKind.FIRST, DecisionKind.NO_DATA})
"""What begins something; all else follows it."""
MAY_WAIT = OPENINGS | {DecisionKind.ESCALATED}
"""What is told of an incident when what muted it is over, as long as the incident goes on."""
MUTED = frozenset({DecisionKind.SILENCED, DecisionKind.INHIBITED})
"""What is not final while an incident goes on."""
_SILENCED = frozenset({DecisionKind.SILENCED})


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an incident stands: how many anomalous points, the last of them, and how bad it got."""

    anomalies: int
    last_anomaly_at: datetime
    severity: float


@dataclass(frozen=True, slots=True)
class Case:
    """One candidate, for one group and channel.

    Attributes:
        place: The candidate's place among all, for the order in which things are written.
        candidate: What it is about.
        group: Who would be told.
        channel: By what; empty when there is none.
        moment: Event time at which it would be told.
        before: What was decided about it before.
        waited: Whether it was muted until now.
        mutes: Why it was muted before, in the order of deciding.
        standing: Where the incident stands, where that is known.
    """

    place: int
    candidate: AlertCandidate
    group: Group
    channel: str
    moment: datetime
    before: frozenset[DecisionKind] = frozenset()
    waited: bool = False
    mutes: tuple[str, ...] = ()
    standing: Standing | None = None

    @property
    def pair(self) -> Pair:
        """The names of the group and the channel."""
        return self.group.name, self.channel

    @property
    def may_wait(self) -> bool:
        """Whether it is the opening of an incident, or says that one got worse.

        What mutes that may end before the incident does.
        """
        return self.candidate.opened_at is not None and self.candidate.kind in MAY_WAIT

    @property
    def is_worse(self) -> bool:
        """Whether it says that an incident got worse: who was told that it began is told that."""
        return self.candidate.opened_at is not None and self.candidate.kind is DecisionKind.ESCALATED

    @property
    def is_end(self) -> bool:
        """Whether it is the end of an incident: who was told that it began is told that, sooner or later."""
        return self.candidate.opened_at is not None and self.candidate.kind is DecisionKind.RECOVERED

    @property
    def is_decided(self) -> bool:
        """Whether it is not to be decided again."""
        if self.may_wait:
            return bool(self.before - MUTED)
        return bool(self.before - _SILENCED if self.is_end else self.before)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case.

    Attributes:
        case: The case.
        stage: Which stage decided.
        decision: What, and why.
        until: When what holds it back ends, or the silence that begins with it.
        answer: What the book of thresholds said, if it was asked.
    """

    case: Case
    stage: Stage
    decision: AlertDecision
    until: datetime | None = None
    answer: Answer | None = None

    @property
    def is_told(self) -> bool:
        """Whether there is a notice about it."""
        return self.decision.kind in TOLD_KINDS


def told(case: Case) -> Outcome:
    """Tell a case as its rule decided."""
    return Outcome(case, Stage.RULE, AlertDecision(case.candidate.kind, case.candidate.reason))


def none(case: Case, stage: Stage, reason: str) -> Outcome:
    """Tell nobody of a case."""
    return Outcome(case, stage, AlertDecision(DecisionKind.NONE, reason))


@dataclass(slots=True)
class TellReport:
    """What came of candidates; all but the first count decisions, one a group and channel.

    Attributes:
        taken: How many candidates there were; without those that were muted before.
        told: How many are told.
        held: How many the thresholds hold back.
        silenced: How many are newly silenced.
        inhibited: How many are newly inhibited.
        silent: How many are not told for another reason.
    """

    taken: int = 0
    told: int = 0
    held: int = 0
    silenced: int = 0
    inhibited: int = 0
    silent: int = 0

    def add(self, other: TellReport) -> None:
        """Count what another one counted."""
        self.taken += other.taken
        self.told += other.told
        self.held += other.held
        self.silenced += other.silenced
        self.inhibited += other.inhibited
        self.silent += other.silent

    def count(self, kind: DecisionKind) -> None:
        """Count a decision."""
        if kind in TOLD_KINDS:
            self.told += 1
        elif kind is DecisionKind.HELD:
            self.held += 1
        elif kind is DecisionKind.SILENCED:
            self.silenced += 1
        elif kind is DecisionKind.INHIBITED:
            self.inhibited += 1
        else:
            self.silent += 1
