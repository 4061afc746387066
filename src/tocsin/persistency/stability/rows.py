"""The times of some rows, as the variables of these rows need them."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tocsin.persistency.values import Key

__all__ = ["RowTimes", "lifted", "slots_of"]


class RowTimes:
    """Times of rows, in microseconds, in the order of the rows; they may go back."""

    def __init__(self, times: Sequence[int]) -> None:
        self.times = times
        self._parts: dict[tuple[int, int], RowTimes] = {}

    def part(self, start: int, stop: int) -> RowTimes:
        """Give the times of consecutive rows; the same object each time, so that variables share its work."""
        if (start, stop) not in self._parts:
            self._parts[start, stop] = RowTimes(self.times[start:stop])
        return self._parts[start, stop]

    @cached_property
    def earliest(self) -> int:
        """The earliest of them."""
        return min(self.times)

    @cached_property
    def latest(self) -> int:
        """The latest of them."""
        return max(self.times)

    @cached_property
    def array(self) -> NDArray[np.int64]:
        """The times as an array."""
        return np.asarray(self.times, dtype=np.int64)

    @cached_property
    def order(self) -> NDArray[np.int64] | None:
        """The rows in the order of time; `None` when they are in it."""
        times = self.array
        if (times[1:] >= times[:-1]).all():
            return None
        return np.argsort(times, kind="stable")

    @cached_property
    def _order(self) -> list[int] | None:
        if list(self.times) == sorted(self.times):
            return None
        return sorted(range(len(self.times)), key=self.times.__getitem__)

    @cached_property
    def counts(self) -> Mapping[int, int]:
        """How many rows each instant has."""
        return Counter(self.times)

    def lasts(self, values: Sequence[Key], keys: Sequence[Key]) -> list[int]:
        """Give the latest time of each key.

        Args:
            values: The key of each row.
            keys: The distinct ones, in order of first occurrence.
        """
        if self._order is None:
            return list(dict(zip(values, self.times, strict=True)).values())
        last = {values[row]: self.times[row] for row in self._order}
        return [last[key] for key in keys]

    def firsts(self, values: Sequence[Key], keys: Sequence[Key]) -> list[int]:
        """Give the earliest time of each key; see `lasts`."""
        if self._order is None:
            first = dict(zip(reversed(values), reversed(self.times), strict=True))
        else:
            first = {values[row]: self.times[row] for row in reversed(self._order)}
        return [first[key] for key in keys]


def lifted(times: Sequence[int], latest: int | None) -> list[int]:
    """Give for each row the latest time known when it comes.

    With ageing, a row that comes late counts as seen at that time: what is forgotten depends on when we
    heard of a value last, and time never goes back for it.
    """
    if latest is None:
        return list(accumulate(times, max))
    return list(accumulate(times, max, initial=latest))[1:]


def slots_of(times: Sequence[int], width: int) -> Iterator[tuple[int, int]]:
    """Cut rows where time passes from one slot of a width to the next.

    Args:
        times: They never go back.
        width: Of a slot.

    Yields:
        Begin and end of consecutive rows of one slot.
    """
    start = 0
    while start < len(times):
        slot = times[start] // width
        stop = len(times)
        if times[-1] // width != slot:
            stop = start + 1
            while times[stop] // width == slot:
                stop += 1
        yield start, stop
        start = stop
