"""Python's instants as milliseconds since the epoch, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["instant_of", "milliseconds_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_FIRST = -62_135_596_800_000  # 0001-01-01
_LAST = 253_402_300_799_999  # 9999-12-31 23:59:59.999


def milliseconds_of(instant: datetime) -> int:
    """Give milliseconds since the epoch; what is finer is cut off, and a naive instant is UTC."""
    aware = instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MILLISECOND


def instant_of(milliseconds: int) -> datetime:
    """Give the aware instant in UTC, the nearest that Python's calendar has."""
    return _EPOCH + min(max(milliseconds, _FIRST), _LAST) * _MILLISECOND
