"""A block of statements with a name that others see, and a limit of time.

The name stands in a comment before each statement, and so in `pg_stat_activity`. Who cancels a query holds
its gate, an advisory lock, from the look at what runs until the signal is sent; and a session passes its gate
after the last statement of a block, before it does anything else. So a cancellation hits the block that was
looked at, or nothing.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from psycopg.pq import TransactionStatus

from tocsin.errors import DataError, QueryCanceledException
from tocsin.eventstorage.postgres.connections import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.eventstorage.postgres.connections import Connection

__all__ = ["GATE", "Block", "name_in", "set_limit"]

GATE = 0x70C51
"""The first number of the advisory locks; the second is the pid of the backend that passes."""

_NAME = re.compile(r"[\w.:-]{1,63}")
_MARK = re.compile(r"/\* tocsin:([\w.:-]{1,63}) \*/ ")
_PASS = f"SELECT pg_advisory_xact_lock({GATE}, pg_backend_pid())"
# The lock must not outlive the statement, even when a cancellation comes just after it was given.
_PASS_IN_TRANSACTION = (
    f"SAVEPOINT tocsin_gate; {_PASS}; ROLLBACK TO SAVEPOINT tocsin_gate; RELEASE SAVEPOINT tocsin_gate"
)
_LIMIT = "SELECT current_setting('statement_timeout'), set_config('statement_timeout', %s, true)"
_MOST_MILLISECONDS = 2**31 - 1


def name_in(statement: str) -> str | None:
    """Give the name of the block that a statement belongs to.

    >>> name_in("/* tocsin:report-7 */ SELECT 1")
    'report-7'
    """
    found = _MARK.match(statement)
    return None if found is None else found[1]


def set_limit(connection: Connection, limit: str) -> str:
    """Limit the statements of the open transaction, and give what the limit was before.

    Args:
        connection: With an open transaction.
        limit: How long one may take, as the server writes it; a number is of milliseconds, 0 no limit.
    """
    [(before, _)] = run(connection, _LIMIT, (limit,)).fetchall()
    return str(before)


class Block:
    """What a session knows of the block that it is in.

    Args:
        name: What others know it by, `None` for a block that has only a limit.
        timeout: How many seconds the database may work for it, `None` for no limit.
        outer: The block around it.

    Attributes:
        limit: How many milliseconds one of its statements may take: what it or a block around it says.

    Raises:
        DataError: The name or the limit is wrong.
    """

    def __init__(self, name: str | None, timeout: float | None, outer: Block | None = None) -> None:
        if name is not None and not _NAME.fullmatch(name):
            raise DataError(f"{name!r} is no name of a query", hint=r"[\w.:-]{1,63}", parameter="qname")
        if timeout is not None and not timeout > 0:
            raise DataError("a limit of time is a number of seconds above 0", parameter="timeout")
        self.name = name
        self.timeout = timeout
        self.outer = outer
        self.limit: int | None = None if outer is None else outer.limit
        if timeout is not None:
            own = max(1, int(min(timeout * 1000, _MOST_MILLISECONDS)))
            self.limit = own if self.limit is None else min(own, self.limit)
        self._mark = "" if name is None else f"/* tocsin:{name} */ "
        self._spent = 0.0

    def chain(self) -> Iterator[Block]:
        """Give it, and the blocks around it."""
        block: Block | None = self
        while block is not None:
            yield block
            block = block.outer

    def marked(self, statement: str) -> str:
        """Give a statement with the name of the block."""
        return self._mark + statement

    def pass_gate(self, connection: Connection) -> None:
        """Wait while somebody may be about to cancel what ran here; the block is over."""
        outside = connection.info.transaction_status == TransactionStatus.IDLE
        run(connection, _PASS if outside else _PASS_IN_TRANSACTION)

    def stand_at_gate(self, connection: Connection) -> None:
        """Let the block, which goes on, be cancelled here by whoever waits for an opportunity.

        Args:
            connection: With an open transaction.
        """
        run(connection, self.marked(_PASS_IN_TRANSACTION))

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count the time of a statement.

        Raises:
            QueryCanceledException: The time is up.
        """
        if self.timeout is None:
            yield
            return
        if self._spent > self.timeout:
            raise self.ended("")
        begin = time.monotonic()
        try:
            yield
        finally:
            self._spent += time.monotonic() - begin

    def ended(self, said: str) -> QueryCanceledException:
        """Give the error that tells of its end; `said` is what the database told."""
        what = "the query" if self.name is None else f"the query {self.name}"
        if self.timeout is not None and (not said or self._spent >= self.timeout):
            return QueryCanceledException(
                f"{what} ran longer than {self.timeout:g} s", hint="give it more time, or narrow it down"
            )
        return QueryCanceledException(f"{what} was cancelled")
