"""Where SQLite and PostgreSQL differ, and nothing else."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from socket import AF_INET, AF_INET6, inet_ntop
from typing import TYPE_CHECKING, Any, ClassVar

from tocsin.eventstorage.addresses import ALL_SIZES, sizes_bytes, sizes_text
from tocsin.eventstorage.columns import ARRAY_COLUMNS
from tocsin.eventstorage.idea.times import FIRST_MONDAY, YEAR_1, microseconds
from tocsin.eventstorage.query.columns import NUMBER_COLUMNS
from tocsin.eventstorage.query.fragments import Fragment, any_of
from tocsin.eventstorage.query.letters import glob_pattern, regular_expression
from tocsin.eventstorage.query.values import instant_of
from tocsin.eventstorage.row import ADDRESS_BITS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from tocsin.eventstorage.query.words import WordFilter
    from tocsin.eventstorage.session import Dialect

__all__ = ["SQL", "PostgreSQL", "SQLite", "sql_for"]

_MICROSECOND_STEPS = 1_000_000
_INTERNET = {4: AF_INET, 6: AF_INET6}
_ADDRESS_COUNTS = (2, 4, 8, 16, 33, 129)  # an address has 33 blocks around it at most, or 129


class SQL(ABC):
    """How a database says things. `e` is always the row of `events`, `s` one of a side table.

    Args:
        sizes: Which sizes the blocks of addresses in the store have: see `addresses.sizes_of`.
    """

    join_messages: ClassVar[str]
    """How the messages `m` of the events `e` are added."""

    an_address: ClassVar[str] = "%s"
    """The placeholder of what `address` gives."""

    no_items: ClassVar[str]
    """An empty array, as it is stored."""

    event_key: ClassVar[str]
    """What `in_side_table` compares, of `{0}`."""

    known_sizes: ClassVar[str]
    """The condition that the blocks of the store have the sizes that a parameter says."""

    def __init__(self, sizes: int = ALL_SIZES) -> None:
        self.sizes = sizes

    @abstractmethod
    def sizes_parameter(self) -> Any:
        """Give the sizes as a parameter."""

    def column(self, name: str) -> str:
        """Name a column of the event in a condition."""
        return f"e.{name}"

    def side_column(self, name: str) -> str:
        """Name a column of the side table in a condition."""
        return f"s.{name}"

    def since(self, column: str) -> str:
        """Say that a time is not before a parameter."""
        return f"{self.column(column)} >= %s"

    @abstractmethod
    def time(self, micros: int) -> Any:
        """Give a time as a parameter."""

    @abstractmethod
    def address(self, family: int, number: int) -> Any:
        """Give an address as a parameter."""

    @abstractmethod
    def among_addresses(self, column: str, addresses: Sequence[Any]) -> Fragment:
        """Say that a column is one of a few addresses."""

    @abstractmethod
    def among(self, column: str, items: Sequence[Any]) -> Fragment:
        """Say that a column is one of several values."""

    def has_any(self, column: str, items: Sequence[str]) -> Fragment:
        """Say that an array column has one of several texts.

        First it sees if anything ever had one. Of values that they do not know databases believe that they
        are not rare, and try their luck with the latest events.
        """
        known, has = self.among("v.value", items), self.array_has(column, items)
        return Fragment(
            f"(EXISTS (SELECT 1 FROM event_values v WHERE v.name = '{column}' AND {known.sql})"
            f" AND {has.sql})",
            known.args + has.args,
        )

    @abstractmethod
    def array_has(self, column: str, items: Sequence[str]) -> Fragment:
        """Say that an array column has one of several texts, by an index."""

    def is_empty(self, column: str) -> Fragment:
        """Say that an array column has nothing."""
        return Fragment(f"{self.column(column)} = '{self.no_items}'")

    @abstractmethod
    def has_words(self, words: Sequence[WordFilter]) -> Fragment:
        """Say that all words occur."""

    @abstractmethod
    def contains(self, column: str, part: str) -> Fragment:
        """Say that a text contains another, in small or capital letters."""

    @abstractmethod
    def has_id(self, ids: Sequence[str]) -> Fragment:
        """Say that the event is one of several."""

    def in_side_table(self, table: str, conditions: Sequence[Fragment]) -> Fragment:
        """Say that the event has a row in a side table for which a condition holds."""
        condition = any_of(conditions)
        inner = f"SELECT {self.event_key.format('s')} FROM {table} s WHERE {condition.sql}"
        return Fragment(f"({self.event_key.format('e')}) IN ({inner})", condition.args, inner)

    @abstractmethod
    def bucket(self, column: str, step: timedelta) -> Fragment:
        """Give the beginning of the bucket of time that a column is in, in the year 1 at the earliest."""

    @abstractmethod
    def each(self, column: str) -> str:
        """Give a table expression of the members of the arrays `g.combination`, as `v.value`."""

    @abstractmethod
    def sorted_text(self, expression: str, column: str) -> str:
        """Give an expression that sorts texts by their code points."""


class PostgreSQL(SQL):
    """PostgreSQL: arrays are arrays, and the planner knows the data."""

    join_messages = "JOIN event_messages m ON m.seq = e.seq AND m.storagetime = e.storagetime"
    an_address = "%s::inet"
    no_items = "{}"
    event_key = "{0}.seq, {0}.storagetime"
    known_sizes = "(SELECT o.block_sizes FROM event_store o) = %s::varbit"

    def sizes_parameter(self) -> Any:
        """Write the bits."""
        return sizes_text(self.sizes)

    def time(self, micros: int) -> Any:
        """Give an aware datetime."""
        return instant_of(micros)

    def address(self, family: int, number: int) -> Any:
        """Write it: the driver takes texts much faster than objects."""
        return inet_ntop(_INTERNET[family], number.to_bytes(ADDRESS_BITS[family] // 8, "big"))

    def among_addresses(self, column: str, addresses: Sequence[Any]) -> Fragment:
        """Bind them as one array."""
        return Fragment(f"{column} = ANY(%s::inet[])", ("{" + ",".join(addresses) + "}",))

    def among(self, column: str, items: Sequence[Any]) -> Fragment:
        """Bind all values as one array."""
        kind = "integer[]" if items and isinstance(items[0], int) else "text[]"
        return Fragment(f"{column} = ANY(%s::{kind})", (list(items),))

    def array_has(self, column: str, items: Sequence[str]) -> Fragment:
        """Use the operator that its GIN index knows."""
        return Fragment(f"{self.column(column)} && %s::text[]", (list(items),))

    def has_words(self, words: Sequence[WordFilter]) -> Fragment:
        """Write a `tsquery`; words are made of letters, digits and `_` only."""
        query = " & ".join(f"'{word.word}':*" if word.begins else f"'{word.word}'" for word in words)
        return Fragment("e.words @@ %s::tsquery", (query,))

    def contains(self, column: str, part: str) -> Fragment:
        """Use a regular expression that names both cases of each letter: no locale plays a part."""
        return Fragment(f"{self.column(column)} ~ %s", (regular_expression(part),))

    def has_id(self, ids: Sequence[str]) -> Fragment:
        """Go by the table of ids, which is not partitioned."""
        inner = "SELECT i.seq, i.storagetime FROM event_ids i WHERE i.id = ANY(%s::text[])"
        return Fragment(f"(e.seq, e.storagetime) IN ({inner})", (list(ids),), inner)

    def bucket(self, column: str, step: timedelta) -> Fragment:
        """Use `date_bin`; Python has no time before the year 1."""
        return Fragment(f"greatest(date_bin(%s, e.{column}, %s), %s)", (step, FIRST_MONDAY, YEAR_1))

    def each(self, column: str) -> str:
        """Use `unnest`; a scalar is an array of one."""
        array = "g.combination" if column in ARRAY_COLUMNS else "ARRAY[g.combination]"
        return f"unnest({array}) AS v(value)"

    def sorted_text(self, expression: str, column: str) -> str:
        """Use the collation "C", but not for numbers."""
        return expression if column in NUMBER_COLUMNS else f'{expression} COLLATE "C"'


class SQLite(SQL):
    """SQLite: arrays are JSON, whose combinations are kept in `event_values`.

    Its planner knows nothing of the data, and is told where to begin: what is not `leading` is written so
    that no index serves it.

    Args:
        sizes: See `SQL`.
        leading: Whether conditions may be answered by an index.
    """

    join_messages = "CROSS JOIN event_messages m ON m.seq = e.seq"  # CROSS: begin at the events
    no_items = "[]"
    event_key = "{0}.seq"
    known_sizes = "(SELECT o.block_sizes FROM event_store o) = %s"

    def __init__(self, sizes: int = ALL_SIZES, *, leading: bool = True) -> None:
        super().__init__(sizes)
        self._leading = leading

    def sizes_parameter(self) -> Any:
        """Give the bytes."""
        return sizes_bytes(self.sizes)

    def column(self, name: str) -> str:
        """Name a column of the event in a condition."""
        return f"e.{name}" if self._leading else f"+e.{name}"

    def side_column(self, name: str) -> str:
        """Name a column of the side table in a condition."""
        return f"s.{name}" if self._leading else f"+s.{name}"

    def time(self, micros: int) -> Any:
        """Give the microseconds."""
        return micros

    def address(self, family: int, number: int) -> Any:
        """Give the key: the family and the address, as bytes that sort like addresses."""
        return bytes([family]) + number.to_bytes(ADDRESS_BITS[family] // 8, "big")

    def among_addresses(self, column: str, addresses: Sequence[Any]) -> Fragment:
        """Bind each: JSON has no bytes. The last one fills up, so that there are few different texts."""
        count = next((one for one in _ADDRESS_COUNTS if one >= len(addresses)), len(addresses))
        filling = (addresses[-1],) * (count - len(addresses))
        return Fragment(f"{column} IN ({', '.join(['%s'] * count)})", (*addresses, *filling))

    def among(self, column: str, items: Sequence[Any]) -> Fragment:
        """Bind all values as one JSON array."""
        return Fragment(f"{column} IN (SELECT value FROM json_each(%s))", (_json(items),))

    def array_has(self, column: str, items: Sequence[str]) -> Fragment:
        """Look up in which combinations the values are."""
        return Fragment(
            f"{self.column(column)} IN (SELECT v.combination FROM event_values v "
            f"WHERE v.name = '{column}' AND v.value IN (SELECT value FROM json_each(%s)))",
            (_json(items),),
        )

    def has_words(self, words: Sequence[WordFilter]) -> Fragment:
        """Write a query of FTS5; words are made of letters, digits and `_` only."""
        match = " AND ".join(f'"{word.word}"' + "*" * word.begins for word in words)
        rows = "SELECT rowid FROM events_text WHERE events_text MATCH %s"
        return Fragment(f"{self.column('seq')} IN ({rows})", (match,), rows)

    def contains(self, column: str, part: str) -> Fragment:
        """Use a pattern that names both cases of each letter, as `LIKE` knows those of ASCII only."""
        return Fragment(f"{self.column(column)} GLOB %s", (glob_pattern(part),))

    def has_id(self, ids: Sequence[str]) -> Fragment:
        """Compare the id."""
        return self.among(self.column("id"), ids)

    def in_side_table(self, table: str, conditions: Sequence[Fragment]) -> Fragment:
        """Begin at the side table, or else look there for each event."""
        if self._leading:
            parts = [f"SELECT s.seq FROM {table} s WHERE {one.sql}" for one in conditions]
            args = tuple(arg for one in conditions for arg in one.args)
            rows = " UNION ALL ".join(parts)
            return Fragment(f"e.seq IN ({rows})", args, rows)
        condition = any_of(conditions)
        return Fragment(
            f"EXISTS (SELECT 1 FROM {table} s WHERE s.seq = e.seq AND {condition.sql})", condition.args
        )

    def bucket(self, column: str, step: timedelta) -> Fragment:
        """Divide, also before the first bucket, where a remainder is negative."""
        size = (step.days * 86_400 + step.seconds) * _MICROSECOND_STEPS + step.microseconds
        start = f"e.{column} - (((e.{column} - %s) %% %s) + %s) %% %s"
        first = microseconds(FIRST_MONDAY)
        return Fragment(f"max({start}, %s)", (first, size, size, size, microseconds(YEAR_1)))

    def each(self, column: str) -> str:
        """Use `json_each`; a scalar is an array of one."""
        array = "g.combination" if column in ARRAY_COLUMNS else "json_array(g.combination)"
        return f"json_each({array}) AS v"

    def sorted_text(self, expression: str, column: str) -> str:  # noqa: ARG002 - PostgreSQL's matter
        """Leave it: texts are sorted by their bytes."""
        return expression


def _json(items: Sequence[Any]) -> str:
    return json.dumps(list(items), ensure_ascii=False)


def sql_for(dialect: Dialect, sizes: int = ALL_SIZES) -> SQL:
    """Give a dialect by its name.

    Args:
        dialect: Its name.
        sizes: See `SQL`.

    Raises:
        ValueError: There is none of this name.
    """
    if dialect == "sqlite":
        return SQLite(sizes)
    if dialect == "postgresql":
        return PostgreSQL(sizes)
    raise ValueError(f"there is no dialect {dialect!r}: sqlite or postgresql")
