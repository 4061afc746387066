"""Values on their way into SQLite and back.

SQLite has no times and no booleans. A time is kept as INTEGER milliseconds since 1970 UTC in a column
declared `INTEGER_MS` (the name gives it INTEGER affinity), a boolean as 0 or 1 in one declared `BOOLEAN`.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.database.batches import Column, Constant, constant_value
from tocsin.database.times import from_milliseconds, is_time, to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["BOOLEAN", "TIME", "ColumnReader", "to_cell", "to_cells", "to_python"]

TIME = "INTEGER_MS"
BOOLEAN = "BOOLEAN"

_PLAIN = frozenset({int, float, str, bytes, type(None)})
_NUMBERS = frozenset({int, float})
_TEXTS = ("TEXT", "BLOB")


def to_cell(value: Any) -> Any:
    """Give a parameter in a form that SQLite stores; NaN and NaT are NULL."""
    if type(value) in _PLAIN:
        return value  # SQLite itself takes NaN as NULL
    if is_time(value):
        return to_milliseconds(value)
    value = constant_value(value)
    return int(value) if isinstance(value, bool) else value


def to_cells(column: Column) -> Iterable[Any]:
    """Give a column of a batch in a form that SQLite stores."""
    if isinstance(column, Constant):
        return repeat(to_cell(column.value), len(column))
    if not isinstance(column, np.ndarray) or column.dtype.kind not in "fiubM":
        values = column.tolist() if isinstance(column, np.ndarray) else column
        return values if _PLAIN.issuperset(map(type, values)) else map(to_cell, values)
    if column.dtype.kind == "M":
        milliseconds = column.astype("datetime64[ms]").astype(np.int64).tolist()
        missing = np.isnat(column)
        return _with_nulls(milliseconds, missing) if missing.any() else milliseconds
    whole: list[Any] = column.astype(np.int8).tolist() if column.dtype.kind == "b" else column.tolist()
    return whole


def _with_nulls(values: list[Any], missing: NDArray[np.bool_]) -> list[Any]:
    for place in np.flatnonzero(missing).tolist():
        values[place] = None
    return values


def to_python(value: Any, declared: str) -> Any:
    """Give a cell of a row as Python's own type for how its column was declared."""
    if type(value) is int:
        if declared == TIME:
            return from_milliseconds(value)
        if declared == BOOLEAN and value in (0, 1):
            return bool(value)
    return value


class ColumnReader:
    """Gathers one column of a result, chunk by chunk, and gives it as an array.

    SQLite types values, not columns: the array's type follows from the values that came, and from the
    column's declared type when it has one.
    """

    def __init__(self, declared: str) -> None:
        self._declared = declared
        self._kinds: set[type] = set()
        self._parts: list[NDArray[Any]] = []

    def add(self, values: tuple[Any, ...]) -> None:
        """Take the next values of the column."""
        kinds = set(map(type, values))
        self._kinds |= kinds
        if kinds == {int}:
            part = np.array(values, dtype=np.int64)
        elif kinds == {float}:
            part = np.array(values, dtype=np.float64)
        else:
            part = np.empty(len(values), dtype=object)
            part[:] = values
        self._parts.append(part)

    def result(self) -> NDArray[Any]:
        """Give the whole column."""
        nulls = type(None) in self._kinds
        kinds = self._kinds - {type(None)}
        if self._declared == TIME and kinds <= {int}:
            return self._times(nulls=nulls)
        if not kinds <= _NUMBERS or (not kinds and self._declared in _TEXTS):
            return self._joined(np.dtype(object))
        if kinds == {int} and not nulls:
            whole = self._joined(np.dtype(np.int64))
            is_boolean = self._declared == BOOLEAN and bool(((whole == 0) | (whole == 1)).all())
            return whole.astype(np.bool_) if is_boolean else whole
        if self._declared == BOOLEAN:
            return self._booleans()
        if not self._parts and self._declared == "INTEGER":
            return np.empty(0, dtype=np.int64)
        return self._joined(np.dtype(np.float64))

    def _joined(self, dtype: np.dtype[Any]) -> NDArray[Any]:
        if not self._parts:
            return np.empty(0, dtype=dtype)
        return np.concatenate([part.astype(dtype, copy=False) for part in self._parts])

    def _times(self, *, nulls: bool) -> NDArray[Any]:
        if not nulls:
            return self._joined(np.dtype(np.int64)).astype("datetime64[ms]")
        values = self._joined(np.dtype(object))
        missing = np.fromiter((value is None for value in values), np.bool_, len(values))
        values[missing] = 0
        times = values.astype(np.int64).astype("datetime64[ms]")
        times[missing] = np.datetime64("NaT", "ms")
        return times

    def _booleans(self) -> NDArray[Any]:
        if not self._parts:
            return np.empty(0, dtype=np.bool_)
        values = self._joined(np.dtype(object))
        values[:] = [to_python(value, BOOLEAN) for value in values.tolist()]
        return values
