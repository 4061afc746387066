"""Bounds set by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tocsin.detectors.base import BATCH_SIZE, BaseDetector, grid_of
from tocsin.detectors.parameters import Parameter, number, optional
from tocsin.detectors.series.judge import LARGEST, SEVERITY_LIMIT
from tocsin.errors import DetectorError
from tocsin.model import Detections, Reason

if TYPE_CHECKING:
    from tocsin.model import SeriesData

__all__ = ["ManualBoundsDetector"]


class ManualBoundsDetector(BaseDetector):
    """Judges a point by fixed bounds; it needs no history.

    Severity is the distance beyond the bound in units of the width between the bounds; with one bound
    (or two equal ones) in units of its absolute value, or of 1 when it is zero. The score is 1 at a
    bound and 0 in the middle between two; with one bound it is 1 plus the severity, negative inside.

    Args:
        **params: `lower_bound` and `upper_bound`, at least one of them.

    Raises:
        DetectorError: No bound is given, or the lower one is above the upper one.

    >>> import numpy as np
    >>> times = np.array(["2026-01-01T00", "2026-01-01T01"], dtype="datetime64[ms]")
    >>> data = {"timestamp": times, "value": np.array([0.4, 0.9])}
    >>> ManualBoundsDetector(upper_bound=0.8).detect_arrays(data).is_anomaly
    array([False,  True])
    """

    parameters: ClassVar = {
        **BATCH_SIZE,
        "lower_bound": Parameter(None, optional(number())),
        "upper_bound": Parameter(None, optional(number())),
    }

    def _validate_params(self) -> None:
        lower, upper = self.params["lower_bound"], self.params["upper_bound"]
        if lower is None and upper is None:
            raise DetectorError(
                "ManualBoundsDetector has no bounds", hint="give lower_bound, upper_bound or both"
            )
        if lower is not None and upper is not None and lower > upper:
            raise DetectorError(
                f"ManualBoundsDetector: lower_bound {lower:g} is above upper_bound {upper:g}",
                hint="swap them",
            )

    @property
    def context_slots(self) -> int:
        """No slot before the point matters."""
        return 0

    def detect_arrays(self, data: SeriesData) -> Detections:
        """Judge every slot by the bounds.

        Args:
            data: The series, all arrays of length n: `timestamp`, datetime64 (or whole milliseconds since
                1970), rising by one interval; `value`, numbers, NaN where a slot is a gap.

        Returns:
            Arrays of length n, a verdict (or the reason why there is none) for each slot.

        Raises:
            DetectorError: The arrays differ in length, or the timestamps are not an even, rising grid.
        """
        timestamp, value, _, _ = grid_of(data)
        lower, upper = self.params["lower_bound"], self.params["upper_bound"]
        x = np.where(np.isfinite(value), value, np.nan)
        missing = np.isnan(x)
        with np.errstate(over="ignore", invalid="ignore"):
            above = np.full(len(x), -np.inf) if upper is None else x - upper
            below = np.full(len(x), -np.inf) if lower is None else lower - x
            beyond = np.maximum(above, below)  # the distance beyond the nearer bound; negative inside
            unit, half = self._units()
            severity = np.minimum(np.maximum(beyond, 0.0) / unit, SEVERITY_LIMIT)
            score = np.clip(1.0 + beyond / half, -SEVERITY_LIMIT, SEVERITY_LIMIT)
        is_anomaly = beyond > 0.0
        direction = np.where(is_anomaly, np.where(above > 0.0, 1, -1), 0)
        return Detections(
            timestamp=timestamp,
            value=value,
            is_anomaly=is_anomaly,
            confidence_lower=np.where(missing, np.nan, np.nan if lower is None else lower),
            confidence_upper=np.where(missing, np.nan, np.nan if upper is None else upper),
            score=score,
            severity=np.where(missing, 0.0, severity),
            direction=direction.astype(np.int8),
            reason=np.where(missing, Reason.MISSING_DATA, Reason.NONE).astype(np.uint8),
        )

    def _units(self) -> tuple[float, float]:
        """Give the unit of the severity, and the length by which the score rises by one."""
        lower, upper = self.params["lower_bound"], self.params["upper_bound"]
        if lower is not None and upper is not None and lower < upper:
            return min(upper - lower, LARGEST), upper / 2 - lower / 2
        unit = abs(upper if lower is None else lower) or 1.0
        return unit, unit
