"""Which centre and spread a window is summed up by."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Statistic", "Summary"]


class Statistic(IntEnum):
    """Centre and spread: what they are."""

    MAD = 0
    """Median; 1.4826 times the median absolute deviation from it."""
    QUARTILES = 1
    """Middle between the quartiles; the distance between them."""
    MOMENTS = 2
    """Mean; standard deviation (ddof 1)."""


class Summary(NamedTuple):
    """Windows summed up, one a slot: how many valid values, their centre and their spread.

    Centre and spread are NaN where the window is empty.
    """

    valid: NDArray[np.int64]
    center: NDArray[np.float64]
    spread: NDArray[np.float64]
