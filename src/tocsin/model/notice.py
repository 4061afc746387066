"""What alerting passes from stage to stage, and what it asks: candidates, groups, silences, inhibitions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tocsin.model.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, time

    from tocsin.model.alert import DecisionKind

__all__ = ["AlertCandidate", "FindingFacts", "Group", "Inhibition", "MonitorKind", "Schedule", "Silence"]


class MonitorKind(StrEnum):
    """What a monitor watches."""

    METRIC = "metric"
    LOG = "log"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class FindingFacts:
    """Which events of the store a point of a series is, and whom they name.

    Attributes:
        event_ids: The ids of the findings at this point, one a detector.
        sources: Addresses, networks and host names of their sources.
        targets: The same of their targets.
    """

    event_ids: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertCandidate:
    """Something that a rule wants told; who is told, and whether now, is for the stages to decide.

    It is about an incident of a metric or a log (then `opened_at` says which), or about one event.

    Attributes:
        id: A digest of what it is, so that the same again is the same: 36 characters of a UUID.
        monitor: The monitor's name.
        source: What the monitor watches.
        series: The series; of an event the monitor's name.
        rule: The rule's name.
        kind: What the rule decided: `FIRST`, `NO_DATA`, `REPEAT`, `ESCALATED`, `RECOVERED`.
        reason: Why, in words.
        at: Event time, aware, UTC.
        severity: How bad it is.
        condition: `anomaly`, `no_data` or `event`; with series, rule and `opened_at` the incident's key.
        opened_at: The incident's first point; `None` for an event.
        event_ids: The events of the store that it is about, the one it was decided at first.
        sources: Addresses, networks and host names of the events' sources.
        targets: The same of their targets.
        tags: The monitor's tags.
        channels: The channels that the rule names; without any, those of the owning groups are told.
        threshold: Whether it passes the stage of thresholds.
        side: Of an event: which side its threshold and its owners go by, `source` or `target`.
        event: Of an event: the IDEA message; `None` for an incident.
        message: What a message about it says, all but `id`; see `tocsin.alerting.message`.
    """

    id: str
    monitor: str
    source: MonitorKind
    series: str
    rule: str
    kind: DecisionKind
    reason: str
    at: datetime
    severity: Severity = Severity.MEDIUM
    condition: str = "anomaly"
    opened_at: datetime | None = None
    event_ids: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    threshold: bool = False
    side: str = "source"
    event: Mapping[str, Any] | None = None
    message: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a group wants to be told.

    Attributes:
        timezone: IANA zone of days and hours.
        days: 0 (Monday) to 6.
        start: From this time of day on.
        end: Up to this one, exclusive; one that is not after `start` is on the next day.
        always: This severity, and what is worse, is told at any time; `None`: nothing is.
    """

    timezone: str = "UTC"
    days: frozenset[int] = frozenset(range(7))
    start: time | None = None
    end: time | None = None
    always: Severity | None = Severity.CRITICAL


@dataclass(frozen=True, slots=True)
class Group:
    """People who own something, and how they are told.

    Attributes:
        name: Unique.
        networks: Networks and addresses (CIDR); of several groups the one with the longest prefix owns.
        hosts: Host names; `.example.org` is that name and everything below it.
        monitors: Names of monitors, `*` and `?` as in file names.
        tags: Tags of monitors.
        channels: Who is told when a rule names no channels.
        min_severity: What is less bad is recorded and not told.
        group_by: Which of `monitor`, `series`, `rule`, `severity` must be equal for what travels in one
            message.
        group_wait: How long the first of a batch waits for others; zero: each travels by itself, at once.
        group_interval: How long after a batch the next one of the same kind leaves, at the earliest.
        schedule: When it wants to be told; `None`: always.
    """

    name: str
    networks: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    monitors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    min_severity: Severity = Severity.INFO
    group_by: tuple[str, ...] = ()
    group_wait: timedelta = timedelta(0)
    group_interval: timedelta = timedelta(minutes=5)
    schedule: Schedule | None = None


@dataclass(frozen=True, slots=True)
class Inhibition:
    """Monitors that mute others while one of their incidents is open.

    Attributes:
        when: Names of monitors (`*`, `?`) or `tag:NAME`: metrics and logs.
        mutes: The same: whose messages are held back meanwhile; never a monitor of `when` itself.
    """

    when: tuple[str, ...]
    mutes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Silence:
    """What people asked not to be told of for a while.

    Attributes:
        id: Eight hexadecimal digits.
        matchers: `KEY=PATTERN` or `KEY!=PATTERN`, all of which must hold; see `tocsin.alerting.silence`.
        starts_at: From when on, aware, UTC.
        ends_at: Until when, exclusive.
        author: Who asked for it.
        comment: Why.
        created_at: When it was asked for.
        matched: How many candidates it has silenced.
        last_matched_at: When it last did.
        closed_at: When its end was noted, or `None`.
    """

    id: str
    matchers: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    author: str
    comment: str
    created_at: datetime
    matched: int = 0
    last_matched_at: datetime | None = None
    closed_at: datetime | None = None
