"""Batches to insert: columns of one length, some of them one value over and over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from tocsin.database.names import quote

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Column", "Constant", "as_columns", "constant_value"]

Column = NDArray[Any] | Sequence[Any]


class Constant(Sequence[Any]):
    """One value, `length` times, without the memory for it."""

    __slots__ = ("_length", "value")

    def __init__(self, value: Any, length: int) -> None:
        self.value = value
        self._length = length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Constant: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return Constant(self.value, len(range(self._length)[index]))
        range(self._length)[index]
        return self.value


def constant_value(value: Any) -> Any:
    """Give a single value as Python's own: no numpy scalars, `None` for NaN and NaT.

    Times stay what they are (`datetime64` included): how they are stored is the database's matter.
    """
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else value
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124


def as_columns(data: Mapping[str, Column] | pa.Table | pa.RecordBatch) -> dict[str, Column]:
    """Give a batch as columns.

    Raises:
        ValueError: The columns have different lengths or more than one dimension, a name is not an
            identifier, or there are none.
    """
    if not isinstance(data, Mapping):
        data = {name: _from_arrow(data.column(name)) for name in data.schema.names}
    columns = dict(data)
    if not columns:
        raise ValueError("a batch needs at least one column")
    for name, column in columns.items():
        quote(name)
        if isinstance(column, str | bytes) or (isinstance(column, np.ndarray) and column.ndim != 1):
            raise ValueError(f"column {name} is not a column of values")
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"the columns have different lengths: {lengths}")
    return columns


def _from_arrow(column: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    import pyarrow as pa

    type_ = column.type
    if pa.types.is_timestamp(type_):
        return np.asarray(column.cast(pa.timestamp("ms", type_.tz), safe=False).to_numpy())
    if pa.types.is_date(type_):
        return np.asarray(column.cast(pa.timestamp("ms")).to_numpy())
    if pa.types.is_floating(type_) or (
        column.null_count == 0 and (pa.types.is_integer(type_) or pa.types.is_boolean(type_))
    ):
        return np.asarray(
            column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
        )
    values = np.empty(len(column), dtype=object)
    values[:] = column.to_pylist()
    return values
