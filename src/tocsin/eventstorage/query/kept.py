"""Searches in PostgreSQL that begin at one filter, or in their order: statements whose plan the server keeps.

PostgreSQL plans a statement for every partition of every table in it, which takes longer than finding a few
events by an address. It keeps the plan of a statement that was prepared when planning for the values promises
nothing. So here no value can be seen before the statement runs, and the plan says itself what comes first:
the rows of a side table, if they are few, and then their events one by one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from tocsin.eventstorage.columns import GHOST_COLUMNS, RECORD_COLUMNS
from tocsin.eventstorage.query.dialects import PostgreSQL
from tocsin.eventstorage.query.fragments import all_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.eventstorage.query.fragments import Fragment
    from tocsin.eventstorage.query.statements import Query, Statement
    from tocsin.eventstorage.session import Row

__all__ = ["FEW", "is_refused", "write_kept", "write_page"]

FEW = 1_000
"""How many rows of a side table are few."""

_VALUE = re.compile(r"%s((?:::\w+(?:\[\])?)?)")
_OPAQUE = r"coalesce((SELECT %s\1))"  # `coalesce` tells ANY that this is a value and not a table
_OF = "{0}.seq = f.seq AND {0}.storagetime = f.storagetime"
_RECORD = RECORD_COLUMNS[:-1]  # all but the message


def write_kept(statement: Statement, beginning: Fragment, rest: Sequence[Fragment], qtype: str) -> Query:
    """Write a search that begins at a side table.

    Args:
        statement: The search.
        beginning: The condition that looks into a side table; it has `rows`.
        rest: The other conditions.
        qtype: `select` or `select_ghost`.

    Returns:
        The statement and its values. What it gives is nothing but a row of NULL when the side table has more
        than a few rows, or blocks of other sizes than the statement was made for: see `is_refused`.
    """
    columns = RECORD_COLUMNS if qtype == "select" else GHOST_COLUMNS
    found, args = _found(statement, rest, qtype)
    nothing = ", ".join(["NULL"] * len(columns))
    sizes = statement.known_sizes()
    other_sizes = "" if sizes is None else f" OR ({sizes.sql}) IS NOT TRUE"
    query = f"""WITH begun AS MATERIALIZED ({beginning.rows} LIMIT {FEW + 1}),
        refused AS MATERIALIZED (SELECT count(*) > {FEW}{other_sizes} AS yes FROM begun),
        few AS (SELECT DISTINCT seq, storagetime FROM begun WHERE NOT (SELECT yes FROM refused))
        SELECT * FROM (({found}) UNION ALL SELECT {nothing} FROM refused WHERE yes) e
        ORDER BY {statement.sorting("e.{}")}"""
    return _opaque(query), [*beginning.args, *(() if sizes is None else sizes.args), *args]


class _InOrder(PostgreSQL):
    """PostgreSQL, for pages that are read in the order of an index.

    Two ends of a column are taken for a short stretch, whatever they are: it is read whole and sorted. An end
    of two columns is not.
    """

    def since(self, column: str) -> str:
        """Compare the id as well: none is before the empty one."""
        return f"({self.column(column)}, e.id) >= (%s, '')"


def write_page(statement: Statement, qtype: str) -> Query:
    """Write a search for the first few events in their order, which an index of that order begins.

    Args:
        statement: The search; it has a limit, leaves out no events in front, and has no conditions but on the
            column that it sorts by.
        qtype: `select` or `select_ghost`.
    """
    stretch = all_of(one.write(_InOrder()) for one in statement.conditions)
    after, of_after = statement.after("e.{}")
    columns = _RECORD if qtype == "select" else GHOST_COLUMNS
    # The index is entered at the first end of two columns: `after` has to be that one.
    page = f"""SELECT {", ".join(f"e.{name}" for name in columns)} FROM events e
        WHERE {after} AND {stretch.sql}
        ORDER BY {statement.sorting("e.{}")} LIMIT {statement.order.limit:d}"""
    query = page if qtype == "select_ghost" else f"{_with_message(page)} ORDER BY {statement.sorting('f.{}')}"
    return _opaque(query), [*of_after, *stretch.args]


def is_refused(rows: Sequence[Row]) -> bool:
    """Tell whether nothing was looked for: too many rows to begin with, or blocks of other sizes."""
    return bool(rows) and rows[0][0] is None


@lru_cache(maxsize=256)
def _opaque(query: str) -> str:
    """Put each value where the planner cannot see it."""
    return _VALUE.sub(_OPAQUE, query)


def _found(statement: Statement, rest: Sequence[Fragment], qtype: str) -> Query:
    if qtype == "select_ghost":
        return _page(statement, "events", GHOST_COLUMNS, rest)
    if not rest:  # the messages have all that is needed
        return _page(statement, "event_messages", RECORD_COLUMNS, rest)
    page, args = _page(statement, "events", _RECORD, rest)
    return _with_message(page), args


def _with_message(page: str) -> str:
    message = f"SELECT m.message FROM event_messages m WHERE {_OF.format('m')} OFFSET 0"
    return f"SELECT f.*, m.message FROM ({page}) f, LATERAL ({message}) m"


def _page(statement: Statement, table: str, columns: Sequence[str], rest: Sequence[Fragment]) -> Query:
    """Write what finds events one by one; OFFSET 0 keeps the planner from finding them otherwise."""
    whole = all_of(rest)
    wanted = ", ".join(f"e.{name}" for name in columns)
    each = f"SELECT {wanted} FROM {table} e WHERE {_OF.format('e')} AND {whole.sql} OFFSET 0"
    after, of_after = statement.after("e.{}")
    part, of_part = statement.part()
    order = f"ORDER BY {statement.sorting('e.{}')} {part}" if part else ""
    query = f"SELECT e.* FROM few f, LATERAL ({each}) e WHERE {after} {order}"
    return query, [*whole.args, *of_after, *of_part]
