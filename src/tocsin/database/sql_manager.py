"""What all SQL databases share: a session a thread, transactions, tasks and leases."""

from __future__ import annotations

import os
import threading
import weakref
from abc import abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from tocsin.database import leases, tasks
from tocsin.database.clock import DatabaseClock
from tocsin.database.manager import BaseDatabaseManager
from tocsin.database.names import TableNames, quote
from tocsin.database.session import OpenTransaction, Session
from tocsin.database.times import from_milliseconds, is_time, to_milliseconds
from tocsin.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa
    from numpy.typing import NDArray

    from tocsin.abc import Clock, ConflictStrategy
    from tocsin.database.batches import Column
    from tocsin.model import Lease, TableModel

__all__ = ["SqlManager"]

_LONGEST_NAME = 63


class SqlManager(BaseDatabaseManager):
    """The common part of the SQL databases; a backend says how a session is opened.

    Args:
        clock: Stamps tasks and leases; `None`: the database's own time.
        tables: Internal table name → the project's name for it.
        internal_schema: Where the internal tables are, where there are schemas.
        data_schema: The same for the user's tables.

    Raises:
        ValueError: `tables` names an unknown table, or something is not a name.
    """

    now_query: ClassVar[str]  # gives the column `ms`: milliseconds since the epoch

    def __init__(
        self,
        *,
        clock: Clock | None,
        tables: Mapping[str, str] | None = None,
        internal_schema: str | None = None,
        data_schema: str | None = None,
    ) -> None:
        super().__init__(
            clock=clock or DatabaseClock(lambda: int(self.execute_query(self.now_query)[0]["ms"]))
        )
        self._names = TableNames(tables, internal_schema=internal_schema, data_schema=data_schema)
        self._local = threading.local()
        self._sessions: list[tuple[weakref.ref[threading.Thread], Session]] = []
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._closed = False

    @abstractmethod
    def _connect(self) -> Session:
        """Open a session for the current thread."""

    def _session(self) -> Session:
        session: Session | None = getattr(self._local, "session", None)
        usable = session is not None and (session.current is not None or not session.broken)
        if session is not None and usable and not self._closed and self._process == os.getpid():
            return session
        if self._closed:
            raise DatabaseError(f"{self.internal_location} is closed", hint="open a new manager")
        if self._process != os.getpid():
            raise DatabaseError(
                f"{self.internal_location} was opened by another process", hint="open it in each process"
            )
        session = self._connect()
        with self._lock:
            self._close_sessions(useless=True)
            self._sessions.append((weakref.ref(threading.current_thread()), session))
        self._local.session = session
        return session

    def _close_sessions(self, *, useless: bool = False) -> None:
        """Close the sessions of all threads, or those that are broken or whose thread has ended."""
        kept = []
        for thread, session in self._sessions:
            owner = thread()
            if useless and owner is not None and owner.is_alive() and not session.broken:
                kept.append((thread, session))
            else:
                session.close()
        self._sessions = kept

    def close(self) -> None:
        """Close every connection, of all threads; closing twice is fine."""
        with self._lock:
            self._closed = True
            if self._process == os.getpid():
                self._close_sessions()

    @contextmanager
    def transaction(self, lease: Lease | None = None) -> Iterator[OpenTransaction]:
        """Open a transaction; see `BaseDatabaseManager.transaction`.

        A statement that fails dooms it: the block may catch the error, nothing is kept all the same,
        and a `DatabaseError` says so when the block ends.
        """
        session = self._session()
        if session.current is not None:
            raise DatabaseError("a transaction is open in this thread already", hint="use that one")
        try:
            session.begin()
        except DatabaseError:
            if not session.broken:
                raise
            session = self._session()  # the server was restarted since: nothing is lost yet
            session.begin()
        transaction = session.current = OpenTransaction(session)
        try:
            if lease is not None:
                leases.check(transaction, lease)
            yield transaction
            transaction.ensure_sound()
            session.commit()
        except BaseException:
            session.rollback()
            raise
        finally:
            transaction.end()
            session.current = None

    @contextmanager
    def _joined(self) -> Iterator[OpenTransaction]:
        """Give the transaction that is open in this thread, or one for this call."""
        current = self._session().current
        if current is not None:
            yield current
        else:
            with self.transaction() as transaction:
                yield transaction

    @contextmanager
    def _statement(self) -> Iterator[Session]:
        """Give the session for one statement, within the open transaction if there is one."""
        session = self._session()
        if session.current is None:
            yield session
        else:
            with session.current.guarded():
                yield session

    def get_full_table_name(
        self,
        table: str,
        use_internal: bool = True,  # noqa: FBT001, FBT002  # by place, as specified
    ) -> str:
        """Give the quoted name of a table; see `BaseDatabaseManager.get_full_table_name`."""
        return self._names.quoted(table, internal=use_internal)

    def execute_query(self, query: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run any statement and give its rows; see `tocsin.abc.Transaction.execute_query`."""
        with self._statement() as session:
            return session.execute_query(query, params)

    def read_columns(self, query: str, params: Mapping[str, Any] | None = None) -> dict[str, NDArray[Any]]:
        """Run a query and give its columns; see `tocsin.abc.ColumnSource.read_columns`."""
        with self._statement() as session:
            return session.read_columns(query, params)

    def read_arrow(self, query: str, params: Mapping[str, Any] | None = None) -> pa.RecordBatchReader:
        """Run a query and give its result as a stream of Arrow record batches."""
        with self._statement() as session:
            return session.read_arrow(query, params)

    def create_table(
        self,
        name: str,
        model: TableModel,
        if_not_exists: bool = True,  # noqa: FBT001, FBT002  # by place, as specified
    ) -> None:
        """Create a table; see `BaseDatabaseManager.create_table`."""
        quoted = self._names.quoted(name)
        with self._statement() as session:
            session.create_table(quoted, model, if_not_exists=if_not_exists)
            for columns in model.indexes:
                index = quote(f"{'_'.join(columns)}_of_{self._names.actual(name)}"[:_LONGEST_NAME])
                chosen = ", ".join(map(quote, columns))
                session.execute_query(f"CREATE INDEX IF NOT EXISTS {index} ON {quoted} ({chosen})", None)

    def table_exists(self, name: str, schema: str | None = None) -> bool:
        """Say whether a table is there."""
        quote(name)
        with self._statement() as session:
            return session.table_exists(self._names.actual(name), schema)

    def insert_batch(
        self,
        table: str,
        data: Mapping[str, NDArray[Any] | Sequence[Any]] | pa.Table | pa.RecordBatch,
        conflict_strategy: ConflictStrategy = "ignore",
    ) -> int:
        """Insert columns of one length, all or none; see `tocsin.abc.Transaction.insert_batch`."""
        batch: Mapping[str, Column] | pa.Table | pa.RecordBatch = data
        with self._joined() as transaction:
            return transaction.insert_batch(table, batch, conflict_strategy)

    def lock(self, name: str) -> None:
        """Lock a name until the open transaction ends; see `BaseDatabaseManager.lock`."""
        current = self._session().current
        if current is None:
            raise DatabaseError("a lock needs an open transaction", hint="open one with transaction()")
        current.lock(name)

    def get_last_timestamp(
        self, table: str, metric_name: str, timestamp_column: str = "timestamp"
    ) -> datetime | None:
        """Give the latest time (aware, UTC) of a metric in a table, `None` when it has no rows.

        Raises:
            DatabaseError: The column does not hold times.
        """
        column = quote(timestamp_column)
        rows = self.execute_query(
            f"SELECT {column} AS latest FROM {self._names.quoted(table)} "
            f"WHERE metric_name = %(metric_name)s AND {column} IS NOT NULL ORDER BY {column} DESC LIMIT 1",
            {"metric_name": metric_name},
        )
        if not rows:
            return None
        latest = rows[0]["latest"]
        milliseconds = to_milliseconds(latest) if is_time(latest) else None
        if milliseconds is None:
            raise DatabaseError(f"the column {timestamp_column} of {table} does not hold times")
        return from_milliseconds(milliseconds)

    def upsert_task_status(
        self,
        metric_name: str,
        detector_id: str,
        process_type: str,
        status: str,
        last_processed_timestamp: datetime | None = None,
        error_message: str | None = None,
        timeout_seconds: int = 3600,
    ) -> None:
        """Record how far a step of a series has come; see `BaseDatabaseManager.upsert_task_status`."""
        record = tasks.TaskRecord(
            metric_name, detector_id, process_type, status,
            last_processed_timestamp, error_message, timeout_seconds,
        )  # fmt: skip
        with self._joined() as transaction:
            tasks.record(transaction, record, self._clock.now())

    def acquire_lease(self, name: str, owner: str, timeout_seconds: float) -> Lease | None:
        """Take a lease, or give `None`; see `BaseDatabaseManager.acquire_lease` and `leases`."""
        with self._joined() as transaction:
            return leases.acquire(transaction, name, owner, timeout_seconds, self._clock.now())

    def renew(self, lease: Lease, timeout_seconds: float = 3600) -> Lease:
        """Extend a lease from now on; see `BaseDatabaseManager.renew`."""
        with self._joined() as transaction:
            return leases.renew(transaction, lease, timeout_seconds, self._clock.now())

    def release(self, lease: Lease) -> None:
        """Give a lease back; nothing happens when it is lost already."""
        with self._joined() as transaction:
            leases.release(transaction, lease)
