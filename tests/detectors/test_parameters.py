"""Parameters are checked, named in errors, and make the id."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tocsin.detectors import (
    BaseDetector,
    DetectionResult,
    IQRDetector,
    MADDetector,
    ManualBoundsDetector,
    ZScoreDetector,
)
from tocsin.errors import DetectorError
from tocsin.model import Reason
from tocsin.testing.detectors import series_of


@pytest.mark.parametrize(("make", "params", "message"), [
    (MADDetector, {"treshold": 3}, r"no parameter treshold: did you mean threshold\?"),
    (MADDetector, {"zzz": 3}, "no parameter zzz: known are batch_size, detrend"),
    (MADDetector, {"threshold": 0}, "threshold is 0: give a finite number above 0"),
    (MADDetector, {"threshold": float("nan")}, "threshold is nan: give a finite number"),
    (MADDetector, {"threshold": "3"}, "threshold is '3'"),
    (MADDetector, {"threshold": True}, "threshold is True"),
    (MADDetector, {"window_size": 0}, "window_size is 0: give a whole number of at least 1"),
    (MADDetector, {"window_size": 10.5}, "window_size is 10.5"),
    (MADDetector, {"window_size": float("inf")}, "window_size is inf"),
    (MADDetector, {"window_size": None}, "window_size is None"),
    (MADDetector, {"window_size": 20}, "min_samples 30 is more than window_size 20"),
    (ZScoreDetector, {"min_samples": 1}, "min_samples is 1: a standard deviation needs 2"),
    (IQRDetector, {"seasonality_mode": "both"}, "one of additive, multiplicative"),
    (IQRDetector, {"seasonality_components": "hour"}, "a list of columns"),
    (IQRDetector, {"seasonality_components": ["hour", ["hour"]]}, "none of them twice"),
    (IQRDetector, {"seasonality_components": [[]]}, "a list of columns"),
    (IQRDetector, {"seasonality_components": [3]}, "a list of columns"),
    (IQRDetector, {"half_life": 3}, "half_life is given, but window_weights is none"),
    (ManualBoundsDetector, {}, "no bounds"),
    (ManualBoundsDetector, {"lower_bound": 2, "upper_bound": 1}, "lower_bound 2 is above upper_bound 1"),
])  # fmt: skip
def test_a_wrong_parameter_is_refused_in_words(
    make: type[BaseDetector], params: dict[str, Any], message: str
) -> None:
    with pytest.raises(DetectorError, match=message):
        make(**params)


def test_equal_parameters_give_equal_ids_however_they_are_written() -> None:
    written = [
        MADDetector(threshold=4, seasonality_components=["hour", ["is_weekend", "hour"]]),
        MADDetector(
            seasonality_components=[["hour"], ("hour", "is_weekend")], threshold=4.0, window_size=100.0
        ),
    ]

    assert len({detector.get_detector_id() for detector in written}) == 1
    assert MADDetector(threshold=3).get_detector_id() == MADDetector().get_detector_id()


def test_what_changes_results_changes_the_id_and_nothing_else_does() -> None:
    changed: list[dict[str, Any]] = [
        {}, {"threshold": 4}, {"window_size": 200}, {"min_samples": 20}, {"seasonality_components": ["hour"]},
        {"seasonality_components": ["hour"], "seasonality_mode": "multiplicative"}, {"quantum": 0},
        {"input_type": "changes"}, {"stabilization": "clamp"},
    ]  # fmt: skip

    ids = {MADDetector(**params).get_detector_id() for params in changed}

    assert len(ids) == len(changed)
    assert MADDetector(batch_size=10).get_detector_id() == MADDetector().get_detector_id()
    assert ZScoreDetector().get_detector_id() != MADDetector().get_detector_id()


def test_a_new_algorithm_has_a_new_id() -> None:
    class MADDetectorAgain(MADDetector):
        algorithm_version = 2

    MADDetectorAgain.__name__ = "MADDetector"

    assert MADDetectorAgain().get_detector_id() != MADDetector().get_detector_id()


def test_ids_are_the_same_in_every_release() -> None:
    assert MADDetector().get_detector_id() == "bedd2b9e51561bf3"
    assert IQRDetector(threshold=2, window_size=500).get_detector_id() == "af9e7c6cefd41363"


def test_parameters_that_are_not_defaults_are_sorted_json() -> None:
    detector = MADDetector(window_size=50, threshold=2, min_samples=30, batch_size=7)

    assert detector.get_detector_params() == '{"threshold": 2.0, "window_size": 50}'
    assert repr(detector) == "MADDetector(threshold=2.0, window_size=50)"


def test_a_result_gives_its_metadata_as_sorted_json() -> None:
    at = np.datetime64("2026-03-01T00:00:00.000", "ms")

    assert DetectionResult(at, 1.0, is_anomaly=False).to_dict()["detection_metadata"] == "{}"
    noisy = DetectionResult(at, 1.0, is_anomaly=True, detection_metadata={"b": 1, "a": "x"})
    assert noisy.to_dict()["detection_metadata"] == '{"a": "x", "b": 1}'


def test_an_anomaly_tells_direction_score_and_severity() -> None:
    last = MADDetector().detect(series_of([*([5.0] * 100), 50.0]))[-1]

    metadata = json.loads(last.to_dict()["detection_metadata"])
    assert metadata == {"direction": "up", "score": 15.0, "severity": 42.0}
    assert (last.value, last.is_anomaly, last.confidence_lower, last.confidence_upper) == (
        50.0,
        True,
        2.0,
        8.0,
    )


def test_one_bound_is_enough() -> None:
    found = ManualBoundsDetector(lower_bound=10).detect_arrays(series_of([10.0, 9.0, 1e9, float("nan")]))

    assert found.is_anomaly.tolist() == [False, True, False, False]
    assert found.severity.tolist() == [0.0, 0.1, 0.0, 0.0]
    assert found.reason.tolist() == [0, 0, 0, Reason.MISSING_DATA]
    assert np.isnan(found.confidence_upper).all()


def test_severity_by_hand_is_in_widths_of_the_band() -> None:
    found = ManualBoundsDetector(lower_bound=0, upper_bound=10).detect_arrays(series_of([15.0, -20.0, 5.0]))

    assert found.severity.tolist() == [0.5, 2.0, 0.0]
    assert found.direction.tolist() == [1, -1, 0]
    assert found.score.tolist() == [2.0, 5.0, 0.0]


def test_a_bound_of_zero_counts_in_ones() -> None:
    found = ManualBoundsDetector(upper_bound=0).detect_arrays(series_of([3.0]))

    assert found.severity.tolist() == [3.0]


def test_arrays_of_different_length_are_refused() -> None:
    data = series_of([1.0, 2.0])
    data["value"] = data["value"][:1]

    with pytest.raises(DetectorError, match="one length"):
        MADDetector().detect_arrays(data)


def test_a_timestamp_that_is_missing_is_refused() -> None:
    data = series_of([1.0, 2.0, 3.0])
    data["timestamp"][1] = np.datetime64("NaT", "ms")

    with pytest.raises(DetectorError, match="timestamp 1 is missing"):
        MADDetector().detect_arrays(data)


def test_data_without_values_is_refused() -> None:
    with pytest.raises(DetectorError, match="the data has no value: give both arrays"):
        MADDetector().detect_arrays({"timestamp": series_of([1.0] * 5)["timestamp"]})  # type: ignore[typeddict-item]


def test_times_and_values_are_enough_and_are_well_typed() -> None:
    hours = np.datetime64("2026-03-02T00", "ms") + np.arange(3) * np.timedelta64(3_600_000, "ms")

    # mypy looks at this call, too: nobody who groups by nothing has to make up a seasonality.
    found = ManualBoundsDetector(upper_bound=2).detect_arrays(
        {"timestamp": hours, "value": np.array([1.0, 2.0, 3.0])}
    )

    assert found.is_anomaly.tolist() == [False, False, True]
