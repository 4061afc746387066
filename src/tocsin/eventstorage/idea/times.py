"""Times of IDEA messages as microseconds since the epoch."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

__all__ = [
    "EARLIEST", "EPOCH", "FIRST_MONDAY", "LATEST", "MICROSECOND", "YEAR_1", "format_duration", "format_time",
    "has_zone", "microseconds", "parse_time",
]  # fmt: skip

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
"""Where weeks are counted from, which begin on Mondays (ISO 8601)."""
YEAR_1 = datetime(1, 1, 1, tzinfo=UTC)

MICROSECOND = timedelta(microseconds=1)
_MILLION = 1_000_000
EARLIEST = (YEAR_1 - EPOCH) // MICROSECOND
LATEST = (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - EPOCH) // MICROSECOND
"""The ends of what Python has as a time, in microseconds since the epoch."""

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))?", re.ASCII
)
_UNIX = re.compile(r"\d{9,11}(?:\.\d+)?", re.ASCII)
_NTP = re.compile(r"0x([0-9a-fA-F]{1,8})\.0x([0-9a-fA-F]{1,8})")
_NTP_TO_UNIX, _NTP_ERA = 2_208_988_800, 1 << 32
_LEAP_SECOND = 60
_LONGEST = 64


def parse_time(value: object, *, ntp: bool = False) -> int | None:
    """Read a time of a message.

    Args:
        value: RFC 3339 (`2026-03-01T12:00:00.5-03:30`; without an offset it is UTC), or seconds since the
            epoch as a number or as a text of 9 to 11 digits with or without a fraction.
        ntp: Read NTP hexadecimal timestamps (`0xbc71f4f5.0xef449129`) too.

    Returns:
        Microseconds since the epoch, further digits cut off; `None` when it is no time, or outside the years
        1 to 9999.

    Example:
        >>> parse_time("1970-01-01T00:00:00-03:30") == 3.5 * 3600 * 1_000_000
        True
    """
    if isinstance(value, str):
        return _of_text(value, ntp) if len(value) <= _LONGEST else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return _of_seconds(value)


def has_zone(text: str) -> bool:
    """Tell whether a time in RFC 3339 says what its offset is."""
    return text[-1:] in "Zz" or text[-6:-5] in ("+", "-")


def microseconds(instant: datetime) -> int:
    """Give an instant as microseconds since the epoch; a naive one is UTC."""
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return (instant - EPOCH) // MICROSECOND


def format_time(micros: int) -> str:
    """Write microseconds since the epoch as RFC 3339 in UTC."""
    return (EPOCH + timedelta(microseconds=micros)).isoformat().replace("+00:00", "Z")


def format_duration(length: timedelta) -> str:
    """Write a length of time as IDEA has it: days, hours, minutes, seconds.

    Example:
        >>> format_duration(timedelta(days=1, seconds=300.5))
        '1D00:05:00.500000'
    """
    days = f"{length.days}D" if length.days else ""
    return days + (EPOCH + length % timedelta(days=1)).time().isoformat()


def _of_seconds(seconds: float) -> int | None:
    if not EARLIEST / _MILLION <= seconds <= LATEST / _MILLION:  # nor is NaN
        return None
    return round(seconds * _MILLION)


@lru_cache(maxsize=4096)
def _of_text(text: str, ntp: bool) -> int | None:  # noqa: FBT001 - a key of the cache
    if match := _RFC3339.fullmatch(text):
        return _of_rfc3339(match)
    if _UNIX.fullmatch(text):
        whole, _, fraction = text.partition(".")
        return int(whole) * _MILLION + _fraction(fraction)
    if ntp and (match := _NTP.fullmatch(text)):
        seconds, parts = (int(group, 16) for group in match.groups())
        if seconds < 1 << 31:  # the second era, from 2036 on
            seconds += _NTP_ERA
        return (seconds - _NTP_TO_UNIX) * _MILLION + (parts * _MILLION >> 32)
    return None


def _of_rfc3339(match: re.Match[str]) -> int | None:
    year, month, day, hour, minute, second, fraction, _, sign, offset_hours, offset_minutes = match.groups()
    leap = int(second) == _LEAP_SECOND
    zone: timezone = UTC
    try:
        if sign:
            offset = timedelta(hours=int(offset_hours), minutes=int(offset_minutes))
            if int(offset_minutes) > 59:  # noqa: PLR2004 - minutes of an hour
                return None
            zone = timezone(-offset if sign == "-" else offset)
        instant = datetime(
            int(year), int(month), int(day), int(hour), int(minute), 59 if leap else int(second), tzinfo=zone
        )
    except ValueError:
        return None
    micros = (instant - EPOCH) // MICROSECOND + _fraction(fraction or "")
    if leap:
        micros += _MILLION
    return micros if EARLIEST <= micros <= LATEST else None


def _fraction(digits: str) -> int:
    return int(digits[:6].ljust(6, "0"))
