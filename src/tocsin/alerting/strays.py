"""Messages for channels that the profile does not have, or has no more: they wait for a while."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tocsin.model import OutboxState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.alerting.outbox_rows import OutboxStore

__all__ = ["LONGEST_WAIT", "give_up_strays", "name_strays"]

_OUTBOX = "_tocsin_outbox"
LONGEST_WAIT = timedelta(hours=32)
"""As long as for a receiver that is away: so a slip in the profile loses nothing."""


def name_strays(database: OutboxStore, names: Iterable[str]) -> dict[str, str]:
    """Write into the messages of channels that are not there why they wait, and say it of each channel.

    Args:
        database: The memory.
        names: The channels.

    Returns:
        Channel → a sentence with the number of its messages, of those for which some wait.
    """
    said = {}
    for name in names:
        error = _error(name)
        with database.transaction() as tx:
            tx.execute_query(
                f"UPDATE {tx.get_full_table_name(_OUTBOX)} SET last_error = %(error)s"
                " WHERE channel = %(channel)s AND state = %(state)s"
                " AND (last_error IS NULL OR last_error <> %(error)s)",
                {"error": error, "channel": name, "state": OutboxState.PENDING.value},
            )
            number = _count(tx, name)
        if number:
            wait = (
                "1 message waits for it, and is"
                if number == 1
                else f"{number:,} messages wait for it, and are"
            )
            said[name] = f"{error}; {wait} given up after {LONGEST_WAIT // timedelta(hours=1)} hours"
    return said


def give_up_strays(database: OutboxStore, names: Iterable[str], now: datetime) -> int:
    """Give up what waited too long for channels that are not there, and say how many messages that were."""
    number = 0
    for name in names:
        with database.transaction() as tx:
            rows = tx.execute_query(
                f"UPDATE {tx.get_full_table_name(_OUTBOX)}"
                " SET state = %(dead)s, last_error = %(error)s, next_attempt_at = %(now)s"
                " WHERE channel = %(channel)s AND state = %(state)s AND created_at <= %(old)s"
                " RETURNING message_id",
                {
                    "dead": OutboxState.DEAD.value,
                    "error": _error(name),
                    "now": now,
                    "channel": name,
                    "state": OutboxState.PENDING.value,
                    "old": now - LONGEST_WAIT,
                },
            )
        number += len(rows)
    return number


def _error(name: str) -> str:
    return f"no channel is called {name!r}: add it to alert_channels in the profile"


def _count(tx: Transaction, name: str) -> int:
    rows = tx.execute_query(
        f"SELECT count(*) AS n FROM {tx.get_full_table_name(_OUTBOX)}"
        " WHERE channel = %(channel)s AND state = %(state)s",
        {"channel": name, "state": OutboxState.PENDING.value},
    )
    return int(rows[0]["n"])
