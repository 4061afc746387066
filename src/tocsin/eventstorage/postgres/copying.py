"""Rows in the binary form of `COPY`: what the driver does for single values, for whole batches.

Everything but the first columns (`seq`, `storagetime`, …) is made before the batch has its turn.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "NULL", "as_timestamp", "bytes_field", "copy_file", "inet", "inet_array", "int_array", "int_field",
    "short_array", "short_field", "text_array", "text_field", "timestamp_field", "tsvector",
]  # fmt: skip

NULL = b"\xff\xff\xff\xff"
_BEGIN = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_LENGTH = Struct(">i")
_COUNT = Struct(">I")
_SHORT = Struct(">ih")
_INT = Struct(">ii")
_LONG = Struct(">iq")
_ARRAY = Struct(">iiIii")  # dimensions, whether any is NULL, type, length, first index
_EMPTY_ARRAY = Struct(">iiiI")  # length of the field, dimensions, whether any is NULL, type
_TEXT, _INT4, _INT2, _INET = 25, 23, 21, 869  # types
_ADDRESS_BYTES = {4: 4, 6: 16}
_FAMILY = {4: 2, 6: 3}
_EPOCH_MICROSECONDS = 946_684_800_000_000  # 2000-01-01 in microseconds since 1970
_MOST_CACHED = 4  # items of a list: what is long does not come again


def as_timestamp(microseconds: int) -> int:
    """Give microseconds since 1970 as PostgreSQL counts them."""
    return microseconds - _EPOCH_MICROSECONDS


def copy_file(rows: Iterable[bytes]) -> bytes:
    """Give what `COPY … FROM STDIN (FORMAT BINARY)` reads."""
    return b"".join((_BEGIN, *rows, _END))


def bytes_field(value: bytes) -> bytes:
    """Give a `bytea`."""
    return _LENGTH.pack(len(value)) + value


def text_field(value: str | None) -> bytes:
    """Give a `text`."""
    if value is None:
        return NULL
    raw = value.encode()
    return _LENGTH.pack(len(raw)) + raw


def timestamp_field(microseconds: int) -> bytes:
    """Give microseconds since 1970 as a `timestamptz`."""
    return _LONG.pack(8, as_timestamp(microseconds))


def short_field(value: int) -> bytes:
    """Give a `smallint`."""
    return _SHORT.pack(2, value)


def int_field(value: int) -> bytes:
    """Give an `integer`."""
    return _INT.pack(4, value)


def text_array(values: tuple[str, ...]) -> bytes:
    """Give a `text[]`."""
    return _cached_text_array(values) if len(values) <= _MOST_CACHED else _text_array(values)


def int_array(values: tuple[int, ...]) -> bytes:
    """Give an `integer[]`."""
    return _array(_INT4, [_INT.pack(4, value) for value in values]) if values else _EMPTY_INT_ARRAY


def short_array(values: Sequence[int]) -> bytes:
    """Give a `smallint[]`."""
    return _array(_INT2, [_SHORT.pack(2, value) for value in values])


def inet_array(addresses: Iterable[tuple[int, int]]) -> bytes:
    """Give (family, address) pairs as an `inet[]`."""
    return _array(_INET, [inet(*address) for address in addresses])


def _text_array(values: tuple[str, ...]) -> bytes:
    return _array(_TEXT, [text_field(value) for value in values])


_cached_text_array = lru_cache(maxsize=4096)(_text_array)


def _array(kind: int, fields: Sequence[bytes]) -> bytes:
    if not fields:
        return _EMPTY_ARRAY.pack(12, 0, 0, kind)
    body = b"".join(fields)
    return _LENGTH.pack(_ARRAY.size + len(body)) + _ARRAY.pack(1, 0, kind, len(fields), 1) + body


_EMPTY_INT_ARRAY = _array(_INT4, [])


def inet(family: int, address: int) -> bytes:
    """Give a single address as `inet`."""
    size = _ADDRESS_BYTES[family]
    return (
        _LENGTH.pack(4 + size) + bytes((_FAMILY[family], size * 8, 0, size)) + address.to_bytes(size, "big")
    )


def tsvector(words: str) -> bytes:
    """Give words separated by spaces as a `tsvector` without positions."""
    lexemes = sorted({word.encode() for word in words.split()})
    body = b"".join([lexeme + b"\0\0\0" for lexeme in lexemes])
    return _LENGTH.pack(4 + len(body)) + _COUNT.pack(len(lexemes)) + body
