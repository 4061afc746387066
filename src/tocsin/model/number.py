"""Numbers as people read them."""

from __future__ import annotations

import math

__all__ = ["number_text"]

_DIGITS, _MOST_DIGITS = 6, 16  # a double has no more that mean something


def number_text(value: float, *beside: float | None) -> str:
    """Write a number with six digits, or as many as it has before the point, or tell it from others.

    Args:
        value: The number.
        beside: Numbers that it is read together with, as the bounds of its band.

    >>> number_text(39197.0), number_text(0.123456789), number_text(12345678.9), number_text(1e300)
    ('39,197', '0.123457', '12,345,679', '1e+300')
    >>> number_text(500000.26, 500000.1, None), number_text(500000.26, 400000.0)
    ('500,000.26', '500,000')
    """
    digits, whole = _DIGITS, _place(value) + 1
    if whole <= _MOST_DIGITS:
        digits = max(digits, whole)
    gaps = [abs(value - other) for other in beside if other is not None and other != value]
    if gaps:
        digits = max(digits, whole - _place(min(gaps)) + 1)
    return f"{value:,.{min(digits, _MOST_DIGITS)}g}"


def _place(value: float) -> int:
    """Give the place of the first digit: 0 for ones, 1 for tens, -1 for tenths."""
    return math.floor(math.log10(abs(value))) if value and math.isfinite(value) else 0
