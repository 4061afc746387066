"""Sends what the outbox holds: at least once, in order, without getting in each other's way."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from heapq import merge
from typing import TYPE_CHECKING, Any, Protocol

from tocsin.errors import ChannelError
from tocsin.model import OutboxState

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from tocsin.abc import Channel, Clock, Transaction
    from tocsin.alerting.rate_limit import TokenBucket

__all__ = [
    "DeliveryReport",
    "OutboxStore",
    "backoff",
    "deliver",
    "name_unknown_channels",
    "prune_done",
    "sent_since",
    "waiting_channels",
]

_OUTBOX = "_tocsin_outbox"
_LOG = logging.getLogger(__name__)

FIRST_WAIT = 1.0
LONGEST_WAIT = 600.0
GROWTH = 1.5  # by 2, a channel that fails half of the time would be waited for most by far after bad luck
LONGEST_RETRY_AFTER = 86_400.0
MAX_ATTEMPTS = 400  # about 32 hours: a receiver that is down for a night, or for a day, misses nothing
VISIBILITY = timedelta(minutes=5)
_CLAIMED = "being sent by "
_PAGE = 100  # messages of a channel that are read at once


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
        next_attempt_at: When the first of those that wait for a known time is due.
    """

    sent: int = 0
    failed: int = 0
    dead: int = 0
    pending: int = 0
    errors: dict[str, str] = field(default_factory=dict)
    sent_of: Counter[str] = field(default_factory=Counter)
    next_attempt_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Waiting:
    message_id: str
    channel: str
    series: str
    attempts: int
    next_attempt_at: datetime
    last_error: str | None
    created_at: datetime
    event_at: datetime
    sequence: int

    @property
    def order(self) -> tuple[datetime, datetime, int, str]:
        """Where it stands in the row of all messages."""
        return self.created_at, self.event_at, self.sequence, self.message_id

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
    return rng.uniform(0.0, min(LONGEST_WAIT, FIRST_WAIT * GROWTH ** min(attempt - 1, 64)))


def deliver(
    database: OutboxStore,
    channels: Mapping[str, Channel],
    *,
    clock: Clock,
    rng: random.Random,
    limit: int = 1000,
    max_attempts: int = MAX_ATTEMPTS,
    time_limit: float = 60.0,
    owner: str = "an unnamed process",
    is_dead: Callable[[str], bool] = lambda _: False,
    only: str | None = None,
    buckets: Mapping[str, TokenBucket] | None = None,
    stopped: Callable[[], bool] = lambda: False,
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
        only: Serve this channel alone; the messages of others are neither read nor touched.
        buckets: Channel → how many messages it may be sent now; a channel that is not named has no limit.
        stopped: Asked before each message; once it says so, no further one is begun.

    Raises:
        DatabaseError: The memory failed; what was sent but not marked will be sent again.
    """
    work = _Delivery(database, channels, clock, rng, max_attempts, owner, is_dead, buckets or {})
    deadline = time.monotonic() + time_limit
    names = waiting_channels(database) if only is None else [only]
    going = [name for name in names if name in channels]
    tried = 0
    while going:
        pages = {name: _read_page(database, name) for name in going}
        for entry in merge(*pages.values(), key=lambda entry: entry.order):
            if tried >= limit or time.monotonic() >= deadline or stopped():
                going = []
                break
            if entry.channel not in work.blocked:
                tried += work.attempt(entry)
        going = [name for name in going if name not in work.blocked and len(pages[name]) == _PAGE]
    if only is None:
        work.report.errors |= name_unknown_channels(database, [n for n in names if n not in channels])
    work.report.pending = _count_waiting(database, only)
    return work.report


def waiting_channels(database: OutboxStore) -> list[str]:
    """Give the names of the channels for which messages wait."""
    rows = database.execute_query(
        f"SELECT DISTINCT channel FROM {database.get_full_table_name(_OUTBOX)}"
        " WHERE state = %(state)s ORDER BY channel",
        {"state": OutboxState.PENDING.value},
    )
    return [row["channel"] for row in rows]


def name_unknown_channels(database: OutboxStore, names: Sequence[str]) -> dict[str, str]:
    """Write into the messages of channels that are not configured why they wait, and give that by channel."""
    errors = {}
    for name in names:
        text = f"no channel is called {name!r}: add it to alert_channels in the profile"
        errors[name] = text
        with database.transaction() as tx:
            tx.execute_query(
                f"UPDATE {tx.get_full_table_name(_OUTBOX)} SET last_error = %(error)s"
                " WHERE channel = %(channel)s AND state = %(state)s"
                " AND (last_error IS NULL OR last_error <> %(error)s)",
                {"error": text, "channel": name, "state": OutboxState.PENDING.value},
            )
    return errors


def sent_since(database: OutboxStore, channel: str, since: datetime) -> int:
    """Count what a channel took since then, by any process: what a bucket of tokens begins with."""
    rows = database.execute_query(
        f"SELECT count(*) AS n FROM {database.get_full_table_name(_OUTBOX)}"
        " WHERE state = %(state)s AND sent_at > %(since)s AND channel = %(channel)s",
        {"state": OutboxState.SENT.value, "since": since, "channel": channel},
    )
    return int(rows[0]["n"])


def prune_done(tx: Transaction, before: datetime, *, limit: int = 1000) -> int:
    """Delete messages that were sent, or given up, before then, the oldest first, and give how many."""
    table = tx.get_full_table_name(_OUTBOX)
    number = 0
    for state, since in ((OutboxState.SENT, "sent_at"), (OutboxState.DEAD, "next_attempt_at")):
        rows = tx.execute_query(
            f"DELETE FROM {table} WHERE message_id IN (SELECT message_id FROM {table}"
            f" WHERE state = %(state)s AND {since} < %(before)s ORDER BY {since} LIMIT %(limit)s)"
            " RETURNING message_id",
            {"state": state.value, "before": before, "limit": limit - number},
        )
        number += len(rows)
    return number


class _Delivery:
    """One delivery under way."""

    def __init__(
        self,
        database: OutboxStore,
        channels: Mapping[str, Channel],
        clock: Clock,
        rng: random.Random,
        max_attempts: int,
        owner: str,
        is_dead: Callable[[str], bool],
        buckets: Mapping[str, TokenBucket],
    ) -> None:
        self._database, self._channels, self._clock, self._rng = database, channels, clock, rng
        self._max_attempts, self._owner, self._is_dead = max_attempts, owner, is_dead
        self._buckets = buckets
        self.report = DeliveryReport()
        self.blocked: set[str] = set()

    def attempt(self, entry: _Waiting) -> bool:
        """Try to send a message; false when it, and with it its channel, has to wait."""
        now, bucket = self._clock.now(), self._buckets.get(entry.channel)
        orphaned = entry.sender is not None and self._is_dead(entry.sender)
        # Nothing waits longer than that: what seems to was noted before the clock was set back.
        in_reach = entry.next_attempt_at <= now + timedelta(seconds=LONGEST_RETRY_AFTER)
        if entry.next_attempt_at > now and in_reach and not orphaned:
            self._block(entry.channel, entry.next_attempt_at)
            return False
        if bucket is not None and (wait := bucket.wait(now)):
            self._block(entry.channel, now + wait)
            return False
        payload = _claim(self._database, entry, self._owner, now=now)
        if payload is None:
            self._block(entry.channel, None)
            return False
        if bucket is not None:
            bucket.take(now)
        self._send(entry, payload)
        return True

    def _block(self, channel: str, until: datetime | None) -> None:
        self.blocked.add(channel)
        known = self.report.next_attempt_at
        if until is not None and (known is None or until < known):
            self.report.next_attempt_at = until

    def _send(self, entry: _Waiting, payload: dict[str, Any]) -> None:
        attempt, report = entry.attempts + 1, self.report
        fits = attempt <= self._max_attempts
        error = _try(self._channels[entry.channel], payload) if fits else _cut_short()
        if error is None:
            _mark_sent(self._database, entry, self._clock.now())
            report.sent += 1
            report.sent_of[entry.series] += 1
            return
        text = str(error)
        report.errors[entry.channel] = text
        if not error.transient or attempt >= self._max_attempts:
            _LOG.error("message %s to %s is given up: %s", entry.message_id, entry.channel, text)
            _mark_failed(self._database, entry, OutboxState.DEAD, self._clock.now(), text)
            report.dead += 1
            return
        _LOG.warning("message %s to %s waits: %s", entry.message_id, entry.channel, text)
        wait = max(backoff(attempt, self._rng), min(error.retry_after or 0.0, LONGEST_RETRY_AFTER))
        again = self._clock.now() + timedelta(seconds=wait)
        _mark_failed(self._database, entry, OutboxState.PENDING, again, text)
        report.failed += 1
        self._block(entry.channel, again)


def _read_page(database: OutboxStore, channel: str) -> list[_Waiting]:
    rows = database.execute_query(
        "SELECT message_id, channel, series, attempts, next_attempt_at, last_error, created_at, event_at,"
        f" sequence FROM {database.get_full_table_name(_OUTBOX)}"
        " WHERE state = %(state)s AND channel = %(channel)s"
        " ORDER BY created_at, event_at, sequence, message_id LIMIT %(limit)s",
        {"state": OutboxState.PENDING.value, "channel": channel, "limit": _PAGE},
    )
    return [_Waiting(**row) for row in rows]


def _count_waiting(database: OutboxStore, channel: str | None) -> int:
    of_channel = "" if channel is None else " AND channel = %(channel)s"
    rows = database.execute_query(
        f"SELECT count(*) AS n FROM {database.get_full_table_name(_OUTBOX)}"
        f" WHERE state = %(state)s{of_channel}",
        {"state": OutboxState.PENDING.value} | ({} if channel is None else {"channel": channel}),
    )
    return int(rows[0]["n"])


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
