"""Sends what the outbox holds: at least once, in order, without getting in each other's way."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from tocsin.errors import ChannelError
from tocsin.model import OutboxState

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from tocsin.abc import Channel, Clock, Transaction

__all__ = ["DeliveryReport", "OutboxStore", "backoff", "deliver"]

_OUTBOX = "_tocsin_outbox"
_LOG = logging.getLogger(__name__)

FIRST_WAIT = 60.0
LONGEST_WAIT = 3600.0
LONGEST_RETRY_AFTER = 86_400.0
VISIBILITY = timedelta(minutes=5)
_CLAIMED = "being sent by "


class OutboxStore(Protocol):
    """The memory, as far as sending needs it."""

    def execute_query(self, query: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a statement and give its rows."""
        ...

    def get_full_table_name(self, table: str) -> str:
        """Give the quoted name of an internal table."""
        ...

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Open a transaction."""
        ...


@dataclass(slots=True)
class DeliveryReport:
    """What a delivery did.

    Attributes:
        sent: Messages that a channel took.
        failed: Attempts that failed; those messages are tried again.
        dead: Messages that were given up.
        pending: Messages that still wait when the delivery ends.
        errors: Channel name → what it said last; without secrets.
        sent_of: Series → how many of its messages were sent.
    """

    sent: int = 0
    failed: int = 0
    dead: int = 0
    pending: int = 0
    errors: dict[str, str] = field(default_factory=dict)
    sent_of: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Waiting:
    message_id: str
    channel: str
    series: str
    attempts: int
    next_attempt_at: datetime
    last_error: str | None

    @property
    def sender(self) -> str | None:
        """The process that claimed it and has not said yet what came of it."""
        text = self.last_error or ""
        return text.removeprefix(_CLAIMED) if text.startswith(_CLAIMED) else None


def backoff(attempt: int, rng: random.Random) -> float:
    """Give how many seconds to wait after a failed attempt (1 is the first).

    Exponential with full jitter (M. Brooker, "Exponential Backoff And Jitter", 2015), so that many
    senders do not come back at the same moment.
    """
    return rng.uniform(0.0, min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempt - 1, 32)))


def deliver(
    database: OutboxStore,
    channels: Mapping[str, Channel],
    *,
    clock: Clock,
    rng: random.Random,
    limit: int = 1000,
    max_attempts: int = 8,
    time_limit: float = 60.0,
    owner: str = "an unnamed process",
    is_dead: Callable[[str], bool] = lambda _: False,
) -> DeliveryReport:
    """Send the messages that are due, oldest first.

    Each message is claimed by counting its attempt up in a transaction of its own (compare and set),
    sent outside of any transaction, and then marked. Of two senders at once one gets the claim; the
    other leaves the channel to it. A sender that dies in between leaves the message claimed for
    `VISIBILITY`, or until a sender sees that it is dead; then it is sent again with the same id: at
    least once, never lost.

    Messages of a channel keep their order: when one has to wait, so do those behind it, and other
    channels go on. A message for a channel that is not configured waits, and says so.

    Args:
        database: The memory; not used while sending.
        channels: Name → channel.
        clock: For due times.
        rng: For the jitter.
        limit: How many messages to try at most.
        max_attempts: After how many failed attempts a message is dead.
        time_limit: Seconds after which no further message is begun. A channel bounds its own sending.
        owner: Names this process in its claims.
        is_dead: Says whether the process of such a name is known to be dead.

    Raises:
        DatabaseError: The memory failed; what was sent but not marked will be sent again.
    """
    report = DeliveryReport()
    deadline = time.monotonic() + time_limit
    blocked: set[str] = set()
    waiting = _read_waiting(database)
    tried = 0
    for entry in waiting:
        if entry.channel in blocked or entry.channel not in channels:
            continue
        if tried >= limit or time.monotonic() >= deadline:
            break
        orphaned = entry.sender is not None and is_dead(entry.sender)
        if entry.next_attempt_at > clock.now() and not orphaned:
            blocked.add(entry.channel)
            continue
        payload = _claim(database, entry, owner, now=clock.now())
        if payload is None:
            blocked.add(entry.channel)
            continue
        tried += 1
        state = _send(database, channels[entry.channel], entry, payload, clock, rng, max_attempts, report)
        if state is OutboxState.PENDING:
            blocked.add(entry.channel)
    _name_unknown(database, waiting, channels, report)
    report.pending = len(waiting) - report.sent - report.dead
    return report


def _read_waiting(database: OutboxStore) -> list[_Waiting]:
    rows = database.execute_query(
        "SELECT message_id, channel, series, attempts, next_attempt_at, last_error"
        f" FROM {database.get_full_table_name(_OUTBOX)} WHERE state = %(state)s"
        " ORDER BY created_at, event_at, sequence, message_id",
        {"state": OutboxState.PENDING.value},
    )
    return [_Waiting(**row) for row in rows]


def _claim(database: OutboxStore, entry: _Waiting, owner: str, *, now: datetime) -> dict[str, Any] | None:
    """Count the attempt up; give the payload, or `None` when another sender was faster."""
    with database.transaction() as tx:
        rows = tx.execute_query(
            f"UPDATE {tx.get_full_table_name(_OUTBOX)}"
            " SET attempts = attempts + 1, next_attempt_at = %(until)s, last_error = %(claim)s"
            " WHERE message_id = %(message_id)s AND state = %(state)s AND attempts = %(attempts)s"
            " AND next_attempt_at = %(seen)s RETURNING payload",
            {
                "until": now + VISIBILITY,
                "claim": _CLAIMED + owner,
                "message_id": entry.message_id,
                "state": OutboxState.PENDING.value,
                "attempts": entry.attempts,
                "seen": entry.next_attempt_at,
            },
        )
    if not rows:
        return None
    payload: dict[str, Any] = json.loads(rows[0]["payload"])
    return payload


def _send(
    database: OutboxStore,
    channel: Channel,
    entry: _Waiting,
    payload: dict[str, Any],
    clock: Clock,
    rng: random.Random,
    max_attempts: int,
    report: DeliveryReport,
) -> OutboxState:
    attempt = entry.attempts + 1
    error = _try(channel, payload) if attempt <= max_attempts else _cut_short()
    if error is None:
        _mark_sent(database, entry, clock.now())
        report.sent += 1
        report.sent_of[entry.series] += 1
        return OutboxState.SENT
    text = str(error)
    report.errors[entry.channel] = text
    if not error.transient or attempt >= max_attempts:
        _LOG.error("message %s to %s is given up: %s", entry.message_id, entry.channel, text)
        _mark_failed(database, entry, OutboxState.DEAD, clock.now(), text)
        report.dead += 1
        return OutboxState.DEAD
    _LOG.warning("message %s to %s waits: %s", entry.message_id, entry.channel, text)
    wait = max(backoff(attempt, rng), min(error.retry_after or 0.0, LONGEST_RETRY_AFTER))
    _mark_failed(database, entry, OutboxState.PENDING, clock.now() + timedelta(seconds=wait), text)
    report.failed += 1
    return OutboxState.PENDING


def _try(channel: Channel, payload: Mapping[str, Any]) -> ChannelError | None:
    try:
        channel.send(payload)
    except ChannelError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a channel's bug must not stop the others
        # Its text may hold a secret: a channel vouches for the texts of ChannelError only.
        return ChannelError(f"the channel failed with {type(error).__name__}", transient=True)
    return None


def _cut_short() -> ChannelError:
    return ChannelError("every attempt to send it was cut short before the channel answered")


def _mark_sent(database: OutboxStore, entry: _Waiting, now: datetime) -> None:
    with database.transaction() as tx:
        tx.execute_query(
            f"UPDATE {tx.get_full_table_name(_OUTBOX)}"
            " SET state = %(state)s, sent_at = %(now)s, last_error = NULL WHERE message_id = %(message_id)s",
            {"state": OutboxState.SENT.value, "now": now, "message_id": entry.message_id},
        )


def _mark_failed(
    database: OutboxStore, entry: _Waiting, state: OutboxState, next_attempt_at: datetime, error: str
) -> None:
    """Note a failure, unless another sender took the message over in the meantime."""
    with database.transaction() as tx:
        tx.execute_query(
            f"UPDATE {tx.get_full_table_name(_OUTBOX)}"
            " SET state = %(state)s, next_attempt_at = %(next)s, last_error = %(error)s"
            " WHERE message_id = %(message_id)s AND state = %(pending)s AND attempts = %(attempts)s",
            {
                "state": state.value,
                "next": next_attempt_at,
                "error": error,
                "message_id": entry.message_id,
                "pending": OutboxState.PENDING.value,
                "attempts": entry.attempts + 1,
            },
        )


def _name_unknown(
    database: OutboxStore,
    waiting: Sequence[_Waiting],
    channels: Mapping[str, Channel],
    report: DeliveryReport,
) -> None:
    """Write why they wait into the messages of channels that are not configured."""
    for name in dict.fromkeys(entry.channel for entry in waiting if entry.channel not in channels):
        text = f"no channel is called {name!r}: add it to alert_channels in the profile"
        report.errors[name] = text
        with database.transaction() as tx:
            tx.execute_query(
                f"UPDATE {tx.get_full_table_name(_OUTBOX)} SET last_error = %(error)s"
                " WHERE channel = %(channel)s AND state = %(state)s"
                " AND (last_error IS NULL OR last_error <> %(error)s)",
                {"error": text, "channel": name, "state": OutboxState.PENDING.value},
            )
