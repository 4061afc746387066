"""Reads what was decided, and what became of the messages about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tocsin.database.tables import TABLE_DECISIONS
from tocsin.model import DecisionKind, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.database import BaseDatabaseManager

__all__ = [
    "TELLING_KINDS",
    "DecisionRow",
    "HistoryFilter",
    "Page",
    "read_decisions",
    "read_history",
    "read_page",
]

TELLING_KINDS = (
    DecisionKind.FIRST,
    DecisionKind.NO_DATA,
    DecisionKind.REPEAT,
    DecisionKind.ESCALATED,
    DecisionKind.RELAPSED,
    DecisionKind.RECOVERED,
)
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
        event: The id of an event.
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
            "event_id = %(event)s": ("event", self.event),
        }
        conditions = [condition for condition, (_, value) in wanted.items() if value is not None]
        params = {name: value for name, value in wanted.values() if value is not None}
        if self.kinds:
            names = {f"kind_{place}": kind.value for place, kind in enumerate(self.kinds)}
            conditions.append(_in("kind", names))
            params |= names
        return conditions, params


@dataclass(frozen=True, slots=True)
class Page:
    """Behind which decision a page begins: its time of decision, its event time, its id."""

    decided_at: datetime
    at: datetime
    id: str


def read_page(decision: DecisionRow) -> Page:
    """Give the page that begins behind a decision."""
    return Page(decision.decided_at, decision.at, decision.id)


def read_history(
    memory: BaseDatabaseManager, wanted: HistoryFilter, *, limit: int, before: Page | None = None
) -> list[DecisionRow]:
    """Read decisions, those made last first; of one moment the latest event first.

    Args:
        memory: The project's memory.
        wanted: Which ones.
        limit: How many at most.
        before: Behind which decision to go on.
    """
    conditions, params = wanted.conditions()
    if before is not None:
        conditions.append(
            "(decided_at < %(decided)s OR (decided_at = %(decided)s AND (event_at < %(at)s"
            " OR (event_at = %(at)s AND decision_id < %(id)s))))"
        )
        conditions.append("decided_at <= %(decided)s")  # what an index can begin at
        params |= {"decided": before.decided_at, "at": before.at, "id": before.id}
    order = f"decided_at DESC, event_at DESC, decision_id DESC LIMIT {int(limit)}"
    return read_decisions(memory, " AND ".join(conditions), params, order=order)


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


def _in(column: str, names: Iterable[str]) -> str:
    return f"{column} IN ({', '.join(f'%({name})s' for name in names)})"
