"""From centre and spread to a verdict: floors, band, score and severity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["LARGEST", "SEVERITY_LIMIT", "Band", "BandRule", "Verdict", "verdict_of"]

SEVERITY_LIMIT = 1e9
"""Severity and score end here, so that a window without any spread gives finite numbers."""

LARGEST = float(np.finfo(np.float64).max)
"""Bands end here instead of at infinity."""

_ROUNDING = 2.0**-46
"""Spreads below this share of the centre are the rounding of whoever computed the values."""


class Band(NamedTuple):
    """The expected range, one a slot; NaN where there is none."""

    center: Floats
    spread: Floats
    lower: Floats
    upper: Floats


class Verdict(NamedTuple):
    """What the band says about the values."""

    direction: NDArray[np.int8]
    score: Floats
    severity: Floats


@dataclass(frozen=True, slots=True)
class BandRule:
    """How wide a band is.

    Attributes:
        spreads_to_bound: The half-width in spreads.
        min_spread: The least spread.
        min_relative_spread: The least spread as a share of the centre's absolute value.
        min_deviation: The least half-width.
        min_relative_deviation: The least half-width as a share of the centre's absolute value.
    """

    spreads_to_bound: float
    min_spread: float
    min_relative_spread: float
    min_deviation: float
    min_relative_deviation: float

    @classmethod
    def from_params(cls, spreads_to_bound: float, params: Mapping[str, Any]) -> BandRule:
        """Read the rule from the parameters of a detector."""
        return cls(
            spreads_to_bound,
            params["min_spread"],
            params["min_relative_spread"],
            params["min_deviation"],
            params["min_relative_deviation"],
        )

    def band(self, center: Floats, spread: Floats, quantum: Floats) -> Band:
        """Give the band around centres, with spreads raised to their floors.

        Args:
            center: The expected values; NaN gives no band.
            spread: Of the window.
            quantum: The spread floor from the data, 0 where there is none.
        """
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            size = np.abs(center)
            floor = np.maximum(size * max(self.min_relative_spread, _ROUNDING), self.min_spread)
            wide = np.minimum(np.maximum(np.maximum(spread, floor), quantum), LARGEST)
            half = np.maximum(wide * self.spreads_to_bound, self.min_deviation)
            if self.min_relative_deviation:
                half = np.maximum(half, size * self.min_relative_deviation)
            lower = np.maximum(center - half, -LARGEST)
            upper = np.minimum(center + half, LARGEST)
        return Band(center, wide, lower, upper)


def verdict_of(values: Floats, band: Band) -> Verdict:
    """Judge values by their bands. Without a value or a band: inside, score NaN, severity 0."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        above = values > band.upper
        below = values < band.lower
        beyond = np.where(above, values - band.upper, band.lower - values)
        outside = above | below
        severity = np.zeros(len(values))
        severity[outside] = np.minimum(beyond[outside] / band.spread[outside], SEVERITY_LIMIT)
        distance = np.minimum(np.abs(values - band.center), LARGEST)
        half = np.minimum(np.maximum(band.upper - band.center, band.center - band.lower), LARGEST)
        score = np.where(distance == 0.0, distance, np.minimum(distance / half, SEVERITY_LIMIT))
        just_outside = np.nextafter(1.0, 2.0)
        score = np.where(outside, np.maximum(score, just_outside), np.minimum(score, 1.0))
    return Verdict(above.astype(np.int8) - below.astype(np.int8), score, severity)
