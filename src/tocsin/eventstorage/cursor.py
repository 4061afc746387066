"""A cursor: operations that are kept or undone together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from tocsin.errors import EventStorageException
from tocsin.eventstorage.insert_methods import InsertMethods
from tocsin.eventstorage.search_methods import SearchMethods
from tocsin.eventstorage.thresholds import ThresholdMethods

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType
    from typing import Any

    from tocsin.eventstorage.session import Row, Session

__all__ = ["EventStorageCursor"]

T = TypeVar("T")


class EventStorageCursor(InsertMethods, SearchMethods, ThresholdMethods):
    """All operations on events within one transaction, which the holder ends.

    Use it as a context manager: what is not committed when the block ends is undone. An error undoes the
    whole transaction.

    Args:
        session: The connection it works on.
        owned: Whether closing the cursor closes the session.
    """

    def __init__(self, session: Session, *, owned: bool = True) -> None:
        self._session = session
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
