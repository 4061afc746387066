"""Leases: who may work on what. Compare-and-set in one transaction, behind a lock; tokens only grow.

A released lease keeps its row, with no owner, so that the next grant has a larger token than all before
it. Correctness does not hang on clocks: every write under a lease checks the token in its own
transaction. Clocks decide only how long one waits for a holder that cannot be asked:

- the holder is a process of this host: it is asked, not waited for (`is_dead`);
- the holder is elsewhere: until `expires_at`. When a clock went back, that can be later than it was
  meant to be, by as much as the clock went back. No lease is granted for longer than
  `LONGEST_LEASE_SECONDS`, so one that ends later than that from now was granted by a clock that was
  wrong: it counts as expired. A clock an hour back thus costs an hour at most, and nothing hangs for ever.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tocsin.database.processes import is_dead, this_process
from tocsin.database.tables import TABLE_LEASES
from tocsin.errors import LeaseLostError
from tocsin.model import Lease

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.abc import Transaction

__all__ = [
    "LONGEST_LEASE_SECONDS",
    "acquire",
    "check",
    "is_dead",
    "release",
    "renew",
    "this_process",
]

LONGEST_LEASE_SECONDS = 86_400
_NOBODY = ""

_SELECT = "SELECT owner, token, expires_at FROM {table} WHERE name = %(name)s"
_GRANT = """
INSERT INTO {table} (name, owner, token, expires_at)
VALUES (%(name)s, %(owner)s, %(token)s, %(expires_at)s)
ON CONFLICT (name) DO UPDATE SET
    owner = excluded.owner, token = excluded.token, expires_at = excluded.expires_at
"""


def acquire(
    transaction: Transaction, name: str, owner: str, timeout_seconds: float, now: datetime
) -> Lease | None:
    """Take a lease, or give `None` when somebody else holds it.

    Raises:
        ValueError: There is no owner, or the time is not above 0 and at most `LONGEST_LEASE_SECONDS`.
    """
    if owner == _NOBODY:
        raise ValueError("a lease needs an owner")
    expires_at = _expiry(timeout_seconds, now)
    row = _row(transaction, name)
    if _is_held_by_another(row, owner, now):
        return None  # without waiting for what the holder is writing
    _lock(transaction, name)
    row = _row(transaction, name)
    if _is_held_by_another(row, owner, now):
        return None
    lease = Lease(name, owner, 1 if row is None else row["token"] + 1, expires_at)
    _write(transaction, lease)
    return lease


def renew(transaction: Transaction, lease: Lease, timeout_seconds: float, now: datetime) -> Lease:
    """Extend a lease from now on.

    Raises:
        LeaseLostError: It was taken over or released.
        ValueError: The time is not above 0 and at most `LONGEST_LEASE_SECONDS`.
    """
    expires_at = _expiry(timeout_seconds, now)
    check(transaction, lease)
    renewed = Lease(lease.name, lease.owner, lease.token, expires_at)
    _write(transaction, renewed)
    return renewed


def release(transaction: Transaction, lease: Lease) -> None:
    """Give a lease back; nothing happens when it is lost already."""
    _lock(transaction, lease.name)
    transaction.execute_query(
        f"UPDATE {transaction.get_full_table_name(TABLE_LEASES)} SET owner = %(nobody)s "
        "WHERE name = %(name)s AND owner = %(owner)s AND token = %(token)s",
        {"nobody": _NOBODY, "name": lease.name, "owner": lease.owner, "token": lease.token},
    )


def check(transaction: Transaction, lease: Lease) -> None:
    """Make sure that a lease is still the newest of its name and was not released, and stays so meanwhile.

    One that expired and was not taken over is still good: nobody else can have written since.

    Raises:
        LeaseLostError: It was taken over or released.
    """
    _lock(transaction, lease.name)
    row = _row(transaction, lease.name)
    if row is None or (row["owner"], row["token"]) != (lease.owner, lease.token):
        what = "was released" if row is None or row["owner"] == _NOBODY else f"is held by {row['owner']} now"
        raise LeaseLostError(f"the lease {lease.name} {what}", hint="nothing was written; run again")


def _lock(transaction: Transaction, name: str) -> None:
    transaction.lock(f"lease {name}")


def _row(transaction: Transaction, name: str) -> dict[str, Any] | None:
    query = _SELECT.format(table=transaction.get_full_table_name(TABLE_LEASES))
    rows = transaction.execute_query(query, {"name": name})
    return rows[0] if rows else None


def _write(transaction: Transaction, lease: Lease) -> None:
    transaction.execute_query(
        _GRANT.format(table=transaction.get_full_table_name(TABLE_LEASES)),
        {"name": lease.name, "owner": lease.owner, "token": lease.token, "expires_at": lease.expires_at},
    )


def _is_held_by_another(row: dict[str, Any] | None, owner: str, now: datetime) -> bool:
    if row is None or row["owner"] in (owner, _NOBODY):
        return False
    if not now < row["expires_at"] <= now + timedelta(seconds=LONGEST_LEASE_SECONDS):
        return False
    return not is_dead(row["owner"])


def _expiry(timeout_seconds: float, now: datetime) -> datetime:
    if not 0 < timeout_seconds <= LONGEST_LEASE_SECONDS:
        raise ValueError(
            f"a lease lasts more than 0 and at most {LONGEST_LEASE_SECONDS} s, not {timeout_seconds!r}"
        )
    # Whole milliseconds, as they are stored, so that the lease that is given equals the one in the table.
    return now.replace(microsecond=now.microsecond // 1000 * 1000) + timedelta(
        milliseconds=round(timeout_seconds * 1000)
    )
