"""The times of log lines, in whatever form they are written, as Unix seconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from tocsin.errors import ConfigError
from tocsin.sources.local_time import read_zone
from tocsin.sources.parsers.time_forms import TimeFields, read_form

__all__ = ["TimeReader", "in_range", "since_1970"]

_LONGEST = 64  # characters; a time is shorter
_REMEMBERED = 4096  # seconds whose texts are kept
_LAST = 253_402_300_800  # the year 10000
_FRACTION = re.compile(r"([^.,]{5,48}:\d\d)[.,](\d{1,9})(?!\d)(.*)", re.DOTALL)
_NUMBER = re.compile(r"(\d{9,19})(?:\.(\d{1,9}))?")
_CALENDAR = re.compile(r"(?:19|20)\d{12}")  # 20261122101500
_UNITS = ((10**11, 1), (10**14, 10**3), (10**17, 10**6), (10**20, 10**9))  # below: s, ms, µs, ns
_YEARS_BACK = 8  # 29 February is never farther away
_DAY = timedelta(days=1)
_LEAP_SECOND = 60


def in_range(seconds: float) -> float | None:
    """Let seconds through that lie in the years 1970 to 9999."""
    return seconds if 0 <= seconds < _LAST else None


def since_1970(number: float) -> float | None:
    """Read a number of seconds, milliseconds, microseconds or nanoseconds, told apart by its size.

    >>> since_1970(1795338900), since_1970(1795338900250)
    (1795338900.0, 1795338900.25)
    """
    for limit, divisor in _UNITS:
        if 0 <= number < limit:
            return number / divisor
    return None


class TimeReader:
    """Reads times, and remembers the last seconds it has read.

    Understood are ISO 8601 and its relatives (`2026-11-22 10:15:00,123`, `2026/11/22 …`,
    `2026-11-22-10.15.00.123456`, `20261122T101500Z`), `Nov 22 10:15:00` with or without a year,
    `Sun Nov 22 10:15:00 2026`, `22/Nov/2026:10:15:00 +0100`, `Sun, 22 Nov 2026 10:15:00 GMT`,
    `22.11.2026 10:15:00`, `11/22/2026 10:15:00 AM` (AM and PM behind ISO times too),
    `261122 101500`, `26/11/22 10:15:00`, and seconds, milliseconds,
    microseconds or nanoseconds since 1970 (told apart by their size).

    Args:
        time_format: How times are written, in the words of `datetime.strptime`; `None` recognises them.
        timezone: The IANA zone of times that name none.

    Raises:
        ConfigError: There is no such zone, or the format is none.
    """

    def __init__(self, time_format: str | None = None, timezone: str = "UTC") -> None:
        self._format = time_format
        if time_format is not None:
            _check_format(time_format)
        self._zone: tzinfo = UTC if timezone == "UTC" else read_zone(timezone)
        self._known: dict[str, float | None] = {}
        self._reference: datetime | None = None

    def read(self, text: str, reference: datetime | None = None) -> float | None:
        """Give Unix seconds, `None` for what is no time or lies outside the years 1970 to 9999.

        Args:
            text: The time.
            reference: When the line was read at the latest, aware. A time without a year is in the
                latest year in which it is not after this by more than a day.

        >>> TimeReader().read("2026-11-22T10:15:00.250+01:00")
        1795338900.25
        """
        if reference is not self._reference and reference != self._reference:
            self._known.clear()
            self._reference = reference
        known = self._known
        if text in known:
            return known[text]
        if len(text) > _LONGEST:
            return None
        split = None if self._format else _FRACTION.fullmatch(text)
        if split is None:
            return self._remember(text, self._read_whole(text))
        whole = split[1] + split[3]
        seconds = known[whole] if whole in known else self._remember(whole, self._read_whole(whole))
        return None if seconds is None else float(f"{int(seconds)}.{split[2]}")

    def _remember(self, text: str, seconds: float | None) -> float | None:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[text] = seconds
        return seconds

    def _read_whole(self, text: str) -> float | None:
        if self._format is not None:
            return self._read_formatted(text, self._format)
        number = _NUMBER.fullmatch(text)
        if number is not None and not _CALENDAR.fullmatch(text):
            return since_1970(float(text) if number[2] else int(text))
        fields = read_form(text)
        return None if fields is None else self._seconds_of(fields)

    def _read_formatted(self, text: str, time_format: str) -> float | None:
        has_year = _has_year(time_format)
        try:  # 2000 has a 29 February
            found = (
                datetime.strptime(text, time_format)  # noqa: DTZ007 - the zone is added below
                if has_year
                else datetime.strptime(f"2000 {text}", f"%Y {time_format}")  # noqa: DTZ007
            )
        except ValueError:
            return None
        offset = found.utcoffset()
        zone = None if offset is None else int(offset.total_seconds()) // 60
        fields = TimeFields(found.year if has_year else None, *found.timetuple()[1:6], "", zone)
        seconds = self._seconds_of(fields)
        return None if seconds is None else seconds + found.microsecond / 1e6

    def _seconds_of(self, fields: TimeFields) -> float | None:
        instant = self._instant(fields, fields.year) if fields.year is not None else self._latest(fields)
        if instant is None:
            return None
        seconds = instant.timestamp()
        return in_range(float(f"{int(seconds)}.{fields.fraction}") if fields.fraction else seconds)

    def _instant(self, fields: TimeFields, year: int) -> datetime | None:
        second = min(fields.second, 59) if fields.second <= _LEAP_SECOND else fields.second
        try:
            zone = self._zone if fields.zone is None else timezone(timedelta(minutes=fields.zone))
            return datetime(
                year, fields.month, fields.day, fields.hour, fields.minute, second, tzinfo=zone
            ).astimezone(UTC)
        except (ValueError, OverflowError):
            return None

    def _latest(self, fields: TimeFields) -> datetime | None:
        """Find the year of a time that has none."""
        reference = self._reference
        if reference is None:
            return None
        for year in range(reference.year + 1, reference.year - _YEARS_BACK - 1, -1):
            instant = self._instant(fields, year)
            if instant is not None and instant <= reference + _DAY:
                return instant
        return None


def _has_year(time_format: str) -> bool:
    return any(word in time_format for word in ("%Y", "%y", "%G", "%c", "%x"))


def _check_format(time_format: str) -> None:
    """Refuse what `strptime` could read nothing with: it looks at a format when it reads with it."""
    try:
        datetime.strptime("", time_format if _has_year(time_format) else f"%Y {time_format}")  # noqa: DTZ007
    except re.error:
        problem = "a part stands in it twice"
    except ValueError as error:
        problem = str(error).partition(" in format")[0]
        if "does not match" in problem:  # an empty text is no time
            return
    else:
        return
    message = f"time_format {time_format!r} is none: {problem}"
    raise ConfigError(message, hint="write it as for Python's strptime")
