"""What the stages should decide, said plainly: minute by minute, one candidate after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from tests.alerting.stages.builders import NOON, event, incident
from tocsin.model import AlertCandidate, DecisionKind, Severity

__all__ = ["COVERED", "Life", "Scene", "expected"]

FIRST, REPEAT, ESCALATED, RECOVERED = (
    DecisionKind.FIRST, DecisionKind.REPEAT, DecisionKind.ESCALATED, DecisionKind.RECOVERED,
)  # fmt: skip
MINUTE = timedelta(minutes=1)
SILENCE = {
    Severity.LOW: (12, 8), Severity.MEDIUM: (12, 8), Severity.HIGH: (6, 0),
}  # fmt: skip
"""Severity → minutes of silence, and of those in which it relapses."""


@dataclass(frozen=True)
class Life:
    """An incident from its first minute to its end, with what is to be told in between."""

    monitor: str
    opened: int
    resolved: int | None
    between: tuple[tuple[int, DecisionKind], ...] = ()
    threshold: bool = False

    def candidates(self) -> list[AlertCandidate]:
        found = [(self.opened, FIRST), *self.between]
        found += [] if self.resolved is None else [(self.resolved, RECOVERED)]
        return [
            incident(self.monitor, kind, minutes, opened=self.opened, channels=(), threshold=self.threshold)
            for minutes, kind in found
        ]

    def is_open(self, minute: int) -> bool:
        return self.opened <= minute and (self.resolved is None or minute < self.resolved)


@dataclass
class Scene:
    """A day in a small house.

    Attributes:
        owners: Monitor, or address of an event → its groups.
        channels: Group → its channels.
        least: Group → what it wants to hear of.
        lives: The incidents of monitors.
        events: Minute, address and severity of events, in order.
        mutes: Which monitor mutes which.
        silent: Monitors, addresses and groups that are silenced.
    """

    owners: dict[str, tuple[str, ...]]
    channels: dict[str, tuple[str, ...]]
    least: dict[str, Severity]
    lives: list[Life]
    events: list[tuple[int, str, Severity]]
    mutes: list[tuple[str, str]]
    silent: set[str] = field(default_factory=set)

    def candidates(self) -> list[AlertCandidate]:
        """Give all candidates in the order of time."""
        found = [one for life in self.lives for one in life.candidates()]
        found += [
            event(f"e{number}", minute, sources=(address,), severity=severity)
            for number, (minute, address, severity) in enumerate(self.events)
        ]
        return sorted(found, key=lambda one: one.at)

    def pairs(self, candidate: AlertCandidate) -> list[tuple[str, str]]:
        key = candidate.sources[0] if candidate.event is not None else candidate.monitor
        return [(group, channel) for group in self.owners[key] for channel in self.channels[group] or ("",)]

    def is_silent(self, candidate: AlertCandidate, group: str) -> bool:
        return not self.silent.isdisjoint({candidate.monitor, group, *candidate.sources})

    def reaches(self, first: str, second: str) -> bool:
        """Say whether the first one mutes the second, directly or through others."""
        reached = {first}
        for _ in self.mutes:
            reached |= {muted for muting, muted in self.mutes if muting in reached}
        return second in reached

    def is_muted(self, candidate: AlertCandidate, minute: int) -> bool:
        own = candidate.opened_at, candidate.monitor
        for muting, muted in self.mutes:
            if muted != candidate.monitor:
                continue
            for life in self.lives:
                began = NOON + life.opened * MINUTE, life.monitor
                earlier = own[0] is None or not self.reaches(muted, muting) or began < own
                if life.monitor == muting and life.is_open(minute) and earlier:
                    return True
        return False

    def end(self, candidate: AlertCandidate) -> int | None:
        (life,) = [
            one
            for one in self.lives
            if one.monitor == candidate.monitor and NOON + one.opened * MINUTE == candidate.opened_at
        ]
        return life.resolved


LATEST = 1000


COVERED = "covered"
"""It got worse before its opening is told, which says so; told besides only in a later batch."""


def expected(scene: Scene) -> dict[tuple[str, str, str], str]:
    """Give for each candidate, group and channel the last kind that is decided."""
    book: dict[tuple[str, str, str], _Said] = {}
    decided: dict[tuple[str, str, str], str] = {}
    told: dict[tuple[str, object, str, str], int] = {}
    for candidate in scene.candidates():
        for group, channel in scene.pairs(candidate):
            minute = (candidate.at - NOON) // MINUTE
            if candidate.kind is FIRST:
                kind = _beginning(scene, book, candidate, group, channel, minute)
                if kind in {"first", "relapsed", "escalated"}:
                    told[candidate.series, candidate.opened_at, group, channel] = _passes(
                        scene, candidate, minute
                    )
            elif candidate.kind is ESCALATED:
                began = told.get((candidate.series, candidate.opened_at, group, channel), LATEST + 1)
                kind = _worse(scene, candidate, group, minute) if began <= LATEST else "none"
                kind = COVERED if kind == "escalated" and began > minute else kind
            elif scene.is_silent(candidate, group):
                kind = "silenced"
            elif candidate.kind is not RECOVERED and scene.is_muted(candidate, minute):
                kind = "inhibited"
            else:
                is_told = (candidate.series, candidate.opened_at, group, channel) in told
                kind = candidate.kind.value if is_told else "none"
            decided[candidate.id, group, channel] = kind
    return decided


def _beginning(
    scene: Scene,
    book: dict[tuple[str, str, str], _Said],
    candidate: AlertCandidate,
    group: str,
    channel: str,
    minute: int,
) -> str:
    end = None if candidate.opened_at is None else scene.end(candidate)
    if not channel or candidate.severity.rank < scene.least[group].rank:
        return "none"
    if scene.is_silent(candidate, group):
        return "silenced" if end is None else "none"
    passes = _passes(scene, candidate, minute)
    if passes != minute and candidate.opened_at is None:
        return "inhibited"
    if end is not None and passes >= end and passes != minute:
        return "none"
    if passes > LATEST:
        return "inhibited"
    return _ask(book, (group, channel, _entity(candidate)), candidate, passes)


def _worse(scene: Scene, candidate: AlertCandidate, group: str, minute: int) -> str:
    """Say what becomes of it that an incident got worse whose opening was told by then."""
    end = scene.end(candidate)
    if scene.is_silent(candidate, group):
        return "silenced" if end is None else "none"
    passes = _passes(scene, candidate, minute)
    if end is not None and passes >= end and passes != minute:
        return "none"
    return "inhibited" if passes > LATEST else "escalated"


def _passes(scene: Scene, candidate: AlertCandidate, minute: int) -> int:
    """Give the first minute at which nothing mutes a candidate."""
    while minute <= LATEST and scene.is_muted(candidate, minute):
        minute += 1
    return minute


def _entity(candidate: AlertCandidate) -> str:
    return candidate.sources[0] if candidate.event is not None else candidate.series


@dataclass
class _Said:
    severity: Severity
    until: int
    relapses_from: int
    held: list[int] = field(default_factory=list)


def _ask(
    book: dict[tuple[str, str, str], _Said],
    key: tuple[str, str, str],
    candidate: AlertCandidate,
    minute: int,
) -> str:
    if not candidate.threshold:
        return "first"
    kind, said = "first", book.get(key)
    if said is not None and minute >= said.until:
        went_on = any(one >= said.relapses_from for one in said.held)
        kind = "relapsed" if went_on and said.relapses_from < said.until else "first"
    elif said is not None and candidate.severity.rank > said.severity.rank:
        kind = "escalated"
    elif said is not None:
        said.held.append(minute)
        return "held"
    silence, relapse = SILENCE[candidate.severity]
    book[key] = _Said(candidate.severity, minute + silence, minute + silence - relapse)
    return kind
