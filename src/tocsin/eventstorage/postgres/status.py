"""What there is in the database, and how much space it takes."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from tocsin.eventstorage.columns import TABLES
from tocsin.eventstorage.postgres.connections import run

if TYPE_CHECKING:
    from tocsin.eventstorage.postgres.connections import Connection

__all__ = ["database_status", "table_status"]

_SETTINGS = (
    "autovacuum", "checkpoint_timeout", "default_transaction_isolation", "effective_cache_size", "fsync",
    "full_page_writes", "gin_pending_list_limit", "lock_timeout", "maintenance_work_mem", "max_connections",
    "max_wal_size", "random_page_cost", "server_encoding", "server_version", "shared_buffers",
    "statement_timeout", "synchronous_commit", "temp_buffers", "wal_compression", "work_mem",
)  # fmt: skip
# A fixed list: others may have secrets in them.

# The tables that hold the rows: the partitions, or the table itself, which is in no tree when it has none.
_FILES = """\
FROM (SELECT %s::regclass AS oid) whole JOIN pg_class c ON c.relkind = 'r'
    AND (c.oid = whole.oid OR c.oid IN (SELECT t.relid FROM pg_partition_tree(whole.oid) t))"""
_SIZES = f"""\
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint,
    coalesce(sum(pg_indexes_size(c.oid)), 0)::bigint,
    coalesce(sum(CASE WHEN c.reltoastrelid <> 0 THEN pg_total_relation_size(c.reltoastrelid) END), 0)::bigint
{_FILES}"""
_ESTIMATE = f"SELECT sum(c.reltuples)::bigint, min(c.reltuples) < 0 {_FILES}"
_SMALL_BYTES = 256 * 2**20


def database_status(connection: Connection, *, brief: bool) -> dict[str, Any]:
    """Describe the database; see `EventStorageService.database_status`.

    Rows are counted; when it is to be brief, those of large tables are the server's estimate.
    """
    tables = {name: _describe(connection, name, TABLES[name][:1], estimate=brief) for name in TABLES}
    others = sum(_sizes(connection, name)[0] for name in ("event_ids", "event_store"))
    status: dict[str, Any] = {
        "tables": tables,
        "bytes_total": others + sum(table["bytes_total"] for table in tables.values()),
    }
    if not brief:
        rows = run(
            connection,
            "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s) ORDER BY name",
            (list(_SETTINGS),),
        )
        status["settings"] = dict(rows.fetchall())
    return status


def table_status(connection: Connection, table: str, time_column: str) -> dict[str, Any]:
    """Describe a table; see `EventStorageService.table_status`."""
    return _describe(connection, table, (time_column,), estimate=False)


def _describe(
    connection: Connection, table: str, time_columns: tuple[str, ...], *, estimate: bool
) -> dict[str, Any]:
    total, index, toast = _sizes(connection, table)
    oldest = newest = None
    for column in time_columns:
        row = run(connection, f"SELECT min({column}), max({column}) FROM {table}").fetchone()
        oldest, newest = ((None if time is None else time.astimezone(UTC)) for time in row or (None, None))
    return {
        "rows": _rows(connection, table, estimate=estimate and total > _SMALL_BYTES),
        "bytes_total": total,
        "bytes_table": total - index - toast,
        "bytes_index": index,
        "bytes_toast": toast,
        "oldest": oldest,
        "newest": newest,
    }


def _rows(connection: Connection, table: str, *, estimate: bool) -> int:
    if estimate:
        rows, unknown = run(connection, _ESTIMATE, (table,)).fetchone() or (None, True)
        if not unknown:
            return int(rows)
    row = run(connection, f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0


def _sizes(connection: Connection, table: str) -> tuple[int, int, int]:
    """Give the bytes in all, of the indexes, and of what is kept apart from its row."""
    row = run(connection, _SIZES, (table,)).fetchone()
    total, index, toast = row or (0, 0, 0)
    return total, index, toast
