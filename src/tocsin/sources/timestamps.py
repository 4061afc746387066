"""Columns of times in whatever form a database gives them, as milliseconds since the epoch."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NO_TIME", "milliseconds_of_column"]

NO_TIME = np.iinfo(np.int64).min
_FIRST = -62_135_596_800_000  # 0001-01-01, the first day of Python's calendar
_LAST = 253_402_300_799_999  # 9999-12-31 23:59:59.999
_UNIT_LIMITS = (10**11, 10**14, 10**17, 10**20)  # of s, ms, µs, ns: each is the year 5138
_CHUNK = 65_536
_DIGITS_OF_INT64 = 18  # any number of that many digits fits
_WIDEST = 40  # characters of the longest form: date, time, nine digits, zone
_DIGITS_OF_EPOCH = 9  # text of fewer digits is a year or a date (20261130), not seconds since 1970


def milliseconds_of_column(column: NDArray[Any]) -> NDArray[np.int64]:
    """Read a column of times.

    Understood are datetime64 and Python's `datetime` and `date` (naive is UTC); ISO 8601 text
    (`2026-11-30`, `2026-11-30T13:05`, `2026-11-30 13:05:09.123456Z`, `…+01:00`; without a zone it is
    UTC); and numbers since 1970, whose unit follows from their size: below 1e11 seconds, below 1e14
    milliseconds, below 1e17 microseconds, else nanoseconds. What is finer than a millisecond is cut off.

    Returns:
        int64 of the column's length; `NO_TIME` where there is no time, or one outside years 1 to 9999.
    """
    kind = column.dtype.kind
    if kind == "M":
        milliseconds = column.astype("datetime64[ms]").view(np.int64)
    elif kind in "iu":
        milliseconds = _of_integers(column.astype(np.int64))
    elif kind == "f":
        milliseconds = _of_floats(column.astype(np.float64))
    elif kind in "OUT":
        milliseconds = _of_objects(column.astype(object))
    else:
        milliseconds = np.full(len(column), NO_TIME, dtype=np.int64)
    outside = (milliseconds < _FIRST) | (milliseconds > _LAST)
    return np.where(outside, NO_TIME, milliseconds) if outside.any() else milliseconds


def _of_integers(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    size = np.abs(numbers)
    result = numbers * 1000
    for limit, divisor in zip(_UNIT_LIMITS, (1, 1000, 1_000_000), strict=False):
        result = np.where((size >= limit) | (size < 0), numbers // divisor, result)
    return result


def _of_floats(numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    known = np.isfinite(numbers)
    size = np.abs(np.where(known, numbers, 0.0))
    factor = np.select([size < limit for limit in _UNIT_LIMITS], [1e3, 1.0, 1e-3, 1e-6])
    known &= size < _UNIT_LIMITS[-1]
    # A float of seconds cannot hold a millisecond exactly: round to a microsecond before cutting.
    exact = np.floor(np.round(np.where(known, numbers * factor, 0.0), 3))
    return np.where(known, exact.astype(np.int64), NO_TIME)


def _of_objects(column: NDArray[np.object_]) -> NDArray[np.int64]:
    result = np.full(len(column), NO_TIME, dtype=np.int64)
    kinds: dict[type, int] = {kind: code for code, kind in enumerate(dict.fromkeys(map(type, column)))}
    codes = np.fromiter(map(kinds.__getitem__, map(type, column)), dtype=np.int64, count=len(column))
    for kind, code in kinds.items():
        rows = np.flatnonzero(codes == code)
        part = column[rows]
        if issubclass(kind, str):
            for begin in range(0, len(rows), _CHUNK):
                chunk = rows[begin : begin + _CHUNK]
                result[chunk] = _of_texts(column[chunk])
        elif issubclass(kind, datetime):
            result[rows] = np.array([_utc(time) for time in part], dtype="datetime64[ms]").view(np.int64)
        elif issubclass(kind, (date, np.datetime64)):
            result[rows] = part.astype("datetime64[ms]").view(np.int64)
        elif issubclass(kind, (int, np.integer)) and kind is not bool:
            small = np.fromiter((abs(number) < 2**63 for number in part), dtype=bool, count=len(part))
            result[rows[small]] = _of_integers(part[small].astype(np.int64))
        elif issubclass(kind, (float, np.floating)) or kind.__name__ == "Decimal":
            result[rows] = _of_floats(part.astype(np.float64))
    return result


def _utc(time: datetime) -> datetime:
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def _of_texts(texts: NDArray[np.object_]) -> NDArray[np.int64]:
    width = max(map(len, texts))
    if width > 4 * _WIDEST:  # a long cell is no time, and would make the whole matrix as wide
        texts = np.array([text[: 4 * _WIDEST] for text in texts], dtype=object)
    words = np.strings.strip(texts.astype(np.str_))
    lengths = np.strings.str_len(words)
    codes = np.zeros((len(words), _WIDEST), dtype=np.uint8)
    seen = words.view(np.uint32).reshape(len(words), -1)[:, :_WIDEST]
    codes[:, : seen.shape[1]] = np.minimum(seen, 255)  # beyond ASCII: no part of any form
    result = np.full(len(words), NO_TIME, dtype=np.int64)
    iso = lengths <= _WIDEST
    iso &= (codes[:, 4] == ord("-")) & (codes[:, 7] == ord("-"))
    if iso.any():
        result[iso] = _Texts(codes[iso], lengths[iso]).milliseconds()
    if iso.all():
        return result
    decimal = ~iso & _are_decimal(codes, lengths)
    whole = decimal & (lengths <= _DIGITS_OF_INT64) & ~(codes == ord(".")).any(axis=1)
    result[whole] = _of_integers(words[whole].astype(np.int64))
    result[decimal & ~whole] = _of_floats(words[decimal & ~whole].astype(np.float64))
    return result


def _is_digit(codes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (codes >= ord("0")) & (codes <= ord("9"))


def _are_decimal(codes: NDArray[np.uint8], lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which texts are `digits.digits`, with a sign perhaps, and long enough for an instant."""
    points = codes == ord(".")
    signed = codes[:, 0] == ord("-")
    plain = _is_digit(codes) | points | (np.arange(codes.shape[1]) >= lengths[:, None])
    plain[:, 0] |= signed
    digits = _is_digit(codes).sum(axis=1)
    enough = (digits >= _DIGITS_OF_EPOCH) & (lengths <= codes.shape[1])
    decimal: NDArray[np.bool_] = plain.all(axis=1) & (points.sum(axis=1) <= 1) & enough & ~points[:, 0]
    return decimal


class _Texts:
    """ISO texts as a matrix of character codes, read column by column: no row loop, no exception."""

    def __init__(self, codes: NDArray[np.uint8], lengths: NDArray[np.int64]) -> None:
        self._codes = codes
        self._digits = np.where(_is_digit(codes), codes - ord("0"), 255).astype(np.uint8).view(np.int8)
        self._end = lengths.astype(np.int64)
        self._good = np.ones(len(codes), dtype=np.bool_)

    def milliseconds(self) -> NDArray[np.int64]:
        minutes_east = self._zone()
        year, month, day = self._number(0, 4), self._number(5, 2), self._number(8, 2)
        self._good &= (year >= 1) & (month >= 1) & (month <= 12)  # noqa: PLR2004 (months of a year)
        months = ((year - 1970) * 12 + np.clip(month, 1, 12) - 1).astype("datetime64[M]")
        first = months.astype("datetime64[D]").view(np.int64)
        after = (months + np.timedelta64(1, "M")).astype("datetime64[D]").view(np.int64)
        self._good &= (day >= 1) & (first + day <= after)
        seconds = (first + day - 1) * 86_400 + self._clock() - minutes_east * 60
        return np.where(self._good, seconds * 1000 + self._fraction(), NO_TIME)

    def _number(self, at: int, count: int, rows: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """Read digits at a fixed place; rows that have none there are bad (if they are asked)."""
        part = self._digits[:, at : at + count]
        present = (part >= 0).all(axis=1) & (self._end >= at + count)
        self._good &= present if rows is None else present | ~rows
        powers = 10 ** np.arange(count - 1, -1, -1)
        number: NDArray[np.int64] = np.where(present, part.astype(np.int64) @ powers, 0)
        return number if rows is None else np.where(rows, number, 0)

    def _zone(self) -> NDArray[np.int64]:
        """Take `Z`, `UTC` or an offset off the end, and give the minutes east of Greenwich."""
        rows = np.arange(len(self._end))

        def back(count: int) -> NDArray[np.uint8]:
            return self._codes[rows, np.clip(self._end - count, 0, _WIDEST - 1)]

        def pair(count: int) -> NDArray[np.int64]:
            tens = self._digits[rows, np.clip(self._end - count, 0, _WIDEST - 1)]
            ones = self._digits[rows, np.clip(self._end - count + 1, 0, _WIDEST - 1)]
            return np.where((tens >= 0) & (ones >= 0), tens * 10 + ones, -1).astype(np.int64)

        timed = self._end > len("2026-11-30T1")
        zulu = timed & ((back(1) == ord("Z")) | (back(1) == ord("z")))
        named = timed & (back(3) == ord("U")) & (back(2) == ord("T")) & (back(1) == ord("C"))
        minutes = np.zeros(len(rows), dtype=np.int64)
        taken = np.where(zulu, 1, np.where(named, 3, 0))
        for length, hours_at, minutes_at in ((6, 5, 2), (5, 4, 2), (3, 2, 0)):
            sign = back(length)
            match = timed & (taken == 0) & ((sign == ord("+")) | (sign == ord("-"))) & (pair(hours_at) >= 0)
            if minutes_at:
                match &= pair(minutes_at) >= 0
            if length == len("+01:00"):
                match &= back(3) == ord(":")
            size = pair(hours_at) * 60 + (pair(minutes_at) if minutes_at else 0)
            minutes = np.where(match, np.where(sign == ord("-"), -size, size), minutes)
            taken = np.where(match, length, taken)
        self._end = self._end - taken
        spaced = (taken > 0) & (back(1) == ord(" "))
        self._end = self._end - spaced
        return minutes

    def _clock(self) -> NDArray[np.int64]:
        """Read `HH`, `HH:MM` or `HH:MM:SS` in seconds; nothing at all is midnight."""
        timed = self._end > len("2026-11-30")
        separator = self._codes[:, 10]
        self._good &= ~timed | (separator == ord("T")) | (separator == ord(" ")) | (separator == ord("t"))
        minute_given = timed & (self._end > len("2026-11-30T13"))
        second_given = timed & (self._end > len("2026-11-30T13:05"))
        self._good &= ~minute_given | (self._codes[:, 13] == ord(":"))
        self._good &= ~second_given | (self._codes[:, 16] == ord(":"))
        hour = self._number(11, 2, timed)
        minute = self._number(14, 2, minute_given)
        second = self._number(17, 2, second_given)
        self._good &= (hour < 24) & (minute < 60) & (second < 60)  # noqa: PLR2004 (a clock's limits)
        return hour * 3600 + minute * 60 + second

    def _fraction(self) -> NDArray[np.int64]:
        """Read the digits after the second, cut to milliseconds."""
        at = len("2026-11-30T13:05:09")
        given = self._end > at
        point = self._codes[:, at]
        if not given.any():
            return np.zeros(len(given), dtype=np.int64)
        inside = (np.arange(_WIDEST) > at) & (np.arange(_WIDEST) < self._end[:, None])
        self._good &= ~given | (((point == ord(".")) | (point == ord(","))) & (self._end > at + 1))
        self._good &= ((self._digits >= 0) | ~inside).all(axis=1)
        digits = np.where(inside, self._digits, 0)[:, at + 1 : at + 4]
        thousandths: NDArray[np.int64] = digits.astype(np.int64) @ np.array([100, 10, 1])
        return thousandths
