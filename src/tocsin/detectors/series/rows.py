"""Summaries of windows held as rows of a matrix: the plain way, in O(W log W) a window.

It serves small data, where loading compiled code costs more than it saves, and the modes that need
every value of a window at once: weights, a trend, protected windows. Each row is summed up by itself
and in a fixed order, so the result for a row does not depend on the rows around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tocsin.detectors.series.statistic import Statistic, Summary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["MAD_TO_STD", "line_ends", "summarize_rows"]

MAD_TO_STD = 1.4826
"""Makes the MAD of normal data its standard deviation: 1 / Φ⁻¹(3/4)."""


def summarize_rows(statistic: Statistic, rows: Floats, weights: Floats | None = None) -> Summary:
    """Sum up each row.

    Args:
        statistic: Which centre and spread.
        rows: Shape (r, W); NaN is left out.
        weights: Shape (W,), positive, the weight of each column; `None`: all the same.
    """
    count = np.count_nonzero(~np.isnan(rows), axis=1).astype(np.int64)
    if rows.size == 0:
        empty = np.full(len(rows), np.nan)
        return Summary(count, empty, empty.copy())
    if statistic is Statistic.MOMENTS:
        center, spread = _moments(rows, count, weights)
    elif statistic is Statistic.QUARTILES:
        lower, upper = _quantiles(rows, count, weights, (0.25, 0.75))
        center, spread = 0.5 * (lower + upper), upper - lower
    else:
        (center,) = _quantiles(rows, count, weights, (0.5,))
        (deviation,) = _quantiles(np.abs(rows - center[:, None]), count, weights, (0.5,))
        spread = MAD_TO_STD * deviation
    return Summary(count, center, spread)


def _quantiles(
    rows: Floats, count: NDArray[np.int64], weights: Floats | None, shares: tuple[float, ...]
) -> list[Floats]:
    if weights is None:
        ordered = np.sort(rows, axis=1)  # NaN goes to the end
        return [_linear(ordered, np.maximum(count - 1, 0) * share) for share in shares]
    order = np.argsort(rows, axis=1, kind="stable")
    ordered = np.take_along_axis(rows, order, axis=1)
    heavy = np.where(np.isnan(ordered), 0.0, weights[order])
    # A value lies at the middle of its weight, the first at share 0, the last at 1; equal values lie in
    # the order of their age. With equal weights these are the linear quantiles.
    position = np.cumsum(heavy, axis=1) - 0.5 * heavy
    last = np.maximum(count - 1, 0)
    first_at, last_at = position[:, 0], np.take_along_axis(position, last[:, None], axis=1)[:, 0]
    found = []
    for share in shares:
        target = first_at + (last_at - first_at) * share
        left = np.count_nonzero(position <= target[:, None], axis=1) - 1
        left = np.clip(left, 0, np.maximum(last - 1, 0))
        right = np.minimum(left + 1, last)
        from_, to = (np.take_along_axis(position, at[:, None], axis=1)[:, 0] for at in (left, right))
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.where(to > from_, (target - from_) / (to - from_), 0.0)
        found.append(_linear(ordered, left + np.clip(part, 0.0, 1.0)))
    return found


def _linear(ordered: Floats, rank: Floats) -> Floats:
    """Give the value at a rank (from 0) of each row, on the line between its neighbours."""
    left = np.floor(rank)
    part = rank - left
    low = left.astype(np.int64)
    high = np.where(part > 0.0, low + 1, low)
    a = np.take_along_axis(ordered, low[:, None], axis=1)[:, 0]
    b = np.take_along_axis(ordered, high[:, None], axis=1)[:, 0]
    return a + part * (b - a)


def _moments(rows: Floats, count: NDArray[np.int64], weights: Floats | None) -> tuple[Floats, Floats]:
    valid = ~np.isnan(rows)
    heavy = np.where(valid, 1.0 if weights is None else weights, 0.0)
    values = np.where(valid, rows, 0.0)
    # A power of two keeps squares of huge and tiny values within range, and changes no digit.
    _, exponent = np.frexp(np.max(np.abs(values), axis=1))
    scaled = np.ldexp(values, -exponent[:, None])
    total, squares = _sums(heavy), _sums(heavy * heavy)
    with np.errstate(invalid="ignore", divide="ignore", under="ignore"):
        center = _sums(heavy * scaled) / total
        deviation = np.where(valid, scaled - center[:, None], 0.0)
        # For equal weights the divisor is n - 1; for others its extension to reliability weights.
        divisor = total - squares / total
        variance = _sums(heavy * deviation * deviation) / divisor
        spread = np.where(count > 1, np.sqrt(variance), np.nan)
        return np.ldexp(center, exponent), np.ldexp(spread, exponent)


def _sums(matrix: Floats) -> Floats:
    """Add up each row from left to right, so that nothing but the row decides the order."""
    return np.cumsum(matrix, axis=1)[:, -1]


def line_ends(rows: Floats) -> tuple[Floats, Floats]:
    """Fit a line to each row by least squares.

    Returns:
        The line at every place of the rows, shape (r, W), and its value one place after the last,
        shape (r,). Rows with fewer than two values have the line zero.
    """
    valid = ~np.isnan(rows)
    count = np.count_nonzero(valid, axis=1)
    place = np.arange(rows.shape[1], dtype=np.float64) - rows.shape[1]
    with np.errstate(invalid="ignore", divide="ignore", over="ignore", under="ignore"):
        x = np.where(valid, place, 0.0)
        y = np.where(valid, rows, 0.0)
        mean_x, mean_y = _sums(x) / count, _sums(y / count[:, None])
        dx = np.where(valid, place - mean_x[:, None], 0.0)
        dy = np.where(valid, rows - mean_y[:, None], 0.0)
        slope = _sums(dx * dy) / _sums(dx * dx)
        enough = count > 1
        slope = np.where(enough, slope, 0.0)
        start = np.where(enough, mean_y, 0.0)
        middle = np.where(enough, mean_x, 0.0)
        return start[:, None] + slope[:, None] * (place - middle[:, None]), start - slope * middle
