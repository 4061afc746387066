"""Reading a large result in pages, by a cursor in the server."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from tocsin.eventstorage.postgres.connections import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.eventstorage.postgres.connections import Connection
    from tocsin.eventstorage.postgres.naming import Block
    from tocsin.eventstorage.session import Row

__all__ = ["ServerCursor"]

_numbers = count(1)
_FIRST, _MOST, _PAGE_BYTES = 20, 500, 4 * 2**20


class ServerCursor:
    """A cursor in the server, with pages of a few megabytes however large a row is.

    Args:
        block: The block whose name its statements have.

    Attributes:
        is_open: Whether the server knows it.
    """

    def __init__(self, block: Block | None) -> None:
        self._block = block
        self._name = f"tocsin_{next(_numbers)}"
        self._size = _FIRST
        self.is_open = False

    def open(self, connection: Connection, query: str, args: Sequence[Any], *, whole: bool) -> None:
        """Begin to run a query, in the open transaction.

        Args:
            connection: Where.
            query: A query.
            args: Its arguments.
            whole: The transaction is only for this, and all rows are wanted: plan for that.
        """
        if whole:
            run(connection, "SET LOCAL cursor_tuple_fraction = 1")
        run(connection, self._marked(f"DECLARE {self._name} NO SCROLL CURSOR FOR {query}"), args)
        self.is_open = True

    def fetch(self, connection: Connection) -> list[Row]:
        """Give the next rows, `[]` at the end."""
        rows = run(connection, self._marked(f"FETCH FORWARD {self._size} FROM {self._name}")).fetchall()
        if rows:
            average = sum(map(_bytes, rows)) // len(rows) + 1
            self._size = max(1, min(_MOST, 2 * self._size, _PAGE_BYTES // average))
        return rows

    def close(self, connection: Connection) -> None:
        """Forget it, in the same transaction."""
        run(connection, f"CLOSE {self._name}")

    def _marked(self, statement: str) -> str:
        return statement if self._block is None else self._block.marked(statement)


def _bytes(row: Row) -> int:
    return sum(len(value) for value in row if isinstance(value, bytes | str))
