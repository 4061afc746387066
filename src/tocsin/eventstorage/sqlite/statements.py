"""Statements as every backend writes them, in SQLite's way."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Statement", "filled", "translate"]

_PERCENT = re.compile(r"%(.?)", re.DOTALL)
_WRITING = re.compile(r"\b(?:INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)
_READING = ("SELECT", "VALUES", "EXPLAIN", "PRAGMA")


class Statement(NamedTuple):
    """A statement for SQLite.

    Attributes:
        sql: With `?` for each parameter.
        writes: Whether it may change something, so that it needs a transaction.
    """

    sql: str
    writes: bool


@lru_cache(maxsize=1024)
def translate(query: str) -> Statement:
    """Turn `%s` into `?` and `%%` into `%`, and tell whether a statement writes.

    Raises:
        ValueError: Another `%` is in it.

    >>> translate("SELECT id FROM events WHERE seq %% 2 = %s")
    Statement(sql='SELECT id FROM events WHERE seq % 2 = ?', writes=False)
    """
    sql = _PERCENT.sub(_placeholder, query)
    words = sql.split(None, 1)
    first = words[0].upper() if words else ""
    writes = bool(_WRITING.search(sql)) if first == "WITH" else first not in _READING
    return Statement(sql, writes)


def filled(query: str, literals: Sequence[str]) -> str:
    """Put literals in the place of `%s`, and `%` for `%%`.

    >>> filled("SELECT id FROM events WHERE id = %s AND seq %% 2 = %s", ["'a'", "0"])
    "SELECT id FROM events WHERE id = 'a' AND seq % 2 = 0"
    """
    rest = iter(literals)
    return _PERCENT.sub(lambda match: next(rest) if match[1] == "s" else _placeholder(match), query)


def _placeholder(match: re.Match[str]) -> str:
    if match[1] == "s":
        return "?"
    if match[1] == "%":
        return "%"
    raise ValueError(f"a statement has %{match[1]}: only %s and %% mean something")
