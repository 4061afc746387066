"""The result of a query as a stream of Arrow record batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.database.sqlite.errors import mapped_errors
from tocsin.database.sqlite.values import ColumnReader
from tocsin.errors import DatabaseError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    import pyarrow as pa

__all__ = ["stream"]

_CHUNK = 20_000


def stream(
    cursor: sqlite3.Cursor, names: list[str], declared: tuple[str, ...], path: str
) -> pa.RecordBatchReader:
    """Give the rows of a cursor in batches; the first one settles the types.

    Raises:
        DatabaseError: A later batch has values of another type, or the query fails on the way.
    """
    import pyarrow as pa

    def arrays(rows: list[Any]) -> list[pa.Array]:
        columns = zip(*rows, strict=True) if rows else [()] * len(names)
        return [_array(values, type_) for values, type_ in zip(columns, declared, strict=True)]

    first = arrays(cursor.fetchmany(_CHUNK))
    schema = pa.schema([(name, array.type) for name, array in zip(names, first, strict=True)])

    def batches() -> Iterator[pa.RecordBatch]:
        columns = first
        while len(columns) > 0 and len(columns[0]) > 0:
            yield pa.RecordBatch.from_arrays(columns, schema=schema)
            with mapped_errors(path):
                rows = cursor.fetchmany(_CHUNK)
            try:
                columns = [array.cast(field.type) for array, field in zip(arrays(rows), schema, strict=True)]
            except pa.ArrowException as error:
                raise DatabaseError(f"{path}: the types of a column change from row to row") from error

    return pa.RecordBatchReader.from_batches(schema, batches())


def _array(values: tuple[Any, ...], declared: str) -> pa.Array:
    import pyarrow as pa

    reader = ColumnReader(declared)
    if values:
        reader.add(values)
    column = reader.result()
    if column.dtype.kind == "M":
        return pa.array(column, type=pa.timestamp("ms")).cast(pa.timestamp("ms", "UTC"))
    if column.dtype.kind == "f":
        return pa.array(column, mask=np.isnan(column))
    return pa.array(column)
