"""A state in rows of the project's database: it is committed with whatever else the transaction does."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tocsin.errors import DatabaseError, PersistencyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.persistency.snapshots.manifest import Writer

__all__ = ["RowStore"]

_TABLE = "_tocsin_state"


class RowStore:
    """Files as rows of `_tocsin_state` (owner, name, content, created_at), within one transaction.

    A file is there for others when the transaction is kept; the database's own rules keep two writers
    apart.

    Args:
        tx: The transaction.
        owner: Whose state it is.
    """

    may_arrive_late = False

    def __init__(self, tx: Transaction, owner: str) -> None:
        self._tx = tx
        self._owner = owner
        self._table = tx.get_full_table_name(_TABLE)
        self.where = f"store://{owner}"

    def list(self) -> Mapping[str, int]:
        """Give every file's name and length, without reading contents."""
        query = f"SELECT name, length(content) AS size FROM {self._table} WHERE owner = %(owner)s"
        with self._told("be listed"):
            rows = self._tx.execute_query(query, {"owner": self._owner})
        return {row["name"]: int(row["size"]) for row in rows}

    def read(self, name: str) -> bytes:
        """Give a file's content."""
        query = f"SELECT content FROM {self._table} WHERE owner = %(owner)s AND name = %(name)s"
        with self._told(f"give {name}"):
            rows = self._tx.execute_query(query, {"owner": self._owner, "name": name})
        if not rows:
            raise FileNotFoundError(name)
        return bytes(rows[0]["content"])

    def publish(self, name: str, content: bytes, *, now: datetime) -> None:
        """Insert a row."""
        query = f"SELECT name FROM {self._table} WHERE owner = %(owner)s AND name = %(name)s"
        row: dict[str, list[object]] = {
            "owner": [self._owner],
            "name": [name],
            "content": [content],
            "created_at": [now],
        }
        with self._told(f"take {name}"):
            # A failed insert would doom the transaction, so we look before.
            if self._tx.execute_query(query, {"owner": self._owner, "name": name}):
                raise FileExistsError(name)
            self._tx.insert_batch(_TABLE, row, "fail")

    def replace(self, name: str, content: bytes, *, now: datetime) -> None:
        """Do nothing: hints are for people who look into a folder."""

    def remove(self, name: str) -> None:
        """Delete a row."""
        query = f"DELETE FROM {self._table} WHERE owner = %(owner)s AND name = %(name)s"
        with self._told(f"remove {name}"):
            self._tx.execute_query(query, {"owner": self._owner, "name": name})

    def lock(self, writer: Writer) -> None:
        """Do nothing: the transaction is the lock."""

    def unlock(self) -> None:
        """Do nothing."""

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            message = f"{self.where} cannot {what}: {error}"
            raise PersistencyError(message, transient=error.transient) from error
