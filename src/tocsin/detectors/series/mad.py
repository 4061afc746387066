"""Median and median absolute deviation."""

from __future__ import annotations

from typing import ClassVar

from tocsin.detectors.parameters import Parameter, number
from tocsin.detectors.series.statistic import Statistic
from tocsin.detectors.series.window import WINDOW_PARAMETERS, WindowDetector

__all__ = ["MADDetector"]


class MADDetector(WindowDetector):
    """Judges a point by median ± threshold · 1.4826 · MAD of the slots before it.

    The factor makes the MAD of normal data its standard deviation; a threshold from a tool without it
    is multiplied by 0.6745. Median and MAD stand up to half of the window being anomalous
    (F. R. Hampel, "The influence curve and its role in robust estimation", JASA 69, 1974).

    Args:
        **params: See `docs/detectors.md`: `threshold` (3.0) and those of every window detector.

    >>> import numpy as np
    >>> hours = np.datetime64("2026-01-01T00", "ms") + np.arange(48) * np.timedelta64(3_600_000, "ms")
    >>> values = np.where(np.arange(48) == 47, 25.0, 10.0 + np.arange(48) % 3)
    >>> found = MADDetector().detect_arrays({"timestamp": hours, "value": values})
    >>> bool(found.is_anomaly[47]), float(found.confidence_upper[47])
    (True, 15.4478)
    """

    parameters: ClassVar = {**WINDOW_PARAMETERS, "threshold": Parameter(3.0, number(above=0))}
    statistic: ClassVar = Statistic.MAD

    @property
    def spreads_to_bound(self) -> float:
        """The half-width of the band in spreads."""
        return float(self.params["threshold"])
