"""A session on connections of the pool: it holds one while it needs it to be the same."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from threading import get_ident
from typing import TYPE_CHECKING, Any, ClassVar, Final

import psycopg

from tocsin.errors import (
    EventStorageException,
    QueryCanceledException,
    StorageConnectionException,
    StorageContentionError,
    StorageIntegrityError,
)
from tocsin.eventstorage.addresses import ALL_SIZES
from tocsin.eventstorage.postgres import deleting, inserting, streaming, turns
from tocsin.eventstorage.postgres.connections import is_amid_command, is_open, rows_of, run
from tocsin.eventstorage.postgres.failures import DRIVER_ERRORS, error_of, is_lost, lacks_column
from tocsin.eventstorage.postgres.naming import Block, set_limit
from tocsin.eventstorage.session import made_anew

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    from tocsin.abc import Clock
    from tocsin.eventstorage.postgres.connections import Connection, Lender
    from tocsin.eventstorage.postgres.known import Known, Learned
    from tocsin.eventstorage.row import EventRow
    from tocsin.eventstorage.session import Row

    T = TypeVar("T")

__all__ = ["PostgresSession"]

# What others committed while we waited for our turn must be seen.
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
# What may run without a transaction, as it changes nothing.
_READING = ("SELECT", "WITH", "VALUES", "TABLE", "SHOW", "EXPLAIN", "(")


class PostgresSession:
    """Statements on one database, for one thread at a time; see `tocsin.eventstorage.session.Session`.

    It holds a connection only within transactions and named blocks, so that many threads share a few. A dead
    one is replaced where nothing can have happened yet: at the begin of a transaction, and at a query outside
    of one.

    Args:
        connections: Where connections come from.
        known: What this process knows of the store.
        clock: Stamps events, `None` for the database's time.
        text_index: Whether words are kept, as long as there are no tables that tell.
    """

    dialect: Final = "postgresql"
    _owns: ClassVar[bool] = True  # the transactions

    def __init__(self, connections: Lender, known: Known, *, clock: Clock | None, text_index: bool) -> None:
        self._connections = connections
        self._known = known
        self._clock = clock
        self._wants_text_index = text_index
        self._held: Connection | None = None
        self._block: Block | None = None
        self._limit: int | None = None  # milliseconds a statement of the open transaction has
        self._limit_before = ""
        self._streams: set[streaming.ServerCursor] = set()  # those of the open transaction
        self._only_streams = False  # nobody else needs it
        self._at_work = False
        self._thread = 0  # that used it last
        self._learned: list[Learned] = []
        self._closed = False
        self._ends = 0  # of transactions
        self._process = os.getpid()

    def __del__(self) -> None:
        """Give the connection back for a thread that ended without."""
        if getattr(self, "_held", None) is not None:
            self._release()

    @property
    def text_index(self) -> bool:
        """Whether the events have a text index."""
        known = self._known.text_index  # another thread may forget it at any time
        return self.look_for_text_index() if known is None else known

    def look_for_text_index(self) -> bool:
        """Look into the store whether the events have a text index."""
        if self.execute("SELECT to_regclass('event_store')") == [(None,)]:
            return self._wants_text_index
        known = self._known.text_index = self.work(turns.has_text_index)
        return known

    def block_sizes(self, *, anew: bool = False) -> int:
        """Tell which sizes the blocks of addresses may have."""
        sizes = self._known.block_sizes
        if sizes is None or anew:
            rows = self.execute("SELECT block_sizes::text FROM event_store")
            sizes = self._known.block_sizes = int(rows[0][0], 2) if rows else ALL_SIZES
        return sizes

    @property
    def in_transaction(self) -> bool:
        """Whether something is open that a commit would keep."""
        return self._held is not None and self._is_ours and is_open(self._held)

    @property
    def broken(self) -> bool:
        """Whether it was closed, or is of the process that forked this one; a lost connection is replaced."""
        return self._closed or not self._is_ours

    @property
    def _is_ours(self) -> bool:
        return self._process == os.getpid()

    def begin(self) -> None:
        """Open a transaction; nothing happens when one is open."""
        self._only_streams = False
        self._open()

    def commit(self) -> None:
        """Keep what was written."""
        if self.in_transaction:
            self._call(lambda connection: run(connection, "COMMIT"))
            for learned in self._learned:
                self._known.learn(learned)
        analyze = any(learned.analyze for learned in self._learned)
        self._ended()
        if analyze:
            with suppress(EventStorageException):  # what was stored is stored
                self._call(turns.analyze)

    def rollback(self) -> None:
        """Undo what was written."""
        if self._held is not None and self.in_transaction:
            self._at_work = True
            try:
                if is_amid_command(self._held):  # an interrupt: the server would wait for its rest for ever
                    self._held.close()
                else:
                    run(self._held, "ROLLBACK")
            except DRIVER_ERRORS:
                self._held.close()
        self._ended()

    def close(self) -> None:
        """Give the connection back; what is open is undone."""
        self._block = None
        self.rollback()
        self._closed = True

    def execute(self, query: str, args: Sequence[Any] = (), *, again: bool = False) -> list[Row]:
        """Run a statement and give all its rows, `[]` for one without a result."""
        reads = query.lstrip()[:8].upper().startswith(_READING)
        if not reads:
            self.begin()
        statement = self._marked(query)
        kept = again and statement == query  # a name makes a statement of its own, whose plan nobody needs
        return self._call(
            lambda connection: rows_of(run(connection, statement, args, prepare=kept or None, binary=True)),
            repeatable=reads,
        )

    def execute_count(self, query: str, args: Sequence[Any] = ()) -> int:
        """Run a statement that writes and give how many rows it changed."""
        self.begin()
        statement = self._marked(query)
        return self._call(lambda connection: max(run(connection, statement, args).rowcount, 0))

    def execute_many(self, query: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement that writes for each row of arguments."""
        self.begin()
        statement = self._marked(query)
        arguments = [list(row) for row in rows]
        self._call(lambda connection: connection.cursor().executemany(statement, arguments))

    def stream(self, query: str, args: Sequence[Any] = ()) -> Iterator[Row]:
        """Run a query and give its rows one by one in constant memory."""
        block, ends = self._block, -1
        cursor = streaming.ServerCursor(block)
        try:
            self._streams.add(cursor)  # first: another one that ends now leaves the transaction then
            ends, own = self._ends, not self.in_transaction
            if own:
                self._open()
                self._only_streams = True
            self._call(lambda connection: cursor.open(connection, query, args, whole=own and self._owns))
            if block is not None:  # other statements, between two rows, are none of it
                self._block = block.outer
            while page := self._call(cursor.fetch, block=block):
                yield from page
                if self._ends != ends:  # to ask the server would undo what was begun since
                    raise EventStorageException(
                        "the stream is over, as its transaction has ended",
                        hint="read it to its end before commit() or rollback()",
                    )
                if block is not None and block.name is not None:
                    self._call(block.stand_at_gate, block=block)
        finally:
            if self._is_free():
                if block is not None and self._block is block.outer:
                    self._block = block  # what is left to do is of it
                if self._ends == ends and self._is_there():
                    self._end_stream(cursor)
            self._streams.discard(cursor)

    @contextmanager
    def named(self, qname: str | None, timeout: float | None) -> Iterator[None]:
        """Make the statements of a block known by a name, and end them after a time in seconds.

        A block with a limit needs a transaction, and leaves it open.

        Raises:
            DataError: The name or the time is wrong.
            QueryCanceledException: One was cancelled, or ran out of time.
        """
        block = Block(qname, timeout, self._block)
        try:
            if timeout is not None:
                self.begin()
            self._block = block
            yield
        except BaseException:
            with suppress(EventStorageException):
                self._leave(block)
            raise
        self._leave(block)

    def insert_rows(self, rows: Sequence[EventRow]) -> list[bool]:
        """Store events and tell for each whether it is new."""
        if not rows:
            return []
        self.begin()
        text_index = self.text_index
        now = None if self._clock is None else self._clock.now()
        inserted = self._call(
            lambda connection: inserting.insert_rows(
                connection, rows, self._known, now, text_index=text_index
            )
        )
        self._learned.extend(inserted.learned)
        return inserted.new

    def delete_events(self, query: str, args: Sequence[Any]) -> int:
        """Delete the events whose `seq` a query gives, with all that belongs to them; give how many."""
        self.begin()
        statement = self._marked(deleting.statement(query))
        return self._call(lambda connection: deleting.delete_events(connection, statement, args))

    def mogrify(self, query: str, args: Sequence[Any]) -> str:
        """Write a statement with its values in it, for people to read."""
        return self.work(lambda connection: psycopg.ClientCursor(connection).mogrify(query, args))

    def to_time(self, instant: datetime) -> datetime:
        """Give an aware instant as a parameter."""
        return instant

    def from_time(self, value: Any) -> datetime:
        """Give a value of a time column as an aware instant in UTC."""
        instant: datetime = value
        return instant.astimezone(UTC)

    def now(self) -> datetime:
        """Give the clock's time, or the database's."""
        if self._clock is not None:
            return self._clock.now()
        [(now,)] = self.execute("SELECT clock_timestamp()")
        return self.from_time(now)

    def work(self, work: Callable[[Connection], T]) -> T:
        """Do something on the connection, in the open transaction; without one, something that only reads."""
        return self._call(work, repeatable=True)

    def _open(self) -> None:
        if not self.in_transaction:
            self._call(lambda connection: run(connection, _BEGIN), repeatable=True)

    def _marked(self, query: str) -> str:
        return query if self._block is None else self._block.marked(query)

    def _call(
        self, work: Callable[[Connection], T], *, repeatable: bool = False, block: Block | None = None
    ) -> T:
        """Do something on the connection; an error undoes the transaction, and is one of ours.

        Args:
            work: What to do.
            repeatable: It may be done again when the connection turns out to have died while it was idle.
            block: Which block it belongs to, if not to the innermost one.
        """
        first, was_at_work = self._held is None, self._at_work
        block = block or self._block
        try:
            self._at_work, self._thread = True, get_ident()
            connection = self._connection()
            self._keep_limit(connection, block)
            with nullcontext() if block is None else block.timed():
                return work(connection)
        except DRIVER_ERRORS as error:
            if is_lost(error):
                self._known.forget()  # what a server lost as it crashed, or its successor never had
            if first and repeatable and is_lost(error):
                connection.close()
                self._release()
                self._held = self._connections.take(fresh=True)
                return self._call(work, block=block)
            ours, had_words = error_of(error, self._connections.where), self._known.text_index
            if isinstance(ours, StorageIntegrityError | StorageContentionError):
                self._known.forget()  # perhaps the tables were made anew
            if isinstance(ours, QueryCanceledException) and block is not None:
                ours = block.ended(ours.message)
            self.rollback()
            if had_words is not None and lacks_column(error) and self.look_for_text_index() != had_words:
                ours = made_anew()
            raise ours from error
        except BaseException:
            self.rollback()
            raise
        finally:
            self._at_work = was_at_work
            self._release_idle()

    def _connection(self) -> Connection:
        if self._closed:
            raise StorageConnectionException("the session is closed")
        if not self._is_ours:
            raise StorageConnectionException("the session is of the process that forked this one")
        if self._held is None:
            self._held = self._connections.take()
        return self._held

    def _keep_limit(self, connection: Connection, block: Block | None) -> None:
        """Let the statements of the open transaction have as long as those of a block may."""
        limit = None if block is None else block.limit
        if limit != self._limit and is_open(connection):
            before = set_limit(connection, self._limit_before if limit is None else str(limit))
            if self._limit is None:
                self._limit_before = before
            self._limit = limit

    def _leave(self, block: Block) -> None:
        """End a named block: wait until no cancellation is on its way, and lift the time limit."""
        if self._block is not None and block in self._block.chain():
            self._block = block.outer
        if not self._is_free():
            return
        is_marked = block.name is not None
        try:
            if self._held is None or self._held.closed or not (is_marked or self._limit is not None):
                return
            if self._owns or self._is_there():
                self._call(block.pass_gate if is_marked else lambda _: None)
        finally:
            self._release_idle()

    def _is_free(self) -> bool:
        """Say whether what ends now may use the connection.

        A stream that nobody closed ends when it is collected as garbage: at any moment, in any thread.
        """
        return not self._at_work and self._thread == get_ident()

    def _is_there(self) -> bool:
        """Say whether the transaction that it works in still is."""
        return self.in_transaction

    def _end_stream(self, cursor: streaming.ServerCursor) -> None:
        if self._only_streams and self._streams == {cursor}:
            self._end_reading()
        elif cursor.is_open:
            self._call(cursor.close)

    def _end_reading(self) -> None:
        self.rollback()

    def _ended(self) -> None:
        self._learned = []
        self._ends += 1
        self._limit = None
        self._streams = set()
        self._at_work = False
        self._release_idle()

    def _release_idle(self) -> None:
        """Give the connection back, unless what comes next needs the same one."""
        held = self._held
        if held is not None and (held.closed or (self._block is None and not is_open(held))):
            self._release()

    def _release(self) -> None:
        held, self._held = self._held, None
        if held is not None and self._is_ours:  # what is of another process goes on there
            self._connections.give(held)
