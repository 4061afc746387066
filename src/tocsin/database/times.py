"""Instants as milliseconds since 1970 in UTC, the one form in which they are compared and stored."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["from_milliseconds", "is_time", "to_datetimes", "to_milliseconds"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def is_time(value: object) -> bool:
    """Say whether a value is an instant or a day."""
    return isinstance(value, date | np.datetime64)


def to_milliseconds(value: date | np.datetime64) -> int | None:
    """Give an instant as milliseconds (rounded down), `None` for NaT.

    A time without a zone is taken as UTC; a day as its midnight.
    """
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else int(value.astype("datetime64[ms]").astype(np.int64))
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    elif value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return (value - _EPOCH) // _MILLISECOND


def from_milliseconds(value: int) -> datetime:
    """Give the instant (aware, UTC).

    Raises:
        OverflowError: It is outside the years 1 to 9999.
    """
    return _EPOCH + value * _MILLISECOND


def to_datetimes(column: NDArray[np.datetime64]) -> list[datetime | None]:
    """Give a column of instants (UTC) as aware datetimes, `None` for NaT."""
    naive = column.astype("datetime64[ms]").tolist()
    return [None if value is None else value.replace(tzinfo=UTC) for value in naive]
