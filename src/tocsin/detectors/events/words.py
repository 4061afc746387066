"""How alerts speak: values, times and counts in words, each of bounded length."""

from __future__ import annotations

import heapq
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from tocsin.persistency.values import value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.persistency.values import Key

__all__ = ["counted", "moment", "most_frequent", "one_of", "plain", "quoted", "quoted_key", "since"]

_LONGEST = 80
_SHOWN = 5
_SHOWN_BRIEFLY = 3
_LONG = 100


def quoted(value: Any) -> str:
    r"""Give a value as it is written in Python, printable and cut when long.

    >>> quoted("a\nb"), quoted("x" * 1000)[-24:]
    ("'a\\nb'", "xxxx'… (1000 characters)")
    """
    if isinstance(value, str | bytes) and len(value) > _LONGEST:
        unit = "characters" if isinstance(value, str) else "bytes"
        return f"{_printable(value[:_LONGEST])}… ({len(value)} {unit})"
    text = _printable(value)
    return text if len(text) <= _LONGEST * _SHOWN else f"{text[: _LONGEST * _SHOWN]}…"


def _printable(value: Any) -> str:
    if isinstance(value, tuple) and len(value) > 1:
        more = ", …" if len(value) > _SHOWN else ""
        return f"({', '.join(map(quoted, value[:_SHOWN]))}{more})"
    try:
        text = repr(value)
    except ValueError:  # an integer of too many digits
        text = hex(value) if isinstance(value, int) else f"a {type(value).__name__}"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def plain(name: str) -> str:
    """Give a name as it is; one that is long or not printable as `quoted` does."""
    return name if len(name) <= _LONGEST and name.isprintable() else quoted(name)


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


def one_of(values: Sequence[tuple[Key, int]], total: int | None = None, *, briefly: bool = False) -> str:
    """Give what was expected: the most frequent values with their counts.

    Args:
        values: Keys with counts, any order.
        total: How many distinct values there are, when `values` is a part of them.
        briefly: Whether to show three at most, and one when they are long.

    >>> one_of([("b", 36), ("a", 200)])
    "expected one of 'a' (200×), 'b' (36×)"
    >>> one_of([("a", 3)])
    "expected 'a' (3×)"
    """
    some = most_frequent(values, total, briefly=briefly)
    return f"expected {'one of ' if max(len(values), total or 0) > 1 else ''}{some}"


def most_frequent(
    values: Sequence[tuple[Any, int]],
    total: int | None = None,
    in_words: Callable[[Any], str] | None = None,
    *,
    briefly: bool = False,
) -> str:
    """Give the most frequent keys with their counts; the same words in whichever order they come.

    >>> most_frequent([("b", 1), ("a", 1), ("c", 2)])
    "'c' (2×), 'a' (1×), 'b' (1×)"
    """
    least = min(heapq.nlargest(_SHOWN, (count for _, count in values)), default=0)
    often = [(-count, (in_words or quoted_key)(key)) for key, count in values if count >= least]
    shown = [f"{words} ({-count:,}×)" for count, words in heapq.nsmallest(_SHOWN, often)]
    if briefly:
        lengths = accumulate(map(len, shown[:_SHOWN_BRIEFLY]))
        shown = shown[: max(1, sum(length <= _LONG for length in lengths))]
    rest = max(total or 0, len(values)) - len(shown)
    return f"{', '.join(shown)} and {rest:,} more" if rest > 0 else ", ".join(shown)
