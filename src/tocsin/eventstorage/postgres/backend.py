"""A PostgreSQL schema that holds events."""

from __future__ import annotations

import weakref
from contextlib import contextmanager
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from tocsin.eventstorage.postgres import migrations, queries, retention, status
from tocsin.eventstorage.postgres.connections import Connections
from tocsin.eventstorage.postgres.known import Known
from tocsin.eventstorage.postgres.session import PostgresSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from tocsin.abc import Clock
    from tocsin.eventstorage.postgres.connections import Connection

__all__ = ["PostgresBackend"]


class PostgresBackend:
    """A backend (see `tocsin.eventstorage.session.Backend`) in a schema of PostgreSQL 15 or newer.

    It needs a role that owns the schema, or may make it; no extension, and no other right.

    Args:
        conncfg: What psycopg's `connect` takes, or `conninfo`; further `schema` (default: the first of the
            search path).
        clock: Stamps events; `None`: the database's own time.
        text_index: Whether to make a text index with the tables; once they are made, theirs counts.

    Raises:
        DataError: The configuration is wrong.
        StorageConnectionException: The database cannot be reached.
        StorageIntegrityError: The server is too old, or its texts are not Unicode.
    """

    dialect: Final = "postgresql"

    def __init__(
        self, conncfg: Mapping[str, Any], *, clock: Clock | None = None, text_index: bool = True
    ) -> None:
        self._clock = clock
        self._text_index = text_index
        self._known = Known()
        self._connections = Connections(conncfg)
        weakref.finalize(self, self._connections.close)

    @property
    def where(self) -> str:
        """The database and the schema."""
        return self._connections.where

    def session(self) -> PostgresSession:
        """Give a session; it takes a connection when it needs one."""
        return PostgresSession(self._connections, self._known, clock=self._clock, text_index=self._text_index)

    def create(self) -> None:
        """Make or migrate the tables and indexes; nothing happens when they are as they should be."""
        schema, text_index = self._connections.schema, self._text_index
        self._change(lambda connection: migrations.create(connection, schema, text_index=text_index))

    def drop(self) -> None:
        """Remove the storage's own tables; nothing happens when there are none."""
        self._change(lambda connection: migrations.drop(connection, self._connections.schema))

    def index_create(self) -> None:
        """Make the indexes that searches use."""
        self._change(lambda connection: migrations.index_create(connection, self._connections.schema))

    def index_drop(self) -> None:
        """Remove the indexes that searches use, that of words too; uniqueness stays."""
        self._change(lambda connection: migrations.index_drop(connection, self._connections.schema))

    def status(self, *, brief: bool) -> dict[str, Any]:
        """Describe the database; see `EventStorageService.database_status`."""
        with self._session() as session:
            return session.work(lambda connection: status.database_status(connection, brief=brief))

    def table_status(self, table: str, time_column: str) -> dict[str, Any]:
        """Describe a table; see `EventStorageService.table_status`."""
        with self._session() as session:
            return session.work(lambda connection: status.table_status(connection, table, time_column))

    def queries(self) -> dict[str, dict[str, Any]]:
        """Describe the running named queries of this database, by name."""
        with self._session() as session:
            return session.work(queries.running)

    def cancel(self, qname: str) -> bool:
        """End the named query, and nothing else; false when none of this name runs."""
        with self._session() as session:
            return session.work(lambda connection: queries.cancel(connection, qname))

    def retain(self, before: datetime, *, batch: int) -> Iterator[int]:
        """Delete the events stored before an instant, in short steps."""
        with self._session() as session, self._session() as other:
            yield from retention.retain(session, other, before.astimezone(UTC), batch)

    def close(self) -> None:
        """Close every connection that is not in use; the others are closed when they are given back."""
        self._connections.close()

    def _change(self, change: Callable[[Connection], None]) -> None:
        self._known.forget()
        with self._session() as session:
            session.begin()
            session.work(change)
            session.commit()
        self._known.forget()

    @contextmanager
    def _session(self) -> Iterator[PostgresSession]:
        session = self.session()
        try:
            yield session
        finally:
            session.close()
