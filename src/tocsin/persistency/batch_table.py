"""Reads the columns of a table of events, without looking at each row in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.persistency.columns import Dictionary
from tocsin.persistency.times import LIMIT, micros_of
from tocsin.persistency.values import UnsupportedValueError, plain_value

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["arrow_table", "coded", "dictionary_of", "event_ids", "ranges", "times_of", "whole_column"]

_COLUMNS = ("event_id", "event_template", "timestamp", "variables", "named_variables")
_MICROS = {"s": 1_000_000, "ms": 1_000, "us": 1}


def arrow_table(table: Any) -> pa.Table:
    """Give what was handed in as an Arrow table with the columns of a batch.

    Raises:
        TypeError: It is no table.
        ValueError: Columns are missing, or too many.
    """
    import pyarrow as pa

    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    elif not isinstance(table, pa.Table):
        if not hasattr(table, "__arrow_c_stream__"):
            message = (
                f"a batch is an Arrow table, a record batch or a Polars frame, not a {type(table).__name__}"
            )
            raise TypeError(message)
        table = pa.table(table)
    names = table.column_names
    if not {"event_id", "event_template"} <= set(names) <= set(_COLUMNS) or len(set(names)) < len(names):
        message = (
            f"the columns of a batch are event_id, event_template and some of {_COLUMNS[2:]}, not {names}"
        )
        raise ValueError(message)
    return table.combine_chunks()


def whole_column(table: pa.Table, name: str) -> pa.Array | None:
    """Give a column in one piece, `None` when it is not there."""
    import pyarrow as pa

    if name not in table.column_names:
        return None
    column = table.column(name)
    if column.num_chunks > 1:
        message = f"column {name!r} has more text than fits into one Arrow array: give smaller batches"
        raise ValueError(message)
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def coded(array: pa.Array) -> tuple[list[Any], NDArray[np.int64]]:
    """Give the different values of an array as Python has them, in order, and for each place its code."""
    import pyarrow as pa
    import pyarrow.types as kinds

    kind = array.type
    if kinds.is_null(kind):
        return [None], np.zeros(len(array), dtype=np.int64)
    if kinds.is_dictionary(kind):
        array = pa.DictionaryArray.from_arrays(array.indices, _without_views(array.dictionary))
        array = array.dictionary_decode()
    array = _without_views(array)
    try:
        encoded = array.dictionary_encode()
    except (
        pa.ArrowNotImplementedError
    ):  # lists and the like: no value that can be kept, but they are told by name
        return array.to_pylist(), np.arange(len(array))
    values = encoded.dictionary.to_pylist()
    codes = encoded.indices
    if codes.null_count:
        codes = codes.cast(pa.int64()).fill_null(len(values))
        values.append(None)
    return values, codes.to_numpy(zero_copy_only=False).astype(np.int64)


def _without_views(array: pa.Array) -> pa.Array:
    """Give texts or bytes in a layout that Arrow can look up."""
    import pyarrow as pa
    import pyarrow.types as kinds

    if kinds.is_string_view(array.type):
        return array.cast(pa.large_string())
    return array.cast(pa.large_binary()) if kinds.is_binary_view(array.type) else array


def dictionary_of(values: list[Any]) -> tuple[Dictionary, dict[int, str]]:
    """Give a dictionary of values, and by code what is wrong with those that cannot be kept."""
    wrong = {}
    plain = []
    for code, value in enumerate(values):
        try:
            plain.append(plain_value(value))
        except UnsupportedValueError as error:
            wrong[code] = str(error)
            plain.append(None)
    return Dictionary(plain), wrong


def event_ids(array: pa.Array) -> tuple[list[int | str], NDArray[np.int64]]:
    """Give the EventIDs in order of first occurrence, and the code of each row.

    Raises:
        UnsupportedValueError: They are not all integers, or all texts.
    """
    ids, codes = coded(array)
    wrong = [one for one in ids if type(one) not in {int, str}]
    if wrong:
        message = f"an EventID is an int or a str, not a {type(wrong[0]).__name__} ({wrong[0]!r:.60})"
        raise UnsupportedValueError(message)
    return ids, codes


def ranges(array: pa.Array, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64], pa.Array]:
    """Give of lists (or maps) where each begins in the flat values, how long each is, and the flat values.

    Raises:
        TypeError: It is no column of lists.
    """
    import pyarrow as pa
    import pyarrow.types as kinds

    kind = array.type
    if kinds.is_null(kind):
        empty = np.zeros(len(array), dtype=np.int64)
        return empty, empty, pa.array([], pa.null())
    if not kinds.is_map(kind):
        if not (kinds.is_nested(kind) and hasattr(kind, "value_type")):
            message = f"column {name!r} is a list in each row, not {kind}"
            raise TypeError(message)
        if kinds.is_list_view(kind) or kinds.is_large_list_view(kind):  # which Arrow casts wrongly
            lengths = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
            return np.cumsum(lengths) - lengths, lengths, array.flatten()
        array = array.cast(pa.large_list(kind.value_type))
    offsets = array.offsets.to_numpy(zero_copy_only=False).astype(np.int64)
    lengths = np.diff(offsets)
    if array.null_count:
        lengths = np.where(array.is_null().to_numpy(zero_copy_only=False), 0, lengths)
    first, last = int(offsets[0]), int(offsets[-1])
    if kinds.is_map(kind):
        return (
            offsets[:-1] - first,
            lengths,
            (array.keys.slice(first, last - first), array.items.slice(first, last - first)),
        )
    if kinds.is_null(kind.value_type):  # Arrow loses count of these when lists are put together
        return offsets[:-1] - first, lengths, pa.nulls(last - first)
    return offsets[:-1] - first, lengths, array.values.slice(first, last - first)


def times_of(array: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Give times in microseconds, and whether each is there.

    Raises:
        TypeError: These are no times.
        ValueError: One has no time zone, or is not finite.
    """
    import pyarrow.types as kinds

    there = array.is_valid().to_numpy(zero_copy_only=False)
    kind = array.type
    micros = np.zeros(len(array), dtype=np.int64)
    if kinds.is_timestamp(kind) and kind.tz is not None:
        numbers = array.cast("int64").to_numpy(zero_copy_only=False)[there].astype(np.int64)
        micros[there] = numbers // 1000 if kind.unit == "ns" else _scaled(numbers, _MICROS[kind.unit])
    elif kinds.is_floating(kind):
        numbers = array.to_numpy(zero_copy_only=False)[there].astype(np.float64) * 1_000_000
        if not (np.abs(numbers) < LIMIT).all():  # false for NaN, too
            message = "a timestamp is not a finite number of seconds, or too far from the epoch"
            raise ValueError(message)
        micros[there] = np.rint(numbers)
    elif kinds.is_signed_integer(kind):
        micros[there] = _scaled(
            array.fill_null(0).to_numpy(zero_copy_only=False)[there].astype(np.int64), 1_000_000
        )
    else:
        micros[there] = [micros_of(time) for time in array.drop_null().to_pylist()]
    return micros, there


def _scaled(numbers: NDArray[np.int64], factor: int) -> NDArray[np.int64]:
    if len(numbers) and max(int(numbers.max()), -int(numbers.min())) >= LIMIT // factor:
        message = "a timestamp is too far from the epoch: Unix seconds are expected"
        raise ValueError(message)
    return numbers * factor
