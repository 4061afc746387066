"""Raw rows as a pandas frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from tocsin.persistency.frames.frame import RowFrame, column_names
from tocsin.persistency.frames.values_column import join_columns, logical_type, unpack

if TYPE_CHECKING:
    from tocsin.persistency.frames.row_store import Chunk, RowStore

__all__ = ["EventDataFrame"]

_NOT_A_TIME = np.iinfo(np.int64).min


class EventDataFrame(RowFrame):
    """Keeps every row, for detectors that scan history with pandas.

    A column of text only has pandas' own type for text; one of 64-bit integers, floats or booleans only,
    without gaps, has that type; every other holds Python values, with `None` where a row has no value. The
    column `timestamp` (`event_timestamp` if a variable is called `timestamp`) comes first, in UTC, if there
    was ever a time.

    >>> rows = EventDataFrame()
    >>> rows.add_data({"user": "ann", "port": 22}, timestamp=0)
    >>> rows.add_data({"user": "bob", "port": "any"})
    >>> rows.get_data()["port"].tolist()
    [22, 'any']
    """

    kind: ClassVar[str] = "pandas_frame"

    def __init__(self) -> None:
        super().__init__(max_rows=None, compact_every=1000)

    def get_data(self) -> pd.DataFrame:
        """Give all rows as a frame of one's own; it is put together when there are new rows."""
        with self._reading():
            rows = self._settled()
            if self._frame is None:
                self._frame = _build(rows)
            frame: pd.DataFrame = self._frame
        return frame.copy()


def _build(rows: RowStore) -> pd.DataFrame:
    chunks, (times_name, names) = rows.chunks(), column_names(rows.names)
    columns: dict[str, Any] = {}
    if rows.timed:
        columns[times_name] = pd.to_datetime(_times(chunks), unit="us", utc=True)
    for number, name in enumerate(names):
        columns[name] = _series(chunks, number)
    return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)))


def _times(chunks: list[Chunk]) -> np.ndarray[Any, np.dtype[np.datetime64]]:
    parts = [
        np.full(chunk.rows, _NOT_A_TIME)
        if chunk.times is None
        else chunk.times.fill_null(_NOT_A_TIME).to_numpy(zero_copy_only=False)
        for chunk in chunks
    ]
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts]).view("datetime64[us]")


def _series(chunks: list[Chunk], number: int) -> Any:
    column = join_columns([chunk.columns.get(number) for chunk in chunks], [chunk.rows for chunk in chunks])
    if column is None:
        return pd.Series([None] * sum(chunk.rows for chunk in chunks), dtype="object")
    kind = str(logical_type(column))
    if kind == "string":
        return column.cast(logical_type(column)).to_pandas()
    if kind in {"int64", "double", "bool"} and not column.null_count:
        return pd.Series(column.to_numpy(zero_copy_only=False))
    return pd.Series(unpack(column), dtype="object")
