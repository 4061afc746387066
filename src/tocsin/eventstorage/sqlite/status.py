"""What there is in the file, and how much space it takes."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from tocsin.eventstorage.columns import TABLES
from tocsin.eventstorage.sqlite.schema import TEXT_TABLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

__all__ = ["database_status", "table_status"]

_SETTINGS = (
    "application_id",
    "auto_vacuum",
    "busy_timeout",
    "cache_size",
    "encoding",
    "freelist_count",
    "journal_mode",
    "max_page_count",
    "page_count",
    "page_size",
    "synchronous",
    "user_version",
    "wal_autocheckpoint",
)


def database_status(
    connection: sqlite3.Connection, from_time: Callable[[int], datetime], *, brief: bool
) -> dict[str, Any]:
    """Describe the database; see `EventStorageService.database_status`."""
    sizes = _sizes(connection)
    tables = {name: _describe(connection, name, TABLES[name][:1], sizes, from_time) for name in TABLES}
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    status: dict[str, Any] = {"tables": tables, "bytes_total": pages * page_size}
    if not brief:
        settings = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in _SETTINGS}
        status["settings"] = {"sqlite_version": sqlite3.sqlite_version, **settings}
    return status


def table_status(
    connection: sqlite3.Connection, table: str, time_column: str, from_time: Callable[[int], datetime]
) -> dict[str, Any]:
    """Describe a table; see `EventStorageService.table_status`."""
    return _describe(connection, table, (time_column,), _sizes(connection), from_time)


def _describe(
    connection: sqlite3.Connection,
    table: str,
    time_columns: tuple[str, ...],
    sizes: dict[str, tuple[int, int]],
    from_time: Callable[[int], datetime],
) -> dict[str, Any]:
    (rows,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    oldest = newest = None
    for column in time_columns:
        oldest, newest = (
            connection.execute(f"SELECT {which}({column}) FROM {table}").fetchone()[0]
            for which in ("min", "max")  # one at a time: then an index answers
        )
    of_table, of_indexes = sizes.get(table, (0, 0))
    return {
        "rows": rows,
        "bytes_total": of_table + of_indexes,
        "bytes_table": of_table,
        "bytes_index": of_indexes,
        "bytes_toast": 0,
        "oldest": None if oldest is None else from_time(oldest),
        "newest": None if newest is None else from_time(newest),
    }


def _sizes(connection: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    """Give table → bytes of itself and of its indexes; nothing when this SQLite cannot tell."""
    query = (
        "SELECT s.tbl_name, d.name = s.tbl_name, sum(d.pgsize) FROM dbstat AS d "
        "JOIN sqlite_master AS s ON s.name = d.name WHERE d.aggregate = TRUE GROUP BY 1, 2"
    )
    sizes: dict[str, tuple[int, int]] = {}
    try:
        rows = connection.execute(query).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        return {}
    for name, of_itself, size in rows:
        # The text index is an index of the events, in tables of its own.
        is_text = name.startswith(TEXT_TABLE)
        table, is_table = ("events", False) if is_text else (name, of_itself)
        of_table, of_indexes = sizes.get(table, (0, 0))
        sizes[table] = (of_table + size, of_indexes) if is_table else (of_table, of_indexes + size)
    return sizes
