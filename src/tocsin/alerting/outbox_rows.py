"""The rows of the outbox as sending sees them: what waits, who has claimed it, and what came of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tocsin.alerting.passing import groups_of
from tocsin.alerting.rows import chunks, named
from tocsin.model import OutboxState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from tocsin.abc import Transaction

__all__ = [
    "PAGE",
    "OutboxStore",
    "Waiting",
    "claim",
    "count_waiting",
    "mark_failed",
    "mark_sent",
    "read_groups",
    "read_page",
]

PAGE = 100
"""How many messages of a channel are read at once."""
_OUTBOX = "_tocsin_outbox"
_CLAIMED = "being sent by "
_ASKS = "; the receiver asks to wait"


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


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits, as its row says; `order` is its place among all."""

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

    @property
    def stops_all(self) -> bool:
        """Whether, while it waits, its channel does: another process sends, or its receiver asks for it."""
        return self.sender is not None or (self.last_error or "").endswith(_ASKS)


def read_page(database: OutboxStore, channel: str, behind: Waiting | None) -> list[Waiting]:
    """Read the first messages that wait for a channel, or those behind one, in their order."""
    params: dict[str, Any] = {"state": OutboxState.PENDING.value, "channel": channel, "limit": PAGE}
    if behind is not None:
        params |= dict(zip(("created", "event", "sequence", "id"), behind.order, strict=True))
    rows = database.execute_query(
        "SELECT message_id, channel, series, attempts, next_attempt_at, last_error, created_at, event_at,"
        f" sequence FROM {database.get_full_table_name(_OUTBOX)}"
        f" WHERE state = %(state)s AND channel = %(channel)s{'' if behind is None else _BEHIND}"
        " ORDER BY created_at, event_at, sequence, message_id LIMIT %(limit)s",
        params,
    )
    return [Waiting(**row) for row in rows]


_BEHIND = (
    " AND created_at >= %(created)s AND (created_at > %(created)s OR event_at > %(event)s"
    " OR (event_at = %(event)s AND (sequence > %(sequence)s"
    " OR (sequence = %(sequence)s AND message_id > %(id)s))))"
)


def read_groups(database: OutboxStore, ids: Iterable[str]) -> dict[str, frozenset[str]]:
    """Read which groups messages are for, by their ids."""
    found: dict[str, frozenset[str]] = {}
    for chunk in chunks(ids):
        names, params = named(chunk)
        rows = database.execute_query(
            f"SELECT message_id, payload FROM {database.get_full_table_name(_OUTBOX)}"
            f" WHERE message_id IN ({names})",
            params,
        )
        found |= {row["message_id"]: groups_of(json.loads(row["payload"])) for row in rows}
    return found


def count_waiting(database: OutboxStore, channel: str | None) -> int:
    """Count the messages that wait, of a channel or of all."""
    of_channel = "" if channel is None else " AND channel = %(channel)s"
    rows = database.execute_query(
        f"SELECT count(*) AS n FROM {database.get_full_table_name(_OUTBOX)}"
        f" WHERE state = %(state)s{of_channel}",
        {"state": OutboxState.PENDING.value} | ({} if channel is None else {"channel": channel}),
    )
    return int(rows[0]["n"])


def claim(database: OutboxStore, entry: Waiting, owner: str, *, until: datetime) -> dict[str, Any] | None:
    """Count the attempt up, and keep others away until then; `None`: another sender was faster.

    Returns:
        The payload.
    """
    with database.transaction() as tx:
        rows = tx.execute_query(
            f"UPDATE {tx.get_full_table_name(_OUTBOX)}"
            " SET attempts = attempts + 1, next_attempt_at = %(until)s, last_error = %(claim)s"
            " WHERE message_id = %(message_id)s AND state = %(state)s AND attempts = %(attempts)s"
            " AND next_attempt_at = %(seen)s RETURNING payload",
            {
                "until": until,
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


def mark_sent(database: OutboxStore, entry: Waiting, now: datetime, said: str | None) -> None:
    """Note that a channel took a message, and whom it did not reach for all that."""
    with database.transaction() as tx:
        tx.execute_query(
            f"UPDATE {tx.get_full_table_name(_OUTBOX)}"
            " SET state = %(state)s, sent_at = %(now)s, last_error = %(said)s"
            " WHERE message_id = %(message_id)s",
            {"state": OutboxState.SENT.value, "now": now, "said": said, "message_id": entry.message_id},
        )


def mark_failed(
    database: OutboxStore,
    entry: Waiting,
    state: OutboxState,
    next_attempt_at: datetime,
    error: str,
    *,
    asks: bool = False,
) -> None:
    """Note a failure, unless another sender took the message over in the meantime.

    Args:
        database: The memory.
        entry: The message.
        state: Where it stands now.
        next_attempt_at: When it is due again, or since when it is dead.
        error: Why.
        asks: Whether it is the receiver that wants to be left alone until then.
    """
    with database.transaction() as tx:
        tx.execute_query(
            f"UPDATE {tx.get_full_table_name(_OUTBOX)}"
            " SET state = %(state)s, next_attempt_at = %(next)s, last_error = %(error)s"
            " WHERE message_id = %(message_id)s AND state = %(pending)s AND attempts = %(attempts)s",
            {
                "state": state.value,
                "next": next_attempt_at,
                "error": error + _ASKS * asks,
                "message_id": entry.message_id,
                "pending": OutboxState.PENDING.value,
                "attempts": entry.attempts + 1,
            },
        )
