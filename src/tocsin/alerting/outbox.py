"""Sends what the outbox holds: at least once, in order, and one channel in no other's way."""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from heapq import merge
from typing import TYPE_CHECKING, Any

from tocsin.alerting.outbox_rows import (
    PAGE,
    OutboxStore,
    Waiting,
    claim,
    count_waiting,
    mark_failed,
    mark_sent,
    read_groups,
    read_page,
)
from tocsin.alerting.passing import PATIENCE, Passing
from tocsin.alerting.strays import give_up_strays, name_strays
from tocsin.errors import ChannelError
from tocsin.model import OutboxState

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from tocsin.abc import Channel, Clock, Transaction
    from tocsin.alerting.rate_limit import TokenBucket

__all__ = [
    "DeliveryReport",
    "OutboxStore",
    "backoff",
    "deliver",
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
_MOST_PAGES = 20  # how far behind messages that wait others are looked for


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
    broken: Collection[str] = (),
    buckets: Mapping[str, TokenBucket] | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> DeliveryReport:
    """Send the messages that are due, oldest first.

    Each message is claimed by counting its attempt up in a transaction of its own (compare and set),
    sent outside of any transaction, and then marked. Of two senders at once one gets the claim; the
    other leaves the channel to it. A sender that dies in between leaves the message claimed for
    `VISIBILITY`, or until a sender sees that it is dead; then it is sent again with the same id: at
    least once, never lost.

    The messages of a channel keep their order: when one has to wait, so do those behind it. Only one that was
    refused for long is passed by, by what goes to other groups: see `tocsin.alerting.passing`. A message for
    a channel that is not configured waits for a while, and says so, see `tocsin.alerting.strays`.

    Args:
        database: The memory; not used while sending.
        channels: Name → channel.
        clock: For due times.
        rng: For the jitter.
        limit: How many messages to try at most.
        max_attempts: After how many failed attempts a message is dead.
        time_limit: Seconds for each channel, after which no further message of it is begun: a slow one takes
            no time of the others. A channel bounds its own sending.
        owner: Names this process in its claims.
        is_dead: Says whether the process of such a name is known to be dead.
        only: Serve this channel alone; the messages of others are neither read nor touched.
        broken: Channels that are configured, but cannot be used as they are: their messages wait.
        buckets: Channel → how many messages it may be sent now; a channel that is not named has no limit.
        stopped: Asked before each message; once it says so, no further one is begun.

    Raises:
        DatabaseError: The memory failed; what was sent but not marked will be sent again.
    """
    work = _Delivery(database, channels, clock, rng, max_attempts, owner, is_dead, buckets or {})
    names = waiting_channels(database) if only is None else [only]
    going = [name for name in names if name in channels]
    spent = dict.fromkeys(going, 0.0)
    last: dict[str, Waiting] = {}
    tried = 0
    for _ in range(_MOST_PAGES):
        pages = {name: read_page(database, name, last.get(name)) for name in going}
        work.look_at(pages)
        for entry in merge(*pages.values(), key=lambda entry: entry.order):
            if tried >= limit or stopped():
                going = []
                break
            if entry.channel not in work.blocked and spent[entry.channel] < time_limit:
                begun = time.monotonic()
                tried += work.attempt(entry)
                spent[entry.channel] += time.monotonic() - begun
        going = [name for name in going if name not in work.blocked and len(pages[name]) == PAGE]
        if not going:
            break
        last = {name: pages[name][-1] for name in going}
    if only is None:
        strays = [name for name in names if name not in channels and name not in broken]
        work.report.dead += give_up_strays(database, strays, clock.now())
        work.report.errors |= name_strays(database, strays)
    work.report.pending = count_waiting(database, only)
    return work.report


def waiting_channels(database: OutboxStore) -> list[str]:
    """Give the names of the channels for which messages wait."""
    rows = database.execute_query(
        f"SELECT DISTINCT channel FROM {database.get_full_table_name(_OUTBOX)}"
        " WHERE state = %(state)s ORDER BY channel",
        {"state": OutboxState.PENDING.value},
    )
    return [row["channel"] for row in rows]


def sent_since(database: OutboxStore, channel: str, since: datetime, now: datetime) -> int:
    """Count what a channel took since then, by any process: what a bucket of tokens begins with.

    What seems to have been sent later than now was sent before the clock was set back, and does not count.
    """
    rows = database.execute_query(
        f"SELECT count(*) AS n FROM {database.get_full_table_name(_OUTBOX)}"
        " WHERE state = %(state)s AND sent_at > %(since)s AND sent_at <= %(now)s AND channel = %(channel)s",
        {"state": OutboxState.SENT.value, "since": since, "now": now, "channel": channel},
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
        self._passing: defaultdict[str, Passing] = defaultdict(Passing)
        self._pages: Mapping[str, list[Waiting]] = {}
        self._groups: dict[str, frozenset[str]] = {}

    def look_at(self, pages: Mapping[str, list[Waiting]]) -> None:
        """Go on to the next messages of each channel."""
        self._pages, self._groups = pages, {}

    def attempt(self, entry: Waiting) -> bool:
        """Try to send a message; false when it, and with it what follows, has to wait."""
        now, bucket = self._clock.now(), self._buckets.get(entry.channel)
        orphaned = entry.sender is not None and self._is_dead(entry.sender)
        # Nothing waits longer than that: what seems to was noted before the clock was set back.
        in_reach = entry.next_attempt_at <= now + timedelta(seconds=_longest_wait(entry))
        is_early = entry.next_attempt_at > now and in_reach and not orphaned
        if is_early and entry.stops_all:
            self._block(entry.channel, entry.next_attempt_at)
            return False
        passing = self._passing[entry.channel]
        if not passing.is_free and passing.holds(self._groups_of(entry)):
            return False
        if is_early:
            self._wait(entry, entry.attempts, entry.next_attempt_at)
            return False
        if bucket is not None and (wait := bucket.wait(now)):
            self._block(entry.channel, now + wait)
            return False
        payload = claim(self._database, entry, self._owner, until=now + VISIBILITY)
        if payload is None:
            self._block(entry.channel, None)
            return False
        if bucket is not None:
            bucket.take(now)
        self._send(entry, payload)
        return True

    def _groups_of(self, entry: Waiting) -> frozenset[str]:
        """Give which groups a message is for; read for its page at once, as it is seldom asked for."""
        if entry.message_id not in self._groups:
            ids = [one.message_id for one in self._pages[entry.channel]]
            self._groups |= read_groups(self._database, ids)
        return self._groups.get(entry.message_id, frozenset())

    def _wait(self, entry: Waiting, attempts: int, until: datetime) -> None:
        """Have a message wait that failed, and the whole channel with it, unless it may be passed by."""
        if attempts < PATIENCE:
            self._block(entry.channel, until)
            return
        passing = self._passing[entry.channel]
        passing.fail(self._groups_of(entry))
        if passing.is_stuck:
            self.blocked.add(entry.channel)
        self._note_due(until)

    def _block(self, channel: str, until: datetime | None) -> None:
        self.blocked.add(channel)
        self._note_due(until)

    def _note_due(self, until: datetime | None) -> None:
        known = self.report.next_attempt_at
        if until is not None and (known is None or until < known):
            self.report.next_attempt_at = until

    def _send(self, entry: Waiting, payload: dict[str, Any]) -> None:
        attempt, report = entry.attempts + 1, self.report
        fits = attempt <= self._max_attempts
        error = _try(self._channels[entry.channel], payload) if fits else _cut_short()
        if not isinstance(error, ChannelError):
            mark_sent(self._database, entry, self._clock.now(), error)
            report.sent += 1
            report.sent_of[entry.series] += 1
            if error is not None:
                report.errors[entry.channel] = error
            return
        text = str(error)
        report.errors[entry.channel] = text
        if not error.transient or attempt >= self._max_attempts:
            _LOG.error("message %s to %s is given up: %s", entry.message_id, entry.channel, text)
            mark_failed(self._database, entry, OutboxState.DEAD, self._clock.now(), text)
            report.dead += 1
            return
        _LOG.warning("message %s to %s waits: %s", entry.message_id, entry.channel, text)
        wait = max(backoff(attempt, self._rng), min(error.retry_after or 0.0, LONGEST_RETRY_AFTER))
        again = self._clock.now() + timedelta(seconds=wait)
        asks = error.retry_after is not None
        mark_failed(self._database, entry, OutboxState.PENDING, again, text, asks=asks)
        report.failed += 1
        if asks:
            self._block(entry.channel, again)
        else:
            self._wait(entry, attempt, again)


def _longest_wait(entry: Waiting) -> float:
    if not entry.attempts:
        return 0.0
    return LONGEST_RETRY_AFTER if entry.stops_all else LONGEST_WAIT


def _try(channel: Channel, payload: Mapping[str, Any]) -> ChannelError | str | None:
    try:
        return channel.send(payload)
    except ChannelError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a channel's bug must not stop the others
        # Its text may hold a secret: a channel vouches for the texts of ChannelError only.
        return ChannelError(f"the channel failed with {type(error).__name__}", transient=True)


def _cut_short() -> ChannelError:
    return ChannelError("every attempt to send it was cut short before the channel answered")
