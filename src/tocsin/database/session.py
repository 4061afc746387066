"""One connection of one thread, and a transaction over it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tocsin.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from tocsin.abc import ConflictStrategy
    from tocsin.database.batches import Column
    from tocsin.database.names import TableNames
    from tocsin.model import TableModel

__all__ = ["OpenTransaction", "Session"]


class Session(ABC):
    """A connection; what a backend implements. Each statement commits by itself between transactions."""

    names: TableNames
    current: OpenTransaction | None = None

    @property
    def broken(self) -> bool:
        """Whether the connection is lost, so that only a new one helps."""
        return False

    @property
    @abstractmethod
    def driver_connection(self) -> Any:
        """The driver's own connection."""

    def lock(self, name: str) -> None:  # noqa: B027  # where one transaction writes at a time it is the lock
        """See `tocsin.abc.Transaction`."""

    @abstractmethod
    def begin(self) -> None:
        """Open a transaction that may write, waiting for its turn."""

    @abstractmethod
    def commit(self) -> None:
        """Keep what the transaction wrote."""

    @abstractmethod
    def rollback(self) -> None:
        """Undo what the transaction wrote; also right when the database has undone it already."""

    @abstractmethod
    def execute_query(self, query: str, params: Mapping[str, Any] | None) -> list[dict[str, Any]]:
        """See `tocsin.abc.Transaction`."""

    @abstractmethod
    def read_columns(self, query: str, params: Mapping[str, Any] | None) -> dict[str, NDArray[Any]]:
        """See `tocsin.abc.ColumnSource`."""

    @abstractmethod
    def read_arrow(self, query: str, params: Mapping[str, Any] | None) -> pa.RecordBatchReader:
        """See `BaseDatabaseManager`."""

    @abstractmethod
    def insert_columns(self, table: str, columns: Mapping[str, Column], strategy: ConflictStrategy) -> int:
        """Insert checked columns into a table (its quoted name); a transaction is open."""

    @abstractmethod
    def create_table(self, name: str, model: TableModel, *, if_not_exists: bool) -> None:
        """Create a table by its quoted name."""

    @abstractmethod
    def table_exists(self, name: str, schema: str | None) -> bool:
        """Say whether there is a table (or view) of this name."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection; an open transaction is undone."""


class OpenTransaction:
    """A transaction, valid in its thread and until its block ends; implements `tocsin.abc.Transaction`.

    A statement that fails dooms it: nothing of it can be kept any more, even if the caller catches the
    error. So it behaves alike on databases that go on after an error and on those that do not.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._thread = threading.get_ident()
        self._ended = False
        self._failed = False

    @contextmanager
    def guarded(self) -> Iterator[Session]:
        """Give the session for one statement, and remember when that fails."""
        if self._ended or self._failed:
            state = "has ended" if self._ended else "failed before and is undone"
            raise DatabaseError(f"this transaction {state}", hint="open a new one")
        if threading.get_ident() != self._thread:
            raise DatabaseError("a transaction belongs to the thread that opened it")
        try:
            yield self._session
        except BaseException:
            self._failed = True
            raise

    def end(self) -> None:
        """Refuse everything from now on."""
        self._ended = True

    def ensure_sound(self) -> None:
        """Make sure that the transaction can be kept.

        Raises:
            DatabaseError: A statement failed, and the caller caught that.
        """
        if self._failed:
            raise DatabaseError("a statement of the transaction failed, so nothing of it was kept")

    @property
    def driver_connection(self) -> Any:
        """The driver's connection, for who writes in this transaction by other means than ours.

        It must not be committed, rolled back or closed, and not be kept beyond the transaction. An error
        of a statement on it has to leave the block: the transaction can not be kept any more.
        """
        with self.guarded() as session:
            return session.driver_connection

    def lock(self, name: str) -> None:
        """See `tocsin.abc.Transaction`."""
        with self.guarded() as session:
            session.lock(name)

    def execute_query(self, query: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """See `tocsin.abc.Transaction`."""
        with self.guarded() as session:
            return session.execute_query(query, params)

    def read_columns(self, query: str, params: Mapping[str, Any] | None = None) -> dict[str, NDArray[Any]]:
        """See `tocsin.abc.ColumnSource`."""
        with self.guarded() as session:
            return session.read_columns(query, params)

    def insert_batch(
        self,
        table: str,
        data: Mapping[str, Column] | pa.Table | pa.RecordBatch,
        conflict_strategy: ConflictStrategy = "ignore",
    ) -> int:
        """See `tocsin.abc.Transaction`."""
        from tocsin.database.batches import as_columns

        if conflict_strategy not in ("ignore", "replace", "fail"):
            raise ValueError(f"{conflict_strategy!r} is no conflict strategy: ignore, replace or fail")
        name, columns = self._session.names.quoted(table), as_columns(data)
        with self.guarded() as session:
            if len(next(iter(columns.values()))) == 0:
                return 0
            return session.insert_columns(name, columns, conflict_strategy)

    def get_full_table_name(self, table: str, *, use_internal: bool = True) -> str:
        """See `tocsin.abc.Transaction`."""
        return self._session.names.quoted(table, internal=use_internal)
