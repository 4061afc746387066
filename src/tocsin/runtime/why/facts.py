"""Why somebody was told, or not: the facts, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from tocsin.model.alert import IncidentState

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.alerting.acknowledgements import Acknowledgement
    from tocsin.eventstorage.thresholds.looking import Holding
    from tocsin.model import Incident, Silence
    from tocsin.runtime.alerts.history import DecisionRow
    from tocsin.runtime.why.found import Found

__all__ = [
    "Again",
    "Answer",
    "HeldBack",
    "IncidentStory",
    "Message",
    "MessageState",
    "Next",
    "RuleStory",
    "Watcher",
    "Why",
]


class MessageState(StrEnum):
    """Where a message is on its way."""

    COLLECTING = "collecting"
    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Message:
    """A message, or the notice that will travel in one.

    Attributes:
        id: Its id; of a notice that is in no message yet the notice's.
        state: Where it is. `UNKNOWN`: its row is gone, as old ones are deleted.
        at: Delivered: when. Collecting: when the message is made, `None`: never. Waiting: when it is tried.
        attempts: How often it was tried.
        last_error: What the channel said last, without secrets.
        together: How many notices travel in it.
    """

    id: str
    state: MessageState
    at: datetime | None = None
    attempts: int = 0
    last_error: str | None = None
    together: int = 1


class Next(StrEnum):
    """When something is told, or told again."""

    UNSILENCED = "unsilenced"  # when the silence is over, if it still goes on
    UNINHIBITED = "uninhibited"  # when the other problem is over, if it still goes on
    RELAPSE = "relapse"  # when the threshold's silence is over: it was still going on near its end
    IF_IT_GOES_ON = "if_it_goes_on"  # the same, if it is still going on near its end
    QUIET = "quiet"  # not before that time, unless it gets worse
    REPEAT = "repeat"  # at the first anomalous point from then on
    ACKNOWLEDGED = "acknowledged"  # when it gets worse or ends; not repeated
    CHANGE = "change"  # when it gets worse or ends
    SILENCED = "silenced"  # it was told, and what it comes to is silenced until that time
    WORSE_UNSILENCED = "worse_unsilenced"  # that it got worse, when the silence is over, if it still goes on
    WORSE_UNINHIBITED = "worse_uninhibited"  # the same, when the other problem is over
    SILENCED_END = "silenced_end"  # that it is over, when the silence is over
    NOBODY = "nobody"  # nobody looks after it: its rule is gone, or not enabled
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Again:
    """When it is told, or told again: what must happen, and from when on."""

    kind: Next
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What was held back, and is known by what was told.

    Attributes:
        count: How many events or points.
        first: When the first of them was.
        last: When the last of them was.
        ids: The ids of a few.
    """

    count: int
    first: datetime | None = None
    last: datetime | None = None
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of it for one group and channel.

    Attributes:
        group: The group; empty when it was decided before groups were asked.
        channel: The channel; empty when there is none.
        decisions: What was decided, in order; never empty.
        messages: What became of each that was told, in order.
        relapse: Of something that was held back: by what it was told later, with the rest; or what muted
            that when it was due.
        relapse_message: What became of that.
        holding: Of something that passes thresholds: the telling that it caused, or that held it back.
        again: When it is told, or told again.
    """

    group: str
    channel: str
    decisions: tuple[DecisionRow, ...]
    messages: tuple[Message, ...] = ()
    relapse: DecisionRow | None = None
    relapse_message: Message | None = None
    holding: Holding | None = None
    again: Again = Again(Next.NEVER)

    @property
    def last(self) -> DecisionRow:
        """What was decided last."""
        return self.decisions[-1]

    @property
    def told(self) -> tuple[DecisionRow, ...]:
        """The decisions by which people were told."""
        return tuple(row for row in self.decisions if row.told)


@dataclass(frozen=True, slots=True)
class IncidentStory:
    """The incident that a point belongs to.

    Attributes:
        id: Its short name.
        incident: As it is now.
        last_reason: What was last decided about it.
        points: Its anomalous points: all that was not told one by one.
        acknowledged: Who works on it.
        is_looked_after: Whether its monitor and its rule are there, and enabled.
    """

    id: str
    incident: Incident
    last_reason: str
    points: HeldBack
    acknowledged: Acknowledgement | None = None
    is_looked_after: bool = True

    @property
    def goes_on(self) -> bool:
        """Whether no end of it is known."""
        return self.incident.state is not IncidentState.RESOLVED


@dataclass(frozen=True, slots=True)
class RuleStory:
    """What a rule, and the stages behind it, made of what was found.

    Attributes:
        monitor: The monitor.
        kind: What it watches: `metric`, `log`, `events`; `None` when it is gone.
        rule: The rule.
        point: What the rule decided about this very point, when it did not want it told by itself.
        incident: The incident it belongs to.
        answers: What was decided for each group and channel.
        waits: Whether the rule wants it told, and the stages were not asked yet.
    """

    monitor: str
    kind: str | None
    rule: str
    point: DecisionRow | None = None
    incident: IncidentStory | None = None
    answers: tuple[Answer, ...] = ()
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Watcher:
    """A monitor that could have looked at what no rule has looked at.

    Attributes:
        monitor: Its name.
        kind: `metric`, `log` or `events`.
        rules: Names of its alerting rules.
        matches: Whether it is about what was found: its filter matches, or it found it itself.
        passed: Whether it has looked beyond it already.
        reason: Why it does not match, or what kept it from telling.
    """

    monitor: str
    kind: str
    rules: tuple[str, ...]
    matches: bool
    passed: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """Why somebody was told, or not.

    Attributes:
        asked: What was asked for.
        found: What was found.
        rules: What each rule, and the stages behind it, made of it.
        silences: The silences that applied.
        watchers: When no rule looked at it: the monitors that could have.
    """

    asked: str
    found: Found
    rules: tuple[RuleStory, ...] = ()
    silences: tuple[Silence, ...] = ()
    watchers: tuple[Watcher, ...] = ()
