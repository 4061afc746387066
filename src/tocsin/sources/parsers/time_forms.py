"""The ways in which logs write a time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TimeFields", "read_form"]


class TimeFields(NamedTuple):
    """A time as it is written; its parts may still be none of a calendar.

    Attributes:
        year: `None` when it is not written.
        month: From 1.
        day: From 1.
        hour: From 0.
        minute: From 0.
        second: From 0.
        fraction: The digits behind the second's point.
        zone: Minutes east of Greenwich, `None` when no zone is written.
    """

    year: int | None
    month: int
    day: int
    hour: int
    minute: int
    second: int
    fraction: str = ""
    zone: int | None = None


_ZONE = r"(?: ?(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))?"
_CLOCK = r"(\d\d?):(\d\d):(\d\d)"
_WEEKDAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? +)?"
_MONTH_NAMES = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_MONTH = "(" + "|".join(_MONTH_NAMES) + ")"

_YEAR_FIRST = re.compile(
    r"(\d{4})([-/.])(\d\d?)\2(\d\d?)(?:[T\tt _-] ?(\d\d?)[:.](\d\d)(?:[:.](\d\d)(?:[.,:](\d{1,9}))?)?"
    r"(?: ?([AaPp])[Mm])?)?" + _ZONE
)
_MONTH_NAME_FIRST = re.compile(
    _WEEKDAY + _MONTH + r" +(\d\d?)(?:,? +(\d{4}))?,? +" + _CLOCK + _ZONE + r"(?: +(\d{4}))?"
)
_DAY_FIRST = re.compile(_WEEKDAY + r"(\d\d?)[ /-]" + _MONTH + r"[ /-](\d{4})[ :]" + _CLOCK + _ZONE)
_GERMAN = re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4}),? " + _CLOCK)
_AMERICAN = re.compile(r"(\d\d?)/(\d\d?)/(\d{4}),? " + _CLOCK + r" ?([AaPp])[Mm]")
_COMPACT = re.compile(r"(\d{4}|\d\d)(\d\d)(\d\d)[T -]?(\d\d):?(\d\d):?(\d\d)(?:[:.,](\d{1,9}))?" + _ZONE)
_SLASHES = re.compile(r"(\d\d)/(\d\d)/(\d\d) " + _CLOCK)


def read_form(text: str) -> TimeFields | None:
    """Recognise a time, `None` when it is none.

    >>> read_form("22/Nov/2026:10:15:00 +0100")
    TimeFields(year=2026, month=11, day=22, hour=10, minute=15, second=0, fraction='', zone=60)
    """
    for pattern, read in _FORMS:
        match = pattern.fullmatch(text)
        if match is not None:
            return read(match)
    return None


def _year_first(match: re.Match[str]) -> TimeFields:
    year, _, month, day, hour, minute, second, fraction, half, zone = match.groups()
    clock = (_full_hour(int(hour or 0), half), int(minute or 0), int(second or 0))
    return TimeFields(int(year), int(month), int(day), *clock, fraction or "", _zone(zone))


def _month_name_first(match: re.Match[str]) -> TimeFields:
    month, day, year, hour, minute, second, zone, year_behind = match.groups()
    written = year or year_behind
    clock = (int(hour), int(minute), int(second))
    return TimeFields(int(written) if written else None, _MONTHS[month], int(day), *clock, "", _zone(zone))


def _day_first(match: re.Match[str]) -> TimeFields:
    day, month, year, hour, minute, second, zone = match.groups()
    return TimeFields(
        int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), "", _zone(zone)
    )


def _german(match: re.Match[str]) -> TimeFields:
    day, month, year, hour, minute, second = map(int, match.groups())
    return TimeFields(year, month, day, hour, minute, second)


def _american(match: re.Match[str]) -> TimeFields:
    month, day, year, hour, minute, second = map(int, match.groups()[:6])
    return TimeFields(year, month, day, _full_hour(hour, match[7]), minute, second)


def _compact(match: re.Match[str]) -> TimeFields:
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    numbers = (_full_year(year), int(month), int(day), int(hour), int(minute), int(second))
    return TimeFields(*numbers, fraction or "", _zone(zone))


def _slashes(match: re.Match[str]) -> TimeFields:
    year, month, day, hour, minute, second = match.groups()
    return TimeFields(_full_year(year), int(month), int(day), int(hour), int(minute), int(second))


_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], TimeFields]], ...] = (
    (_YEAR_FIRST, _year_first),
    (_MONTH_NAME_FIRST, _month_name_first),
    (_DAY_FIRST, _day_first),
    (_COMPACT, _compact),
    (_GERMAN, _german),
    (_AMERICAN, _american),
    (_SLASHES, _slashes),
)
_NOON = 12
_PIVOT = 69  # POSIX: two digits up to 68 are of this century


def _full_hour(hour: int, half: str | None) -> int:
    """Give the hour of 24 of one of 12; `half` is the first letter of AM or PM."""
    if half is None or hour > _NOON:
        return hour
    return hour % _NOON + (_NOON if half in "Pp" else 0)


def _full_year(digits: str) -> int:
    year = int(digits)
    if len(digits) > len("26"):
        return year
    return year + (2000 if year < _PIVOT else 1900)


def _zone(written: str | None) -> int | None:
    if not written:
        return None
    if written[0] not in "+-":
        return 0
    digits = written[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
    return -minutes if written[0] == "-" else minutes
