"""Columns of values in Arrow: compact, of the type that fits all values, and exact for every mixture.

A column is of text, 64-bit integers, floats or booleans when all its values are; else of bytes, each value
written as `tag:text` (see `encode_key`). Text and bytes are dictionary-coded where that is smaller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.persistency.values import decode_key, encode_key, key_of, value_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from tocsin.persistency.values import Key

__all__ = ["join_columns", "logical_type", "pack", "unpack"]

_NONE = type(None)
_CODES = ("int8", "int16", "int32")


def pack(values: Sequence[Any]) -> pa.Array | None:
    """Give values of the closed set of types as a column, `None` when there are only `None`."""
    import pyarrow as pa

    kinds = set(map(type, values))
    kinds.discard(_NONE)
    if not kinds:
        return None
    plain = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    only = plain.get(next(iter(kinds))) if len(kinds) == 1 else None
    if only is not None:
        try:
            return _compact(pa.array(values, only))
        except (UnicodeEncodeError, OverflowError):  # lone surrogates, integers of more than 64 bits
            pass
    return _compact(pa.array([None if value is None else _tagged(value) for value in values], pa.binary()))


def _tagged(value: Any) -> bytes:
    tag, text = encode_key(_whole_key(value))
    return f"{tag}:{text}".encode("utf-8", "surrogatepass")


def _whole_key(value: Any) -> Key:
    """Give the key of a value, of a long one too."""
    if type(value) is str:
        return value
    if type(value) is bytes:
        return "bytes", value
    if type(value) is float and value == 0:  # a row keeps the sign that a key has not
        return "float", value
    if type(value) is tuple:
        return "tuple", tuple(map(_whole_key, value))
    return key_of(value)


def _value(tagged: bytes) -> Any:
    tag, colon, text = tagged.decode("utf-8", "surrogatepass").partition(":")
    if not colon:
        message = f"{tagged[:40]!r} is not a value"
        raise ValueError(message)
    return value_of(decode_key(tag, text))


def _compact(column: pa.Array) -> pa.Array:
    import pyarrow as pa

    if column.type not in {pa.string(), pa.binary()}:
        return column
    coded = column.dictionary_encode()
    narrow = next(code for code in _CODES if len(coded.dictionary) <= np.iinfo(code).max)
    coded = pa.DictionaryArray.from_arrays(coded.indices.cast(narrow), coded.dictionary)
    return coded if coded.nbytes < column.nbytes else column


def logical_type(column: pa.Array) -> pa.DataType:
    """Give the type of a column's values, whether they are dictionary-coded or not."""
    import pyarrow.types as kinds

    return column.type.value_type if kinds.is_dictionary(column.type) else column.type


def unpack(column: pa.Array) -> list[Any]:
    """Give the values of a column.

    Raises:
        ValueError: A value in bytes is not one of the closed set.
    """
    import pyarrow as pa

    if logical_type(column) != pa.binary():
        values: list[Any] = column.to_pylist()
        return values
    coded = column if column.type != pa.binary() else column.dictionary_encode()
    try:
        distinct = list(map(_value, coded.dictionary.to_pylist()))
    except (TypeError, ArithmeticError, LookupError, AttributeError) as error:
        message = f"a value cannot be read: {error}"
        raise ValueError(message) from error
    return [None if code is None else distinct[code] for code in coded.indices.to_pylist()]


def join_columns(columns: Sequence[pa.Array | None], lengths: Sequence[int]) -> pa.Array | None:
    """Give columns one behind the other; `None` among them stands for so many missing values."""
    import pyarrow as pa

    kinds = {str(logical_type(column)): logical_type(column) for column in columns if column is not None}
    if not kinds:
        return None
    if len(kinds) == 1 and "binary" not in kinds:
        kind = next(iter(kinds.values()))
        whole = pa.chunked_array(
            [
                pa.nulls(length, kind) if column is None else column.cast(kind)
                for column, length in zip(columns, lengths, strict=True)
            ]
        )
        return None if whole.null_count == len(whole) else _compact(whole.combine_chunks())
    values: list[Any] = []
    for column, length in zip(columns, lengths, strict=True):
        values.extend([None] * length if column is None else unpack(column))
    return pack(values)
