"""The shape of a table, in one neutral notation that each database translates for itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["ColumnDefinition", "TableModel"]

_NULLABLE = re.compile(r"Nullable\((.+)\)")
_TYPES = re.compile(
    r"String|Bytes|Int8|Int16|Int32|Int64|Float32|Float64|Bool|Date|DateTime|DateTime64\([036](?:, ?'UTC')?\)"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ColumnDefinition:
    """A column: `String`, `Bytes`, `Int32`, `Float64`, `Bool`, `DateTime64(3, 'UTC')`, `Nullable(…)`.

    `nullable=True` is the same as `Nullable(…)`; afterwards `type` is the inner type and `nullable`
    says the rest.

    >>> ColumnDefinition("value", "Nullable(Float64)")
    ColumnDefinition(name='value', type='Float64', nullable=True)
    """

    name: str
    type: str
    nullable: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            message = f"{self.name!r} is not a column name: letters, digits and _ only, at most 63"
            raise ValueError(message)
        inner = _NULLABLE.fullmatch(self.type.strip())
        if inner:
            object.__setattr__(self, "type", inner[1])
            object.__setattr__(self, "nullable", True)
        if not _TYPES.fullmatch(self.type):
            message = f"column {self.name}: {self.type!r} is not a known type"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class TableModel:
    """A table: columns, key, further indexes, and for ClickHouse its engine and order.

    Raises:
        ValueError: Two columns have one name, or a key or an index names a column that is not there.
    """

    columns: tuple[ColumnDefinition, ...]
    primary_key: tuple[str, ...]
    engine: str | None = None
    order_by: tuple[str, ...] | None = None
    indexes: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))
        object.__setattr__(self, "primary_key", tuple(self.primary_key))
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            message = f"a column name appears twice: {names}"
            raise ValueError(message)
        keyed = (
            *self.primary_key,
            *(self.order_by or ()),
            *(name for index in self.indexes for name in index),
        )
        missing = [name for name in keyed if name not in names]
        if missing:
            message = f"the key names columns that are not there: {missing}"
            raise ValueError(message)
