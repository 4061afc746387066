"""How much to do at a time, when nobody shall have to wait for long."""

from __future__ import annotations

from collections import deque

__all__ = ["REMEMBERED", "Pace"]

REMEMBERED = 16
"""How many of the last times count."""

_MOST_GROWTH = 2.0
_TINY = 1e-6


class Pace:
    """Says how much to do at a time, so that it takes so long at the speed of the slowest of the last times.

    A machine that is busy now and then is slow for a moment, without notice; what was slow lately may be
    slow again.

    Args:
        aim: Seconds that it should take.
        first: How much to do the first time.
        least: How much to do however slow it is.
        most: How much to do at most, even if that is less than `first` or `least`.

    Attributes:
        amount: How much to do next.
    """

    def __init__(self, aim: float, first: float, least: float, most: float) -> None:
        self._aim, self._least, self._most = aim, min(least, most), most
        self._costs: deque[float] = deque(maxlen=REMEMBERED)
        self.amount = min(first, most)

    def took(self, seconds: float) -> None:
        """Learn how long it took to do `amount`."""
        self._costs.append(max(seconds, _TINY) / max(self.amount, _TINY))
        wanted = min(self._aim / max(self._costs), self.amount * _MOST_GROWTH)
        self.amount = max(self._least, min(wanted, self._most))
