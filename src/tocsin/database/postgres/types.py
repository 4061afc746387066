"""Values of PostgreSQL in its binary form, as Python's and as numpy's.

The binary form is exact, the same whatever the session's settings are, and a column of numbers or times is an
array at once.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from psycopg.adapt import Transformer
from psycopg.pq import Format

from tocsin.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    import psycopg
    from numpy.typing import NDArray

    Cells = Sequence[bytes | None]
    Reader = Callable[[bytes], Any]

__all__ = ["EPOCH_MS", "Kind", "TypeReaders", "kind_of"]

EPOCH_MS = 946_684_800_000  # PostgreSQL counts from 2000
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
_NAT = np.datetime64("NaT", "ms")

_BOOL, _BYTEA, _JSON, _JSONB, _NUMERIC = 16, 17, 114, 3802, 1700
_INTEGERS = {21: ">i2", 23: ">i4", 20: ">i8", 26: ">u4"}
_FLOATS = {700: ">f4", 701: ">f8"}
_TIMES = {1114: ">i8", 1184: ">i8", 1082: ">i4"}
_DATE = 1082
# Types that are sent as their text: enumerations, and those of extensions such as citext.
_TEXT_SENDERS = (
    "textsend",
    "enum_send",
    "citextsend",
    "xml_send",
    "bpcharsend",
    "varcharsend",
    "unknownsend",
)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a column of a result is.

    Attributes:
        name: `integer`, `number`, `bool`, `time`, `bytes`, `text` or `other`.
        dtype: numpy's type of the cells, for those of one width.
    """

    name: str
    dtype: str | None = None


def kind_of(oid: int) -> Kind:
    """Give the kind of a type."""
    if oid in _INTEGERS:
        return Kind("integer", _INTEGERS[oid])
    if oid in _FLOATS:
        return Kind("number", _FLOATS[oid])
    if oid in _TIMES:
        return Kind("time", _TIMES[oid])
    simple = {_NUMERIC: "number", _BOOL: "bool", _BYTEA: "bytes", 25: "text", 1043: "text", 1042: "text"}
    return Kind(simple.get(oid, "other"))


class TypeReaders:
    """Reads cells of every type that a connection gives; looks up what it does not know yet.

    Args:
        connection: Asked for the types that are not built in.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._transformer = Transformer(connection)
        self._readers: dict[int, Reader] = {
            1184: _read_time, 1114: _read_time, _NUMERIC: self._read_numeric,
            _JSON: _read_text, _JSONB: lambda cell: cell[1:].decode(), 25: _read_text,
        }  # fmt: skip

    def values(self, oid: int, cells: Cells) -> list[Any]:
        """Give cells as Python's own types, times aware and in UTC.

        Raises:
            DatabaseError: The type is one that we cannot read.
        """
        read = self._reader(oid)
        return [None if cell is None else read(cell) for cell in cells]

    def array(self, oid: int, cells: Cells) -> NDArray[Any]:
        """Give cells as an array in the types of `tocsin.abc.ColumnSource`."""
        kind = kind_of(oid)
        missing = None
        if None in cells:
            missing = np.fromiter((cell is None for cell in cells), np.bool_, len(cells))
        if kind.name == "time":
            return _times(oid, _fixed(cells, kind.dtype), missing)
        if kind.dtype is not None:
            return _numbers(_fixed(cells, kind.dtype), missing)
        if kind.name == "number":
            read = self._reader(oid)
            return np.fromiter(
                (np.nan if cell is None else float(read(cell)) for cell in cells), np.float64, len(cells)
            )
        if kind.name == "bool" and missing is None:
            return np.frombuffer(b"".join(filter(None, cells)), np.bool_).copy()
        return np.fromiter(iter(self.values(oid, cells)), np.dtype(object), len(cells))

    def _reader(self, oid: int) -> Reader:
        if oid not in self._readers:
            self._readers[oid] = self._find(oid)
        return self._readers[oid]

    def _find(self, oid: int) -> Reader:
        if self._connection.adapters.get_loader(oid, Format.BINARY) is not None:
            return self._transformer.get_loader(oid, Format.BINARY).load
        row = self._connection.execute(
            "SELECT format_type(oid, NULL), typsend::regproc::text FROM pg_type WHERE oid = %s", (oid,)
        ).fetchone()
        name, sender = row or (f"number {oid}", "")
        if sender.rpartition(".")[2] in _TEXT_SENDERS:
            return _read_text
        raise DatabaseError(
            f"the query gives a column of the type {name}", hint="give it as text: column::text"
        )

    def _read_numeric(self, cell: bytes) -> int | float:
        number: Decimal = self._transformer.get_loader(_NUMERIC, Format.BINARY).load(cell)
        exponent = number.as_tuple().exponent
        return int(number) if isinstance(exponent, int) and exponent >= 0 else float(number)


def _read_text(cell: bytes) -> str:
    return cell.decode()


def _read_time(cell: bytes) -> datetime | None:
    microseconds = int.from_bytes(cell, "big", signed=True)
    if microseconds in (sys.maxsize, -sys.maxsize - 1):
        return None  # infinity and -infinity are no instants
    return _EPOCH + timedelta(microseconds=microseconds)


def _fixed(cells: Cells, dtype: str | None) -> NDArray[Any]:
    """Give cells of one width as an array, 0 where they are missing."""
    zero = bytes(np.dtype(dtype).itemsize)
    return np.frombuffer(b"".join([zero if cell is None else cell for cell in cells]), dtype)


def _numbers(values: NDArray[Any], missing: NDArray[np.bool_] | None) -> NDArray[Any]:
    if values.dtype.kind in "iu" and missing is None:
        return values.astype(np.int64)
    numbers = values.astype(np.float64)
    if missing is not None:
        numbers[missing] = np.nan
    return numbers


def _times(oid: int, values: NDArray[Any], missing: NDArray[np.bool_] | None) -> NDArray[Any]:
    limits = np.iinfo(values.dtype)
    endless = (values == limits.max) | (values == limits.min)
    whole = values.astype(np.int64)
    milliseconds = whole * _DAY_MS if oid == _DATE else whole // 1000
    times = (milliseconds + EPOCH_MS).astype("datetime64[ms]")
    times[endless] = _NAT
    if missing is not None:
        times[missing] = _NAT
    return times
