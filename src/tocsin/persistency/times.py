"""Instants as learned state keeps them: whole microseconds since the epoch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["LIMIT", "datetime_of", "micros_of", "micros_of_duration"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
LIMIT = 2**62
"""No instant is further from the epoch: sums and differences of two fit in 64 bits."""


def micros_of(timestamp: datetime | float) -> int:
    """Give an instant in microseconds since the epoch.

    Args:
        timestamp: An aware datetime, or Unix seconds.

    Raises:
        TypeError: It is neither.
        ValueError: The datetime has no zone, or the number is not finite or too large.

    >>> micros_of(1.5), micros_of(datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC))
    (1500000, 2000000)
    """
    if type(timestamp) is not float and isinstance(timestamp, datetime):
        if timestamp.tzinfo is None:
            message = f"the timestamp {timestamp.isoformat()} has no time zone: give an aware datetime"
            raise ValueError(message)
        return (timestamp - _EPOCH) // _MICROSECOND
    if isinstance(timestamp, bool):
        message = "a timestamp is an aware datetime or Unix seconds, not a bool"
        raise TypeError(message)
    try:
        micros = round(timestamp * 1_000_000)
    except (ValueError, OverflowError):
        message = f"the timestamp {timestamp} is not a finite number of seconds"
        raise ValueError(message) from None
    except TypeError:
        message = f"a timestamp is an aware datetime or Unix seconds, not a {type(timestamp).__name__}"
        raise TypeError(message) from None
    if not -LIMIT < micros < LIMIT:
        message = f"the timestamp {timestamp} is too far from the epoch: Unix seconds are expected"
        raise ValueError(message)
    return int(micros)


def datetime_of(micros: int) -> datetime:
    """Give the instant as an aware datetime in UTC.

    >>> datetime_of(1_500_000).isoformat()
    '1970-01-01T00:00:01.500000+00:00'
    """
    return _EPOCH + timedelta(microseconds=micros)


def micros_of_duration(duration: timedelta | float) -> int:
    """Give a duration (or seconds) in microseconds.

    Raises:
        TypeError: It is neither.
        ValueError: It is not positive, or too long.
    """
    if isinstance(duration, timedelta):
        micros = duration // _MICROSECOND
    elif isinstance(duration, bool) or not isinstance(duration, int | float):
        message = f"a duration is a timedelta or seconds, not a {type(duration).__name__}"
        raise TypeError(message)
    elif not 0 < duration < LIMIT / 1_000_000:
        message = f"a duration is positive and finite, not {duration}"
        raise ValueError(message)
    else:
        micros = round(duration * 1_000_000)
    if not 0 < micros < LIMIT:
        message = f"a duration is positive and at least a microsecond, not {duration}"
        raise ValueError(message)
    return micros
