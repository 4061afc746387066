"""The result of a query as a stream of Arrow record batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import psycopg

from tocsin.database.postgres.errors import mapped_errors
from tocsin.database.postgres.types import TypeReaders, kind_of
from tocsin.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from psycopg.pq.abc import PGresult

__all__ = ["CURSOR", "read_whole", "stream"]

_ROWS = 20_000
CURSOR = "DECLARE tocsin_stream NO SCROLL CURSOR FOR "
_FETCH = f"FETCH FORWARD {_ROWS} FROM tocsin_stream"


def read_whole(result: PGresult | None, readers: TypeReaders) -> pa.RecordBatchReader:
    """Give a result that is there already."""
    import pyarrow as pa

    if result is None or not result.nfields:
        raise DatabaseError("this statement gives no columns", hint="write a SELECT")
    batch = _batch(result, readers)
    return pa.RecordBatchReader.from_batches(batch.schema, [batch])


def stream(connection: psycopg.Connection[Any], location: str) -> pa.RecordBatchReader:
    """Give the rows of the cursor that `CURSOR` declared, in batches; closes the connection at the end."""
    import pyarrow as pa

    readers = TypeReaders(connection)
    first = _batch(_fetch(connection), readers)
    if not first.num_columns:
        raise DatabaseError("this statement gives no columns", hint="write a SELECT")

    def batches() -> Iterator[pa.RecordBatch]:
        batch = first
        try:
            while batch.num_rows:
                yield batch
                with mapped_errors(location):
                    batch = _batch(_fetch(connection), readers)
        finally:
            connection.close()

    return pa.RecordBatchReader.from_batches(first.schema, batches())


def _fetch(connection: psycopg.Connection[Any]) -> PGresult:
    with psycopg.Cursor(connection) as cursor:
        cursor.execute(_FETCH, binary=True)
        return cast("PGresult", cursor.pgresult)


def _batch(result: PGresult, readers: TypeReaders) -> pa.RecordBatch:
    import pyarrow as pa

    names = [(result.fname(place) or b"").decode() for place in range(result.nfields)]
    arrays = [_array(result, place, readers) for place in range(result.nfields)]
    return pa.RecordBatch.from_arrays(arrays, names=names)


def _array(result: PGresult, place: int, readers: TypeReaders) -> pa.Array:
    import pyarrow as pa

    oid = result.ftype(place)
    cells = [result.get_value(row, place) for row in range(result.ntuples)]
    kind = kind_of(oid).name
    if kind == "time":
        times = pa.array(readers.array(oid, cells), type=pa.timestamp("ms"))
        return times.cast(pa.timestamp("ms", "UTC"))
    if kind == "number":
        numbers = readers.array(oid, cells)
        return pa.array(numbers, mask=np.isnan(numbers))
    values = readers.values(oid, cells)
    types = {"integer": pa.int64(), "bool": pa.bool_(), "bytes": pa.binary(), "text": pa.string()}
    if kind in types:
        return pa.array(values, type=types[kind])
    return pa.array([None if value is None else str(value) for value in values], type=pa.string())
