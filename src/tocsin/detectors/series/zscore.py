"""Mean and standard deviation."""

from __future__ import annotations

from typing import ClassVar

from tocsin.detectors.parameters import Parameter, number
from tocsin.detectors.series.statistic import Statistic
from tocsin.detectors.series.window import WINDOW_PARAMETERS, WindowDetector
from tocsin.errors import DetectorError

__all__ = ["ZScoreDetector"]

_LEAST_SAMPLES = 2  # one value has no standard deviation


class ZScoreDetector(WindowDetector):
    """Judges a point by mean ± threshold · standard deviation (ddof 1) of the slots before it.

    Args:
        **params: See `docs/detectors.md`: `threshold` (3.0) and those of every window detector.

    >>> import numpy as np
    >>> hours = np.datetime64("2026-01-01T00", "ms") + np.arange(48) * np.timedelta64(3_600_000, "ms")
    >>> values = np.where(np.arange(48) == 47, 25.0, 10.0 + np.arange(48) % 3)
    >>> found = ZScoreDetector().detect_arrays({"timestamp": hours, "value": values})
    >>> np.flatnonzero(found.is_anomaly)
    array([47])
    """

    parameters: ClassVar = {**WINDOW_PARAMETERS, "threshold": Parameter(3.0, number(above=0))}
    statistic: ClassVar = Statistic.MOMENTS

    def _validate_params(self) -> None:
        super()._validate_params()
        for name in ("min_samples", "min_samples_per_group"):
            if self.params[name] < _LEAST_SAMPLES:
                raise DetectorError(
                    f"ZScoreDetector: {name} is {self.params[name]}", hint="a standard deviation needs 2"
                )

    @property
    def spreads_to_bound(self) -> float:
        """The half-width of the band in spreads."""
        return float(self.params["threshold"])
