"""How alerts speak: values, times and counts in words, each of bounded length."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tocsin.persistency.values import value_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.persistency.values import Key

__all__ = ["counted", "moment", "one_of", "quoted", "quoted_key", "since"]

_LONGEST = 80
_SHOWN = 5


def quoted(value: Any) -> str:
    r"""Give a value as it is written in Python, printable and cut when long.

    >>> quoted("a\nb"), quoted("x" * 1000)[-40:]
    ("'a\\nb'", "xxxxxxxxxxxxxxxxxxx'… (1000 characters)")
    """
    if isinstance(value, str | bytes) and len(value) > _LONGEST:
        unit = "characters" if isinstance(value, str) else "bytes"
        return f"{_printable(value[:_LONGEST])}… ({len(value)} {unit})"
    text = _printable(value)
    return text if len(text) <= 2 * _LONGEST else f"{text[: 2 * _LONGEST]}…"


def _printable(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # an integer of too many digits
        text = hex(value)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def quoted_key(key: Key) -> str:
    """Give the value of a key as `quoted` does."""
    return quoted(value_of(key))


def moment(seconds: float | None) -> str:
    """Give an instant in UTC, to the minute.

    >>> moment(1768903215.5)
    '2026-01-20 10:00 UTC'
    """
    if seconds is None:
        return "an unknown time"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def since(seconds: float | None) -> str:
    """Give ` since …`, or nothing when the time is not known."""
    return "" if seconds is None else f" since {moment(seconds)}"


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Give a number and what it counts.

    >>> counted(1, "event"), counted(1800, "event")
    ('1 event', '1,800 events')
    """
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def one_of(values: Sequence[tuple[Key, int]], total: int | None = None) -> str:
    """Give what was expected: the most frequent values with their counts.

    Args:
        values: Keys with counts, any order.
        total: How many distinct values there are, when `values` is a part of them.

    >>> one_of([("b", 36), ("a", 200)])
    "expected one of 'a' (200×), 'b' (36×)"
    >>> one_of([("a", 3)])
    "expected 'a' (3×)"
    """
    ranked = sorted(values, key=lambda item: (-item[1], repr(item[0])))
    shown = ", ".join(f"{quoted_key(key)} ({count:,}×)" for key, count in ranked[:_SHOWN])
    rest = max(total or 0, len(ranked)) - min(len(ranked), _SHOWN)
    if rest > 0:
        shown += f" and {rest:,} more"
    return f"expected {'one of ' if len(ranked) + rest > 1 else ''}{shown}"
