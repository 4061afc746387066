"""A cursor: operations that are kept or undone together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from tocsin.errors import EventStorageException
from tocsin.eventstorage.admin_methods import AdminMethods
from tocsin.eventstorage.insert_methods import InsertMethods
from tocsin.eventstorage.search_methods import SearchMethods
from tocsin.eventstorage.thresholds import ThresholdMethods

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType
    from typing import Any

    from tocsin.eventstorage.session import Backend, Row, Session

__all__ = ["EventStorageCursor"]

T = TypeVar("T")


class EventStorageCursor(InsertMethods, SearchMethods, ThresholdMethods, AdminMethods):
    """All operations on events within one transaction, which the holder ends.

    Use it as a context manager: what is not committed when the block ends is undone. An error undoes the
    whole transaction. What concerns the database as a whole is no part of the transaction: it is done at
    once, sees only what is committed, and changes nothing while the cursor has done something.

    Args:
        session: The connection it works on.
        backend: The database as a whole; `None` for a cursor in a transaction of somebody else.
        owned: Whether closing the cursor closes the session.
    """

    def __init__(self, session: Session, backend: Backend | None = None, *, owned: bool = True) -> None:
        self._session = session
        self._backend = backend
        self._owned = owned
        self._closed = False

    def _run(self, work: Callable[[Session], T], *, replay: bool) -> T:  # noqa: ARG002 - a service's matter
        self._check_open()
        try:
            return work(self._session)
        except BaseException:
            self._session.rollback()
            raise

    def _stream(
        self, query: str, args: Sequence[Any], qname: str | None, timeout: float | None
    ) -> Iterator[Row]:
        self._check_open()
        with self._session.named(qname, timeout):
            yield from self._session.stream(query, args)

    def _whole(self, *, change: bool = False) -> Backend:
        self._check_open()
        if self._backend is None:
            raise EventStorageException("the cursor is a part of somebody else's transaction")
        if change and self._session.in_transaction:  # which the change would wait for, and for ever
            raise EventStorageException(
                "the cursor has begun something", hint="commit() or rollback() first: this is done at once"
            )
        return self._backend

    def _check_open(self) -> None:
        if self._closed:  # nobody would commit what it did
            raise EventStorageException("the cursor is closed", hint="cursor_new() gives another one")

    def commit(self) -> None:
        """Keep what was done."""
        self._check_open()
        self._session.commit()

    def rollback(self) -> None:
        """Undo what was done since the last commit."""
        self._check_open()
        self._session.rollback()

    def close(self) -> None:
        """Undo what was not committed, and give the connection back; closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        self._session.rollback()
        if self._owned:
            self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
