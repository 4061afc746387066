"""Where an operation runs: in a cursor's transaction, or in one of its own."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

from tocsin.errors import DataError
from tocsin.eventstorage.driver_errors import handle_db_exceptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tocsin.eventstorage.session import Row, Session

__all__ = ["Methods"]

T = TypeVar("T")

_PLACEHOLDER = re.compile(r"%([s%])")


class Methods(ABC):
    """The base of groups of operations that a service and its cursors share.

    An operation is written once, as work on a session. A cursor does it in its transaction; a service opens a
    session, does it, and commits.
    """

    handle_db_exceptions = staticmethod(handle_db_exceptions)

    def mogrify(self, query: str, parameters: Sequence[Any] = ()) -> str:
        """Write a statement with its values in it, as the database would read it: for logs and people.

        Args:
            query: With `%s` for each value, and `%%` for `%`; or with `?`, as `build_query` gives it for
                SQLite.
            parameters: The values.

        Raises:
            DataError: A value cannot be written, there are more or fewer than placeholders, or a `%` is none
                of the above.
        """
        if parameters and not _places(query):
            query = query.replace("%", "%%").replace("?", "%s")
        if "%" in _PLACEHOLDER.sub("", query):
            raise DataError("a % in a statement is neither %s nor %%", hint="write %% for a %")
        if (places := _places(query)) != len(parameters):
            raise DataError(f"the statement has {places} placeholders for {len(parameters)} values")
        return self._run(lambda session: session.mogrify(query, parameters), replay=True)

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


def _places(query: str) -> int:
    return _PLACEHOLDER.findall(query).count("s")
