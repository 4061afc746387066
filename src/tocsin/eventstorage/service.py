"""The storage that users hold."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar

from tocsin.errors import StorageConnectionException, StorageContentionError
from tocsin.eventstorage.admin_methods import AdminMethods
from tocsin.eventstorage.connect import open_backend
from tocsin.eventstorage.cursor import EventStorageCursor
from tocsin.eventstorage.insert_methods import InsertMethods
from tocsin.eventstorage.query.values import refused
from tocsin.eventstorage.search_methods import SearchMethods
from tocsin.eventstorage.thresholds import ThresholdMethods

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from tocsin.eventstorage.session import Backend, Row, Session

__all__ = ["EventStorageService"]

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0


class EventStorageService(InsertMethods, SearchMethods, ThresholdMethods, AdminMethods):
    """A storage of security events in SQLite or PostgreSQL; also a context manager.

    Every method is a transaction of its own, committed when it returns. Several threads may use one service;
    each has a connection, which the cursors of `cursor_new()` share: what these did is kept by `commit()`, or
    by the next method of the service in the same thread.

    Lost connections: what may be done twice (searches, batches, thresholds) is repeated for up to
    `reconnect_seconds`; anything else raises, and the next call has a new connection. What the database undid
    because of others (deadlock, serialization) is repeated as well.

    Args:
        reconnect_seconds: For how long to try to reach a database that went away.
        conncfg: Where the events are: `path=` (an SQLite file), `url=` (`sqlite:///…`, `postgresql://…`), or
            what psycopg's `connect` takes. Further `clock` (stamps events; default: the database's time),
            `text_index` (default true; counts when the tables are made), `schema` (PostgreSQL).

    Raises:
        StorageConnectionException: The database cannot be reached.
        DataError: An argument is wrong.
    """

    def __init__(self, *, reconnect_seconds: float = 30.0, **conncfg: Any) -> None:
        if isinstance(reconnect_seconds, bool) or not isinstance(reconnect_seconds, int | float):
            raise refused("reconnect_seconds", reconnect_seconds, "a number of seconds")
        self._backend: Backend = open_backend(conncfg)
        self._reconnect_seconds = reconnect_seconds
        self._threads = threading.local()

    @property
    def where(self) -> str:
        """Where the events are, for people, without secrets."""
        return self._backend.where

    def cursor_new(self) -> EventStorageCursor:
        """Give a cursor on this thread's connection: what it does waits for `commit()`."""
        return EventStorageCursor(self._session(), self._backend, owned=False)

    def commit(self) -> None:
        """Keep what the cursors of this thread did."""
        self._session().commit()

    def rollback(self) -> None:
        """Undo what the cursors of this thread did since the last commit."""
        self._session().rollback()

    def close(self) -> None:
        """Close every connection; closing twice is fine."""
        self._backend.close()

    def _whole(self, *, change: bool = False) -> Backend:
        session: Session | None = getattr(self._threads, "session", None)
        if change and session is not None and session.in_transaction:
            session.commit()  # of cursors; the change would wait for it, and for ever
        return self._backend

    def _session(self) -> Session:
        session: Session | None = getattr(self._threads, "session", None)
        if session is None or session.broken:
            if session is not None:
                session.close()
            session = self._threads.session = self._backend.session()
        return session

    def _run(self, work: Callable[[Session], T], *, replay: bool) -> T:
        deadline = time.monotonic() + self._reconnect_seconds
        pause = _FIRST_PAUSE
        while True:
            in_cursor = False
            try:
                session = self._session()
                in_cursor = session.in_transaction
                return self._once(session, work)
            except StorageConnectionException as error:
                if not (replay and error.transient) or in_cursor or time.monotonic() + pause > deadline:
                    raise
            except StorageContentionError:
                if in_cursor or time.monotonic() + pause > deadline:
                    raise
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - so that rivals do not meet again
            pause = min(pause * 2, _LONGEST_PAUSE)

    @staticmethod
    def _once(session: Session, work: Callable[[Session], T]) -> T:
        try:
            result = work(session)
            session.commit()
        except BaseException:
            session.rollback()
            raise
        return result

    def _stream(
        self, query: str, args: Sequence[Any], qname: str | None, timeout: float | None
    ) -> Iterator[Row]:
        session = self._backend.session()  # of its own: others may go on while somebody reads
        try:
            with session.named(qname, timeout):
                yield from session.stream(query, args)
        finally:
            session.rollback()
            session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
