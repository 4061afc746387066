"""Batches on their way into PostgreSQL: columns as arrays in the server's binary form.

A whole batch is one statement, `INSERT … SELECT … FROM unnest($1::bigint[], …)`. Measured, this is as fast as
COPY into a temporary table with an INSERT from there, and needs no table.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from psycopg.adapt import Dumper
from psycopg.pq import Format

from tocsin.database.batches import Constant, constant_value
from tocsin.database.postgres.types import EPOCH_MS
from tocsin.database.times import is_time, to_milliseconds
from tocsin.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tocsin.database.batches import Column

__all__ = ["WireArray", "WireArrayDumper", "encode"]

_OIDS = {"bigint": 20, "double precision": 701, "boolean": 16, "timestamptz": 1184, "text": 25, "bytea": 17}
_HEADER = struct.Struct(">iiiii")
_LENGTHS = [struct.pack(">i", length) for length in range(1024)]
_NULL = struct.pack(">i", -1)
_EARLIEST_MS, _LATEST_MS = -210_866_803_200_000, 9_223_371_331_199_999
_INTEGERS = frozenset({"int2", "int4", "int8", "oid"})
_NUMBERS = frozenset({"float4", "float8", "numeric"})
_TIMES = frozenset({"timestamptz", "timestamp"})


@dataclass(frozen=True, slots=True)
class WireArray:
    """An array as the server reads it.

    Attributes:
        type: The type of its elements.
        content: Its bytes.
    """

    type: str
    content: bytes


class WireArrayDumper(Dumper):
    """Hands a `WireArray` to psycopg as it is; the statement says its type."""

    format = Format.BINARY
    oid = 0

    def dump(self, obj: WireArray) -> bytes:
        """Give the bytes."""
        return obj.content


def encode(column: Column, target: str) -> WireArray:
    """Write a column of a batch; NaN and NaT become NULL, times whole milliseconds.

    Args:
        column: The values; of a `Constant` one.
        target: The name of the type (`typname`) of the column that they go to.

    Raises:
        DatabaseError: A number or a time is out of range.
        TypeError: A value is not of a kind that the type takes.
    """
    if isinstance(column, Constant):
        column = [column.value]
    if isinstance(column, np.ndarray) and column.dtype.kind in "iufbM":
        return _from_array(column, target)
    values = [constant_value(value) for value in column]
    return _from_values(values, target)


def _from_array(column: NDArray[Any], target: str) -> WireArray:
    kind = column.dtype.kind
    if kind == "M":
        return _times(column.astype("datetime64[ms]").astype(np.int64), np.isnat(column))
    if kind == "f":
        return _fixed("double precision", column.astype(np.float64), np.isnan(column))
    if kind == "b":
        if target in _INTEGERS:
            return _fixed("bigint", column.astype(np.int64), None)
        return _fixed("boolean", column, None)
    if kind == "u" and len(column) and int(column.max()) > np.iinfo(np.int64).max:
        raise DatabaseError("a number does not fit in 64 bits")
    return _fixed("bigint", column.astype(np.int64), None)


def _from_values(values: list[Any], target: str) -> WireArray:
    kinds = set(map(type, values)) - {type(None)}
    missing = np.fromiter((value is None for value in values), np.bool_, len(values))
    if target in _INTEGERS and kinds <= {int, bool}:
        try:
            whole = np.array([value or 0 for value in values], dtype=np.int64)
        except OverflowError:
            raise DatabaseError("a number does not fit in 64 bits") from None
        return _fixed("bigint", whole, missing)
    if target in _NUMBERS and kinds <= {int, float, bool}:
        return _fixed("double precision", np.array([value or 0.0 for value in values], np.float64), missing)
    if target == "bool" and kinds <= {bool}:
        return _fixed("boolean", np.array([bool(value) for value in values], np.bool_), missing)
    if target in _TIMES and all(value is None or is_time(value) for value in values):
        times = [None if value is None else to_milliseconds(value) for value in values]
        absent = np.fromiter((time is None for time in times), np.bool_, len(times))
        return _times(np.array([time or 0 for time in times], dtype=np.int64), absent)
    if target == "bytea":
        return _varying("bytea", [None if value is None else bytes(memoryview(value)) for value in values])
    texts = [None if value is None else _text(value) for value in values]
    return _varying("text", texts)


def _text(value: Any) -> bytes:
    text = value if isinstance(value, str) else str(value)
    if "\0" in text:
        raise DatabaseError("a text holds the character NUL, which PostgreSQL cannot store")
    return text.encode()


def _times(milliseconds: NDArray[np.int64], missing: NDArray[np.bool_]) -> WireArray:
    whole = np.where(missing, EPOCH_MS, milliseconds)
    if len(whole) and (int(whole.min()) < _EARLIEST_MS or int(whole.max()) > _LATEST_MS):
        raise DatabaseError("a time is beyond those that PostgreSQL has")
    return _fixed("timestamptz", (whole - EPOCH_MS) * 1000, missing)


def _fixed(type_: str, values: NDArray[Any], missing: NDArray[np.bool_] | None) -> WireArray:
    """Write values of one width: each after its length, and of a missing one the length -1 alone."""
    width, count = values.dtype.itemsize, len(values)
    cells = np.empty(count, dtype=[("length", ">i4"), ("value", values.dtype.newbyteorder(">"))])
    cells["length"], cells["value"] = width, values
    holes = missing is not None and bool(missing.any())
    if not holes:
        return WireArray(type_, _header(type_, count, holes=False) + cells.tobytes())
    cells["length"][missing] = -1
    content = cells.view(np.uint8).reshape(count, 4 + width)
    kept = np.ones(content.shape, dtype=np.bool_)
    kept[missing, 4:] = False
    return WireArray(type_, _header(type_, count, holes=True) + content[kept].tobytes())


def _varying(type_: str, values: Sequence[bytes | None]) -> WireArray:
    parts: list[bytes] = [_NULL] * (2 * len(values))
    parts[0::2] = [
        _NULL if value is None else _LENGTHS[len(value)] if len(value) < len(_LENGTHS) else _length(value)
        for value in values
    ]
    parts[1::2] = [value or b"" for value in values]
    return WireArray(type_, _header(type_, len(values), holes=None in values) + b"".join(parts))


def _length(value: bytes) -> bytes:
    return struct.pack(">i", len(value))


def _header(type_: str, count: int, *, holes: bool) -> bytes:
    return _HEADER.pack(1, holes, _OIDS[type_], count, 1)
