"""Notices become messages: each by itself, or what belongs together in one digest.

A group that waits (`group_wait`) is told in batches: what is alike in `group_by` and goes to one channel. The
first notice of a batch waits so long for others; then all of them leave in one message, and the next batch of
the same kind leaves `group_interval` later, at the earliest; see `tocsin.alerting.route.next_turn`. A group
that does not wait is told of each by itself, at once. What comes outside of a group's hours leaves when they
begin, unless it is bad enough.
Of the repetitions of an incident that leave together, after a long pause or a night, the last says it all;
so does the last of what was held back until now about how it got worse.

Waiting goes by the clock, and is kept in the memory, so that a restart neither hurries nor forgets. Messages
leave in the order of event time.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tocsin.alerting.digest import MOST_ITEMS, digest_message
from tocsin.alerting.message import iso
from tocsin.alerting.record import note_messages
from tocsin.alerting.records import Queued, queue_messages
from tocsin.alerting.route import may_leave, next_turn
from tocsin.alerting.rows import execute_for
from tocsin.model import DecisionKind, Group, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.alerting.plan import AlertingPlan

__all__ = ["Notice", "notice_id", "queue_notices", "send_batches"]

_NOTICES = "_tocsin_notices"
_BATCHES = "_tocsin_batches"
_NAMESPACE = uuid.UUID("3c1f0d5e-90a7-5c5f-8a55-0b6c4f5d2e61")
_ALONE = ""
_REPETITIONS = "repetitions "  # begins the batch of an incident; that of a digest is a JSON object
_INCIDENT = ("monitor", "series", "rule", "subject", "opened_at")
_Batch = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that a group is told by a channel.

    Attributes:
        id: See `notice_id`.
        group: Who is told.
        channel: By what.
        severity: How bad it is.
        event_at: Event time at which it was to be told.
        payload: The message about it, all but its `id`.
        is_late: Whether it was muted until now.
    """

    id: str
    group: Group
    channel: str
    severity: Severity
    event_at: datetime
    payload: Mapping[str, Any]
    is_late: bool = False


def notice_id(candidate_id: str, group: str, channel: str) -> str:
    """Give the id of a notice, and of the message when it travels alone: the same for the same, always."""
    return str(uuid.uuid5(_NAMESPACE, json.dumps([candidate_id, group, channel])))


def queue_notices(tx: Transaction, notices: Sequence[Notice], now: datetime) -> int:
    """Keep notices until the message that they travel in is made, and give how many of them are new."""
    if not notices:
        return 0
    left = _read_left(tx) if any(notice.group.group_wait for notice in notices) else {}
    count, first = len(notices), _next_sequence(tx)
    batches = [_batch(notice) for notice in notices]
    return tx.insert_batch(
        _NOTICES,
        {
            "notice_id": [notice.id for notice in notices],
            "group_name": [notice.group.name for notice in notices],
            "channel": [notice.channel for notice in notices],
            "batch": batches,
            "severity": [notice.severity.value for notice in notices],
            "event_at": [notice.event_at for notice in notices],
            "sequence": list(range(first, first + count)),
            "due_at": [
                _due(notice.group, left.get((notice.group.name, notice.channel, batch)), now)
                for notice, batch in zip(notices, batches, strict=True)
            ],
            "payload": [json.dumps(notice.payload, allow_nan=False, default=str) for notice in notices],
            "created_at": [now] * count,
        },
        "ignore",
    )


def _next_sequence(tx: Transaction) -> int:
    """Give the place of a new notice behind all that wait: several batches may be decided at one instant."""
    rows = tx.execute_query(f"SELECT max(sequence) AS last FROM {tx.get_full_table_name(_NOTICES)}")
    return 0 if rows[0]["last"] is None else int(rows[0]["last"]) + 1


def _batch(notice: Notice) -> str:
    if notice.group.group_wait:
        values = {**notice.payload, "severity": notice.severity.value}
        return json.dumps({key: values.get(key) for key in sorted(notice.group.group_by)})
    if notice.payload.get("kind") == DecisionKind.REPEAT.value:
        return _REPETITIONS + json.dumps([notice.payload.get(key) for key in _INCIDENT])
    if notice.payload.get("kind") == DecisionKind.ESCALATED.value and notice.is_late:
        return _REPETITIONS + json.dumps(["worse", *(notice.payload.get(key) for key in _INCIDENT)])
    return _ALONE


def _due(group: Group, left: datetime | None, now: datetime) -> datetime:
    if not group.group_wait:
        return now
    due = now + group.group_wait
    # What left later than now left before the clock was set back.
    return due if left is None else max(due, next_turn(group, min(left, now)))


def _read_left(tx: Transaction) -> dict[_Batch, datetime]:
    rows = tx.execute_query(
        f"SELECT group_name, channel, batch, left_at FROM {tx.get_full_table_name(_BATCHES)}"
    )
    return {(row["group_name"], row["channel"], row["batch"]): row["left_at"] for row in rows}


@dataclass(frozen=True, slots=True)
class _Waiting:
    notice_id: str
    group_name: str
    channel: str
    batch: str
    severity: str
    event_at: datetime
    due_at: datetime

    @property
    def is_digested(self) -> bool:
        """Whether it may travel with others that say something else."""
        return self.batch != _ALONE and not self.batch.startswith(_REPETITIONS)


def send_batches(tx: Transaction, *, plan: AlertingPlan, now: datetime, close_all: bool = False) -> int:
    """Make messages of the batches that are due, put them into the outbox, and give how many they are.

    Args:
        tx: Where notices are, and the outbox.
        plan: For the hours of groups.
        now: The present.
        close_all: Whether batches leave although they would wait for others; hours are kept all the same.
    """
    leaving = _leaving(tx, plan, now, close_all=close_all)
    if not leaving:
        return 0
    payloads = _read_payloads(tx, [notice.notice_id for batch in leaving for notice in _shown(batch)])
    queued: list[Queued] = []
    travelling: dict[str, str] = {}
    for batch in leaving:
        message = _message(batch, payloads, plan.project, now)
        queued.append(message)
        travelling |= dict.fromkeys((notice.notice_id for notice in batch), message.message_id)
    made = queue_messages(tx, queued, now)
    note_messages(tx, travelling)
    _forget(tx, list(travelling))
    _note_left(tx, plan, [batch[0] for batch in leaving if batch[0].is_digested], now)
    return made


def _leaving(tx: Transaction, plan: AlertingPlan, now: datetime, *, close_all: bool) -> list[list[_Waiting]]:
    """Give the batches that leave now, in the order of event time, each in that order, too."""
    # Of what leaves nothing but heads is read, and of what waits not even these.
    due = "" if close_all else _DUE.format(notices=tx.get_full_table_name(_NOTICES))
    rows = tx.execute_query(
        "SELECT notice_id, group_name, channel, batch, severity, event_at, due_at"
        f" FROM {tx.get_full_table_name(_NOTICES)} AS one{due}"
        " ORDER BY event_at, created_at, sequence, notice_id",
        None if close_all else {"now": now, "ahead": now + _SKEW},
    )
    groups = {group.name: group for group in plan.groups}
    batches: dict[_Batch, list[_Waiting]] = {}
    for notice in (_Waiting(**row) for row in rows):
        group = groups.get(notice.group_name)
        if group is not None and not may_leave(group, Severity.of(notice.severity), now):
            continue
        own = notice.notice_id if notice.batch == _ALONE else notice.batch
        key = (notice.group_name, notice.channel, own)
        batch = batches.setdefault(key, []) if notice.is_digested else batches.pop(key, [])
        batch.append(notice)
        batches[key] = batch  # repetitions leave at the time of the last one
    return list(batches.values())


_LONGER = timedelta(days=2)  # than an interval some days of the calendar may take

# What was kept later than now waits since before the clock was set back: nobody knows for how long.
# (The clocks of two machines that work on one memory differ by less than the skew.)
_SKEW = timedelta(seconds=5)
_DUE = (
    " WHERE due_at <= %(now)s OR created_at > %(ahead)s OR (batch <> '' AND EXISTS"
    " (SELECT 1 FROM {notices} AS other WHERE (other.due_at <= %(now)s OR other.created_at > %(ahead)s)"
    " AND other.group_name = one.group_name AND other.channel = one.channel AND other.batch = one.batch))"
)


def _read_payloads(tx: Transaction, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    table = tx.get_full_table_name(_NOTICES)
    rows = execute_for(tx, f"SELECT notice_id, payload FROM {table} WHERE notice_id IN ({{values}})", ids)
    return {row["notice_id"]: json.loads(row["payload"]) for row in rows}


def _shown(batch: Sequence[_Waiting]) -> Sequence[_Waiting]:
    """Give those of a batch whose payloads make its message."""
    return batch[:MOST_ITEMS] if batch[0].is_digested else batch[-1:]


def _message(
    batch: Sequence[_Waiting], payloads: Mapping[str, dict[str, Any]], project: str, now: datetime
) -> Queued:
    shown = _shown(batch)
    first = shown[0]
    if len(shown) == 1:
        identity, message = first.notice_id, payloads[first.notice_id]
    else:
        ids = sorted(notice.notice_id for notice in batch)
        identity = str(uuid.uuid5(_NAMESPACE, json.dumps(ids)))
        items = [{"id": one.notice_id, **payloads[one.notice_id]} for one in shown]
        worst = max((Severity.of(notice.severity) for notice in batch), key=lambda one: one.rank)
        message = digest_message(
            items, total=len(batch), group=first.group_name, severity=worst, project=project, now=now
        )
    message = {"id": identity, **message, "queued_at": iso(now)}  # what it waited for is over
    payload = json.dumps(message, allow_nan=False, default=str)
    kind, rule, series = (str(message.get(key) or "") for key in ("kind", "rule", "series"))
    return Queued(identity, first.channel, kind, rule, series, payload, first.event_at)


def _forget(tx: Transaction, ids: Iterable[str]) -> None:
    execute_for(tx, f"DELETE FROM {tx.get_full_table_name(_NOTICES)} WHERE notice_id IN ({{values}})", ids)


def _note_left(tx: Transaction, plan: AlertingPlan, batches: Sequence[_Waiting], now: datetime) -> None:
    """Remember when these batches left, and forget those whose interval is over."""
    if not batches:
        return
    longest = max(group.group_interval for group in plan.groups) if plan.groups else None
    if longest is not None:
        tx.execute_query(
            f"DELETE FROM {tx.get_full_table_name(_BATCHES)} WHERE left_at < %(old)s",
            {"old": now - longest - _LONGER},
        )
    tx.insert_batch(
        _BATCHES,
        {
            "group_name": [one.group_name for one in batches],
            "channel": [one.channel for one in batches],
            "batch": [one.batch for one in batches],
            "left_at": [now] * len(batches),
        },
        "replace",
    )
