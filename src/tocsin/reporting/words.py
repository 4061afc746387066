"""Numbers, times and names as people read them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from datetime import tzinfo

__all__ = ["ABSENT", "clean", "count", "direction_sign", "number", "shorten", "time_text", "to_datetime"]

ABSENT = "\N{EN DASH}"  # what is written where there is no number
_ARROWS = {"up": "▲", "down": "▼"}


def clean(text: str) -> str:
    r"""Replace what no picture and no XML can hold: control characters, line ends, lone surrogates.

    >>> clean("a\nb\x00c")
    'a b�c'
    """
    return "".join(
        " " if character.isspace() else character if character.isprintable() else "\ufffd"
        for character in text
    )


def shorten(text: str, length: int) -> str:
    """Cut the middle out of a text that is longer than `length` (at least 3) characters.

    >>> shorten("cpu{host=a-very-long-host-name}", 20)
    'cpu{host=a…ost-name}'
    """
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    return f"{text[: length - 1 - tail]}…{text[len(text) - tail :]}"


def number(value: float, step: float = 0.0) -> str:
    """Write a number for people: thousands apart, no digits that say nothing, a dash for none.

    Args:
        value: The number.
        step: The distance to the next number that must look different, 0 when there is none.

    >>> number(1234567.0), number(0.25), number(1.23456789e12)
    ('1,234,567', '0.25', '1.235e+12')
    >>> number(12.5, step=2.5), number(1e7, step=5e6)
    ('12.5', '10,000,000')
    """
    if not math.isfinite(value):
        return ABSENT
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    digits = 4 if step <= 0 else magnitude + _places(step) + 1
    digits = min(max(digits, 1), 15)
    if not -4 <= magnitude < 9:  # noqa: PLR2004 - four zeros behind the point, nine digits before it
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{mantissa}e{exponent}"
    text = f"{value:,.{max(digits - 1 - magnitude, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _places(step: float) -> int:
    """How many digits behind the point a step needs (in front of it: negative)."""
    places = -math.floor(math.log10(step) + 1e-9)
    scaled = step * 10.0**places
    return places if abs(scaled - round(scaled)) < 1e-6 else places + 1  # noqa: PLR2004 - rounding errors


def count(many: int, one: str, more: str | None = None) -> str:
    """Write how many there are of something.

    >>> count(1, "anomaly", "anomalies"), count(4032, "point")
    ('1 anomaly', '4,032 points')
    """
    return f"{many:,} {one if many == 1 else more or one + 's'}"


def to_datetime(instant: datetime | np.datetime64) -> datetime:
    """Make an aware datetime in UTC."""
    if isinstance(instant, np.datetime64):
        milliseconds = int(instant.astype("datetime64[ms]").astype(np.int64))
        return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(
            microsecond=milliseconds % 1000 * 1000
        )
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def time_text(instant: datetime | np.datetime64, zone: tzinfo) -> str:
    """Write an instant in a zone, without seconds when there are none.

    >>> time_text(np.datetime64("2026-03-02T09:30:00"), UTC)
    '2026-03-02 09:30'
    """
    local = to_datetime(instant).astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S}" if local.second else f"{local:%Y-%m-%d %H:%M}"


def direction_sign(direction: str | None) -> str:
    """Give the arrow of a direction, or what stands for missing data.

    >>> direction_sign("up"), direction_sign("down"), direction_sign(None)
    ('▲', '▼', 'no data')
    """
    return _ARROWS.get(direction or "", "no data")
