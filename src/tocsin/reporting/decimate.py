"""Fewer points for the same picture: the first, last, least and greatest of each pixel column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["envelope", "pixel_columns", "shown"]


def pixel_columns(timestamp: NDArray[np.datetime64], columns: int) -> NDArray[np.intp]:
    """Give for each point the column of the picture in which it lies.

    Args:
        timestamp: Rising times, length n.
        columns: How many columns the first to the last time fill.

    Returns:
        Rising numbers in [0, columns), length n.
    """
    if timestamp.size == 0:
        return np.zeros(0, dtype=np.intp)
    since = (timestamp - timestamp[0]).astype(np.float64)
    share = since / since[-1] if since[-1] > 0 else since
    column: NDArray[np.intp] = np.minimum((share * columns).astype(np.intp), columns - 1)
    return column


def shown(value: NDArray[np.float64], column: NDArray[np.intp]) -> NDArray[np.intp]:
    """Choose the points that make the same line as all points do.

    Of each column these are kept: the first, the last, the least and the greatest value, and the first
    missing one (so that a gap stays a gap). At most five points a column, in one pass.

    Args:
        value: Length n, NaN where missing.
        column: Rising column numbers, length n.

    Returns:
        Rising indices into `value`.
    """
    if value.size == 0:
        return np.zeros(0, dtype=np.intp)
    starts = _starts(column)
    ends = np.append(starts[1:], value.size) - 1
    missing = np.isnan(value)
    keep = np.zeros(value.size, dtype=np.bool_)
    keep[starts] = True
    keep[ends] = True
    lengths = ends - starts + 1
    for extreme in (np.fmin, np.fmax):
        at = value == np.repeat(extreme.reduceat(value, starts), lengths)
        keep[_first_of_each(at, column)] = True
    keep[_first_of_each(missing, column)] = True
    return np.flatnonzero(keep)


def envelope(
    lower: NDArray[np.float64], upper: NDArray[np.float64], column: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Give the widest band of each column.

    Args:
        lower: Length n, NaN where there is none.
        upper: Likewise.
        column: Rising column numbers, length n.

    Returns:
        Index of the first point, least `lower` and greatest `upper` of each column that has points.
    """
    if lower.size == 0:
        return np.zeros(0, dtype=np.intp), lower, upper
    starts = _starts(column)
    return starts, np.fmin.reduceat(lower, starts), np.fmax.reduceat(upper, starts)


def _starts(column: NDArray[np.intp]) -> NDArray[np.intp]:
    return np.concatenate([[0], np.flatnonzero(np.diff(column)) + 1]).astype(np.intp)


def _first_of_each(chosen: NDArray[np.bool_], column: NDArray[np.intp]) -> NDArray[np.intp]:
    """The first chosen point of each column that has one."""
    at = np.flatnonzero(chosen)
    if at.size == 0:
        return at
    first: NDArray[np.intp] = at[np.concatenate([[True], np.diff(column[at]) > 0])]
    return first
