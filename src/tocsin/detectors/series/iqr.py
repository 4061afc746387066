"""Quartiles."""

from __future__ import annotations

from typing import ClassVar

from tocsin.detectors.parameters import Parameter, number
from tocsin.detectors.series.statistic import Statistic
from tocsin.detectors.series.window import WINDOW_PARAMETERS, WindowDetector

__all__ = ["IQRDetector"]


class IQRDetector(WindowDetector):
    """Judges a point by [Q1 - threshold · IQR, Q3 + threshold · IQR] of the slots before it.

    Quartiles are linear (definition 7 of R. J. Hyndman and Y. Fan, "Sample quantiles in statistical
    packages", 1996); the fences are J. W. Tukey's ("Exploratory data analysis", 1977). The centre is
    the middle between the quartiles, the spread the IQR.

    Args:
        **params: See `docs/detectors.md`: `threshold` (1.5) and those of every window detector.

    >>> import numpy as np
    >>> hours = np.datetime64("2026-01-01T00", "ms") + np.arange(48) * np.timedelta64(3_600_000, "ms")
    >>> values = np.where(np.arange(48) == 47, 25.0, 10.0 + np.arange(48) % 3)
    >>> found = IQRDetector().detect_arrays({"timestamp": hours, "value": values})
    >>> float(found.confidence_lower[47]), float(found.confidence_upper[47])
    (7.0, 15.0)
    """

    parameters: ClassVar = {**WINDOW_PARAMETERS, "threshold": Parameter(1.5, number(above=0))}
    statistic: ClassVar = Statistic.QUARTILES

    @property
    def spreads_to_bound(self) -> float:
        """The half-width of the band in spreads: the quartiles are half a spread from the centre."""
        return float(self.params["threshold"]) + 0.5
