"""Rolling median, MAD and quartiles of groups, from windows that are kept in order.

Plain functions over arrays, compiled by numba. An ordered window is a tiered vector (M. T. Goodrich and
J. G. Kloss, "Tiered vectors", 1999): blocks of 2**shift values, all full but the last, each a ring with
a head. A rank is found in O(1); to replace a value, O(block) values move in the first and the last block
concerned, and one in each block between them. Order statistics are exact, so results do not depend on
how a window came about.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Vectors = tuple[Floats, Ints, Ints, Ints]

__all__ = ["HELPERS", "most_in_window", "rolling_mad", "rolling_quartiles"]


def _at(values: Floats, heads: Ints, first: int, shift: int, rank: int) -> float:
    """Give the value of a rank (from 0) in the vector whose first block is `first`."""
    block = first + (rank >> shift)
    return values[(block << shift) + ((heads[block] + rank) & ((1 << shift) - 1))]  # type: ignore[no-any-return]


def _rank_of(values: Floats, heads: Ints, first: int, shift: int, size: int, value: float) -> int:
    """Count the values that are smaller."""
    low, high = 0, size
    while low < high:
        middle = (low + high) >> 1
        if _at(values, heads, first, shift, middle) < value:
            low = middle + 1
        else:
            high = middle
    return low


def _down(values: Floats, start: int, head: int, mask: int, low: int, high: int) -> None:
    """Move the values of places (low, high] of a ring one place down."""
    for place in range(low, high):
        values[start + ((head + place) & mask)] = values[start + ((head + place + 1) & mask)]


def _up(values: Floats, start: int, head: int, mask: int, low: int, high: int) -> None:
    """Move the values of places [low, high) of a ring one place up."""
    for place in range(high, low, -1):
        values[start + ((head + place) & mask)] = values[start + ((head + place - 1) & mask)]


def _replace(values: Floats, heads: Ints, first: int, shift: int, old: int, new: int, value: float) -> None:
    """Take out the value of rank `old`, and put one in so that it has rank `new` afterwards."""
    mask = (1 << shift) - 1
    block, last = first + (old >> shift), first + (new >> shift)
    start, head = block << shift, heads[block]
    if block == last:
        _down(values, start, head, mask, old & mask, new & mask)
        _up(values, start, head, mask, new & mask, old & mask)
    elif old < new:
        _down(values, start, head, mask, old & mask, mask)
        hole = start + ((head + mask) & mask)
        for block in range(block + 1, last):  # noqa: B020 - it goes on from there
            start, head = block << shift, heads[block]
            values[hole] = values[start + head]
            hole = start + head
            heads[block] = (head + 1) & mask
        start, head = last << shift, heads[last]
        values[hole] = values[start + head]
        _down(values, start, head, mask, 0, new & mask)
    else:
        _up(values, start, head, mask, 0, old & mask)
        hole = start + head
        for block in range(block - 1, last, -1):  # noqa: B020
            start, head = block << shift, (heads[block] + mask) & mask
            values[hole] = values[start + head]
            hole = start + head
            heads[block] = head
        start, head = last << shift, heads[last]
        values[hole] = values[start + ((head + mask) & mask)]
        _up(values, start, head, mask, new & mask, mask)
    values[start + ((head + new) & mask)] = value


def _exchange(values: Floats, start: int, size: int, gone: float, value: float) -> None:
    """Replace a value in a vector of one block, which is a plain sorted array.

    Both ranks are counted in one pass: that is vectorised, and no branch of it is mispredicted, which makes
    it twice as fast as two searches. Places are unsigned, since of a signed one numba asks each time
    whether it is negative.
    """
    old, new = 0, 0
    for place in range(start, start + size):
        found = values[np.uintp(place)]
        old += 1 if found < gone else 0
        new += 1 if found < value else 0
    if gone < value:
        new -= 1
    for place in range(start + old, start + new):
        values[np.uintp(place)] = values[np.uintp(place + 1)]
    for place in range(start + old, start + new, -1):
        values[np.uintp(place)] = values[np.uintp(place - 1)]
    values[np.uintp(start + new)] = value


def _between(values: Floats, heads: Ints, first: int, shift: int, rank: float) -> float:
    """Give the value at a rank, on the line between its neighbours."""
    low = math.floor(rank)
    part = rank - low
    a = _at(values, heads, first, shift, low)
    b = _at(values, heads, first, shift, low + 1) if part > 0.0 else a
    return a + part * (b - a)


def _deviation(
    values: Floats, heads: Ints, first: int, shift: int, size: int, center: float, hint: int
) -> tuple[float, int]:
    """Give the median distance from the centre.

    The k values closest to the centre are neighbours in the order; a search finds where they begin,
    starting from where they began last time (`hint`; it changes the speed only).
    """
    half = (size - 1) >> 1
    low, high = 0, size - 1 - half  # they begin at the first place where the value before is not closer
    probe, step = hint, 1
    while low < high:
        probe = min(max(probe, low), high - 1)
        left = center - _at(values, heads, first, shift, probe)
        right = _at(values, heads, first, shift, probe + half + 1) - center
        if left > right:
            low = probe + 1
            probe = min(probe + step, (low + high) >> 1)
        else:
            high = probe
            probe = max(probe - step, (low + high) >> 1)
        step *= 2
    left = center - _at(values, heads, first, shift, low)
    right = _at(values, heads, first, shift, low + half) - center
    middle = max(left, right)
    if size & 1 == 0:
        following = math.inf
        if low > 0:
            following = center - _at(values, heads, first, shift, low - 1)
        if low + half + 1 < size:
            following = min(following, _at(values, heads, first, shift, low + half + 1) - center)
        middle = middle + 0.5 * (following - middle)
    return middle, low


def _slide(x: Floats, codes: Ints, window: int, slot: int, shift: int, vectors: Vectors) -> None:
    """Let the window before `slot` become the window before the next: one slot enters, one leaves."""
    values, heads, firsts, sizes = vectors
    group, value = codes[slot], x[slot]
    gone = math.nan
    gone_group = group
    if slot >= window:
        gone_group, gone = codes[slot - window], x[slot - window]
    enters, leaves = not math.isnan(value), not math.isnan(gone)
    if leaves:
        first, size = firsts[gone_group], sizes[gone_group]
        if enters and gone_group == group and size < 1 << shift and heads[first] == 0:
            _exchange(values, first << shift, size, gone, value)
            return
        old = _rank_of(values, heads, first, shift, size, gone)
        if enters and gone_group == group:
            new = _rank_of(values, heads, first, shift, size, value)
            _replace(values, heads, first, shift, old, new - 1 if gone < value else new, value)
            return
        _replace(values, heads, first, shift, old, size - 1, math.inf)
        sizes[gone_group] = size - 1
    if enters:
        first, size = firsts[group], sizes[group]
        new = _rank_of(values, heads, first, shift, size, value)
        _replace(values, heads, first, shift, size, new, value)
        sizes[group] = size + 1


HELPERS = (_at, _rank_of, _down, _up, _replace, _exchange, _between, _deviation, _slide)


def most_in_window(x: Floats, codes: Ints, window: int, now: Ints, most: Ints) -> None:
    """Count the most valid slots of each group in any window; `now` is scratch, both begin with 0."""
    for slot in range(len(x)):
        if slot >= window and not math.isnan(x[slot - window]):
            now[codes[slot - window]] -= 1
        if not math.isnan(x[slot]):
            group = codes[slot]
            now[group] += 1
            most[group] = max(most[group], now[group])


def rolling_mad(
    x: Floats,
    codes: Ints,
    window: int,
    shift: int,
    vectors: Vectors,
    count: Ints,
    center: Floats,
    spread: Floats,
) -> None:
    """Give, for each slot, median and MAD of the slots of its group in the window before it.

    Args:
        x: The series, NaN where missing.
        codes: The group of each slot, from 0.
        window: In slots.
        shift: Blocks hold 2**shift values.
        vectors: Scratch: the values of all blocks; the head of each block, all 0; the first block of
            each group; the size of each group, all 0.
        count: Result: valid slots.
        center: Result: their median; not set for none.
        spread: Result: their median absolute deviation; not set for none.
    """
    values, heads, firsts, sizes = vectors
    hints = sizes.copy()
    for slot in range(len(x)):
        group = codes[slot]
        size, first = sizes[group], firsts[group]
        count[slot] = size
        if size > 0:
            center[slot] = _between(values, heads, first, shift, 0.5 * (size - 1))
            spread[slot], hints[group] = _deviation(
                values, heads, first, shift, size, center[slot], hints[group]
            )
        _slide(x, codes, window, slot, shift, vectors)


def rolling_quartiles(
    x: Floats,
    codes: Ints,
    window: int,
    shift: int,
    vectors: Vectors,
    count: Ints,
    lower: Floats,
    upper: Floats,
) -> None:
    """Give, for each slot, the quartiles of the slots of its group in the window before it.

    Args:
        x: The series, NaN where missing.
        codes: The group of each slot, from 0.
        window: In slots.
        shift: Blocks hold 2**shift values.
        vectors: As for `rolling_mad`.
        count: Result: valid slots.
        lower: Result: their first quartile; not set for none.
        upper: Result: their third quartile; not set for none.
    """
    values, heads, firsts, sizes = vectors
    for slot in range(len(x)):
        group = codes[slot]
        size, first = sizes[group], firsts[group]
        count[slot] = size
        if size > 0:
            lower[slot] = _between(values, heads, first, shift, 0.25 * (size - 1))
            upper[slot] = _between(values, heads, first, shift, 0.75 * (size - 1))
        _slide(x, codes, window, slot, shift, vectors)
