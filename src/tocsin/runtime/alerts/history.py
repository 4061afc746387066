"""Reads what was decided, and what became of the messages about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tocsin.alerting.message import TOLD_KINDS
from tocsin.alerting.rows import named
from tocsin.alerting.threshold import alike
from tocsin.database.tables import TABLE_DECISIONS
from tocsin.model import DecisionKind, MonitorKind, Severity
from tocsin.runtime.alerts.memory import events_to_read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.database import BaseDatabaseManager
    from tocsin.runtime.config.loader import Project

__all__ = [
    "TELLING_KINDS",
    "DecisionRow",
    "HistoryFilter",
    "Page",
    "point_of",
    "read_decisions",
    "read_history",
]

TELLING_KINDS = tuple(kind for kind in DecisionKind if kind in TOLD_KINDS)
"""The decisions by which people are told; all others are silent."""

_COLUMNS = (
    "decision_id, candidate_id, event_id, monitor, series, rule, condition, opened_at, group_name, channel,"
    " kind, stage, reason, severity, event_at, decided_at, until, notice_id, message_id"
)


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A decision as it was recorded.

    Attributes:
        id: Its id.
        candidate_id: What it is about; the same for all groups and channels.
        event_id: The event of the store that it is about, or the first of several.
        monitor: The monitor.
        series: The series; of an event the monitor's name.
        rule: The rule.
        condition: `anomaly`, `no_data` or `event`.
        opened_at: When the incident began; `None` for an event.
        group: Who; empty when it was decided before groups were asked.
        channel: By what; empty when it was decided before that.
        kind: What was decided.
        stage: By which stage.
        reason: Why, in words.
        severity: How bad it was.
        at: Event time.
        decided_at: When it was decided, by the clock.
        until: When the silence ends that holds it back, or that begins with it.
        notice_id: The notice that it became.
        message_id: The message that the notice travels in.
    """

    id: str
    candidate_id: str
    event_id: str | None
    monitor: str
    series: str
    rule: str
    condition: str
    opened_at: datetime | None
    group: str
    channel: str
    kind: DecisionKind
    stage: str
    reason: str
    severity: Severity
    at: datetime
    decided_at: datetime
    until: datetime | None
    notice_id: str | None
    message_id: str | None

    @property
    def told(self) -> bool:
        """Whether people are told by it."""
        return self.kind in TELLING_KINDS


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which decisions are meant; what is left out means any.

    Attributes:
        monitor: A monitor.
        series: A series.
        group: A group.
        channel: A channel.
        kinds: Kinds of decisions.
        start: Decided at this time or later.
        end: Decided before this time.
        event: The id of an event: also what told of it with others, and what its point of a series came to.
    """

    monitor: str | None = None
    series: str | None = None
    group: str | None = None
    channel: str | None = None
    kinds: Sequence[DecisionKind] = ()
    start: datetime | None = None
    end: datetime | None = None
    event: str | None = None

    def conditions(self) -> tuple[list[str], dict[str, Any]]:
        """Give what the rows must fulfil, and its parameters."""
        wanted = {
            "monitor = %(monitor)s": ("monitor", self.monitor),
            "series = %(series)s": ("series", self.series),
            "group_name = %(group)s": ("group", self.group),
            "channel = %(channel)s": ("channel", self.channel),
            "decided_at >= %(start)s": ("start", self.start),
            "decided_at < %(end)s": ("end", self.end),
        }
        conditions = [condition for condition, (_, value) in wanted.items() if value is not None]
        params = {name: value for name, value in wanted.values() if value is not None}
        if self.kinds:
            names, values = named([kind.value for kind in self.kinds], "kind")
            conditions.append(f"kind IN ({names})")
            params |= values
        return conditions, params


@dataclass(frozen=True, slots=True)
class Page:
    """Behind which decision a page begins: its time of decision, its event time, its id."""

    decided_at: datetime
    at: datetime
    id: str


def read_history(
    memory: BaseDatabaseManager,
    wanted: HistoryFilter,
    *,
    limit: int,
    before: Page | None = None,
    point: tuple[str, datetime] | None = None,
) -> list[DecisionRow]:
    """Read decisions, those made last first; of one moment the latest event first.

    Args:
        memory: The project's memory.
        wanted: Which ones.
        limit: How many at most.
        before: Behind which decision to go on.
        point: The series and the instant of the wanted event, where one of the project's monitors found it.
    """
    conditions, params = wanted.conditions()
    if wanted.event is not None:
        about, ids = _about_event(memory, wanted.event, point)
        conditions.append(about)
        params |= ids
    if before is not None:
        conditions.append(
            "(decided_at < %(decided)s OR (decided_at = %(decided)s AND (event_at < %(at)s"
            " OR (event_at = %(at)s AND decision_id < %(id)s))))"
        )
        conditions.append("decided_at <= %(decided)s")  # what an index can begin at
        params |= {"decided": before.decided_at, "at": before.at, "id": before.id}
    order = f"decided_at DESC, event_at DESC, decision_id DESC LIMIT {int(limit)}"
    return read_decisions(memory, " AND ".join(conditions), params, order=order)


def point_of(project: Project, memory: BaseDatabaseManager, event_id: str) -> tuple[str, datetime] | None:
    """Give the series and the instant of an event that a metric of the project became; `None`: it is another.

    Args:
        project: The project.
        memory: Its memory.
        event_id: The id of an event, which need not be there.
    """
    with events_to_read(project, memory) as events:
        event = None if events is None else events.fetch_event(event_id)
    details = None if event is None else event.get("_Tocsin")
    if event is None or not isinstance(details, dict) or details.get("Kind") != MonitorKind.METRIC:
        return None
    series, at = details.get("Series"), event.detecttime
    return (series, at) if isinstance(series, str) and at is not None else None


def _about_event(
    memory: BaseDatabaseManager, event: str, point: tuple[str, datetime] | None
) -> tuple[str, dict[str, Any]]:
    """Give the condition that a decision is about an event, alone or with others, and its parameters.

    A decision names the first of its events. The others are those of its point, one a detector; what led to
    it, which is said to belong to its incident; what was held back before, which has its notice; and that an
    incident which was held back goes on, which is told later.
    """
    own, params = "event_id = %(event)s", dict[str, Any](event=event)
    if point is not None:
        own += " OR (series = %(series_of)s AND event_at = %(at_of)s AND condition <> 'event')"
        params |= {"series_of": point[0], "at_of": point[1]}
    rows = read_decisions(memory, own, params)
    about = [row for row in rows if row.candidate_id]
    for row in rows:
        if row.opened_at is not None and not row.candidate_id:
            about += _told_with(memory, row)
    for row in [row for row in about if row.kind is DecisionKind.HELD and row.opened_at is not None]:
        about += _told_later(memory, row)
    candidates = {row.candidate_id for row in about}
    held = [row for row in rows if row.kind is DecisionKind.HELD]
    notices = {one for row in held for one in ([row.notice_id] if row.notice_id else _notices(memory, row))}
    if candidates:
        names, values = named(sorted(candidates), "candidate")
        own += f" OR candidate_id IN ({names})"
        params |= values
    if notices:
        names, values = named(sorted(notices), "notice")
        own += f" OR (notice_id IN ({names}) AND kind <> '{DecisionKind.HELD}')"
        params |= values
    return f"({own})", params


def _notices(memory: BaseDatabaseManager, held: DecisionRow) -> list[str]:
    """Give the notice that tells of something held back: it is noted at the first of what is told with it."""
    said = alike(held.reason)
    if not said:
        return []
    rows = memory.execute_query(
        f"SELECT DISTINCT notice_id FROM {memory.get_full_table_name(TABLE_DECISIONS)}"
        " WHERE series = %(series)s AND rule = %(rule)s AND group_name = %(group)s AND channel = %(channel)s"
        " AND until = %(until)s AND kind = %(held)s AND notice_id IS NOT NULL"
        f" AND substr(reason, 1, {len(said)}) = %(said)s",
        {
            "series": held.series,
            "rule": held.rule,
            "group": held.group,
            "channel": held.channel,
            "until": held.until,
            "held": DecisionKind.HELD.value,
            "said": said,
        },
    )
    return [row["notice_id"] for row in rows]


def _told_with(memory: BaseDatabaseManager, point: DecisionRow) -> list[DecisionRow]:
    """Give the decisions by which an incident was next told of after one of its points."""
    rows = _of_incident(memory, point, "event_at >= %(at)s", {"at": point.at})
    return [row for row in rows if row.at == rows[0].at]


def _told_later(memory: BaseDatabaseManager, held: DecisionRow) -> list[DecisionRow]:
    """Give the decisions that an incident goes on after what held it back: these name no event."""
    return _of_incident(memory, held, "event_id IS NULL AND event_at > %(until)s", {"until": held.until})


def _of_incident(
    memory: BaseDatabaseManager, row: DecisionRow, condition: str, params: dict[str, Any]
) -> list[DecisionRow]:
    """Read what was decided about a decision's incident for groups and channels, but for its end."""
    return read_decisions(
        memory,
        "series = %(series)s AND rule = %(rule)s AND opened_at = %(opened_at)s AND condition = %(condition)s"
        f" AND candidate_id <> '' AND kind <> %(recovered)s AND {condition}",
        {
            "series": row.series,
            "rule": row.rule,
            "opened_at": row.opened_at,
            "condition": row.condition,
            "recovered": DecisionKind.RECOVERED.value,
            **params,
        },
    )


def read_decisions(
    memory: BaseDatabaseManager | Transaction,
    condition: str,
    params: dict[str, Any] | None = None,
    *,
    order: str = "event_at, decided_at, decision_id",
) -> list[DecisionRow]:
    """Read the decisions for which a condition holds.

    Args:
        memory: Where.
        condition: On the columns of the table; constant text with parameters.
        params: Its parameters.
        order: The order, and a limit.
    """
    rows = memory.execute_query(
        f"SELECT {_COLUMNS} FROM {memory.get_full_table_name(TABLE_DECISIONS)} AS d"
        f" WHERE {condition or 'TRUE'} ORDER BY {order}",
        params or None,
    )
    return [_decision(row) for row in rows]


def _decision(row: dict[str, Any]) -> DecisionRow:
    identity, kind, severity = row.pop("decision_id"), row.pop("kind"), row.pop("severity")
    group, at = row.pop("group_name"), row.pop("event_at")
    return DecisionRow(
        id=identity, kind=DecisionKind(kind), severity=Severity.of(severity), group=group, at=at, **row
    )
