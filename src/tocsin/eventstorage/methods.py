"""Where an operation runs: in a cursor's transaction, or in one of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tocsin.eventstorage.session import Row, Session

__all__ = ["Methods"]

T = TypeVar("T")


class Methods(ABC):
    """The base of groups of operations that a service and its cursors share.

    An operation is written once, as work on a session. A cursor does it in its transaction; a service opens a
    session, does it, and commits.
    """

    @abstractmethod
    def _run(self, work: Callable[[Session], T], *, replay: bool) -> T:
        """Do some work on a session.

        Args:
            work: What to do; it may be called again from the start after it failed.
            replay: Doing it twice is as good as doing it once, so that it may be repeated when the connection
                was lost and nobody knows whether it was committed.
        """

    @abstractmethod
    def _stream(
        self, query: str, args: Sequence[Any], qname: str | None, timeout: float | None
    ) -> Iterator[Row]:
        """Give the rows of a query one by one."""
