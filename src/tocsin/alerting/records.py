"""Incidents, positions and messages of the outbox as rows of the memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from tocsin.alerting.verdicts import instant, milliseconds
from tocsin.model import AlertDecision, DecisionKind, Incident, OutboxState
from tocsin.model.alert import IncidentState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.model import AlertCandidate

__all__ = [
    "IncidentKey",
    "IncidentRow",
    "Queued",
    "incident_key",
    "incident_of",
    "queue_messages",
    "read_incidents",
    "read_positions",
    "select_incidents",
    "write_incidents",
    "write_positions",
]

_INCIDENTS = "_tocsin_incidents"
_OUTBOX = "_tocsin_outbox"
_TASKS = "_tocsin_tasks"
_PROCESS_TYPE = "alert"
_CONDITIONS = ("anomaly", "no_data")

IncidentKey: TypeAlias = "tuple[str, str, str, datetime]"
"""The key of an incident's row: series, rule, condition, first point."""


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """An incident with what was last decided about it."""

    incident: Incident
    decision: AlertDecision


@dataclass(frozen=True, slots=True)
class Queued:
    """A message for one channel, on its way into the outbox."""

    message_id: str
    channel: str
    kind: str
    rule: str
    series: str
    payload: str
    event_at: datetime


def incident_key(incident: Incident) -> IncidentKey:
    """Give the key of an incident's row."""
    return incident.series, incident.rule, _CONDITIONS[incident.direction is None], incident.opened_at


def incident_of(candidate: AlertCandidate) -> IncidentKey | None:
    """Give the key of the incident that a candidate is about, `None` for an event."""
    if candidate.opened_at is None:
        return None
    return candidate.series, candidate.rule, candidate.condition, candidate.opened_at


def read_positions(tx: Transaction, series: str) -> dict[str, int]:
    """Give, for each rule of a series, the last point it was evaluated at (ms)."""
    rows = tx.execute_query(
        f"SELECT detector_id, last_processed_timestamp FROM {tx.get_full_table_name(_TASKS)}"
        " WHERE metric_name = %(series)s AND process_type = %(process_type)s",
        {"series": series, "process_type": _PROCESS_TYPE},
    )
    return {
        row["detector_id"]: milliseconds(row["last_processed_timestamp"])
        for row in rows
        if row["last_processed_timestamp"] is not None
    }


def write_positions(tx: Transaction, series: str, positions: Mapping[str, int], now: datetime) -> None:
    """Keep how far each rule has come."""
    if not positions:
        return
    count = len(positions)
    tx.insert_batch(
        _TASKS,
        {
            "metric_name": [series] * count,
            "detector_id": list(positions),
            "process_type": [_PROCESS_TYPE] * count,
            "status": ["completed"] * count,
            "started_at": [now] * count,
            "updated_at": [now] * count,
            "last_processed_timestamp": [instant(moment) for moment in positions.values()],
            "error_message": [None] * count,
            "timeout_seconds": [3600] * count,
        },
        "replace",
    )


def read_incidents(tx: Transaction, series: str, since: int | None) -> list[IncidentRow]:
    """Read the incidents of a series, of all rules, that are open or were resolved at or after `since`."""
    params: dict[str, Any] = {"series": series}
    recent = ""
    if since is not None:
        params |= {"since": instant(since), "resolved": IncidentState.RESOLVED.value}
        recent = " AND (state <> %(resolved)s OR resolved_at >= %(since)s)"
    return select_incidents(tx, f"series = %(series)s{recent}", params, order="rule, opened_at")


def select_incidents(
    tx: Transaction, condition: str, params: Mapping[str, Any] | None = None, *, order: str
) -> list[IncidentRow]:
    """Read the incidents for which a condition holds.

    Args:
        tx: Where.
        condition: On the columns of the table; constant text with parameters.
        params: Its parameters.
        order: Their order.
    """
    rows = tx.execute_query(
        "SELECT series, rule, opened_at, state, last_anomaly_at, anomalies, direction, severity, told_at,"
        " told_severity, resolved_at, last_kind, last_reason"
        f" FROM {tx.get_full_table_name(_INCIDENTS)} WHERE {condition} ORDER BY {order}",
        params,
    )
    return [_row(row) for row in rows]


def _row(row: dict[str, Any]) -> IncidentRow:
    decision = AlertDecision(DecisionKind(row.pop("last_kind")), row.pop("last_reason"))
    return IncidentRow(Incident(**{**row, "state": IncidentState(row["state"])}), decision)


def write_incidents(
    tx: Transaction, rows: Sequence[IncidentRow], gone: Sequence[Incident], now: datetime
) -> None:
    """Keep new and changed incidents, and forget those that never came to be (`gone`)."""
    for incident in gone:
        series, rule, condition, opened_at = incident_key(incident)
        tx.execute_query(
            f"DELETE FROM {tx.get_full_table_name(_INCIDENTS)} WHERE series = %(series)s"
            " AND rule = %(rule)s AND condition = %(condition)s AND opened_at = %(opened_at)s",
            {"series": series, "rule": rule, "condition": condition, "opened_at": opened_at},
        )
    if not rows:
        return
    incidents = [row.incident for row in rows]
    tx.insert_batch(
        _INCIDENTS,
        {
            "series": [incident.series for incident in incidents],
            "rule": [incident.rule for incident in incidents],
            "condition": [_CONDITIONS[incident.direction is None] for incident in incidents],
            "opened_at": [incident.opened_at for incident in incidents],
            "state": [incident.state.value for incident in incidents],
            "last_anomaly_at": [incident.last_anomaly_at for incident in incidents],
            "anomalies": [incident.anomalies for incident in incidents],
            "direction": [incident.direction for incident in incidents],
            "severity": [incident.severity for incident in incidents],
            "told_at": [incident.told_at for incident in incidents],
            "told_severity": [incident.told_severity for incident in incidents],
            "resolved_at": [incident.resolved_at for incident in incidents],
            "last_kind": [row.decision.kind.value for row in rows],
            "last_reason": [row.decision.reason for row in rows],
            "updated_at": [now] * len(rows),
        },
        "replace",
    )


def queue_messages(tx: Transaction, messages: Sequence[Queued], now: datetime) -> int:
    """Put messages into the outbox, behind those that are there, and give how many of them are new."""
    if not messages:
        return 0
    count = len(messages)
    queued_at = {name: _behind(tx, name, now) for name in {one.channel for one in messages}}
    return tx.insert_batch(
        _OUTBOX,
        {
            "message_id": [message.message_id for message in messages],
            "channel": [message.channel for message in messages],
            "kind": [message.kind for message in messages],
            "rule": [message.rule for message in messages],
            "series": [message.series for message in messages],
            "payload": [message.payload for message in messages],
            "state": [OutboxState.PENDING.value] * count,
            "attempts": [0] * count,
            "next_attempt_at": [now] * count,
            "last_error": [None] * count,
            # The order of sending: when it was queued, by event time, and within a point as decided.
            "created_at": [queued_at[message.channel] for message in messages],
            "event_at": [message.event_at for message in messages],
            "sequence": list(range(count)),
            "sent_at": [None] * count,
        },
        "ignore",
    )


def _behind(tx: Transaction, channel: str, now: datetime) -> datetime:
    """Give the present, or an instant behind all that was queued for a channel before.

    One notify step may queue several times at one instant, and a clock may be set back.
    """
    last = now
    for state in (OutboxState.PENDING, OutboxState.SENT):
        rows = tx.execute_query(
            f"SELECT created_at FROM {tx.get_full_table_name(_OUTBOX)}"
            " WHERE state = %(state)s AND channel = %(channel)s"
            " ORDER BY created_at DESC, event_at DESC, sequence DESC, message_id DESC LIMIT 1",
            {"state": state.value, "channel": channel},
        )
        last = max(last, *(row["created_at"] + timedelta(milliseconds=1) for row in rows), now)
    return last
