"""Pieces of SQL with the values that are bound in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["NEVER", "Fragment", "all_of", "any_of", "opposite"]


class Fragment(NamedTuple):
    """A piece of SQL.

    Attributes:
        sql: Made of constants only, with `%s` for each value.
        args: The values, in order.
        rows: Of a condition that looks into another table: a query for the events there, with the same
            values; else `None`.
    """

    sql: str
    args: tuple[Any, ...] = ()
    rows: str | None = None


_OR = " OR "
NEVER = Fragment("1 = 0")


def any_of(conditions: Iterable[Fragment]) -> Fragment:
    """Give the condition that one of several holds; of none, that it never does."""
    return _joined(list(conditions), _OR) or NEVER


def all_of(conditions: Iterable[Fragment]) -> Fragment:
    """Give the condition that all of several hold; of none, that it always does."""
    return _joined(list(conditions), " AND ") or Fragment("1 = 1")


def opposite(condition: Fragment) -> Fragment:
    """Give the condition that another does not hold, or nobody knows."""
    return Fragment(f"({condition.sql}) IS NOT TRUE", condition.args)


def _joined(conditions: list[Fragment], word: str) -> Fragment | None:
    if len(conditions) <= 1:
        return conditions[0] if conditions else None
    rows = [one.rows for one in conditions if one.rows is not None]
    return Fragment(
        "(" + word.join(one.sql for one in conditions) + ")",
        tuple(arg for one in conditions for arg in one.args),
        " UNION ALL ".join(rows) if word == _OR and len(rows) == len(conditions) else None,
    )
