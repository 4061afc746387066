"""The tables: made, recognised, brought up to date, removed; each in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.errors import StorageIntegrityError
from tocsin.eventstorage.postgres import partitions
from tocsin.eventstorage.postgres.connections import run
from tocsin.eventstorage.postgres.schema import INDEXES, OWN_TABLES, STORE, TEXT_INDEX, tables

if TYPE_CHECKING:
    from tocsin.eventstorage.postgres.connections import Connection

__all__ = ["VERSION", "create", "drop", "index_create", "index_drop"]

VERSION = 1
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('tocsin event storage'), hashtext(%s))"
_HINT = "keep the events in a schema of their own"


def create(connection: Connection, schema: str, *, text_index: bool) -> None:
    """Make or migrate the tables in the open transaction; nothing happens when they are as they should be.

    Raises:
        StorageIntegrityError: Tables of other programs are in the way, or a newer Tocsin made them.
    """
    run(connection, _LOCK, (schema,))
    _make_schema(connection, schema)
    if _is_there(connection, schema):
        return
    for statement in (*tables(text_index=text_index), *_thresholds()):
        run(connection, statement)
    run(connection, f"INSERT INTO {STORE} (version, text_index) VALUES (%s, %s)", (VERSION, text_index))
    index_create(connection, schema)


def drop(connection: Connection, schema: str) -> None:
    """Remove the tables in the open transaction; nothing happens when there are none.

    Raises:
        StorageIntegrityError: They are another program's, or others depend on them.
    """
    if run(connection, "SELECT current_schema()").fetchone() == (None,):
        return
    run(connection, _LOCK, (schema,))
    if _is_there(connection, schema):
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
    if not _is_there(connection, schema):
        raise StorageIntegrityError(f"there is no event storage in schema {schema}", hint="database_create()")


def _is_there(connection: Connection, schema: str) -> bool:
    """Tell whether the tables are there, as they should be; false when there are none."""
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
        return False
    columns = run(
        connection,
        "SELECT count(*) FROM pg_attribute "
        "WHERE attrelid = to_regclass(%s) AND attname IN ('version', 'last_seq')",
        (STORE,),
    ).fetchone()
    if columns != (2,):
        raise StorageIntegrityError(f"schema {schema} has a table {STORE} of another program", hint=_HINT)
    version = (run(connection, f"SELECT version FROM {STORE}").fetchone() or (0,))[0]
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
    return True


def _thresholds() -> list[str]:
    from tocsin.eventstorage.thresholds.schema import statements

    return statements("postgresql")
