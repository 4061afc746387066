"""Every built-in detector keeps the contract, with many sets of parameters."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from tocsin.detectors import BaseDetector, IQRDetector, MADDetector, ManualBoundsDetector, ZScoreDetector
from tocsin.testing.detectors import DetectorContract

_SMALL: dict[str, Any] = {"window_size": 60, "min_samples": 20}
_HOURS: dict[str, Any] = {**_SMALL, "min_samples_per_group": 3}

_CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "small windows": _SMALL,
    "an odd window": {"window_size": 37, "min_samples": 5, "threshold": 1.0},
    "a short window": {"window_size": 7, "min_samples": 2},
    "hours": {**_HOURS, "seasonality_components": ["hour"]},
    "two groups": {**_HOURS, "seasonality_components": ["hour", ["is_weekend", "hour"]]},
    "floors": {**_SMALL, "min_spread": 1.5, "min_deviation": 20.0, "quantum": 0},
    "no floors": {**_SMALL, "quantum": 0},
    "linear weights": {**_SMALL, "window_weights": "linear"},
    "faded hours": {**_HOURS, "window_weights": "exponential", "seasonality_components": ["hour"]},
    "without a trend": {**_SMALL, "detrend": "linear"},
    "smoothed": {**_SMALL, "smoothing": "sma"},
    "changes": {**_SMALL, "input_type": "changes"},
    "absolute changes": {**_SMALL, "input_type": "absolute_changes"},
    "protected": {**_SMALL, "stabilization": "skip", "max_protected": 5},
    "clamped in hours": {**_HOURS, "stabilization": "clamp", "seasonality_components": ["hour"]},
    "all at once": {
        **_HOURS, "input_type": "changes", "smoothing": "sma", "window_weights": "linear",
        "detrend": "linear", "stabilization": "clamp", "seasonality_components": ["hour"],
    },
}  # fmt: skip
_SHIFTING: dict[str, dict[str, Any]] = {
    "multiplied": {
        **_HOURS,
        "seasonality_components": ["hour", "is_weekend"],
        "seasonality_mode": "multiplicative",
    },
    "relative floors": {**_SMALL, "min_relative_spread": 0.01, "min_relative_deviation": 0.1},
    "faded average": {**_SMALL, "smoothing": "ema", "smoothing_window": 3},
    "logarithms": {**_SMALL, "input_type": "log_changes"},
}


class OfWindows(DetectorContract):
    """A window detector, with every parameter set."""

    made: ClassVar[type[BaseDetector]]
    shift_invariant = True

    @pytest.fixture(params=_CASES)
    def detector(self, request: pytest.FixtureRequest) -> BaseDetector:
        return self.made(**_CASES[request.param])


class TestMAD(OfWindows):
    made = MADDetector


class TestZScore(OfWindows):
    made = ZScoreDetector


class TestIQR(OfWindows):
    made = IQRDetector


class TestWhatAShiftChanges(DetectorContract):
    @pytest.fixture(params=_SHIFTING)
    def detector(self, request: pytest.FixtureRequest) -> BaseDetector:
        return MADDetector(**_SHIFTING[request.param])


class TestManualBounds(DetectorContract):
    @pytest.fixture(
        params=[{"lower_bound": 40.0}, {"upper_bound": 90.0}, {"lower_bound": 40, "upper_bound": 90}]
    )
    def detector(self, request: pytest.FixtureRequest) -> BaseDetector:
        return ManualBoundsDetector(**request.param)
