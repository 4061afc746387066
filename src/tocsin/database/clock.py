"""The time as a database tells it: for a manager that was not given a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.database.times import from_milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

__all__ = ["DatabaseClock"]


class DatabaseClock:
    """Asks the database, so that the wall clock stays in one place of Tocsin.

    Args:
        read: Gives the database's time in milliseconds since the epoch.
    """

    def __init__(self, read: Callable[[], int]) -> None:
        self._read = read

    def now(self) -> datetime:
        """Give the current instant, aware, UTC.

        Raises:
            DatabaseError: The database did not answer.
        """
        return from_milliseconds(self._read())
