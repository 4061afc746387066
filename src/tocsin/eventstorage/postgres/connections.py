"""Connections to one database, kept for the next who needs one.

No thread works behind the scenes: whoever needs a connection makes it, and hears at once why it could not.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary, WeakSet

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from tocsin.errors import (
    DataError,
    StorageConnectionException,
    StorageContentionError,
    StorageIntegrityError,
)
from tocsin.eventstorage.adapters import register_with_psycopg
from tocsin.eventstorage.postgres.failures import DRIVER_ERRORS, error_of, failures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Connection", "Connections", "Lender", "describe", "is_amid_command", "is_open", "rows_of", "run"]

Connection = psycopg.Connection[tuple[Any, ...]]

_MOST, _MOST_IDLE = 32, 8
_PATIENCE_SECONDS, _PAUSE_SECONDS = 30.0, 0.01
_OLDEST_SERVER = 15
# A peer that is gone without a word is noticed within a minute, and does not keep its locks for hours.
_DEFAULTS = {
    "fallback_application_name": "tocsin",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
# A standby server answers nothing at all where transactions are serializable unless they say otherwise.
_SETTINGS = """\
SET default_transaction_isolation = 'read committed';
SET timezone = 'UTC'; SET datestyle = 'ISO'; SET jit = off;
SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"""
# Statements are planned for their values, but for those that ask to be planned once.
_NEVER = 2**31
_DRIVER_OPTIONS = ("prepare_threshold", "context", "cursor_factory")
_IGNORED = ("autocommit", "row_factory")  # ours


def run(
    connection: Connection,
    query: str,
    args: Sequence[Any] = (),
    *,
    prepare: bool | None = None,
    binary: bool = False,
) -> psycopg.Cursor[tuple[Any, ...]]:
    """Run a statement, whatever the owner of the connection likes rows to be.

    Args:
        connection: Where.
        query: The statement.
        args: Its values.
        prepare: Whether the server shall remember it; `None`: as the connection does, if it has values.
        binary: Whether rows come as the server has them: messages are half as long then as in text.

    Raises:
        psycopg.Error: It failed.
    """
    cursor = psycopg.Cursor(connection, row_factory=tuple_row)
    if prepare is None and not args:
        prepare = False  # it may be several statements
    return cursor.execute(query, args, prepare=prepare, binary=binary)


def rows_of(cursor: psycopg.Cursor[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Give all rows of a statement that was run, `[]` for one without a result."""
    result = cursor.pgresult  # `description` would be made anew, a column at a time
    return cursor.fetchall() if result is not None and result.nfields else []


def is_open(connection: Connection) -> bool:
    """Say whether a connection has an open transaction."""
    return connection.pgconn.transaction_status not in (TransactionStatus.IDLE, TransactionStatus.UNKNOWN)


def is_amid_command(connection: Connection) -> bool:
    """Say whether a connection is in the middle of a command, as of a `COPY` whose rows have not come yet."""
    return connection.pgconn.transaction_status == TransactionStatus.ACTIVE


class Lender(Protocol):
    """Where a session's connection comes from."""

    @property
    def where(self) -> str:
        """The database, for people, without secrets."""
        ...

    def take(self, *, fresh: bool = False) -> Connection:
        """Give a connection; `fresh`: idle ones have turned out to be dead."""
        ...

    def give(self, connection: Connection) -> None:
        """Take it back."""
        ...


class _Place:
    """One of the places for connections; it is taken as long as somebody has it."""


_NO_PLACE = _Place()


class Connections:
    """Opens connections, keeps a few idle ones, and limits how many there are.

    Args:
        conncfg: What `psycopg.connect` takes (or `conninfo`), and `schema`.

    Raises:
        DataError: The configuration is wrong.
        StorageConnectionException: The database cannot be reached.
        StorageIntegrityError: The server is too old, or its database does not keep Unicode.
    """

    def __init__(self, conncfg: Mapping[str, Any]) -> None:
        rest = {name: value for name, value in conncfg.items() if name not in _IGNORED}
        schema = rest.pop("schema", None)
        options = {name: rest.pop(name) for name in _DRIVER_OPTIONS if name in rest}
        self._options = {"prepare_threshold": _NEVER, **options}
        self._conninfo = _conninfo(rest)
        self._idle: list[Connection] = []
        # Weak: whoever is interrupted between any two steps gives back what it has taken by forgetting it.
        # (A semaphore has a lock that is not given back then, and the next one would wait for ever.)
        self._places: WeakSet[_Place] = WeakSet()
        self._lent: WeakKeyDictionary[Connection, _Place] = WeakKeyDictionary()
        self._lock = threading.RLock()  # a stream that nobody closed gives back when it is collected
        self._process = os.getpid()
        self._closed = False
        self.where = describe(self._conninfo)
        self.schema: str = schema if schema is not None else ""
        first = self._connect()
        try:
            with failures(self.where):
                _check_server(first, self.where)
                _settle(first)
                self.schema = _schema(first, self.where, schema)
                self._look_into_schema(first)
        except BaseException:
            first.close()
            raise
        self.where = f"{self.where} (schema {self.schema})"
        self._idle.append(first)

    def take(self, *, fresh: bool = False) -> Connection:
        """Give a connection that nobody else has; `give` it back.

        Args:
            fresh: Make a new one, and forget the idle ones: one of them was dead.

        Raises:
            StorageConnectionException: The database cannot be reached.
            StorageContentionError: All connections are in use for long.
        """
        place = self._place()
        if fresh:
            self._close_idle()
        connection = self._idle_one() or self._open()
        with self._lock:
            self._lent[connection] = place
        return connection

    def give(self, connection: Connection) -> None:
        """Take a connection back; a lost one is closed."""
        idle = connection.pgconn.transaction_status == TransactionStatus.IDLE
        with self._lock:
            self._places.discard(self._lent.pop(connection, _NO_PLACE))
            keep = idle and not self._closed and len(self._idle) < _MOST_IDLE
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()

    def close(self) -> None:
        """Close the connections; one that is busy in another thread is closed when it is given back."""
        with self._lock:
            self._closed = True
            lent = self._lent.keyrefs() if self._process == os.getpid() else []
        self._close_idle()
        for connection in filter(None, (one() for one in lent)):
            if connection.info.transaction_status != TransactionStatus.ACTIVE:
                connection.close()

    def _place(self) -> _Place:
        place, end = _Place(), time.monotonic() + _PATIENCE_SECONDS
        while True:
            with self._lock:
                if len(self._places) < _MOST:
                    self._places.add(place)
                    return place
            if time.monotonic() > end:
                raise StorageContentionError(f"all {_MOST} connections are in use", transient=True)
            time.sleep(_PAUSE_SECONDS)

    def _idle_one(self) -> Connection | None:
        with self._lock:
            if self._closed:
                raise StorageConnectionException(f"the storage {self.where} is closed")
            if self._process != os.getpid():  # the parent of this process uses them
                self._idle.clear()
                self._lent.clear()
                self._process = os.getpid()
            return self._idle.pop() if self._idle else None

    def _close_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
            ours = self._process == os.getpid()
        for connection in idle if ours else ():
            connection.close()

    def _open(self) -> Connection:
        connection = self._connect()
        try:
            with failures(self.where):
                _settle(connection)
                self._look_into_schema(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self) -> Connection:
        try:
            return psycopg.Connection.connect(
                self._conninfo, autocommit=True, row_factory=tuple_row, **self._options
            )
        except psycopg.OperationalError as error:
            message = f"{self.where} cannot be reached: {' '.join(str(error).split())}"
            raise StorageConnectionException(message, transient=True) from error
        except DRIVER_ERRORS as error:
            raise error_of(error, self.where) from error

    def _look_into_schema(self, connection: Connection) -> None:
        connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(self.schema)))


def _conninfo(rest: Mapping[str, Any]) -> str:
    given = dict(rest)
    try:
        known = conninfo_to_dict(given.pop("conninfo", ""), **given)
        defaults = {name: value for name, value in _DEFAULTS.items() if name not in known}
        known["client_encoding"] = "UTF8"  # from the first answer on, whatever others have set
        return make_conninfo("", **known, **defaults)  # type: ignore[arg-type]  # names and values of any kind
    except (psycopg.Error, AttributeError, TypeError, ValueError):
        # Without the cause: it may quote a part of the connection string, and so a password.
        message = "this is not the configuration of a PostgreSQL connection"
        raise DataError(message, hint="what psycopg's connect takes, and schema") from None


def describe(conninfo: str) -> str:
    """Say which database a connection string names, without secrets."""
    parts = conninfo_to_dict(conninfo)
    host = parts.get("host") or parts.get("hostaddr") or "localhost"
    name = parts.get("dbname") or parts.get("service") or parts.get("user") or "default"
    return f"PostgreSQL {name} at {host}:{parts.get('port') or 5432}"


def _check_server(connection: Connection, where: str) -> None:
    """Make sure that the server will do."""
    version = connection.info.server_version // 10_000
    if version < _OLDEST_SERVER:
        raise StorageIntegrityError(f"{where} is PostgreSQL {version}", hint=f"{_OLDEST_SERVER} or newer")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StorageIntegrityError(
            f"{where} keeps its texts in {encoding}", hint="make a database with ENCODING 'UTF8'"
        )


def _settle(connection: Connection) -> None:
    """Let nothing hang on what others have set."""
    register_with_psycopg(connection)
    connection.execute(_SETTINGS, prepare=False)  # several statements: the server would prepare one


def _schema(connection: Connection, where: str, wanted: str | None) -> str:
    """Give the schema to use."""
    [(current, kept)] = run(connection, "SELECT current_schema(), %s::name::text", (wanted,)).fetchall()
    if wanted and kept != wanted:  # the server would take the beginning, which may be another one's name
        raise DataError(f"the schema {wanted} has too long a name", hint=f"as much as {kept}")
    schema = wanted or current
    if schema is None:
        raise DataError(
            f"{where} has no schema in its search path that may be used",
            hint="name one: schema=NAME, or ?options=-csearch_path%3DNAME in a url",
        )
    return str(schema)
