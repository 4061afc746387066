"""What fires, what is silent and what waits, as `tocsin alerts list` shows it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from tocsin.alerting.acknowledgements import read_acknowledgements
from tocsin.alerting.case import MUTED
from tocsin.alerting.message import iso
from tocsin.alerting.patterns import glob
from tocsin.alerting.records import incident_key, select_incidents
from tocsin.database.tables import TABLE_INCIDENTS, TABLE_NOTICES, TABLE_OUTBOX
from tocsin.model import DecisionKind, IncidentState, OutboxState, Severity
from tocsin.runtime.alerts.history import DecisionRow, read_decisions
from tocsin.runtime.alerts.memory import event_time, events_to_read, leaves_at, thresholder_of
from tocsin.runtime.project_state import metric_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from tocsin.alerting.acknowledgements import Acknowledgement
    from tocsin.alerting.plan import AlertingPlan
    from tocsin.alerting.records import IncidentKey
    from tocsin.database import BaseDatabaseManager
    from tocsin.model import AlertRule, Incident
    from tocsin.runtime.config.loader import Project

__all__ = [
    "MOST_COUNTED",
    "OpenIncident",
    "Silent",
    "SilentNow",
    "WaitingMessages",
    "WaitingNotices",
    "find_open_incidents",
    "incident_id",
    "open_incidents",
    "silent_now",
    "waiting_messages",
    "waiting_notices",
]

MOST_COUNTED = 10_000
_FIRING = f"state IN ('{IncidentState.FIRING}', '{IncidentState.RECOVERING}')"


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """A problem that goes on.

    Attributes:
        id: Eight hexadecimal digits, made of its key.
        monitor: The monitor.
        incident: Where it stands.
        severity: How bad it is, in words.
        told: By which decisions people were told of it, in order.
        held: By which decisions somebody was not, when nobody was.
        acknowledged: Who works on it.
    """

    id: str
    monitor: str
    incident: Incident
    severity: Severity
    told: tuple[DecisionRow, ...] = ()
    held: tuple[DecisionRow, ...] = ()
    acknowledged: Acknowledgement | None = None

    @property
    def key(self) -> IncidentKey:
        """The key of its row."""
        return incident_key(self.incident)

    @property
    def groups(self) -> tuple[str, ...]:
        """Who was told, or would have been."""
        return tuple(dict.fromkeys(row.group for row in (*self.told, *self.held) if row.group))


@dataclass(frozen=True, slots=True)
class Silent:
    """What was told, and is not told again for a while.

    Attributes:
        classes: What it is.
        entity: Whom it is about; empty when the event names nobody.
        group: Who was told.
        channel: By what.
        severity: What was told.
        until: When the silence ends.
        held: How many events were held back since.
    """

    classes: tuple[str, ...]
    entity: str
    group: str
    channel: str
    severity: Severity
    until: datetime
    held: int


@dataclass(frozen=True, slots=True)
class SilentNow:
    """All that is silent, by the time of the events.

    Attributes:
        total: How many, counted up to `MOST_COUNTED`.
        first: Those that end first.
        at: What time it is for thresholds: that of the latest event, and what passed since.
    """

    total: int = 0
    first: tuple[Silent, ...] = ()
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WaitingNotices:
    """Notices that will travel in one message.

    Attributes:
        group: Who is told.
        channel: By what.
        notices: How many.
        due_at: When the message is made; `None`: never, as the group has no hours that come.
    """

    group: str
    channel: str
    notices: int
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class WaitingMessages:
    """Messages of a channel that are not delivered: those that wait, and those that were given up."""

    channel: str
    waiting: int
    next_attempt_at: datetime | None
    last_error: str | None
    given_up: int


def incident_id(key: IncidentKey) -> str:
    """Give the short name of an incident.

    >>> from datetime import UTC, datetime
    >>> incident_id(("cpu", "default", "anomaly", datetime(2026, 1, 31, tzinfo=UTC)))
    '9938d535'
    """
    *names, opened_at = key
    return blake2b(json.dumps([*names, iso(opened_at)]).encode(), digest_size=4).hexdigest()


def open_incidents(
    project: Project, memory: BaseDatabaseManager, *, group: str | None = None, monitor: str | None = None
) -> list[OpenIncident]:
    """Read what fires now, the worst first; without that of monitors and rules that are gone, or not enabled.

    Args:
        project: The project.
        memory: Its memory.
        group: Only what this group was told of, or would have been.
        monitor: Only of this monitor, or of those that a pattern (`*`, `?`) matches.
    """
    rows = select_incidents(memory, _FIRING, order="opened_at DESC, series, rule")
    decisions = _decisions_of_open(memory)
    acknowledged = read_acknowledgements(memory)
    rules, plan = project.alert_rules, project.plan
    found = [_open(row.incident, decisions, acknowledged, rules) for row in rows]
    fits = glob("*" if monitor is None else monitor)
    chosen = [
        one
        for one in found
        if fits(one.monitor)
        and (group is None or group in one.groups)
        and plan.looks_after(one.monitor, one.incident.rule)
    ]
    return sorted(chosen, key=lambda one: -one.severity.rank)


def _decisions_of_open(memory: BaseDatabaseManager) -> Mapping[IncidentKey, list[DecisionRow]]:
    """Give what was decided about open incidents, but for the points of which a rule told nothing."""
    rows = read_decisions(
        memory,
        "(d.series, d.rule, d.opened_at, d.condition) IN"
        " (SELECT series, rule, opened_at, condition"
        f" FROM {memory.get_full_table_name(TABLE_INCIDENTS)} WHERE {_FIRING})"
        " AND NOT (d.kind = %(none)s AND d.stage = %(rule)s)",
        {"none": DecisionKind.NONE.value, "rule": "rule"},
    )
    found: dict[IncidentKey, list[DecisionRow]] = {}
    for row in rows:
        if row.opened_at is not None:
            found.setdefault((row.series, row.rule, row.condition, row.opened_at), []).append(row)
    return found


def _open(
    incident: Incident,
    decisions: Mapping[IncidentKey, list[DecisionRow]],
    acknowledged: Mapping[IncidentKey, Acknowledgement],
    rules: Mapping[tuple[str, str], AlertRule],
) -> OpenIncident:
    key = incident_key(incident)
    monitor = metric_of(incident.series)
    rows = decisions.get(key, [])
    told = tuple(row for row in rows if row.told)
    rule = rules.get((monitor, incident.rule))
    severity = Severity.MEDIUM if rule is None else rule.severity
    return OpenIncident(
        id=incident_id(key),
        monitor=monitor,
        incident=incident,
        severity=rows[-1].severity if rows else severity,
        told=told,
        held=() if told else _latest(rows),
        acknowledged=acknowledged.get(key),
    )


def _latest(rows: Iterable[DecisionRow]) -> tuple[DecisionRow, ...]:
    """Give for each group and channel what was decided last about the opening, which all else follows."""
    openings: dict[tuple[str, str], DecisionRow] = {}
    for row in rows:
        opening = openings.setdefault((row.group, row.channel), row)
        is_same = row.candidate_id == opening.candidate_id and row.decided_at >= opening.decided_at
        if is_same or _outlasts(row, opening):
            openings[row.group, row.channel] = row
    return tuple(openings.values())


def _outlasts(row: DecisionRow, opening: DecisionRow) -> bool:
    """Tell whether a decision was made when an incident went on after the threshold that had held it back."""
    was_held = opening.kind is DecisionKind.HELD and opening.until is not None and row.at > opening.until
    return was_held and row.kind in MUTED | {DecisionKind.HELD}


def find_open_incidents(project: Project, memory: BaseDatabaseManager, name: str) -> list[OpenIncident]:
    """Find what fires by what people call it.

    Args:
        project: The project.
        memory: Its memory.
        name: The id of an incident or the beginning of it (four digits or more), a monitor or a series.
    """
    found = open_incidents(project, memory)
    named = [one for one in found if name in (one.monitor, one.incident.series, one.id)]
    if named or len(name) < _SHORTEST:
        return named
    return [one for one in found if one.id.startswith(name.lower())]


_SHORTEST = 4


def silent_now(
    project: Project, memory: BaseDatabaseManager, *, now: datetime, group: str | None = None, limit: int = 20
) -> SilentNow:
    """Read what is silent because it was told.

    Args:
        project: The project.
        memory: Its memory.
        now: The present.
        group: Only of this group.
        limit: How many to give.
    """
    at = event_time(memory, now)
    with events_to_read(project, memory) as service:
        if service is None:
            return SilentNow(at=at)
        found = thresholder_of(project, service).silences(at, group=group, limit=MOST_COUNTED)
    real = [verdict for verdict in found if not verdict.key.shadow]
    first = tuple(
        Silent(
            one.key.classes,
            one.key.entity,
            one.key.group,
            one.key.channel,
            one.severity,
            one.until,
            one.held_count,
        )
        for one in real[:limit]
    )
    return SilentNow(len(real), first, at)


def waiting_notices(
    project: Project, memory: BaseDatabaseManager, *, now: datetime, group: str | None = None
) -> list[WaitingNotices]:
    """Read which batches are being filled, or wait for a group's hours.

    Args:
        project: The project.
        memory: Its memory.
        now: The present.
        group: Only for this group.
    """
    rows = memory.execute_query(
        "SELECT group_name, channel, due_at, notice_id, batch, severity"
        f" FROM {memory.get_full_table_name(TABLE_NOTICES)} ORDER BY due_at, group_name, channel, batch"
    )
    batches: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        if group is None or row["group_name"] == group:
            key = row["group_name"], row["channel"], row["batch"] or row["notice_id"]
            batches.setdefault(key, []).append(row)
    return [
        WaitingNotices(owner, channel, len(members), _leaves_at(project.plan, members, now))
        for (owner, channel, _), members in batches.items()
    ]


def _leaves_at(plan: AlertingPlan, members: list[dict[str, Any]], now: datetime) -> datetime | None:
    """Say when a batch leaves: what may leave sooner does not wait for what must wait."""
    leaving = [
        leaves_at(plan, row["group_name"], Severity.of(row["severity"]), row["due_at"], now)
        for row in members
    ]
    return min((at for at in leaving if at is not None), default=None)


def waiting_messages(memory: BaseDatabaseManager) -> list[WaitingMessages]:
    """Read which channels have messages that are not delivered."""
    rows = memory.execute_query(
        f"SELECT channel, state, next_attempt_at, last_error FROM {memory.get_full_table_name(TABLE_OUTBOX)}"
        " WHERE state <> %(sent)s ORDER BY channel, created_at, event_at, sequence",
        {"sent": OutboxState.SENT.value},
    )
    channels: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        channels.setdefault(row["channel"], []).append(row)
    return [_waiting(channel, members) for channel, members in channels.items()]


def _waiting(channel: str, rows: list[dict[str, Any]]) -> WaitingMessages:
    pending = [row for row in rows if row["state"] == OutboxState.PENDING]
    said = [row["last_error"] for row in pending or rows if row["last_error"]]
    return WaitingMessages(
        channel=channel,
        waiting=len(pending),
        next_attempt_at=pending[0]["next_attempt_at"] if pending else None,
        last_error=said[0] if said else None,
        given_up=len(rows) - len(pending),
    )
