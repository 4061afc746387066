"""Rolling mean and standard deviation of groups, exact wherever a run begins.

Plain functions over one-dimensional sequences: run as they are over lists, or compiled by numba over
arrays, with the same bits.

The grid is cut into blocks as long as the window, at absolute multiples of it. Every window reaches
from somewhere in one block to somewhere in the next, so it is the merger of what lies before the border
(summed up backwards from it) and after it (summed up forwards): O(1) a point, and nothing from outside
the window takes part. Updates are Welford's (Technometrics 4, 1962), mergers Chan, Golub and LeVeque's
(1979), on the root of the sum of squares instead of the sum, which neither overflows nor underflows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    Integers = MutableSequence[int]
    Floats = MutableSequence[float]

__all__ = ["HELPERS", "rolling_moments"]


def _hypotenuse(a: float, b: float) -> float:
    """Give the root of a² + b² for a, b >= 0; `math.hypot` has other bits in each runtime."""
    longer = max(a, b)
    if longer == 0.0:
        return 0.0
    ratio = min(a, b) / longer
    return longer * math.sqrt(1.0 + ratio * ratio)


def _push(count: int, mean: float, norm: float, value: float) -> tuple[int, float, float]:
    """Add a value; `norm` is the root of the sum of squared distances from the mean."""
    distance = value - mean
    grown = count + 1
    return grown, mean + distance / grown, _hypotenuse(norm, abs(distance) * math.sqrt(count / grown))


def _merge(
    count: int, mean: float, norm: float, newer_count: int, newer_mean: float, newer_norm: float
) -> tuple[int, float, float]:
    """Merge two parts."""
    if newer_count == 0:
        return count, mean, norm
    if count == 0:
        return newer_count, newer_mean, newer_norm
    total = count + newer_count
    share = newer_count / total
    distance = newer_mean - mean
    between = abs(distance) * math.sqrt(count * share)
    return total, mean + distance * share, _hypotenuse(_hypotenuse(norm, newer_norm), between)


HELPERS = (_hypotenuse, _push, _merge)


def rolling_moments(
    x: Sequence[float],
    codes: Sequence[int],
    window: int,
    phase: int,
    backward: tuple[Integers, Floats, Floats, Integers],
    forward: tuple[Integers, Integers, Floats, Floats],
    count: Integers,
    center: Floats,
    spread: Floats,
) -> None:
    """Sum up, for each slot, the slots of its group in the window before it.

    Args:
        x: The series, NaN where missing.
        codes: The group of each slot, from 0.
        window: In slots.
        phase: The place of the first slot in its block.
        backward: Scratch, four of length `window`: count, mean and norm of a slot's group from there to
            the border, and the next place of that group in the block, or -1.
        forward: Scratch, four of the number of groups: the first place of a group that is in the last
            block and in the window (all -1 at first), count, mean and norm from the border on (all 0).
        count: Result: valid slots.
        center: Result: their mean, NaN for none.
        spread: Result: their standard deviation (ddof 1), NaN for fewer than two.
    """
    back_count, back_mean, back_norm, link = backward
    head, on_count, on_mean, on_norm = forward
    length = len(x)
    for border in range(-phase, length, window):
        for slot in range(max(border - window, 0), max(border, 0)):
            head[codes[slot]] = -1
            on_count[codes[slot]] = 0
            on_mean[codes[slot]] = 0.0
            on_norm[codes[slot]] = 0.0
        for slot in range(border - 1, max(border - window, 0) - 1, -1):
            group = codes[slot]
            place = slot - border + window
            following = head[group]
            n, mean, norm = 0, 0.0, 0.0
            if following >= 0:
                n, mean, norm = back_count[following], back_mean[following], back_norm[following]
            if not math.isnan(x[slot]):
                n, mean, norm = _push(n, mean, norm, x[slot])
            back_count[place], back_mean[place], back_norm[place] = n, mean, norm
            link[place] = following
            head[group] = place
        for slot in range(max(border, 0), min(border + window, length)):
            group = codes[slot]
            place = head[group]
            n, mean, norm = on_count[group], on_mean[group], on_norm[group]
            if place >= 0:
                n, mean, norm = _merge(back_count[place], back_mean[place], back_norm[place], n, mean, norm)
            count[slot] = n
            center[slot] = mean if n > 0 else math.nan
            spread[slot] = norm / math.sqrt(n - 1) if n > 1 else math.nan
            if slot >= window:  # the oldest slot leaves
                head[codes[slot - window]] = link[slot - border]
            if not math.isnan(x[slot]):
                on_count[group], on_mean[group], on_norm[group] = _push(
                    on_count[group], on_mean[group], on_norm[group], x[slot]
                )
