"""Raw rows as a Polars frame, in chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from tocsin.persistency.frames.frame import RowFrame, column_names
from tocsin.persistency.frames.values_column import join_columns, logical_type, unpack

if TYPE_CHECKING:
    import pyarrow as pa

    from tocsin.persistency.frames.row_store import Chunk, RowStore

__all__ = ["ChunkedEventDataFrame"]


class ChunkedEventDataFrame(RowFrame):
    """Keeps the newest rows, many of them, in little memory.

    A column of text only is `String`; one of 64-bit integers, floats or booleans only is `Int64`, `Float64`
    or `Boolean`; one without any value is `Null`; every other is an `Object` column of Python values. Where
    a row has no value there is null. The column `timestamp` (`event_timestamp` if a variable is called
    `timestamp`) comes first, in UTC, if there was ever a time.

    Args:
        max_rows: `get_data` gives exactly the newest so many rows; `None` keeps all. Memory is freed a
            chunk at a time.
        compact_every: So many chunks (of 4,096 rows) are put together into a large one.

    >>> rows = ChunkedEventDataFrame(max_rows=2)
    >>> for user in ("ann", "bob", "eve"):
    ...     rows.add_data({"user": user})
    >>> rows.get_data()["user"].to_list()
    ['bob', 'eve']
    """

    kind: ClassVar[str] = "chunked_frame"

    def __init__(self, *, max_rows: int | None = 10_000_000, compact_every: int = 1000) -> None:
        super().__init__(max_rows=max_rows, compact_every=compact_every)

    def get_data(self) -> pl.DataFrame:
        """Give the rows as a frame; it is put together when there are new rows."""
        with self._reading():
            rows = self._settled()
            if self._frame is None:
                self._frame = _build(rows)
            frame: pl.DataFrame = self._frame
        return frame.clone()


def _build(rows: RowStore) -> pl.DataFrame:
    chunks, (times_name, names) = rows.chunks(), column_names(rows.names)
    columns: dict[str, Any] = {}
    if rows.timed:
        times = join_columns([chunk.times for chunk in chunks], [chunk.rows for chunk in chunks])
        columns[times_name] = _times(times, len(rows))
    for number, name in enumerate(names):
        columns[name] = _series(chunks, number)
    return pl.DataFrame(columns)


def _series(chunks: list[Chunk], number: int) -> pl.Series:
    lengths = [chunk.rows for chunk in chunks]
    column = join_columns([chunk.columns.get(number) for chunk in chunks], lengths)
    if column is None:
        return pl.Series([None] * sum(lengths), dtype=pl.Null)
    kind = logical_type(column)
    if str(kind) == "binary":
        return pl.Series(unpack(column), dtype=pl.Object)
    return pl.Series(column.cast(kind))


def _times(times: pa.Array | None, rows: int) -> pl.Series:
    micros = pl.Series([None] * rows, dtype=pl.Int64) if times is None else pl.Series(times)
    return micros.cast(pl.Datetime("us", "UTC"))
