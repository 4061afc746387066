"""Values on their way into DuckDB and back, through numpy only: pyarrow costs time and memory to load."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.database.batches import Column, constant_value
from tocsin.database.times import from_milliseconds, to_datetimes, to_milliseconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["to_array", "to_cells", "to_parameter", "to_rows"]


def to_parameter(value: Any) -> Any:
    """Give a parameter in a form that DuckDB takes; NaN and NaT are NULL, times whole milliseconds."""
    if isinstance(value, datetime | np.datetime64):
        milliseconds = to_milliseconds(value)
        return None if milliseconds is None else from_milliseconds(milliseconds)
    value = constant_value(value)
    return str(value) if isinstance(value, str) else value


def to_cells(column: Column) -> NDArray[Any]:
    """Give a column of a batch as an array that DuckDB scans; NaN becomes NULL in the statement."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "fiub":
        return np.ascontiguousarray(column)
    if isinstance(column, np.ndarray) and column.dtype.kind == "M":
        return column.astype("datetime64[ms]")
    cells = np.empty(len(column), dtype=object)
    cells[:] = [to_parameter(value) for value in column]
    return cells


def to_array(column: NDArray[Any]) -> NDArray[Any]:
    """Give a column of a result in the types of `tocsin.abc.ColumnSource`."""
    missing = np.ma.getmaskarray(column) if isinstance(column, np.ma.MaskedArray) else None
    values: NDArray[Any] = np.asarray(np.ma.getdata(column))
    if missing is not None and not missing.any():
        missing = None
    kind = values.dtype.kind
    if kind == "M":
        times = values.astype("datetime64[ms]")
        if missing is not None:
            times[missing] = np.datetime64("NaT", "ms")
        return times
    if kind in "iuf":
        return _numbers(values, missing)
    if kind == "b" and missing is None:
        return values
    objects = values.astype(object)
    if kind == "O" and objects.size:
        objects[:] = [bytes(value) if isinstance(value, bytearray) else value for value in objects.tolist()]
    if missing is not None:
        objects[missing] = None
    return objects


def _numbers(values: NDArray[Any], missing: NDArray[np.bool_] | None) -> NDArray[Any]:
    whole = values.dtype.kind in "iu" and missing is None
    if whole and not (values.dtype == np.uint64 and (values > np.iinfo(np.int64).max).any()):
        return values.astype(np.int64, copy=False)
    numbers = values.astype(np.float64)
    if missing is not None:
        numbers[missing] = np.nan
    return numbers


def to_rows(columns: dict[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """Give raw columns of a result as rows of Python's own types."""
    lists = [_to_list(column) for column in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def _to_list(column: NDArray[Any]) -> list[Any]:
    missing = np.ma.getmaskarray(column)
    if column.dtype.kind == "M":
        return list(to_datetimes(to_array(column)))
    values: list[Any] = np.ma.getdata(column).tolist()
    return [
        None if gone else bytes(value) if isinstance(value, bytearray) else value
        for value, gone in zip(values, missing.tolist(), strict=True)
    ]
