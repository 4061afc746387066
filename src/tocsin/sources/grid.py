"""The grid of a series: slots at `anchor + k · interval`, and what several rows in a slot become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tocsin.sources.spec import Aggregate, Align

__all__ = ["Grid", "aggregate_runs"]


@dataclass(frozen=True, slots=True)
class Grid:
    """Slots of one length; all times in milliseconds since the epoch.

    >>> grid = Grid(anchor=3, interval=10)
    >>> grid.floor(-8), grid.floor(3), grid.ceil(4)
    (-17, 3, 13)
    """

    anchor: int
    interval: int
    align: Align = "floor"

    @property
    def shift(self) -> int:
        """How long before a slot's time its rows begin: half an interval when they go to the nearest."""
        return self.interval // 2 if self.align == "nearest" else 0

    def floor(self, time: int) -> int:
        """Give the last slot that is not after a time."""
        return time - (time - self.anchor) % self.interval

    def ceil(self, time: int) -> int:
        """Give the first slot that is not before a time."""
        return time + (self.anchor - time) % self.interval

    def slot(self, time: int) -> int:
        """Give the slot that a row of this time falls into."""
        return self.floor(time + self.shift)

    def slots(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the slots that rows of these times fall into."""
        shifted = times + self.shift
        return shifted - (shifted - self.anchor) % self.interval


def aggregate_runs(
    values: NDArray[np.float64], starts: NDArray[np.int64], how: Aggregate
) -> NDArray[np.float64]:
    """Make one value out of each run of rows.

    `last` takes the run's last row as it is, NULL too: a later row corrects an earlier one. The others
    leave NULL out, as SQL does: without any value `count` is 0 and the rest is NULL.

    Args:
        values: float64, NaN for NULL, in the order of time.
        starts: Where each run begins, rising, the first 0; no run is empty.
        how: The name of the aggregate.

    Returns:
        float64, one for each run.
    """
    if how == "last":
        lasts: NDArray[np.float64] = values[np.append(starts[1:], len(values)) - 1]
        return lasts
    known = ~np.isnan(values)
    counts = np.add.reduceat(known.astype(np.int64), starts)
    if how == "count":
        return counts.astype(np.float64)
    if how in ("min", "max"):
        # fmin and fmax leave NaN out, and give it when there is nothing else.
        reduced = (np.fmin if how == "min" else np.fmax).reduceat(values, starts)
        return np.asarray(reduced, dtype=np.float64)
    with np.errstate(over="ignore"):
        sums = np.add.reduceat(np.where(known, values, 0.0), starts)
    with np.errstate(invalid="ignore"):  # nothing divided by nothing is NULL, and so is what overflows
        result = sums / counts if how == "mean" else np.where(counts > 0, sums, np.nan)
    return np.where(np.isfinite(result), result, np.nan)
