"""How many messages a channel takes in a time: a bucket of tokens, by the clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tocsin.model import parse_duration

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["RateLimit", "TokenBucket"]

_FORM = re.compile(r"\s*(?P<number>\d{1,9})\s*/\s*(?P<period>\S.*?)\s*")
_UNITS = {
    "s": "s", "sec": "s", "second": "s", "min": "min", "minute": "min", "h": "h", "hour": "h", "d": "d",
    "day": "d",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many messages in a time.

    Attributes:
        number: How many.
        period: In which time.
    """

    number: int
    period: timedelta

    @classmethod
    def parse(cls, text: str) -> RateLimit:
        """Read `30/min`, `1/s`, `100/h` or `5/10min`.

        Raises:
            ValueError: It is none.

        >>> RateLimit.parse("30/min")
        RateLimit(number=30, period=datetime.timedelta(seconds=60))
        """
        found = _FORM.fullmatch(text)
        if found is not None:
            period = found["period"]
            length = f"1{_UNITS[period]}" if period in _UNITS else period
            try:
                limit = cls(int(found["number"]), parse_duration(length))
            except (ValueError, TypeError):
                pass
            else:
                if limit.number > 0 and limit.period > timedelta(0):
                    return limit
        raise ValueError(f"{text!r} is no rate: write 30/min, 1/s or 5/10min")


class TokenBucket:
    """As many tokens as a limit has messages, which come back evenly over its period.

    After a pause a channel takes the whole number at once, and then one whenever a token has come back.
    A clock that goes back neither gives tokens nor takes them.

    Args:
        limit: The limit.
        now: The present.
        used: How many tokens are gone already.
    """

    def __init__(self, limit: RateLimit, now: datetime, used: int = 0) -> None:
        self.limit = limit
        self._tokens = float(max(0, limit.number - used))
        self._at = now

    def wait(self, now: datetime) -> timedelta:
        """Say how long it takes until there is a token; zero: there is one."""
        self._refill(now)
        if self._tokens >= 1:
            return timedelta(0)
        missing = (1 - self._tokens) * self.limit.period / self.limit.number
        return max(missing, timedelta(milliseconds=1))

    def take(self, now: datetime) -> None:
        """Take a token."""
        self._refill(now)
        self._tokens = max(0.0, self._tokens - 1)

    def _refill(self, now: datetime) -> None:
        passed = now - self._at
        self._at = now
        if passed > timedelta(0):
            # The last bits of a float must not keep a whole token back.
            gained = passed / self.limit.period * self.limit.number
            self._tokens = min(float(self.limit.number), self._tokens + gained + 1e-9)
