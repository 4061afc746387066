"""The wall clock, and the only place that reads it; and instants as the memory keeps them."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["SystemClock", "whole_milliseconds"]


class SystemClock:
    """Tells the machine's time."""

    def now(self) -> datetime:
        """Give the current instant, aware, UTC."""
        return datetime.now(UTC)


def whole_milliseconds(instant: datetime) -> datetime:
    """Give an instant as the memory keeps it.

    >>> whole_milliseconds(datetime(2026, 1, 31, 12, 0, 0, 123_456, tzinfo=UTC)).microsecond
    123000
    """
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
