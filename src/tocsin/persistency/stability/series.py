"""The change series of a variable: 1 where its value was new, else 0; in bounded memory."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["MOST_RUNS", "ChangeSeries", "TimedChanges"]

MOST_RUNS = 65_536
SEGMENTS = 4
_LARGEST = 2**62


class ChangeSeries:
    """Ones and zeros in order, run-length encoded; past `MOST_RUNS` runs, in blocks of equal length.

    What is kept depends on the series only, never on how many values were added at a time: the blocks
    are as short as their number allows.
    """

    __slots__ = ("_block", "_length", "_ones", "_runs")

    def __init__(self) -> None:
        self._length = 0
        self._runs = array("q")
        """Lengths of runs, by turns of ones and zeros; the first may be 0, if the series begins with 0."""
        self._block = 0
        """How many values a block covers; 0 while runs are exact."""
        self._ones = array("q")
        """The ones of each block."""

    def __len__(self) -> int:
        return self._length

    @property
    def approximate(self) -> bool:
        """Whether only the sums of blocks are known, no longer every value."""
        return self._block > 0

    @property
    def ones(self) -> int:
        """How many values were new."""
        return sum(self._ones) if self._block else sum(self._runs[::2])

    def append(self, count: int, ones: Sequence[int]) -> None:
        """Add values.

        Args:
            count: How many.
            ones: Which of them were new: their positions among the added, ascending.
        """
        if self._block:
            self._append_to_blocks(count, ones)
            return
        runs = self._runs
        if not runs:
            runs.append(0)
        if not ones:
            self._extend(0, count)
        elif len(ones) == count:
            self._extend(1, count)
        else:
            place = 0
            for start, stop in _stretches(ones):
                self._extend(0, start - place)
                self._extend(1, stop - start)
                place = stop
            self._extend(0, count - place)
        self._length += count
        if len(runs) > MOST_RUNS:
            self._to_blocks()

    def _extend(self, value: int, count: int) -> None:
        if count:
            runs = self._runs
            if len(runs) % 2 == value:  # the last run is of this value: ones stand at even places
                runs[-1] += count
            else:
                runs.append(count)

    def runs(self) -> Iterator[tuple[int, int]]:
        """Give value and length of each run in order; from blocks, each as ones and then zeros."""
        if self._block:
            left = self._length
            for ones in self._ones:
                size = min(self._block, left)
                left -= size
                yield from ((value, length) for value, length in ((1, ones), (0, size - ones)) if length)
        else:
            yield from ((1 - place % 2, length) for place, length in enumerate(self._runs) if length)

    def segment_means(self) -> tuple[float, ...]:
        """Give the mean of each of four segments with the borders `i * n // 4`; of an empty one 0."""
        borders = [i * self._length // SEGMENTS for i in range(SEGMENTS + 1)]
        sums = self._ones_before(borders)
        return tuple(
            float(sums[i + 1] - sums[i]) / (borders[i + 1] - borders[i])
            if borders[i + 1] > borders[i]
            else 0.0
            for i in range(SEGMENTS)
        )

    def _ones_before(self, places: Sequence[int]) -> list[float]:
        """Give how many ones there are before each place; inside a run or block in proportion."""
        if self._block:
            sizes = np.full(len(self._ones), self._block, dtype=np.int64)
            if len(sizes):
                sizes[-1] = self._length - self._block * (len(sizes) - 1)
            ones = np.array(self._ones, dtype=np.int64)
        else:
            sizes = np.array(self._runs, dtype=np.int64)
            ones = sizes.copy()
            ones[1::2] = 0
        ends = np.concatenate(([0], np.cumsum(sizes)))
        sums = np.concatenate(([0], np.cumsum(ones)))
        return [float(value) for value in np.interp(places, ends, sums)]

    def _to_blocks(self) -> None:
        block = 1
        while self._length > block * MOST_RUNS:
            block *= 2
        values = np.zeros(-(-self._length // block) * block, dtype=np.int8)
        place = 0
        for index, length in enumerate(self._runs):
            if index % 2 == 0:
                values[place : place + length] = 1
            place += length
        self._ones = array("q", values.reshape(-1, block).sum(axis=1, dtype=np.int64).tobytes())
        self._block = block
        self._runs = array("q")

    def _append_to_blocks(self, count: int, ones: Sequence[int]) -> None:
        length = self._length + count
        while length > self._block * MOST_RUNS:
            self._halve()
        missing = -(-length // self._block) - len(self._ones)
        self._ones.extend([0] * missing)
        if len(ones):
            places = (np.asarray(ones, dtype=np.int64) + self._length) // self._block
            for place, added in zip(*np.unique(places, return_counts=True), strict=True):
                self._ones[int(place)] += int(added)
        self._length = length

    def _halve(self) -> None:
        """Make each two blocks one."""
        if len(self._ones) % 2:
            self._ones.append(0)
        pairs = np.array(self._ones, dtype=np.int64).reshape(-1, 2).sum(axis=1)
        self._ones = array("q", pairs.tobytes())
        self._block *= 2

    def copy(self) -> ChangeSeries:
        """Give an independent copy."""
        other = ChangeSeries()
        other._length, other._block = self._length, self._block
        other._runs, other._ones = self._runs[:], self._ones[:]
        return other

    def state(self) -> tuple[int, int, NDArray[np.int64]]:
        """Give length, block size (0: runs), and the lengths of the runs or the ones of the blocks."""
        return self._length, self._block, np.array(self._ones if self._block else self._runs, dtype=np.int64)

    @classmethod
    def from_state(cls, length: Any, block: Any, numbers: NDArray[np.int64]) -> ChangeSeries:
        """Undo `state`.

        Raises:
            ValueError: It is not the state of a series.
        """
        _check_whole(length, block)
        whole = cls()
        whole._length, whole._block = length, block
        if block:
            right = block & (block - 1) == 0 and len(numbers) == -(-length // block) <= MOST_RUNS
            right = (
                right and bool(((numbers >= 0) & (numbers <= block)).all()) and int(numbers.sum()) <= length
            )
            whole._ones = array("q", numbers.tobytes())
        else:
            right = len(numbers) <= MOST_RUNS and bool((numbers[1:] > 0).all() and (numbers[:1] >= 0).all())
            right = right and sum(numbers.tolist()) == length
            whole._runs = array("q", numbers.tobytes())
        if not right:
            message = f"these are not the runs of a series of {length} values"
            raise ValueError(message)
        return whole


def _check_whole(*numbers: Any) -> None:
    if any(type(number) is not int or not 0 <= number < _LARGEST for number in numbers):
        message = f"{numbers} are not lengths"
        raise ValueError(message)


def _stretches(ones: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give begin and end of each stretch of consecutive positions."""
    start = stop = ones[0]
    for one in ones:
        if one != stop:
            yield start, stop
            start = one
        stop = one + 1
    yield start, stop


class TimedChanges:
    """How many values, and new ones, there were at each instant; past `MOST_RUNS` instants, in wider ones.

    The width is the smallest power of two (microseconds) that leaves no more than `MOST_RUNS` instants,
    so that it depends on the times only, not on their order.
    """

    __slots__ = ("_ones", "_totals", "_width")

    def __init__(self) -> None:
        self._width = 1
        self._totals: dict[int, int] = {}
        self._ones: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._totals)

    @property
    def approximate(self) -> bool:
        """Whether instants were joined."""
        return self._width > 1

    def add(self, counts: Mapping[int, int], ones: Mapping[int, int]) -> None:
        """Add for each instant how many values, and how many new ones."""
        for mine, more in ((self._totals, counts), (self._ones, ones)):
            for time, count in more.items():
                slot = time // self._width
                mine[slot] = mine.get(slot, 0) + count
        while len(self._totals) > MOST_RUNS:
            self._width *= 2
            self._totals, self._ones = _halved(self._totals), _halved(self._ones)

    def segment_means(self) -> tuple[float, ...]:
        """Give the mean of each quarter of the time from the first instant to the last; of an empty one 0."""
        if not self._totals:
            return (0.0,) * SEGMENTS
        slots = np.fromiter(self._totals.keys(), dtype=np.int64)
        totals = np.fromiter(self._totals.values(), dtype=np.int64)
        ones = np.fromiter(map(self._ones.get, self._totals, [0] * len(totals)), dtype=np.int64)
        first, last = int(slots.min()), int(slots.max())
        span = max(1, last - first)
        # Whole numbers: a border that is an instant belongs to the segment it begins.
        places = np.minimum((slots - first) * SEGMENTS // span, SEGMENTS - 1)
        sums = np.bincount(places, weights=ones, minlength=SEGMENTS)
        sizes = np.bincount(places, weights=totals, minlength=SEGMENTS)
        return tuple(float(one / size) if size else 0.0 for one, size in zip(sums, sizes, strict=True))

    def copy(self) -> TimedChanges:
        """Give an independent copy."""
        other = TimedChanges()
        other._width, other._totals, other._ones = self._width, self._totals.copy(), self._ones.copy()
        return other

    def state(self) -> tuple[int, tuple[NDArray[np.int64], ...]]:
        """Give the width of an instant, and for each its slot, its values, its new values."""
        slots = np.fromiter(self._totals.keys(), dtype=np.int64)
        totals = np.fromiter(self._totals.values(), dtype=np.int64)
        ones = np.fromiter((self._ones.get(slot, 0) for slot in self._totals), dtype=np.int64)
        return self._width, (slots, totals, ones)

    @classmethod
    def from_state(cls, width: Any, columns: Sequence[NDArray[np.int64]]) -> TimedChanges:
        """Undo `state`.

        Raises:
            ValueError: It is not the state of timed changes.
        """
        _check_whole(width)
        slots, totals, ones = columns
        whole = cls()
        whole._width = width
        whole._totals = dict(zip(slots.tolist(), totals.tolist(), strict=True))
        whole._ones = {slot: one for slot, one in zip(slots.tolist(), ones.tolist(), strict=True) if one}
        right = width > 0 and width & (width - 1) == 0 and len(whole._totals) == len(slots) <= MOST_RUNS
        if not right or not ((totals > 0) & (ones >= 0) & (ones <= totals)).all():
            message = "these are not the instants of a series"
            raise ValueError(message)
        return whole


def _halved(slots: Mapping[int, int]) -> dict[int, int]:
    halves: dict[int, int] = {}
    for slot, count in slots.items():
        halves[slot // 2] = halves.get(slot // 2, 0) + count
    return halves
