"""Lengths of time as people write them: `30s`, `10min`, `1h`, `1d`, `1w`, or seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

__all__ = ["Interval", "parse_duration"]

_SECONDS = {
    "s": 1, "sec": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hour": 3600, "hours": 3600,
    "d": 86_400, "day": 86_400, "days": 86_400,
    "w": 604_800, "week": 604_800, "weeks": 604_800,
}  # fmt: skip
_FORM = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.ASCII)
_LONGEST = 2**31 - 1  # interval_seconds is an Int32 column


def parse_duration(text: str | float | timedelta) -> timedelta:
    """Read a length of time.

    Args:
        text: A number with a unit (`s`, `min`, `h`, `d`, `w`), or seconds as a number.

    Raises:
        ValueError: The text has another form, or the length is negative or too long.

    >>> parse_duration("1.5h")
    datetime.timedelta(seconds=5400)
    """
    if isinstance(text, timedelta):
        seconds = text.total_seconds()
    else:
        match = _FORM.fullmatch(str(text).lower()) if not isinstance(text, bool) else None
        if match is None or (match[2] and match[2] not in _SECONDS):
            message = f"{text!r} is not a length of time: write 30s, 10min, 1h, 1d, 1w, or seconds"
            raise ValueError(message)
        if match[2] == "m" and "M" in str(text):
            message = f"{text!r} could be minutes or months: write 1min, or 30d"
            raise ValueError(message)
        seconds = float(match[1]) * _SECONDS[match[2] or "s"]
    if not 0 <= seconds <= _LONGEST:
        message = f"{text!r} is out of range: at least 0, at most {_LONGEST} seconds"
        raise ValueError(message)
    return timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Interval:
    """The distance between two points of a series, in whole seconds.

    >>> Interval.parse("10min")
    Interval(seconds=600)
    >>> str(Interval(5400)), str(Interval(3600))
    ('90min', '1h')
    """

    seconds: int

    def __post_init__(self) -> None:
        if not 1 <= self.seconds <= _LONGEST:
            message = f"an interval is 1 to {_LONGEST} whole seconds, not {self.seconds!r}"
            raise ValueError(message)

    @classmethod
    def parse(cls, text: str | float | timedelta) -> Interval:
        """Read an interval.

        Raises:
            ValueError: The text is not a length of time in whole seconds of at least one.
        """
        seconds = parse_duration(text).total_seconds()
        if seconds != int(seconds):
            message = f"{text!r} is not a whole number of seconds"
            raise ValueError(message)
        return cls(int(seconds))

    @property
    def milliseconds(self) -> int:
        """The length in milliseconds."""
        return self.seconds * 1000

    def __str__(self) -> str:
        for unit, length in (("w", 604_800), ("d", 86_400), ("h", 3600), ("min", 60)):
            if self.seconds % length == 0:
                return f"{self.seconds // length}{unit}"
        return f"{self.seconds}s"
