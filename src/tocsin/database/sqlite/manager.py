"""SQLite: the default memory, one file, many readers and one writer at a time."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.database.manager import Capabilities
from tocsin.database.sql_manager import SqlManager
from tocsin.database.sqlite.errors import mapped_errors
from tocsin.database.sqlite.session import SQLiteSession
from tocsin.database.sqlite.settings import SQLiteSettings
from tocsin.database.turns import Turn
from tocsin.errors import StoreReadOnlyError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from tocsin.abc import Clock

__all__ = ["SQLiteManager"]

_MIB = 2**20


class SQLiteManager(SqlManager):
    """A database in one SQLite file, in WAL mode; made when it is not there.

    Times are kept in milliseconds, whatever precision a column asks for; a `Date` is its midnight.
    -0.0 is kept as 0.0. The times of `INSERT … RETURNING` come as integers.

    Args:
        path: The file. Its folder must exist.
        clock: Stamps tasks and leases; `None`: the database's own time.
        tables: Internal table name → the project's name for it.
        settings: See `SQLiteSettings`.
        read_only: Open an existing file for reading only.

    Raises:
        DatabaseError: The file cannot be opened, or is no SQLite database.
        ValueError: A setting or a table name is wrong.
    """

    now_query = "SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) AS ms"

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        clock: Clock | None = None,
        tables: Mapping[str, str] | None = None,
        settings: Mapping[str, Any] | None = None,
        read_only: bool = False,
    ) -> None:
        super().__init__(clock=clock, tables=tables)
        if str(path) in ("", ":memory:"):
            raise ValueError("SQLite needs a file: each thread has its own connection")
        self._path = Path(path).absolute()
        self._location = str(path)
        self._settings = SQLiteSettings.parse(settings)
        self._read_only = read_only
        self._writers = threading.Lock()
        self._session()

    @property
    def capabilities(self) -> Capabilities:
        """It can be a project's memory; it does not read other files."""
        return Capabilities(memory=True, transactions=True, processes=True, files=False)

    @property
    def internal_location(self) -> str:
        """The file."""
        return self._location

    @property
    def data_location(self) -> str:
        """The file, too."""
        return self._location

    def _connect(self) -> SQLiteSession:
        if not self._read_only:
            return self._open("")
        try:
            return self._open("?mode=ro")
        except StoreReadOnlyError:
            # WAL needs a file beside the database even for reading. In a folder that cannot be written
            # nobody else can write either, so that the database may be read as it lies there.
            if self._path.with_name(self._path.name + "-wal").exists():
                raise
            return self._open("?immutable=1")

    def _open(self, options: str) -> SQLiteSession:
        settings = self._settings
        with mapped_errors(self._location):
            connection = sqlite3.connect(
                self._path.as_uri() + options,
                uri=True,
                timeout=settings.busy_timeout_seconds,
                isolation_level=None,
                check_same_thread=False,  # close() closes the connections of all threads
            )
        try:
            with mapped_errors(self._location):
                connection.execute("PRAGMA temp_store = MEMORY")
                connection.execute("PRAGMA foreign_keys = ON")
                # Many small commits over large indexes: a checkpoint each 4 MB wrote the same pages again and
                # again (a replay of 100,000 events took 45 % longer). The event storage has the same.
                connection.execute("PRAGMA wal_autocheckpoint = 10000")
                connection.execute(f"PRAGMA cache_size = {-int(settings.cache_mib * 1024)}")
                self._use_wal(connection)
                connection.execute(f"PRAGMA synchronous = {settings.synchronous}")
                if settings.max_size_mib is not None:
                    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
                    pages = int(settings.max_size_mib * _MIB) // page_size
                    connection.execute(f"PRAGMA max_page_count = {pages}")
        except BaseException:
            connection.close()
            raise
        turn = Turn(self._writers, settings.busy_timeout_seconds, self._location)
        return SQLiteSession(connection, self._names, self._location, turn, read_only=self._read_only)

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        """Switch to WAL once; SQLite does not wait by itself when two switch at the same time."""
        deadline = time.monotonic() + self._settings.busy_timeout_seconds
        while True:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
                if mode != "wal" and not self._read_only:
                    # In a new file, so that retention of events can give space back.
                    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                    connection.execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.OperationalError as error:
                busy = (error.sqlite_errorcode & 0xFF) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                if not busy or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return
