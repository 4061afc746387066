"""Whole statements: what finds events, counts them, or deletes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.eventstorage.addresses import ALL_SIZES
from tocsin.eventstorage.columns import GHOST_COLUMNS
from tocsin.eventstorage.query.conditions import conditions
from tocsin.eventstorage.query.dialects import SQLite, sql_for
from tocsin.eventstorage.query.fragments import Fragment, all_of
from tocsin.eventstorage.query.parameters import read_parameters
from tocsin.eventstorage.query.values import check_qname

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tocsin.eventstorage.query.parameters import SearchParameters
    from tocsin.eventstorage.session import Dialect

__all__ = ["Query", "Statement", "build_query", "compile_query"]

Query = tuple[str, list[Any]]
"""A statement with `%s` for each value, and the values."""

_QTYPES = ("select", "select_ghost", "count", "delete")
_RECORD = "e.seq, e.id, e.storagetime, e.detecttime"


def build_query(
    parameters: Mapping[str, Any] | None = None,
    qtype: str = "select",
    qname: str | None = None,
    *,
    dialect: Dialect = "postgresql",
) -> tuple[str, list[Any]]:
    """Give the statement that a search runs, for those who run it themselves.

    Args:
        parameters: What to search for.
        qtype: `select`, `select_ghost`, `count` or `delete`. (The storage's own `delete_events` removes what
            belongs to the events as well.)
        qname: A name that a comment in front of the statement tells.
        dialect: `postgresql` (placeholders `%s`) or `sqlite` (placeholders `?`).

    Returns:
        The statement, and the values of its placeholders.

    Raises:
        ValueError: There is no such qtype or dialect.
        DataError: A parameter or the name is wrong.

    Example:
        >>> query, args = build_query({"description": "a"}, "count", "mine", dialect="sqlite")
        >>> print(query, args)
        /* tocsin:mine */ SELECT count(*) FROM events e WHERE e.description = ? ['a']
    """
    check_qname(qname)
    if qtype not in _QTYPES:
        raise ValueError(f"there is no qtype {qtype!r}: {', '.join(_QTYPES)}")
    query, args = compile_query(parameters, qtype, dialect)
    if qname is not None:
        query = f"/* tocsin:{qname} */ {query}"
    if dialect == "sqlite":
        query = query.replace("%s", "?").replace("%%", "%")
    return query, args


def compile_query(
    parameters: Mapping[str, Any] | None, qtype: str, dialect: Dialect, *, text_index: bool = True
) -> Query:
    """Give a statement with `%s` for every dialect, as sessions take it.

    Args:
        parameters: What to search for.
        qtype: One of `build_query`'s, or `seq`: only the `seq` of the events.
        dialect: Of the session.
        text_index: Whether the storage has an index of words.

    Raises:
        ValueError: There is no such qtype or dialect.
        DataError: A parameter is wrong.
    """
    read = read_parameters(parameters)
    return Statement(read, dialect, text_index=text_index).write(qtype)


class Statement:
    """A search, to be written as a statement of one qtype or another.

    Args:
        parameters: What is searched for.
        dialect: For which database.
        text_index: Whether the storage has an index of words.
        sizes: Which sizes the blocks of addresses have: see `known_sizes`.

    Raises:
        DataError: Full text without an index for it.
    """

    def __init__(
        self,
        parameters: SearchParameters,
        dialect: Dialect,
        *,
        text_index: bool = True,
        sizes: int = ALL_SIZES,
    ) -> None:
        self.sql = sql_for(dialect, sizes)
        self.order = parameters.order
        self.conditions = conditions(parameters, text_index=text_index)
        self._leading: Collection[int] | None = None
        self._sort_by_index = True
        self._known: tuple[int, list[int], list[Any]] | None = None
        self._first: dict[int, Fragment] = {}

    def know(self, place: int, rows: Sequence[tuple[int, Any]]) -> None:
        """Say for which events a condition holds, in PostgreSQL: only their partitions are looked at then.

        Args:
            place: Of the condition.
            rows: `seq` and storage time of each.
        """
        self._known = place, sorted({seq for seq, _ in rows}), sorted({time for _, time in rows})

    def lead(self, leading: Collection[int], *, sort_by_index: bool) -> None:
        """Say where SQLite begins.

        Args:
            leading: The places of the conditions that are answered by an index; the others are checked.
            sort_by_index: Whether an index may give the order.
        """
        self._leading, self._sort_by_index = leading, sort_by_index

    def begin_with(self, place: int, condition: Fragment) -> None:
        """Say which few events one condition leaves, in SQLite: it begins there, and checks all other ones.

        Args:
            place: Of the condition.
            condition: What is written instead of it.
        """
        self._first = {place: condition}
        self.lead((), sort_by_index=False)

    def known_sizes(self) -> Fragment | None:
        """Give the condition that the store's blocks have the sizes that this was made for.

        Who searches for an address looks for the blocks around it, of which there are as many as there are
        sizes. A statement that was not made for all sizes has to ask this as well; `None` when it was.
        """
        if self.sql.sizes == ALL_SIZES:
            return None
        return Fragment(self.sql.known_sizes, (self.sql.sizes_parameter(),))

    def found(self) -> Fragment:
        """Give the condition of the events that are found."""
        checking = self.sql if self._leading is None else SQLite(self.sql.sizes, leading=False)
        leading = range(len(self.conditions)) if self._leading is None else self._leading
        known = self._first if self._known is None else {self._known[0]: self._are_known("e")}
        return all_of(
            known.get(place) or one.write(self.sql if place in leading else checking)
            for place, one in enumerate(self.conditions)
        )

    def _are_known(self, table: str) -> Fragment:
        _, seqs, times = self._known or (None, [], [])
        return Fragment(f"{table}.seq = ANY(%s) AND {table}.storagetime = ANY(%s)", (seqs, times))

    def write(self, qtype: str) -> Query:
        """Write it.

        Raises:
            ValueError: There is no such qtype.
        """
        if qtype == "count":
            found = self.found()
            return f"SELECT count(*) FROM events e WHERE {found.sql}", list(found.args)
        if qtype == "select":
            page, args = self._page(_RECORD)
            sorting, join = self.sorting("e.{}"), self.sql.join_messages
            if self._known is not None:
                known = self._are_known("m")
                join, args = f"{join} AND {known.sql}", [*args, *known.args]
            return f"SELECT {_RECORD}, m.message FROM ({page}) e {join} ORDER BY {sorting}", args
        if qtype == "select_ghost":
            return self._page(", ".join(f"e.{name}" for name in GHOST_COLUMNS))
        seqs, args = self._page("e.seq")
        if qtype == "seq":
            return seqs, args
        if qtype == "delete":
            return f"DELETE FROM events WHERE seq IN ({seqs})", args
        raise ValueError(f"there is no qtype {qtype!r}: {', '.join(_QTYPES)}")

    def write_since(self, start: int, last: int, limit: int) -> Query:
        """Write what gives the events found with a `seq` after `start` and up to `last`, in that order."""
        found, seq = self.found(), "e.seq" if self._sort_by_index else "+e.seq"
        within = f"{seq} > %s AND {seq} <= %s AND {found.sql}"
        page = f"SELECT {_RECORD} FROM events e WHERE {within} ORDER BY {seq} LIMIT %s"
        query = f"SELECT {_RECORD}, m.message FROM ({page}) e {self.sql.join_messages} ORDER BY e.seq"
        return query, [start, last, *found.args, limit]

    def _page(self, columns: str) -> Query:
        order, found = self.order, self.found()
        parts, args = [f"SELECT {columns} FROM events e WHERE {found.sql}"], list(found.args)
        name = "e.{}" if self._sort_by_index else "+e.{}"
        if order.after is not None:
            after, of_after = self.after(name)
            parts.append(f"AND {after}")
            args += of_after
        parts.append(f"ORDER BY {self.sorting(name)}")
        part, of_part = self.part()
        return " ".join([*parts, part]).rstrip(), args + of_part

    def sorting(self, name: str) -> str:
        """Give what to sort by; `name` makes the name of a column."""
        way = "DESC" if self.order.descending else "ASC"
        return f"{name.format(self.order.column)} {way}, {name.format('id')} {way}"

    def after(self, name: str) -> Query:
        """Give the condition that an event comes after the last one seen."""
        if self.order.after is None:
            return "1 = 1", []
        micros, event = self.order.after
        sign = "<" if self.order.descending else ">"
        condition = f"({name.format(self.order.column)}, {name.format('id')}) {sign} (%s, %s)"
        return condition, [self.sql.time(micros), event]

    def part(self) -> Query:
        """Give which part of the sorted events is wanted, nothing when it is all."""
        if self.order.limit is None:
            return "", []
        return "LIMIT %s OFFSET %s", [self.order.limit, self.order.offset]
