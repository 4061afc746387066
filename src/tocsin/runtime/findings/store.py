"""The event storage within the memory's transactions: what is found is kept with it, or lost with it."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from tocsin.errors import (
    DatabaseError,
    EventStorageException,
    StorageConnectionException,
    StorageContentionError,
    StorageFullError,
    StoreConnectionError,
    StoreFullError,
    StoreLockedError,
    StoreReadOnlyError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tocsin.abc import Clock, Transaction
    from tocsin.database import BaseDatabaseManager
    from tocsin.database.session import OpenTransaction
    from tocsin.eventstorage.cursor import EventStorageCursor
    from tocsin.runtime.config.loader import Project

__all__ = ["EVENTS_VERSION", "as_database_errors", "events_in", "make_event_tables", "store_findings"]

_TABLE = "event_store"  # the one that says that the others are there
EVENTS_VERSION = 2
"""The version of the tables of events that this Tocsin writes, on every database."""
_SQLITE_READ_ONLY = (3, 8)  # SQLITE_PERM, SQLITE_READONLY
_POSTGRES_READ_ONLY = ("25006", "42501")


def events_in(tx: Transaction, project: Project, clock: Clock | None) -> EventStorageCursor:
    """Give a cursor on the project's events within the open transaction of its memory.

    What the cursor did since its last `commit()` is undone when it is closed; what it committed is kept when
    the transaction is, and only then. Whoever stores events makes everybody else wait who stores some, until
    the transaction ends: store last. Errors are those of `EventStorageException`; let them leave the
    transaction, by way of `as_database_errors`.

    Args:
        tx: An open transaction of the project's memory.
        project: The project.
        clock: Stamps events, `None` for the database's time.
    """
    from tocsin.eventstorage.cursor import EventStorageCursor

    connection = cast("OpenTransaction", tx).driver_connection
    server = project.memory_server
    if server is None:
        from tocsin.eventstorage.sqlite import SQLiteSession

        return EventStorageCursor(SQLiteSession.over(connection, clock=clock))
    from tocsin.eventstorage.postgres import BorrowedSession

    schema = project.profiles[server].internal_schema
    return EventStorageCursor(BorrowedSession(connection, schema=schema, clock=clock))


def store_findings(
    tx: Transaction, project: Project, clock: Clock | None, events: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Store events as the last thing that a transaction does; those that are there already stay as they are.

    Args:
        tx: An open transaction of the project's memory.
        project: The project.
        clock: Stamps events.
        events: The messages.

    Returns:
        For each reason why some could not be stored a sentence.

    Raises:
        DatabaseError: The memory failed.
    """
    if not events:
        return []
    with as_database_errors(), events_in(tx, project, clock) as cursor:
        results = cursor.insert_events(map(_json, events))
        cursor.commit()
    reasons = Counter(result.reason for result in results if result.reason is not None)
    return [
        f"findings that could not be stored as events: {count:,}: {reason}"
        for reason, count in reasons.items()
    ]


def _json(event: Mapping[str, Any]) -> bytes:
    import msgspec

    try:
        return msgspec.json.encode(event)
    except UnicodeEncodeError:  # a line may hold half a surrogate pair, which only an escape can tell
        return json.dumps(event, separators=(",", ":")).encode()


@contextmanager
def as_database_errors() -> Iterator[None]:
    """Turn the errors of the event storage in a block into those of the memory that it is in."""
    try:
        yield
    except EventStorageException as error:
        raise _as_database_error(error) from error


def make_event_tables(memory: BaseDatabaseManager, project: Project) -> None:
    """Make the tables of the events beside those of the memory, or bring them up to date.

    Where nothing can be written nothing happens, as nothing will be stored.

    Raises:
        DatabaseError: Tables of another program are in the way, or the memory failed.
    """
    if memory.table_exists(_TABLE) and not _are_older(memory):
        return
    from tocsin.runtime.events.store import open_project_events

    try:
        with as_database_errors():
            open_project_events(project).close()
    except StoreReadOnlyError:
        pass


def _are_older(memory: BaseDatabaseManager) -> bool:
    """Tell whether an older Tocsin made the tables; the event storage is not loaded for that."""
    try:
        rows = memory.execute_query(f"SELECT version FROM {memory.get_full_table_name(_TABLE)}")
    except DatabaseError:  # another program's table: who stores events will hear of it
        return False
    return bool(rows) and int(rows[0]["version"]) < EVENTS_VERSION


def _as_database_error(error: EventStorageException) -> DatabaseError:
    kind: type[DatabaseError] = DatabaseError
    if isinstance(error, StorageFullError):
        kind = StoreFullError
    elif isinstance(error, StorageContentionError):
        kind = StoreLockedError
    elif _is_read_only(error.__cause__):
        kind = StoreReadOnlyError
    elif isinstance(error, StorageConnectionException):
        kind = StoreConnectionError
    return kind(error.message, hint=error.hint, transient=error.transient)


def _is_read_only(cause: BaseException | None) -> bool:
    sqlite_code, postgres_code = getattr(cause, "sqlite_errorcode", 0), getattr(cause, "sqlstate", None)
    return sqlite_code & 0xFF in _SQLITE_READ_ONLY or postgres_code in _POSTGRES_READ_ONLY
