"""Making, describing and tending the database as a whole."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from tocsin.errors import DataError
from tocsin.eventstorage.columns import TABLES
from tocsin.eventstorage.query.values import instant_of, read_time, read_whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tocsin.eventstorage.session import Backend

__all__ = ["AdminMethods", "check_time_column"]


class AdminMethods(ABC):
    """Operations on the database as a whole: each is done at once, in transactions of its own."""

    @abstractmethod
    def _whole(self, *, change: bool = False) -> Backend:
        """Give the database, to be described or changed."""

    def database_create(self) -> None:
        """Make the tables and indexes, or migrate those of an older Tocsin; nothing happens when all is well.

        Raises:
            StorageIntegrityError: A newer Tocsin made them, or tables of another program have their names.
        """
        self._whole(change=True).create()

    def database_drop(self) -> None:
        """Remove the storage's tables with all events; nothing happens when there are none."""
        self._whole(change=True).drop()

    def index_create(self) -> None:
        """Make the indexes that searches use."""
        self._whole(change=True).index_create()

    def index_drop(self) -> None:
        """Remove the indexes that searches use, as before a large import; uniqueness stays."""
        self._whole(change=True).index_drop()

    def database_status(self, brief: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - as specified
        """Describe the database.

        Args:
            brief: Leave the server's settings out.

        Returns:
            `tables`: table → rows, bytes (`bytes_total`, `bytes_table`, `bytes_index`, `bytes_toast`),
            `oldest`, `newest`; `bytes_total`; unless brief `settings`: name → value.
        """
        return self._whole().status(brief=brief)

    def table_status(self, table: str, time_column: str) -> dict[str, Any]:
        """Describe one table: rows, bytes, and the oldest and newest time in a column.

        Raises:
            DataError: There is no such table or time column.
        """
        check_time_column(table, time_column)
        return self._whole().table_status(table, time_column)

    def retain(self, before: datetime, *, batch: int = 10_000) -> Iterator[int]:
        """Delete the events stored before an instant, a little at a time.

        Args:
            before: An instant; a naive one is UTC.
            batch: How many events at a time at most; whole partitions go at once.

        Yields:
            How many events each step removed. Stopping in between leaves everything consistent.

        Raises:
            DataError: It is no instant, or the batch no number from 1 on.
        """
        instant = instant_of(read_time("before", before))
        return self._whole(change=True).retain(instant, batch=read_whole_number("batch", batch))

    def queries_status(self) -> dict[str, dict[str, Any]]:
        """Describe the running named queries of this database, by name.

        Returns:
            Name → `pid`, `user`, `application`, `client`, `started_at`, `waiting`, `state`, `duration`
            (seconds), `query_name`.
        """
        return self._whole().queries()

    def query_status(self, qname: str) -> dict[str, Any]:
        """Describe a running named query, `{}` when there is none of this name."""
        return self._whole().queries().get(qname, {})

    def query_cancel(self, qname: str) -> bool | None:
        """End a running named query, and nothing else.

        Returns:
            True when it was told to end, `None` when there is none of this name.
        """
        return True if self._whole().cancel(qname) else None


def check_time_column(table: str, column: str) -> None:
    """Make sure that a table has a time column.

    Raises:
        DataError: It has not.
    """
    if table not in TABLES:
        raise DataError(f"there is no table {table!r}", hint=f"one of {', '.join(TABLES)}")
    if column not in TABLES[table]:
        known = ", ".join(TABLES[table]) or "none"
        raise DataError(f"{table} has no time column {column!r}", hint=f"it has {known}")
