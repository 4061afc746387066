"""Rules, incidents and decisions: what alerting is about, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from tocsin.model.severity import Severity

if TYPE_CHECKING:
    from datetime import datetime, timedelta

__all__ = [
    "AlertDecision",
    "AlertRule",
    "DecisionKind",
    "DirectionRule",
    "Incident",
    "IncidentState",
    "OutboxState",
    "Subject",
]


class DecisionKind(StrEnum):
    """What was decided; one list for metrics, logs and events."""

    NONE = "none"
    FIRST = "first"
    REPEAT = "repeat"
    ESCALATED = "escalated"
    RELAPSED = "relapsed"
    RECOVERED = "recovered"
    NO_DATA = "no_data"
    HELD = "held"
    SILENCED = "silenced"
    INHIBITED = "inhibited"


@dataclass(frozen=True, slots=True)
class AlertDecision:
    """Why to tell people now, or why not.

    Attributes:
        kind: What was decided.
        reason: The reason in words, for people.
    """

    kind: DecisionKind
    reason: str


class DirectionRule(StrEnum):
    """Which anomalies count: those on one side, on any, or all on the same side."""

    SAME = "same"
    ANY = "any"
    UP = "up"
    DOWN = "down"


class Subject(StrEnum):
    """What the points of a series are: values in slots, or anomalous lines of a log."""

    SLOTS = "slots"
    LINES = "lines"


@dataclass(frozen=True, slots=True)
class AlertRule:
    """When to tell whom about a series; the `alerting:` block of a monitor.

    Attributes:
        name: Unique within the monitor; part of the key of an incident.
        channels: Names of channels in the profile.
        timezone: IANA zone in which messages write times.
        min_detectors: How many of the current detectors must agree on a point.
        direction: Which anomalies count.
        consecutive_anomalies: How many points in a row open an incident.
        anomaly_window: With `min_anomaly_share`: how many slots are looked at instead of a run.
        min_anomaly_share: The share (0 to 1] of anomalous slots in the window that opens an incident.
        keep_firing_for: How long after the last anomalous point the incident still fires.
        renotify_every: How often (event time) a firing incident is told again; `None` never.
        recovery: Whether the end of an incident is told.
        no_data_for: How long (event time) a series may be without values before that is told.
        template_single: Jinja template for an incident of one point, or `None` for the built-in one.
        template_consecutive: The same for several points.
        subject: What the points are; it changes words only.
        severity: How bad what the rule finds is, in words.
        threshold: Whether an incident that was told keeps later ones of its series silent for the time
            that belongs to its severity (and tells again when it relapses); otherwise each is told.
    """

    name: str = "default"
    channels: tuple[str, ...] = ()
    timezone: str = "UTC"
    min_detectors: int = 1
    direction: DirectionRule = DirectionRule.SAME
    consecutive_anomalies: int = 3
    anomaly_window: int | None = None
    min_anomaly_share: float | None = None
    keep_firing_for: timedelta | None = None
    renotify_every: timedelta | None = None
    recovery: bool = True
    no_data_for: timedelta | None = None
    template_single: str | None = None
    template_consecutive: str | None = None
    subject: Subject = Subject.SLOTS
    severity: Severity = Severity.MEDIUM
    threshold: bool = False


class IncidentState(StrEnum):
    """Where an incident stands."""

    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"
    RESOLVED = "resolved"


class OutboxState(StrEnum):
    """Where a message stands."""

    PENDING = "pending"
    SENT = "sent"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Incident:
    """One ongoing or past problem of a series under a rule; all times are event times, UTC.

    Attributes:
        rule: The rule's name.
        series: The series' name (`metric` or `metric{dimension=value}`).
        opened_at: The first anomalous point; with rule and series the key.
        state: Where it stands.
        last_anomaly_at: The latest anomalous point that belongs to it.
        anomalies: How many anomalous points belong to it.
        direction: `up` or `down`, or `None` for an incident of missing data.
        severity: The largest severity so far, in spreads beyond the bound.
        told_at: The point at which people were last told, or `None`.
        told_severity: The severity that they were told of.
        resolved_at: The point that ended it, or `None`.
    """

    rule: str
    series: str
    opened_at: datetime
    state: IncidentState
    last_anomaly_at: datetime
    anomalies: int
    direction: str | None
    severity: float
    told_at: datetime | None = None
    told_severity: float | None = None
    resolved_at: datetime | None = None
