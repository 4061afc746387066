"""Statements in PostgreSQL's words: tables, and batches into them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.database.batches import Constant
from tocsin.database.names import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.abc import ConflictStrategy
    from tocsin.database.batches import Column
    from tocsin.database.postgres.cells import WireArray
    from tocsin.model import ColumnDefinition, TableModel

__all__ = ["TABLE_COLUMNS", "TableColumn", "create_table_sql", "insert_sql"]

# Texts compare and sort by code point, as in Python and in the other databases, whatever the server's locale.
_TYPES = {
    "String": 'text COLLATE "C"', "Bytes": "bytea",
    "Int8": "smallint", "Int16": "smallint", "Int32": "integer", "Int64": "bigint",
    "Float32": "real", "Float64": "double precision", "Bool": "boolean",
}  # fmt: skip
_TIME = "timestamptz(3)"
_TEXTS = ("text", "varchar", "bpchar", "name")  # assigned as they are: a cast would cut what is too long

TABLE_COLUMNS = """
SELECT a.attname, t.typname, format_type(a.atttypid, a.atttypmod), coalesce(a.attnum = ANY (i.indkey), false)
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
"""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table: its type's name, the type as SQL, and whether it is part of the key."""

    name: str
    type: str
    sql_type: str
    in_key: bool


def create_table_sql(name: str, model: TableModel, *, if_not_exists: bool) -> str:
    """Write the statement that creates a table by its quoted name."""
    lines = [_column(column) for column in model.columns]
    if model.primary_key:
        lines.append(f"PRIMARY KEY ({', '.join(map(quote, model.primary_key))})")
    condition = "IF NOT EXISTS " if if_not_exists else ""
    return f"CREATE TABLE {condition}{name} ({', '.join(lines)})"


def _column(column: ColumnDefinition) -> str:
    null = "" if column.nullable else " NOT NULL"
    return f"{quote(column.name)} {_TYPES.get(column.type, _TIME)}{null}"


def insert_sql(
    table: str,
    known: Mapping[str, TableColumn],
    columns: Mapping[str, Column],
    arrays: Mapping[str, WireArray],
    strategy: ConflictStrategy,
    *,
    distinct: bool,
) -> str:
    """Write the statement that inserts a batch, its arrays the parameters `$1`, `$2`, … in their order.

    Args:
        table: Its quoted name.
        known: Its columns.
        columns: The batch, not of constants alone; of a constant the array has one element.
        arrays: The same, written.
        strategy: What to do about keys that are there.
        distinct: Whether no key is twice in the batch.
    """
    parts = _Parts(known, columns, arrays)
    key = [name for name, column in known.items() if column.in_key]
    names = ", ".join(map(quote, columns))
    values = ", ".join(map(parts.value, columns))
    rows = f"unnest({', '.join(parts.arrays)}) WITH ORDINALITY AS u({', '.join([*parts.varying, 'place'])})"
    updates = [f"{quote(name)} = excluded.{quote(name)}" for name in columns if name not in key]
    if strategy == "fail" or (strategy == "replace" and not key):
        return f"INSERT INTO {table} ({names}) SELECT {values} FROM {rows}"
    if strategy == "ignore" or not updates:
        return f"INSERT INTO {table} ({names}) SELECT {values} FROM {rows} ON CONFLICT DO NOTHING"
    # A statement may change a row once: of rows with one key the batch's last one is taken.
    by_key = ", ".join(parts.value(name) for name in key if name in columns and name in parts.places)
    if by_key and not distinct:
        values = f"DISTINCT ON ({by_key}) {values}"
        rows += f" ORDER BY {by_key}, u.place DESC"
    return (
        f"INSERT INTO {table} ({names}) SELECT {values} FROM {rows}"
        f" ON CONFLICT ({', '.join(map(quote, key))}) DO UPDATE SET {', '.join(updates)}"
    )


class _Parts:
    """The parameters of a batch as expressions."""

    def __init__(
        self,
        known: Mapping[str, TableColumn],
        columns: Mapping[str, Column],
        arrays: Mapping[str, WireArray],
    ) -> None:
        self._known = known
        self._types = {name: array.type for name, array in arrays.items()}
        self.places = {name: place for place, name in enumerate(arrays, 1)}
        self._constant = {name for name, column in columns.items() if isinstance(column, Constant)}
        self.varying = [f"c{self.places[name]}" for name in columns if name not in self._constant]
        self.arrays = [self._array(name) for name in columns if name not in self._constant]

    def _array(self, name: str) -> str:
        return f"${self.places[name]}::{self._types[name]}[]"

    def value(self, name: str) -> str:
        """Give the value of a column in a row."""
        value = f"({self._array(name)})[1]" if name in self._constant else f"u.c{self.places[name]}"
        column = self._known[name]
        read_from_text = self._types[name] == "text" and column.type not in _TEXTS
        return f"{value}::{column.sql_type}" if read_from_text else value
