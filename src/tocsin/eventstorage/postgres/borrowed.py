"""A session within a transaction that somebody else has open."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

from psycopg.pq import TransactionStatus

from tocsin.errors import EventStorageException
from tocsin.eventstorage.postgres.connections import describe, is_amid_command, run
from tocsin.eventstorage.postgres.failures import DRIVER_ERRORS, failures
from tocsin.eventstorage.postgres.known import Known
from tocsin.eventstorage.postgres.session import PostgresSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    import psycopg

    from tocsin.abc import Clock
    from tocsin.eventstorage.postgres.connections import Connection
    from tocsin.eventstorage.postgres.naming import Block

    T = TypeVar("T")

__all__ = ["BorrowedSession"]

_ENTER = "SELECT current_setting('search_path'), set_config('search_path', quote_ident(%s), true)"
_LEAVE = "SELECT set_config('search_path', %s, true)"
# The setting goes with the savepoint; what the owner begins after that does not have it.
_SAVE = "SAVEPOINT tocsin_events; SET LOCAL tocsin.savepoint = '{}'"
_SAVED = "SELECT current_setting('tocsin.savepoint', true)"
_numbers = count(1)


class BorrowedSession(PostgresSession):
    """A session over an open connection of psycopg, within its owner's transaction.

    What it does is kept when the owner commits. `commit` and `rollback` end a savepoint only, so that an
    error here leaves the owner's own work alone, but for what the owner did since the session's first
    statement behind the last `commit` or `rollback`. Who stores events makes everybody else wait who stores
    some, until the owner's transaction ends: store last.

    Args:
        connection: With an open transaction, or one that opens it with its first statement.
        schema: Where the tables are; `None`: in the connection's search path.
        clock: Stamps events, `None` for the database's time.
    """

    _owns: ClassVar[bool] = False

    def __init__(
        self, connection: psycopg.Connection[Any], *, schema: str | None = None, clock: Clock | None = None
    ) -> None:
        self._lent = _Lent(connection)
        super().__init__(self._lent, Known(), clock=clock, text_index=False)
        self._schema = schema
        self._path_before = ""
        self._inside = False
        self._number = ""

    @property
    def in_transaction(self) -> bool:
        """Whether something is open that a commit would keep."""
        return self._inside

    @property
    def broken(self) -> bool:
        """Whether it is closed, or its connection is."""
        return self._closed or self._lent.connection.closed

    def commit(self) -> None:
        """Give what was written to the owner's transaction."""
        if self._inside:
            connection = self._lent.connection
            with self._working(), failures(self._lent.where):
                for cursor in tuple(self._streams):
                    if cursor.is_open:
                        cursor.close(connection)
                self._keep_limit(connection, None)
                if self._schema is not None:
                    run(connection, _LEAVE, (self._path_before,))
                run(connection, "RELEASE SAVEPOINT tocsin_events")
        self._ended()

    def rollback(self) -> None:
        """Undo what was written since the savepoint."""
        try:
            with self._working():
                if is_amid_command(self._lent.connection):  # an interrupt: nobody could go on with it
                    self._lent.connection.close()
                elif self._is_there():
                    run(self._lent.connection, "ROLLBACK TO SAVEPOINT tocsin_events")
                    run(self._lent.connection, "RELEASE SAVEPOINT tocsin_events")
        except DRIVER_ERRORS:  # it is lost: the owner will see
            self._closed = True
        self._ended()

    def _open(self) -> None:
        if self._inside:
            return
        connection = self._connection()
        if connection.autocommit and connection.info.transaction_status == TransactionStatus.IDLE:
            raise EventStorageException("the connection has no open transaction to store events in")
        with self._working(), failures(self._lent.where):
            self._number = str(next(_numbers))
            run(connection, _SAVE.format(self._number))
            if self._schema is not None:
                row = run(connection, _ENTER, (self._schema,)).fetchone()
                self._path_before = row[0] if row else ""
        self._inside = True

    def _call(
        self,
        work: Callable[[Connection], T],
        *,
        repeatable: bool = False,  # noqa: ARG002 - never here
        block: Block | None = None,
    ) -> T:
        self._open()
        return super()._call(work, block=block)

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Keep streams that end meanwhile, as garbage, from the connection."""
        was_at_work = self._at_work
        try:
            self._at_work = True
            yield
        finally:
            self._at_work = was_at_work

    def _is_there(self) -> bool:
        """Say whether the owner's transaction is still the one that it works in."""
        info = self._lent.connection.info
        if self._inside and info.transaction_status == TransactionStatus.INTRANS:
            with self._working(), suppress(*DRIVER_ERRORS):
                return run(self._lent.connection, _SAVED).fetchone() == (self._number,)
        return self._inside and info.transaction_status == TransactionStatus.INERROR

    def _end_reading(self) -> None:
        if self._block is not None and self._block.name is not None:
            self._call(self._block.pass_gate)
        self.commit()  # what the owner did meanwhile is behind the savepoint, too

    def _ended(self) -> None:
        self._inside = False
        super()._ended()


class _Lent:
    """Gives the one connection that there is, and leaves it open."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection: Connection = connection
        self.where = describe(connection.info.dsn)

    def take(self, *, fresh: bool = False) -> Connection:  # noqa: ARG002 - there is no other one
        return self.connection

    def give(self, connection: Connection) -> None:
        pass
