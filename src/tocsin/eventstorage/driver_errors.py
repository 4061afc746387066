"""For functions that use a driver themselves: what it raises, as errors of the event storage."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.errors import EventStorageException

__all__ = ["handle_db_exceptions"]

P = ParamSpec("P")
T = TypeVar("T")


def handle_db_exceptions(function: Callable[P, T]) -> Callable[P, T]:
    """Wrap a function so that errors of the database drivers leave it as `EventStorageException`.

    The driver's error is chained; other errors pass as they are.

    >>> import sqlite3
    >>> @handle_db_exceptions
    ... def broken() -> None:
    ...     raise sqlite3.OperationalError("no such table: x")
    >>> broken()
    Traceback (most recent call last):
    tocsin.errors.EventStorageException: the database: no such table: x
    """

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            ours = _ours(error)
            if ours is None:
                raise
            raise ours from error

    return wrapped


def _ours(error: Exception) -> EventStorageException | None:
    """Map an error by the module of its class, so that no driver is imported for it."""
    modules = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    if "sqlite3" in modules:
        from tocsin.eventstorage.sqlite.errors import map_error

        return map_error(error, "the database")
    if "psycopg" in modules:
        from tocsin.eventstorage.postgres.failures import error_of

        return error_of(error, "the database")
    return None
