"""What every database can do for Tocsin: universal operations, no knowledge of any user's table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from types import TracebackType

    import pyarrow as pa
    from numpy.typing import NDArray

    from tocsin.abc import Clock, ConflictStrategy, Transaction
    from tocsin.model import Lease, TableModel

__all__ = ["BaseDatabaseManager", "Capabilities"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a database can do; asked, never guessed from its name.

    Attributes:
        memory: It can be the memory of a project (transactions and several processes).
        transactions: Several statements can be committed together.
        processes: Several processes can use it at the same time.
        files: It reads CSV, Parquet and JSON files in a query.
        any_text: A text may hold any character; otherwise one with NUL is refused.
    """

    memory: bool
    transactions: bool
    processes: bool
    files: bool
    any_text: bool = True


class BaseDatabaseManager(ABC):
    """A database, open until `close()`; also a context manager.

    One manager may be used by several threads; each has its own connection, and a transaction
    belongs to the thread that opened it. Every method is a transaction of its own unless it runs
    within `transaction()`. Parameters of queries are bound and written `%(name)s`.

    Every failure is a `DatabaseError` (or one of its kinds) with the driver's error chained;
    `transient` says whether the same call may succeed later. Secrets are not in its text.
    """

    def __init__(self, *, clock: Clock) -> None:
        """Keep the clock that stamps tasks, leases and migrations."""
        self._clock = clock

    @property
    def clock(self) -> Clock:
        """The clock that stamps tasks, leases and migrations."""
        return self._clock

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What this database can do."""

    @property
    @abstractmethod
    def internal_location(self) -> str:
        """Where the internal tables live, for people: a file, or a database and schema, no secrets."""

    @property
    @abstractmethod
    def data_location(self) -> str:
        """Where the user's tables live, for people."""

    @abstractmethod
    def get_full_table_name(
        self,
        table: str,
        use_internal: bool = True,  # noqa: FBT001, FBT002  # by place, as specified
    ) -> str:
        """Give the quoted, qualified name of a table for use in a query.

        The names `_tocsin_…` stand for whatever the project's `tables:` calls them.

        Raises:
            ValueError: The name is not an identifier.
        """

    @abstractmethod
    def execute_query(self, query: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run any statement and give its rows; see `tocsin.abc.Transaction.execute_query`."""

    @abstractmethod
    def read_columns(self, query: str, params: Mapping[str, Any] | None = None) -> dict[str, NDArray[Any]]:
        """Run a query and give its columns; see `tocsin.abc.ColumnSource.read_columns`."""

    @abstractmethod
    def read_arrow(self, query: str, params: Mapping[str, Any] | None = None) -> pa.RecordBatchReader:
        """Run a query and give its result as a stream of Arrow record batches.

        Raises:
            DatabaseError: The query failed.
        """

    @abstractmethod
    def create_table(
        self,
        name: str,
        model: TableModel,
        if_not_exists: bool = True,  # noqa: FBT001, FBT002  # by place, as specified
    ) -> None:
        """Create a table.

        Raises:
            DatabaseError: It exists and `if_not_exists` is false, or the database refused.
        """

    @abstractmethod
    def table_exists(self, name: str, schema: str | None = None) -> bool:
        """Say whether a table is there."""

    @abstractmethod
    def insert_batch(
        self,
        table: str,
        data: Mapping[str, NDArray[Any] | Sequence[Any]] | pa.Table | pa.RecordBatch,
        conflict_strategy: ConflictStrategy = "ignore",
    ) -> int:
        """Insert columns of one length, all or none; see `tocsin.abc.Transaction.insert_batch`."""

    @abstractmethod
    def transaction(self, lease: Lease | None = None) -> AbstractContextManager[Transaction]:
        """Open a transaction: it commits when the block ends, and is undone when the block raises.

        With a lease it first makes sure, inside the transaction, that the lease's token is still the
        newest one and has not been released, so that a writer that lost its lease writes nothing.

        Raises:
            LeaseLostError: The lease was taken over or released.
            DatabaseError: A transaction is open in this thread already, or the database has none.
        """

    @abstractmethod
    def lock(self, name: str) -> None:
        """Lock a name until the open transaction ends; see `tocsin.abc.Transaction.lock`.

        Raises:
            DatabaseError: No transaction is open in this thread, or it was not given in time.
        """

    @abstractmethod
    def get_last_timestamp(
        self, table: str, metric_name: str, timestamp_column: str = "timestamp"
    ) -> datetime | None:
        """Give the latest time (aware, UTC) of a metric in a table, `None` when it has no rows."""

    @abstractmethod
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
        """Record how far a step of a series has come. It records; leases lock.

        `last_processed_timestamp=None` keeps the stored position. `started_at` changes only when a new
        run begins (the status becomes `running` and was not). The error message clears unless the
        status is `failed`.

        Raises:
            ValueError: The status is none of `running`, `completed`, `failed`.
        """

    @abstractmethod
    def acquire_lease(self, name: str, owner: str, timeout_seconds: float) -> Lease | None:
        """Take a lease, or give `None` when somebody else holds it.

        It is free when nobody has it, when it was released, when it expired, when the same owner asks
        again, or when its owner is a process of this host that is dead. Every grant has a larger token
        than all before it.
        """

    @abstractmethod
    def renew(self, lease: Lease, timeout_seconds: float = 3600) -> Lease:
        """Extend a lease from now on (the heartbeat).

        Raises:
            LeaseLostError: It was taken over or released.
        """

    @abstractmethod
    def release(self, lease: Lease) -> None:
        """Give a lease back; nothing happens when it is lost already."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection, of all threads; closing twice is fine."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
