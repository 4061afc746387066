"""The frame of every detector that judges a point by the window before it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tocsin.detectors.base import BATCH_SIZE, BaseDetector, grid_of
from tocsin.detectors.parameters import Parameter, choice, column_groups, integer, number, optional
from tocsin.detectors.series.judge import LARGEST, BandRule, verdict_of
from tocsin.detectors.series.preprocess import judged_series, slots_before, to_value_units
from tocsin.detectors.series.quantum import quantum_of
from tocsin.detectors.series.seasonality import group_codes
from tocsin.detectors.series.summaries import WindowRule, bands_of
from tocsin.errors import DetectorError
from tocsin.model import Detections, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tocsin.detectors.series.statistic import Statistic
    from tocsin.model import SeriesData

__all__ = ["WINDOW_PARAMETERS", "WindowDetector"]

WINDOW_PARAMETERS: Mapping[str, Parameter] = {
    **BATCH_SIZE,
    "window_size": Parameter(100, integer(minimum=1)),
    "min_samples": Parameter(30, integer(minimum=1)),
    "min_spread": Parameter(0.0, number(minimum=0)),
    "min_relative_spread": Parameter(0.0, number(minimum=0)),
    "quantum": Parameter(None, optional(number(minimum=0))),
    "min_deviation": Parameter(0.0, number(minimum=0)),
    "min_relative_deviation": Parameter(0.0, number(minimum=0)),
    "seasonality_components": Parameter((), column_groups),
    "seasonality_mode": Parameter("additive", choice("additive", "multiplicative")),
    "min_samples_per_group": Parameter(10, integer(minimum=1)),
    "input_type": Parameter("values", choice("values", "changes", "absolute_changes", "log_changes")),
    "smoothing": Parameter("none", choice("none", "sma", "ema")),
    "smoothing_window": Parameter(5, integer(minimum=1)),
    "window_weights": Parameter("none", choice("none", "linear", "exponential")),
    "half_life": Parameter(None, optional(number(above=0))),
    "detrend": Parameter("none", choice("none", "linear")),
    "stabilization": Parameter("none", choice("none", "clamp", "skip")),
    "max_protected": Parameter(30, integer(minimum=1)),
}


class WindowDetector(BaseDetector):
    """Judges a point by centre and spread of the window before it.

    A subclass says which `statistic` it uses and how many spreads its bound is from the centre.
    """

    parameters: ClassVar[Mapping[str, Parameter]] = WINDOW_PARAMETERS
    statistic: ClassVar[Statistic]

    @property
    @abstractmethod
    def spreads_to_bound(self) -> float:
        """The half-width of the band in spreads."""

    def _validate_params(self) -> None:
        name = type(self).__name__
        samples, window = self.params["min_samples"], self.params["window_size"]
        if samples > window:
            raise DetectorError(
                f"{name}: min_samples {samples} is more than window_size {window}",
                hint="no window could ever have enough values; lower min_samples",
            )
        if self.params["half_life"] is not None and self.params["window_weights"] != "exponential":
            raise DetectorError(
                f"{name}: half_life is given, but window_weights is {self.params['window_weights']}",
                hint="set window_weights to exponential",
            )

    @property
    def context_slots(self) -> int:
        """How many slots before a point its verdict can depend on.

        The quantum's step is decided up to a window before the point, from the window before that; a
        protected window is built up over one window more.
        """
        windows = 2 if self.params["stabilization"] == "none" else 3
        return windows * int(self.params["window_size"]) - 1 + slots_before(self.params)

    def detect_arrays(self, data: SeriesData) -> Detections:
        """Judge every slot by the window before it.

        Args:
            data: The series, all arrays of length n: `timestamp`, datetime64 (or whole milliseconds since
                1970), rising by one interval; `value`, numbers, NaN where a slot is a gap; and what the
                seasonality needs, see `tocsin.model.SeriesData`.

        Returns:
            Arrays of length n, a verdict (or the reason why there is none) for each slot.

        Raises:
            DetectorError: The arrays differ in length, the timestamps are not an even, rising grid, or
                the series lacks a seasonality column.
        """
        timestamp, value, first_slot, _ = grid_of(data)
        params = self.params
        rule = WindowRule.from_params(self.statistic, params)
        codes = group_codes(data, params["seasonality_components"])
        judged = judged_series(value, params)
        if params["quantum"] is None:
            quantum = quantum_of(np.where(np.isfinite(value), value, np.nan), first_slot, rule.window)
        else:
            quantum = np.full(len(value), params["quantum"])
        with np.errstate(over="ignore"):
            quantum = np.minimum(quantum * judged.scale, LARGEST)
        width = BandRule.from_params(self.spreads_to_bound, params)
        band = bands_of(rule, width, judged.x, codes, quantum, first_slot)
        x = np.where(np.isnan(band.center), np.nan, judged.x)
        if params["input_type"] == "absolute_changes":
            band = band._replace(lower=np.full(len(x), -LARGEST))
        verdict = verdict_of(x, band)
        direction = verdict.direction
        if params["input_type"] == "absolute_changes" and judged.before is not None:
            direction = np.where(value < judged.before, -direction, direction).astype(np.int8)
        missing = ~np.isfinite(value)
        silent = np.isnan(x)
        lower, upper = to_value_units(band.lower, band.upper, judged.before, params["input_type"])
        plain = params["input_type"] == "values" and params["smoothing"] == "none"
        return Detections(
            timestamp=timestamp,
            value=value,
            is_anomaly=direction != 0,
            confidence_lower=_bound(lower, silent),
            confidence_upper=_bound(upper, silent),
            score=verdict.score,
            severity=verdict.severity,
            direction=direction,
            reason=np.where(
                silent, np.where(missing, Reason.MISSING_DATA, Reason.INSUFFICIENT_DATA), Reason.NONE
            ).astype(np.uint8),
            extra={} if plain else {"processed_value": x},
        )


def _bound(bound: NDArray[np.float64], silent: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(silent, np.nan, np.clip(bound, -LARGEST, LARGEST))
