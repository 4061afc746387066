"""An SQLite file that holds events: one file, many readers and one writer at a time."""

from __future__ import annotations

import os
import weakref
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tocsin.errors import DataError
from tocsin.eventstorage.adapters import register_with_sqlite3
from tocsin.eventstorage.sqlite import migrations, status
from tocsin.eventstorage.sqlite.connections import Connections
from tocsin.eventstorage.sqlite.known import Known
from tocsin.eventstorage.sqlite.retention import retain
from tocsin.eventstorage.sqlite.session import SQLiteSession
from tocsin.eventstorage.sqlite.settings import SQLiteSettings
from tocsin.eventstorage.sqlite.transactions import OwnTransaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from os import PathLike

    from tocsin.abc import Clock

__all__ = ["SQLiteBackend"]


class SQLiteBackend:
    """A backend (see `tocsin.eventstorage.session.Backend`) in an SQLite file, made when it is missing.

    The file may be the one of a project's memory. When events are deleted, a file that this backend made
    gives the space back; in one that another program made it is used again for new events.

    Args:
        path: The file. Its folder must exist.
        clock: Stamps events; `None`: the database's own time.
        text_index: Whether to make a text index with the tables; once they are made, theirs counts.
        settings: See `SQLiteSettings`.

    Raises:
        DataError: The path is no name of a file, or a setting is unknown or out of range.
        StorageConnectionException: The file cannot be opened.
        StorageIntegrityError: It is damaged, or no SQLite database.
    """

    dialect: Literal["sqlite"] = "sqlite"

    def __init__(
        self,
        path: str | bytes | PathLike[str] | PathLike[bytes],
        *,
        clock: Clock | None = None,
        text_index: bool = True,
        **settings: Any,
    ) -> None:
        register_with_sqlite3()
        self._where = _name(path)
        if self._where in ("", ":memory:"):
            raise DataError("SQLite needs a file: each thread has its own connection")
        known = [field.name for field in fields(SQLiteSettings)]
        if unknown := sorted(set(settings) - set(known)):
            raise DataError(
                f"SQLite has no setting {', '.join(unknown)}", hint=f"there are {', '.join(known)}"
            )
        self._clock = clock
        self._known = Known(wants_text=text_index)
        self._settings = SQLiteSettings(**settings)
        self._connections = Connections(Path(self._where).absolute(), self._where, self._settings)
        weakref.finalize(self, self._connections.close)
        with self._open() as session, session.raw() as connection:
            migrations.refuse_newer(connection, self._where)

    @property
    def where(self) -> str:
        """The file."""
        return self._where

    def session(self) -> SQLiteSession:
        """Give a session, over a connection that another one gave back or a new one."""
        loan = self._connections.lend()
        session = SQLiteSession(
            loan.connection,
            OwnTransaction(loan.connection, loan.turn, self._settings.busy_timeout_seconds),
            self._where,
            known=self._known,
            running=self._connections.shared.running,
            clock=self._clock,
            loan=loan,
        )
        weakref.finalize(session, loan.give_back)
        return session

    def create(self) -> None:
        """Make the tables and indexes; nothing happens when they are there."""
        with self._open() as session, session.raw() as connection:
            done = migrations.is_complete(connection, self._where)
        if not done:
            wanted = self._known.wants_text
            self._change(lambda connection: migrations.create(connection, self._where, text_index=wanted))

    def drop(self) -> None:
        """Remove the tables; nothing happens when there are none."""
        self._change(lambda connection: migrations.drop(connection, self._where))

    def index_create(self) -> None:
        """Make the indexes that searches use."""
        self._change(migrations.index_create)

    def index_drop(self) -> None:
        """Remove the indexes that searches use; uniqueness and the text index stay."""
        self._change(migrations.index_drop)

    def status(self, *, brief: bool) -> dict[str, Any]:
        """Describe the database."""
        with self._open() as session, session.raw() as connection:
            return status.database_status(connection, session.from_time, brief=brief)

    def table_status(self, table: str, time_column: str) -> dict[str, Any]:
        """Describe a table."""
        with self._open() as session, session.raw() as connection:
            return status.table_status(connection, table, time_column, session.from_time)

    def queries(self) -> dict[str, dict[str, Any]]:
        """Describe the named queries that this process runs on the file; those of others cannot be seen."""
        return self._connections.shared.running.status()

    def cancel(self, qname: str) -> bool:
        """End the named query of this process; false when none of this name runs."""
        return self._connections.shared.running.cancel(qname)

    def retain(self, before: datetime, *, batch: int) -> Iterator[int]:
        """Delete the events stored before an instant, in short steps."""
        with self._open(reuse=False) as session:
            yield from retain(session, session.to_time(before), batch)

    def close(self) -> None:
        """Close every connection; closing twice is fine."""
        self._connections.close()

    def _change(self, change: Callable[[sqlite3.Connection], None]) -> None:
        with self._open() as session:
            session.begin()
            with session.raw() as connection:
                change(connection)
            session.commit()
        self._known.forget()

    @contextmanager
    def _open(self, *, reuse: bool = True) -> Iterator[SQLiteSession]:
        session = self.session()
        try:
            yield session
        finally:
            session.close(reuse=reuse)


def _name(path: str | bytes | PathLike[str] | PathLike[bytes]) -> str:
    try:
        name = os.fsdecode(path)
    except TypeError:
        raise DataError(f"the path of an SQLite file is text, not {type(path).__name__}") from None
    if "\0" in name:
        raise DataError("no file has a NUL in its name")
    return name
