"""What the stages of alerting are handed: the project's groups and rules, and the book of thresholds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tocsin.model import AlertCandidate, DecisionKind, Group, Inhibition, Severity

__all__ = ["AlertingPlan", "Answer", "Asked", "ThresholdBook"]


@dataclass(frozen=True, slots=True)
class AlertingPlan:
    """How a project alerts; from `groups.yml`.

    Attributes:
        project: The project's name; part of the ids of messages.
        groups: Who owns what, in the order of the file.
        fallback: The group of what nobody owns; it needs not be among `groups`.
        inhibitions: Which monitors mute which.
        monitor_tags: Monitor → its tags, for inhibitions that name tags.
        monitor_rules: Monitor → the names of its rules, when it is enabled; of monitors that are not in here
            nothing is known.
        longest_silence: What a silence may last at most.
        channels: The channels that there are; `None`: that is not known.
    """

    project: str = ""
    groups: tuple[Group, ...] = ()
    fallback: str = "everyone"
    inhibitions: tuple[Inhibition, ...] = ()
    monitor_tags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    longest_silence: timedelta = timedelta(days=30)
    monitor_rules: dict[str, frozenset[str]] = field(default_factory=dict)
    channels: frozenset[str] | None = None

    def has_channel(self, name: str) -> bool:
        """Tell whether there is a channel, for all that is known."""
        return self.channels is None or name in self.channels

    def looks_after(self, monitor: str, rule: str) -> bool:
        """Tell whether anybody would end an incident: its monitor and its rule are there, and enabled."""
        if self.monitor_tags and monitor not in self.monitor_tags:
            return False
        rules = self.monitor_rules.get(monitor)
        return rules is None or rule in rules


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to the book of thresholds: is this told to that group by that channel?

    `at` is event time, never after the present.
    """

    candidate: AlertCandidate
    group: str
    channel: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What the book of thresholds says.

    Attributes:
        kind: `FIRST`, `ESCALATED`, `RELAPSED`: told now; `HELD`: held back.
        until: When the silence ends, or the one that begins with this report: aware, UTC.
        held_count: Of `HELD`: how many were held back since the last report, this one included; of the
            others: how many were held back before, to be told with it.
        group: Who is told.
        channel: By what.
        classes: What it is, e.g. `("Recon.Scanning",)`.
        entity: Whom it is about: an address, a host, a series; of several the foremost.
        severity: The severity that was, or is, told.
        held_ids: Of `RELAPSED` and `ESCALATED`: the first hundred ids of what was held back.
        at: Of what came due: the event time at which it did, when that is known.
        event: Of what came due: the last of `held_ids` that is an event, as far as it is stored.
        sources: Addresses, networks and host names of its sources; of the side of `entity` that alone.
        targets: The same of its targets.
        key: What the book knows it by; nobody else looks into it.
    """

    kind: DecisionKind
    until: datetime
    held_count: int
    group: str
    channel: str
    classes: tuple[str, ...]
    entity: str
    severity: Severity
    held_ids: tuple[str, ...] = ()
    at: datetime | None = None
    event: Mapping[str, Any] | None = None
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    key: object = None


class ThresholdBook(Protocol):
    """Remembers what was told, and says what is held back; its changes belong to the open transaction."""

    def ask(self, questions: Sequence[Asked]) -> list[Answer]:
        """Decide about candidates in order, and remember what was decided."""
        ...

    def due(self, now: datetime, *, limit: int = 1000) -> list[Answer]:
        """Give what was still going on near the end of its silence, when that is over; each once."""
        ...

    def untell(self, answers: Sequence[Answer]) -> None:
        """Note that nobody was told of what came due: the next of it is told as the first."""
        ...
