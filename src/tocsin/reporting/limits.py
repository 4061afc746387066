"""Which part of the value axis is shown, so that neither a huge spike nor a huge band flattens the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Limits", "value_limits"]

_TOO_TALL = 15.0  # the whole range may be so many times the usual range before it gets a panel of its own
_BAND_SHARE = 0.35  # the band may widen the axis by this share of the values' range on each side
_MARGIN = 0.06


@dataclass(frozen=True, slots=True)
class Limits:
    """The ends of the value axis.

    Attributes:
        low: The lower end of the main panel.
        high: Its upper end.
        whole: Lower and upper end of all values when the main panel cannot show them all, else `None`.
    """

    low: float
    high: float
    whole: tuple[float, float] | None = None


def value_limits(
    value: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> Limits:
    """Choose the ends of the value axis.

    All values are inside, unless their whole range is more than 15 times the range in which 99 % of them
    lie: then the main panel shows the usual range, and `whole` tells what a second panel must show. The
    band is inside as far as it is usual (its 2nd to 98th percentile) and does not take more than 35 % of
    the values' range on either side; below zero only where values are.

    Args:
        value: NaN where missing; may be empty.
        lower: The band's lower end, NaN where there is none; any length.
        upper: Likewise.
    """
    values = value[np.isfinite(value)]
    if values.size == 0:
        values = np.concatenate([_usual(lower, 2, 98), _usual(upper, 2, 98)])
    if values.size == 0:
        return Limits(0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    usual = _usual(values, 0.5, 99.5)
    whole = None
    if float(usual[1]) > float(usual[0]) and high - low > _TOO_TALL * float(usual[1] - usual[0]):
        whole = _widened(low, high)
        low, high = float(usual[0]), float(usual[1])
    room = _BAND_SHARE * (high - low) if high > low else np.inf
    bounds = np.concatenate([_usual(lower, 2, 98), _usual(upper, 2, 98)])
    if bounds.size:
        least = max(float(bounds.min()), low - room)
        low = min(low, max(least, 0.0) if low >= 0 else least)
        high = max(high, min(float(bounds.max()), high + room))
    low, high = _widened(low, high)
    return Limits(low, high, whole)


def _usual(values: NDArray[np.float64], least: float, most: float) -> NDArray[np.float64]:
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return finite
    return np.percentile(finite, [least, most], method="nearest")


def _widened(low: float, high: float) -> tuple[float, float]:
    least = max(abs(low), abs(high)) * 1e-14  # what is less may be rounding alone
    if high - low <= least:  # a constant lies in the middle of an axis that has numbers
        around = abs(low) * 0.1 or 1.0
        return low - around, high + around
    margin = (high - low) * _MARGIN
    return low - margin, high + margin
