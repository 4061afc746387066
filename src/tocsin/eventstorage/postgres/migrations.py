"""The tables: made, recognised, brought up to date, removed; each in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.errors import StorageIntegrityError
from tocsin.eventstorage.addresses import ALL_SIZES, sizes_text
from tocsin.eventstorage.postgres import partitions
from tocsin.eventstorage.postgres.connections import run
from tocsin.eventstorage.postgres.schema import INDEXES, OWN_TABLES, STORE, TEXT_INDEX, tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.eventstorage.postgres.connections import Connection

__all__ = ["VERSION", "create", "drop", "index_create", "index_drop"]

VERSION = 2
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('tocsin event storage'), hashtext(%s))"
_HINT = "keep the events in a schema of their own"


def create(connection: Connection, schema: str, *, text_index: bool) -> None:
    """Make or migrate the tables in the open transaction; nothing happens when they are as they should be.

    Raises:
        StorageIntegrityError: Tables of other programs are in the way, or a newer Tocsin made them.
    """
    run(connection, _LOCK, (schema,))
    _make_schema(connection, schema)
    if version := _version(connection, schema):
        for step in _STEPS[version - 1 :]:
            step(connection)
        if version < VERSION:
            run(connection, f"UPDATE {STORE} SET version = %s", (VERSION,))
        return
    for statement in (*tables(text_index=text_index), *_thresholds()):
        run(connection, statement)
    row = (VERSION, text_index, sizes_text(0))
    run(
        connection, f"INSERT INTO {STORE} (version, text_index, block_sizes) VALUES (%s, %s, %s::varbit)", row
    )
    index_create(connection, schema)


def drop(connection: Connection, schema: str) -> None:
    """Remove the tables in the open transaction; nothing happens when there are none.

    Raises:
        StorageIntegrityError: They are another program's, or others depend on them.
    """
    if run(connection, "SELECT current_schema()").fetchone() == (None,):
        return
    run(connection, _LOCK, (schema,))
    if _version(connection, schema):
        run(connection, f"DROP TABLE {', '.join((*OWN_TABLES, *partitions.detached(connection)))}")


def index_create(connection: Connection, schema: str) -> None:
    """Make the indexes of searches that are missing, in the open transaction."""
    run(connection, _LOCK, (schema,))
    _must_be_there(connection, schema)
    row = run(connection, f"SELECT text_index FROM {STORE}").fetchone()
    for name, what in {**INDEXES, **(TEXT_INDEX if row and row[0] else {})}.items():
        run(connection, f"CREATE INDEX IF NOT EXISTS {name} ON {what}")


def index_drop(connection: Connection, schema: str) -> None:
    """Remove the indexes of searches, in the open transaction."""
    run(connection, _LOCK, (schema,))
    _must_be_there(connection, schema)
    run(connection, f"DROP INDEX IF EXISTS {', '.join((*INDEXES, *TEXT_INDEX))}")


def _make_schema(connection: Connection, schema: str) -> None:
    # Without asking first, a role that may not make schemas could not even use one that is there.
    if run(connection, "SELECT to_regnamespace(quote_ident(%s))", (schema,)).fetchone() == (None,):
        run(connection, f"CREATE SCHEMA IF NOT EXISTS {_quoted(schema)}")


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'.replace("%", "%%")


def _must_be_there(connection: Connection, schema: str) -> None:
    if not _version(connection, schema):
        raise StorageIntegrityError(f"there is no event storage in schema {schema}", hint="database_create()")


def _with_block_sizes(connection: Connection) -> None:
    """Let the store know which sizes the blocks of addresses have: of those that are there, any."""
    run(connection, f"ALTER TABLE {STORE} ADD COLUMN block_sizes varbit")
    run(connection, f"UPDATE {STORE} SET block_sizes = %s::varbit", (sizes_text(ALL_SIZES),))
    run(connection, f"ALTER TABLE {STORE} ALTER COLUMN block_sizes SET NOT NULL")


_STEPS: tuple[Callable[[Connection], None], ...] = (_with_block_sizes,)
"""Each makes the next version of the one before; the first makes version 2."""


def _version(connection: Connection, schema: str) -> int:
    """Give the version of the tables that are there, as they should be; 0 when there are none."""
    there = {
        name
        for (name,) in run(
            connection,
            "SELECT relname FROM pg_class "
            "WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relname = ANY(%s)",
            (schema, list(OWN_TABLES)),
        )
    }
    if STORE not in there:
        if there:
            raise StorageIntegrityError(
                f"schema {schema} has tables of another program: {', '.join(sorted(there))}", hint=_HINT
            )
        return 0
    columns = run(
        connection,
        "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
        "WHERE c.relnamespace = to_regnamespace(quote_ident(%s)) AND c.relname = %s "
        "AND a.attname IN ('version', 'last_seq')",
        (schema, STORE),
    ).fetchone()
    if columns != (2,):
        raise StorageIntegrityError(f"schema {schema} has a table {STORE} of another program", hint=_HINT)
    # With the schema: one that a role may not look into is passed over where tables are looked for.
    query = f"SELECT version FROM {_quoted(schema)}.{STORE}"
    version: int = (run(connection, query).fetchone() or (VERSION,))[0]
    if version > VERSION:
        raise StorageIntegrityError(
            f"the events in schema {schema} have version {version}, this tocsin reads up to {VERSION}",
            hint="upgrade tocsin",
        )
    if missing := sorted(set(OWN_TABLES) - there):
        raise StorageIntegrityError(
            f"schema {schema} lacks tables of the event storage: {', '.join(missing)}",
            hint="restore it from a backup",
        )
    return version


def _thresholds() -> list[str]:
    from tocsin.eventstorage.thresholds.schema import statements

    return statements("postgresql")
