"""Events as Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from tocsin.eventstorage.columns import ARRAY_COLUMNS, GHOST_COLUMNS
from tocsin.eventstorage.export.tables import table_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.eventstorage.idea import Idea

__all__ = ["write_parquet"]

_BATCH_EVENTS = 10_000
_BATCH_BYTES = 64 * 1024 * 1024
_NUMBERS = ("source_port", "target_port")
_TIMES = ("storagetime", "detecttime")


def write_parquet(events: Iterable[Idea], stream: BinaryIO) -> int:
    """Write events as Parquet with the columns `columns.GHOST_COLUMNS`.

    Times are microseconds in UTC, columns of several values lists. Needs pyarrow.

    Returns:
        How many events were written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(pa)
    count = 0
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        for batch in _batches(events):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count


def _batches(events: Iterable[Idea]) -> Iterator[list[dict[str, Any]]]:
    """Give rows a group at a time, of many events or of a few large ones."""
    rows: list[dict[str, Any]] = []
    size = 0
    for event in events:
        rows.append(table_row(event))
        size += len(event.original)
        if len(rows) >= _BATCH_EVENTS or size >= _BATCH_BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _schema(pa: Any) -> Any:
    fields = []
    for name in GHOST_COLUMNS:
        if name in ARRAY_COLUMNS:
            kind = pa.list_(pa.int32() if name in _NUMBERS else pa.string())
        elif name in _TIMES:
            kind = pa.timestamp("us", tz="UTC")
        else:
            kind = pa.int64() if name == "seq" else pa.string()
        fields.append(pa.field(name, kind))
    return pa.schema(fields)
