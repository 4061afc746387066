"""The silences that people asked for, as rows of the memory."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tocsin.alerting.rows import storable
from tocsin.alerting.silence import parse_matchers
from tocsin.errors import ConfigError
from tocsin.model import Silence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from tocsin.abc import Transaction

__all__ = ["add_silence", "close_expired", "count_matches", "end_silence", "new_silence", "read_silences"]

_SILENCES = "_tocsin_silences"
_COLUMNS = (
    "silence_id, matchers, starts_at, ends_at, author, comment, created_at, matched, last_matched_at,"
    " closed_at"
)
_LONGEST_COMMENT = 2000


def new_silence(
    matchers: Sequence[str],
    *,
    starts_at: datetime,
    ends_at: datetime,
    author: str,
    comment: str,
    now: datetime,
) -> Silence:
    """Make a silence with an id of its own, to be given to `add_silence`.

    >>> from datetime import UTC, datetime, timedelta
    >>> noon = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
    >>> end = noon + timedelta(hours=2)
    >>> new_silence(["monitor=web"], starts_at=noon, ends_at=end, author="me", comment="", now=noon).id
    '1c1afb07'
    """
    parts = [*matchers, starts_at.isoformat(), ends_at.isoformat(), author, comment, now.isoformat()]
    identity = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]
    return Silence(identity, tuple(matchers), starts_at, ends_at, author, comment, now)


def add_silence(tx: Transaction, silence: Silence, longest: timedelta) -> Silence:
    """Keep a silence, and give it as it is then.

    One that says the same and has not ended when it would begin lasts until the later end instead of being
    joined by another: who is not sure whether it was made asks again, and there is one to end.

    Raises:
        ConfigError: It has no matchers or one that is none, ends before it starts, is over already, or
            lasts longer than `longest`.
        DatabaseError: There is one with its id.
    """
    _check(silence, longest)
    if (same := _same(tx, silence, longest)) is not None:
        lasting = replace(same, ends_at=max(same.ends_at, silence.ends_at))
        tx.execute_query(
            f"UPDATE {tx.get_full_table_name(_SILENCES)} SET ends_at = %(ends_at)s WHERE silence_id = %(id)s",
            {"ends_at": lasting.ends_at, "id": same.id},
        )
        return lasting
    tx.insert_batch(
        _SILENCES,
        {
            "silence_id": [silence.id],
            "matchers": [json.dumps(list(silence.matchers))],
            "starts_at": [silence.starts_at],
            "ends_at": [silence.ends_at],
            "author": [storable(silence.author)],
            "comment": [storable(silence.comment)],
            "created_at": [silence.created_at],
            "matched": [silence.matched],
            "last_matched_at": [silence.last_matched_at],
            "closed_at": [silence.closed_at],
        },
        "fail",
    )
    return silence


def _same(tx: Transaction, silence: Silence, longest: timedelta) -> Silence | None:
    """Find a silence that says the same, and may last as long as this one."""
    said = silence.matchers, storable(silence.author), storable(silence.comment)
    for one in read_silences(tx, active_at=silence.starts_at):
        lasts = max(one.ends_at, silence.ends_at) - one.starts_at
        if (one.matchers, one.author, one.comment) == said and lasts <= longest:
            return one
    return None


def _check(silence: Silence, longest: timedelta) -> None:
    parse_matchers(silence.matchers)
    if len(silence.comment) > _LONGEST_COMMENT:
        raise ConfigError(
            f"the comment of a silence may have {_LONGEST_COMMENT:,} characters, this one has"
            f" {len(silence.comment):,}",
            hint="say it shorter",
        )
    if silence.ends_at <= silence.starts_at:
        raise ConfigError("a silence must end after it starts", hint="give a later end")
    if silence.ends_at <= silence.created_at:
        raise ConfigError("the silence is over already", hint="give an end in the future")
    if silence.ends_at - silence.starts_at > longest:
        most, asked = (
            str(length).removesuffix(", 0:00:00") for length in (longest, silence.ends_at - silence.starts_at)
        )
        raise ConfigError(
            f"a silence may last {most} at most, this one lasts {asked}",
            hint="give an earlier end, or change longest_silence in groups.yml",
        )


def end_silence(tx: Transaction, id: str, now: datetime) -> Silence:  # noqa: A002  # the name of the field
    """End a silence now and give it as it is then; one that is over stays as it was.

    Raises:
        ConfigError: There is no such silence.
    """
    found = _read(tx, " WHERE silence_id = %(id)s", {"id": id})
    if not found:
        raise ConfigError(f"there is no silence {id!r}", hint="tocsin alerts list shows them")
    (silence,) = found
    if silence.ends_at <= now:
        return silence
    # One that has not begun yet never does. Who ends it knows: its end is not noted once more.
    ended = replace(silence, ends_at=max(now, silence.starts_at), closed_at=now)
    tx.execute_query(
        f"UPDATE {tx.get_full_table_name(_SILENCES)} SET ends_at = %(ends_at)s, closed_at = %(closed_at)s"
        " WHERE silence_id = %(id)s",
        {"ends_at": ended.ends_at, "closed_at": now, "id": id},
    )
    return ended


def read_silences(tx: Transaction, *, active_at: datetime | None = None) -> list[Silence]:
    """Read all silences, or those that are active at an instant, in the order in which they were made."""
    if active_at is None:
        return _read(tx, "", {})
    return _read(tx, " WHERE starts_at <= %(at)s AND ends_at > %(at)s", {"at": active_at})


def count_matches(tx: Transaction, matches: Mapping[str, int], now: datetime) -> None:
    """Add to how many candidates each silence (id) has silenced."""
    for silence, count in sorted(matches.items()):
        tx.execute_query(
            f"UPDATE {tx.get_full_table_name(_SILENCES)}"
            " SET matched = matched + %(count)s, last_matched_at = %(now)s WHERE silence_id = %(id)s",
            {"count": count, "now": now, "id": silence},
        )


def close_expired(tx: Transaction, now: datetime) -> list[Silence]:
    """Note the end of silences that are over, and give them: each once, the first to end first.

    One with `matched` 0 was of no use, which its author is to hear.
    """
    where = " WHERE closed_at IS NULL AND ends_at <= %(now)s"
    expired = [replace(silence, closed_at=now) for silence in _read(tx, where, {"now": now})]
    if expired:
        tx.execute_query(
            f"UPDATE {tx.get_full_table_name(_SILENCES)} SET closed_at = %(now)s{where}", {"now": now}
        )
    return sorted(expired, key=lambda silence: (silence.ends_at, silence.id))


def _read(tx: Transaction, where: str, params: Mapping[str, Any]) -> list[Silence]:
    rows = tx.execute_query(
        f"SELECT {_COLUMNS} FROM {tx.get_full_table_name(_SILENCES)}{where} ORDER BY created_at, silence_id",
        params,
    )
    return [_silence(row) for row in rows]


def _silence(row: dict[str, Any]) -> Silence:
    return Silence(id=row.pop("silence_id"), matchers=tuple(json.loads(row.pop("matchers"))), **row)
