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

__all__ = ["RowTimes", "slots_of"]


class RowTimes:
    """Times of rows, in microseconds, in the order of the rows; they may go back."""

    def __init__(self, times: Sequence[int]) -> None:
        self.times = times

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

    def last_of(self, keys: Sequence[Key]) -> dict[Key, int]:
        """Give for each key its latest time."""
        if self._order is None:
            return dict(zip(keys, self.times, strict=True))
        return {keys[row]: self.times[row] for row in self._order}

    def first_of(self, keys: Sequence[Key]) -> dict[Key, int]:
        """Give for each key its earliest time."""
        if self._order is None:
            return dict(zip(reversed(keys), reversed(self.times), strict=True))
        return {keys[row]: self.times[row] for row in reversed(self._order)}


def slots_of(times: Sequence[int], latest: int | None, width: int) -> Iterator[tuple[int, int, list[int]]]:
    """Cut rows where time passes from one slot of a width to the next.

    A row that comes late counts as seen at the latest time known: what is forgotten depends on when we
    heard of a value last, and time never goes back for it.

    Yields:
        Begin and end of consecutive rows of one slot, and their times.
    """
    lifted = list(accumulate(times, max) if latest is None else accumulate(times, max, initial=latest))
    lifted = lifted[len(lifted) - len(times) :]
    start = 0
    while start < len(lifted):
        stop = start
        slot = lifted[start] // width
        if lifted[-1] // width == slot:
            stop = len(lifted)
        else:
            while lifted[stop] // width == slot:
                stop += 1
        yield start, stop, lifted[start:stop]
        start = stop
