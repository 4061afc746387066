"""The tables in an SQLite file: recognised, made, brought up to date, removed.

The file may have other tables: those of the project's memory, or of another program. What has one of our
names and is not ours is left alone, and said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.errors import StorageIntegrityError
from tocsin.eventstorage.addresses import ALL_SIZES, sizes_bytes
from tocsin.eventstorage.columns import TABLES
from tocsin.eventstorage.sqlite.schema import (
    FIRST_TABLES,
    INDEXES,
    OURS,
    STORE,
    STORE_COLUMNS,
    TEXT_INDEX,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

__all__ = [
    "STEPS",
    "check_version",
    "create",
    "drop",
    "index_create",
    "index_drop",
    "is_complete",
    "refuse_newer",
]

_LONG_AGO = -(2**62)


def _first(connection: sqlite3.Connection, text_index: bool) -> None:  # noqa: FBT001 - all steps are alike
    from tocsin.eventstorage.thresholds.schema import statements

    for statement in (*FIRST_TABLES, *statements("sqlite")):
        connection.execute(statement)
    if text_index:
        connection.execute(TEXT_INDEX)
    connection.execute(
        f"INSERT INTO {STORE} (only_one, version, last_seq, last_storagetime, text_index) "
        "VALUES (1, 1, 0, ?, ?)",
        (_LONG_AGO, int(text_index)),
    )


def _block_sizes(connection: sqlite3.Connection, text_index: bool) -> None:  # noqa: ARG001, FBT001 - see `_first`
    """Let the store know which sizes the blocks of addresses have: of those that are there, any."""
    connection.execute(f"ALTER TABLE {STORE} ADD COLUMN block_sizes BLOB NOT NULL DEFAULT x''")
    some = "SELECT 1 FROM event_ip LIMIT 1"
    connection.execute(
        f"UPDATE {STORE} SET block_sizes = CASE WHEN EXISTS ({some}) THEN ? ELSE ? END",
        (sizes_bytes(ALL_SIZES), sizes_bytes(0)),
    )


STEPS: tuple[Callable[[sqlite3.Connection, bool], None], ...] = (_first, _block_sizes)
"""The first makes version 1, each other one the next version of the one before."""


def refuse_newer(connection: sqlite3.Connection, where: str) -> None:
    """Make sure that no newer Tocsin made the tables, if there are any.

    Raises:
        StorageIntegrityError: One did.
    """
    if _columns(connection, STORE) >= STORE_COLUMNS:
        _version(connection, where)


def check_version(version: int, where: str) -> None:
    """Make sure that tables have the version that this Tocsin writes.

    Raises:
        StorageIntegrityError: They are older or newer.
    """
    if version > len(STEPS):
        raise StorageIntegrityError(
            f"the events in {where} have version {version}, this tocsin reads up to {len(STEPS)}",
            hint="upgrade tocsin",
        )
    if version < len(STEPS):
        raise StorageIntegrityError(
            f"the events in {where} have version {version}, this tocsin writes {len(STEPS)}",
            hint="database_create() brings them up to date",
        )


def is_complete(connection: sqlite3.Connection, where: str) -> bool:
    """Tell whether the tables and indexes are there and as they should be.

    Raises:
        StorageIntegrityError: A newer Tocsin made the tables, some are missing, or others have their names.
    """
    return _found(connection, where) == len(STEPS) and not set(INDEXES) - _names(connection, "index")


def create(connection: sqlite3.Connection, where: str, *, text_index: bool) -> None:
    """Make what is missing, and bring up to date what an older Tocsin made, within an open transaction.

    Raises:
        StorageIntegrityError: A newer Tocsin made the tables, some are missing, or others have their names.
    """
    for step in STEPS[_found(connection, where) :]:
        step(connection, text_index)
    connection.execute(f"UPDATE {STORE} SET version = ?", (len(STEPS),))
    index_create(connection)


def drop(connection: sqlite3.Connection, where: str) -> None:
    """Remove the tables, within an open transaction.

    Raises:
        StorageIntegrityError: A newer Tocsin made the tables, some are missing, or others have their names.
    """
    if _found(connection, where):
        for name in OURS:
            connection.execute(f"DROP TABLE IF EXISTS {name}")


def index_create(connection: sqlite3.Connection) -> None:
    """Make the indexes that are missing, within an open transaction."""
    for name, columns in INDEXES.items():
        connection.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {columns}")


def index_drop(connection: sqlite3.Connection) -> None:
    """Remove the indexes, within an open transaction."""
    for name in INDEXES:
        connection.execute(f"DROP INDEX IF EXISTS {name}")


def _found(connection: sqlite3.Connection, where: str) -> int:
    """Give the version of the tables that are there, 0 when there are none."""
    there = _names(connection, "table") | _names(connection, "view")
    named_as_ours = sorted(there & set(OURS))
    if not named_as_ours:
        return 0
    if not _columns(connection, STORE) >= STORE_COLUMNS:
        raise StorageIntegrityError(
            f"{where} has tables of another program: {', '.join(named_as_ours)}",
            hint="keep the events in a file of their own",
        )
    version = _version(connection, where)
    if missing := sorted(set(TABLES) - there):
        raise StorageIntegrityError(
            f"{where} lacks tables of the event storage: {', '.join(missing)}",
            hint="restore the file from a backup",
        )
    return version


def _version(connection: sqlite3.Connection, where: str) -> int:
    row = connection.execute(f"SELECT version FROM {STORE}").fetchone()
    if row is None:
        raise StorageIntegrityError(
            f"the event storage in {where} has lost its state", hint="restore the file from a backup"
        )
    version = int(row[0])
    if version > len(STEPS):
        check_version(version, where)
    return version


def _names(connection: sqlite3.Connection, kind: str) -> set[str]:
    query = "SELECT lower(name) FROM sqlite_master WHERE type = ?"
    return {name for (name,) in connection.execute(query, (kind,))}


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}
