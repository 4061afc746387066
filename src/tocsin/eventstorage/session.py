"""What a backend offers the operations: a connection, and the database around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from tocsin.errors import StorageContentionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from tocsin.eventstorage.row import EventRow

__all__ = ["Backend", "Dialect", "Row", "Session", "made_anew"]

Dialect = Literal["sqlite", "postgresql"]
Row = tuple[Any, ...]


def made_anew() -> StorageContentionError:
    """Give the error that says that others made the tables anew, with or without a text index."""
    return StorageContentionError("the event storage was made anew", hint="try again", transient=True)


class Session(Protocol):
    """One connection, used by one thread at a time.

    A transaction begins with the first statement that needs one, and ends with `commit` or `rollback`. After
    any error the transaction is undone and the session is usable, unless it is `broken`. Statements are
    written with `%s` for every database; a literal `%` is written `%%`.

    Errors are those of `tocsin.errors.EventStorageException`, never the driver's.
    """

    @property
    def dialect(self) -> Dialect:
        """Which SQL it speaks."""
        ...

    @property
    def text_index(self) -> bool:
        """Whether the events have a text index, as far as this process knows."""
        ...

    def look_for_text_index(self) -> bool:
        """Look into the store whether the events have a text index."""
        ...

    def block_sizes(self, *, anew: bool = False) -> int:
        """Tell which sizes the blocks of addresses may have: see `addresses.sizes_of`.

        Args:
            anew: Look into the store; else what was last seen is as good, and may be wrong.
        """
        ...

    @property
    def in_transaction(self) -> bool:
        """Whether something is open that a commit would keep."""
        ...

    @property
    def broken(self) -> bool:
        """Whether the connection is lost."""
        ...

    def begin(self) -> None:
        """Open a transaction that may write, waiting for its turn; nothing happens when one is open."""
        ...

    def commit(self) -> None:
        """Keep what was written."""
        ...

    def rollback(self) -> None:
        """Undo what was written."""
        ...

    def close(self) -> None:
        """Give the connection back; what is open is undone."""
        ...

    def execute(self, query: str, args: Sequence[Any] = (), *, again: bool = False) -> list[Row]:
        """Run a statement and give all its rows, `[]` for one without a result.

        Args:
            query: The statement.
            args: Its values.
            again: It will come again with other values, so that its plan may be kept.
        """
        ...

    def execute_count(self, query: str, args: Sequence[Any] = ()) -> int:
        """Run a statement that writes and give how many rows it changed."""
        ...

    def execute_many(self, query: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement that writes for each row of arguments."""
        ...

    def stream(self, query: str, args: Sequence[Any] = ()) -> Iterator[Row]:
        """Run a query and give its rows one by one in constant memory."""
        ...

    def named(self, qname: str | None, timeout: float | None) -> AbstractContextManager[None]:
        """Make the statements of a block known by a name, and end them after a time in seconds.

        Raises:
            QueryCanceledException: One was cancelled, or ran out of time.
        """
        ...

    def insert_rows(self, rows: Sequence[EventRow]) -> list[bool]:
        """Store events and tell for each whether it is new; false: its id is there already, or twice here."""
        ...

    def delete_events(self, query: str, args: Sequence[Any]) -> int:
        """Delete the events whose `seq` a query gives, with all that belongs to them; give how many."""
        ...

    def to_time(self, instant: datetime) -> Any:
        """Give an aware instant as a parameter."""
        ...

    def from_time(self, value: Any) -> datetime:
        """Give a value of a time column as an aware instant in UTC."""
        ...

    def now(self) -> datetime:
        """Give the storage's current time, aware, UTC."""
        ...

    def mogrify(self, query: str, args: Sequence[Any]) -> str:
        """Write a statement with its values in it, for people to read."""
        ...


class Backend(Protocol):
    """A database that holds events."""

    @property
    def dialect(self) -> Dialect:
        """Which SQL it speaks."""
        ...

    @property
    def where(self) -> str:
        """Where the events are, for people, without secrets."""
        ...

    def session(self) -> Session:
        """Give a connection for the calling thread; `close` gives it back."""
        ...

    def create(self) -> None:
        """Make or migrate the tables and indexes; nothing happens when they are as they should be.

        Raises:
            StorageIntegrityError: Tables of other programs are in the way, or a newer Tocsin made them.
        """
        ...

    def drop(self) -> None:
        """Remove the storage's own tables; nothing happens when there are none."""
        ...

    def index_create(self) -> None:
        """Make the indexes that searches use."""
        ...

    def index_drop(self) -> None:
        """Remove the indexes that searches use (uniqueness stays)."""
        ...

    def status(self, *, brief: bool) -> dict[str, Any]:
        """Describe the database: see `EventStorageService.database_status`."""
        ...

    def table_status(self, table: str, time_column: str) -> dict[str, Any]:
        """Describe a table: see `EventStorageService.table_status`."""
        ...

    def queries(self) -> dict[str, dict[str, Any]]:
        """Describe the running named queries of this database, by name."""
        ...

    def cancel(self, qname: str) -> bool:
        """End the named query, and nothing else; false when none of this name runs."""
        ...

    def retain(self, before: datetime, *, batch: int) -> Iterator[int]:
        """Delete the events stored before an instant, in short steps; yields how many each removed."""
        ...

    def close(self) -> None:
        """Close every connection."""
        ...
