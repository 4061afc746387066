"""One connection to an SQLite file, for one thread at a time."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from tocsin.errors import (
    EventStorageException,
    QueryCanceledException,
    StorageConnectionException,
    StorageContentionError,
    StorageIntegrityError,
)
from tocsin.eventstorage.session import made_anew
from tocsin.eventstorage.sqlite import deleting, inserting
from tocsin.eventstorage.sqlite.errors import DRIVER_ERRORS, map_error, mapped_errors
from tocsin.eventstorage.sqlite.known import Known
from tocsin.eventstorage.sqlite.statements import filled, translate
from tocsin.eventstorage.sqlite.transactions import BorrowedTransaction
from tocsin.eventstorage.sqlite.watching import RunningQueries, Watch

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from tocsin.abc import Clock
    from tocsin.eventstorage.row import EventRow
    from tocsin.eventstorage.session import Row
    from tocsin.eventstorage.sqlite.connections import Loan
    from tocsin.eventstorage.sqlite.transactions import Transaction

__all__ = ["SQLiteSession"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NOW = "SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"
_ROWS_AT_A_TIME = 256


class SQLiteSession:
    """A session (see `tocsin.eventstorage.session.Session`) over a connection in autocommit mode.

    What reads outside a transaction sees what was committed when its statement began; what writes begins a
    transaction.

    Args:
        connection: In autocommit mode, or somebody's with an open transaction.
        transaction: How it begins and ends to write.
        where: The file, for messages.
        known: What is known about the tables.
        running: Where named queries are made known.
        clock: Stamps events; `None`: the database's own time.
        loan: What to give back when it is closed, `None` for somebody's connection.
    """

    dialect: Literal["sqlite"] = "sqlite"

    def __init__(
        self,
        connection: sqlite3.Connection,
        transaction: Transaction,
        where: str,
        *,
        known: Known,
        running: RunningQueries,
        clock: Clock | None = None,
        loan: Loan | None = None,
    ) -> None:
        self._connection = connection
        self._transaction = transaction
        self._where = where
        self._known = known
        self._running = running
        self._clock = clock
        self._loan = loan
        self._use = nullcontext() if loan is None else loan.lock
        self._watch: Watch | None = None
        self._process = os.getpid()
        self._closed = False

    @classmethod
    def over(cls, connection: sqlite3.Connection, *, clock: Clock | None = None) -> SQLiteSession:
        """Give a session within the transaction that is open on a connection, whose owner ends it.

        Its `commit` hands over to the owner's transaction what the session did; its `rollback`, and an error,
        undo that and nothing else. The tables must be there.
        """
        with mapped_errors("the lent connection"):
            cursor = connection.cursor()
            cursor.row_factory = None
            query = "SELECT file FROM pragma_database_list WHERE name = 'main'"
            (where,) = cursor.execute(query).fetchone()
        transaction = BorrowedTransaction(connection, where)
        known = Known(wants_text=False)
        return cls(connection, transaction, where, known=known, running=RunningQueries(), clock=clock)

    @property
    def text_index(self) -> bool:
        """Whether the events have a text index."""
        if (known := self._known.text_index) is not None:
            return known
        with self._driver(None):
            return self._known.has_text_index(self._connection)

    def look_for_text_index(self) -> bool:
        """Look into the store whether the events have a text index."""
        self._known.text_index = None
        return self.text_index

    def block_sizes(self, *, anew: bool = False) -> int:
        """Tell which sizes the blocks of addresses may have."""
        sizes = self._known.block_sizes
        if sizes is not None and not anew:
            return sizes
        with self._driver(None):
            return self._known.look_at_block_sizes(self._connection)

    @property
    def in_transaction(self) -> bool:
        """Whether something is open that a commit would keep."""
        return not self._is_gone and self._transaction.is_open

    @property
    def broken(self) -> bool:
        """Whether it cannot be used any more: closed, of another process, or on a file that is gone."""
        return self._is_gone or (not self._transaction.is_open and self._is_stale)

    @property
    def _is_gone(self) -> bool:
        gone = self._loan is not None and self._loan.gone
        return self._closed or gone or self._process != os.getpid()

    @property
    def _is_stale(self) -> bool:
        return self._loan is not None and self._loan.is_stale()

    def begin(self) -> None:
        """Take the write lock, waiting for it as long as the busy timeout says."""
        if self._is_gone or not self._transaction.is_open:
            watch = self._watch
            if watch is not None:
                watch.waits = True
            try:
                with nullcontext() if watch is None else watch.at_work(), self._driver(None):
                    self._transaction.begin(self._check_waiting)
                    if self._is_stale:
                        raise StorageConnectionException(
                            f"{self._where} was moved or replaced", hint="try again", transient=True
                        )
            finally:
                if watch is not None:
                    watch.waits = False

    def commit(self) -> None:
        """Commit."""
        with self._driver(None):
            self._transaction.commit()

    def rollback(self) -> None:
        """Undo; right as well when SQLite, or nobody, has done anything."""
        if not self._is_gone:
            with self._use:
                self._undo()

    def execute(self, query: str, args: Sequence[Any] = (), *, again: bool = False) -> list[Row]:  # noqa: ARG002 - the driver keeps all
        """Run a statement and give all its rows."""
        statement = translate(query)
        if statement.writes:
            self.begin()
        with self._driver(self._watch):
            return self._cursor().execute(statement.sql, args).fetchall()

    def execute_count(self, query: str, args: Sequence[Any] = ()) -> int:
        """Run a statement that writes and give how many rows it changed."""
        self.begin()
        with self._driver(self._watch):
            return self._cursor().execute(translate(query).sql, args).rowcount

    def execute_many(self, query: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement that writes for each row of arguments."""
        self.begin()
        with self._driver(self._watch):
            self._cursor().executemany(translate(query).sql, rows)

    def stream(self, query: str, args: Sequence[Any] = ()) -> Iterator[Row]:
        """Run a query and give its rows one by one."""
        # Between two rows other statements of this session may run, which the watch is not about.
        watch = self._watch
        if watch is not None:
            self._watch = watch.outer
        with self._driver(watch):
            cursor = self._cursor().execute(translate(query).sql, args)
            rows = cursor.fetchmany(_ROWS_AT_A_TIME)
        try:
            while rows:
                yield from rows
                with self._driver(watch):
                    rows = cursor.fetchmany(_ROWS_AT_A_TIME)
        finally:
            self._finish(cursor)

    @contextmanager
    def named(self, qname: str | None, timeout: float | None) -> Iterator[None]:
        """Make the statements of a block known by a name, and end them after some seconds."""
        if qname is None and timeout is None:
            yield
            return
        watch = Watch(qname, timeout, None if qname is None else self.now(), self._watch)
        try:
            self._watch = watch
            self._running.add(watch)
            yield
        finally:
            if self._watch is not None and watch in self._watch.chain():
                self._watch = watch.outer
            self._running.remove(watch)

    def insert_rows(self, rows: Sequence[EventRow]) -> list[bool]:
        """Store events and tell for each whether it is new."""
        self.begin()
        now = self.to_time(self.now())
        text_index = self.text_index
        try:
            with self._driver(self._watch):
                return inserting.insert_rows(self._connection, rows, self._where, now, text_index=text_index)
        except StorageContentionError:
            self._known.forget()
            raise

    def delete_events(self, query: str, args: Sequence[Any]) -> int:
        """Delete the events whose `seq` a query gives, with all that belongs to them."""
        self.begin()
        text_index = self.look_for_text_index()  # in the transaction: others may make the tables anew
        with self._driver(self._watch):
            sql = translate(query).sql
            return deleting.delete_chosen(self._connection, sql, args, text_index=text_index)

    @contextmanager
    def raw(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection to the rest of the backend; errors are as everywhere."""
        with self._driver(self._watch):
            yield self._connection

    def mogrify(self, query: str, args: Sequence[Any]) -> str:
        """Write a statement with its values in it, for people to read."""
        literals = [self.execute("SELECT quote(%s)", (value,))[0][0] for value in args]
        return filled(query, literals)

    def to_time(self, instant: datetime) -> int:
        """Give an aware instant as microseconds since the epoch."""
        return (instant - _EPOCH) // _MICROSECOND

    def from_time(self, value: Any) -> datetime:
        """Give microseconds since the epoch as an aware instant."""
        return _EPOCH + timedelta(microseconds=value)

    def now(self) -> datetime:
        """Give the clock's time, or the database's."""
        if self._clock is not None:
            return self._clock.now()
        with self._driver(None):
            (milliseconds,) = self._cursor().execute(_NOW).fetchone()
        return _EPOCH + timedelta(milliseconds=milliseconds)

    def close(self, *, reuse: bool = True) -> None:
        """Give the connection back, to be reused or not; what is open is undone."""
        if not self._closed:
            self.rollback()
            self._closed = True
            if self._loan is not None:
                self._loan.give_back(sound=reuse)

    def _check_waiting(self) -> None:
        """End the waiting for the write lock when there is no reason to wait any more."""
        self._refuse_closing()
        if self._watch is not None:
            self._watch.check()

    def _refuse_closing(self) -> None:
        if self._loan is not None and self._loan.closing:
            raise StorageConnectionException(f"{self._where} is closed", hint="open a new service")

    def _finish(self, cursor: sqlite3.Cursor) -> None:
        """Close the cursor of a stream, but do not wait for the connection.

        A stream that nobody closed is ended by the thread that collects it as garbage, which may have what
        the thread of this session waits for. The driver ends the cursor then, as garbage too.
        """
        lock, may_close = (None if self._loan is None else self._loan.lock), False
        try:
            may_close = lock is None or lock.acquire(blocking=False)
            if may_close and not self._is_gone:
                cursor.close()
        finally:
            if lock is not None and may_close:
                lock.release()

    def _cursor(self) -> sqlite3.Cursor:
        cursor = self._connection.cursor()
        cursor.row_factory = None  # the owner of a lent connection may have chosen another
        return cursor

    @contextmanager
    def _driver(self, watch: Watch | None) -> Iterator[None]:
        """Use the connection for a moment; an error undoes the transaction, and is one of ours."""
        with self._use:
            if self._is_gone:
                raise StorageConnectionException(f"{self._where} is closed", hint="open a new service")
            try:
                if watch is None:
                    yield
                else:
                    with watch.over(self._connection):
                        yield
                if self._loan is not None:
                    self._loan.check_unchanged()
            except DRIVER_ERRORS as error:
                self._undo()
                self._refuse_closing()
                ours = map_error(error, self._where)
                if isinstance(ours, StorageIntegrityError) and self._is_made_anew():
                    ours = made_anew()
                if watch is not None and isinstance(ours, QueryCanceledException):
                    ours = watch.error()
                if isinstance(ours, StorageConnectionException):
                    self._abandon()
                raise ours from error
            except EventStorageException as error:
                self._undo()
                if isinstance(error, StorageConnectionException):
                    self._abandon()
                raise

    def _is_made_anew(self) -> bool:
        """Say whether the tables have no text index any more."""
        had_text_index = self._known.text_index
        self._known.forget()
        with suppress(EventStorageException):
            return bool(had_text_index) and not self.text_index
        return False

    def _undo(self) -> None:
        """Undo what is open. A connection on which that fails is closed: SQLite then undoes it."""
        try:
            self._transaction.rollback()
        except DRIVER_ERRORS:
            self._abandon()

    def _abandon(self) -> None:
        """Never use the connection again: a new one may find the file as it should be."""
        if self._loan is not None:
            self._loan.give_back(sound=False)
