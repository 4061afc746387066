"""What window detectors promise beyond the contract, each in numbers."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.detectors import BaseDetector, Detections, IQRDetector, MADDetector, ZScoreDetector
from tocsin.errors import DetectorError
from tocsin.model import Reason
from tocsin.testing.detectors import assert_same_bits, columns_of, make_series, series_of

_ALL: list[Any] = [MADDetector, ZScoreDetector, IQRDetector]
_NOISE = [float(place * 7 % 11) for place in range(100)]


def last_of(detector: BaseDetector, values: list[float], *seasonality: dict[str, Any]) -> Detections:
    """Give the verdict on the last value."""
    found = detector.detect_arrays(series_of(values, seasonality))
    columns = columns_of(found, len(values) - 1)
    extra = {name: columns.pop(name) for name in found.extra}
    return Detections(extra=extra, **columns)


def test_mad_is_the_median_with_the_scaled_deviation() -> None:
    median = statistics.median(_NOISE)
    spread = 1.4826 * statistics.median(abs(value - median) for value in _NOISE)

    found = last_of(MADDetector(threshold=2.5), [*_NOISE, 30.0])

    assert found.confidence_lower[0] == pytest.approx(median - 2.5 * spread)
    assert found.confidence_upper[0] == pytest.approx(median + 2.5 * spread)
    assert found.severity[0] == pytest.approx((30.0 - median - 2.5 * spread) / spread)
    assert found.score[0] == pytest.approx((30.0 - median) / (2.5 * spread))
    assert found.direction[0] == 1


def test_zscore_is_the_mean_with_the_sample_deviation() -> None:
    mean, spread = statistics.mean(_NOISE), statistics.stdev(_NOISE)

    found = last_of(ZScoreDetector(), [*_NOISE, -30.0])

    assert found.confidence_lower[0] == pytest.approx(mean - 3 * spread)
    assert found.severity[0] == pytest.approx((mean - 3 * spread + 30.0) / spread)
    assert found.direction[0] == -1


def test_iqr_has_tukeys_fences() -> None:
    first, _, third = statistics.quantiles(_NOISE, n=4, method="inclusive")

    found = last_of(IQRDetector(), [*_NOISE, 0.0])

    assert found.confidence_lower[0] == pytest.approx(first - 1.5 * (third - first))
    assert found.confidence_upper[0] == pytest.approx(third + 1.5 * (third - first))


@pytest.mark.parametrize("make", _ALL)
def test_the_point_itself_is_not_in_its_window(make: Any) -> None:
    one, other = last_of(make(), [*_NOISE, 3.0]), last_of(make(), [*_NOISE, 9.0])

    assert one.confidence_upper[0] == other.confidence_upper[0]


@pytest.mark.parametrize("make", _ALL)
def test_gaps_take_their_place_in_the_window(make: Any) -> None:
    values = [1e6] * 50 + [float("nan")] * 95 + _NOISE[:40]

    found = make().detect_arrays(series_of(values))

    assert found.confidence_upper[-1] < 1e3
    assert found.reason[50 + 95 + 29] == Reason.INSUFFICIENT_DATA
    assert found.reason[50 + 95 + 30] == Reason.NONE


def test_infinite_values_are_missing() -> None:
    found = last_of(MADDetector(), [*_NOISE, float("inf")])

    assert found.reason[0] == Reason.MISSING_DATA


@given(where=st.integers(0, 99))
def test_a_missing_value_does_not_poison_its_neighbours(where: int) -> None:
    values = [*_NOISE, 5.0]
    values[where] = float("nan")

    for make in _ALL:
        assert last_of(make(), values).reason[0] == Reason.NONE


@pytest.mark.parametrize("make", _ALL)
@pytest.mark.parametrize("unit", [1e300, 1e-300, 1e6, 1e-6])
def test_the_unit_of_the_values_does_not_matter(make: Any, unit: float) -> None:
    random = np.random.default_rng(5)
    values = random.normal(size=300)
    values[::37] = 9.0

    ours = make(quantum=0).detect_arrays(series_of(values * unit))
    plain = make(quantum=0).detect_arrays(series_of(values))

    assert np.array_equal(ours.direction, plain.direction)
    assert np.allclose(ours.severity, plain.severity, rtol=1e-6)


def test_floors_widen_the_band() -> None:
    calm = [5.0] * 100

    assert last_of(MADDetector(min_spread=2), [*calm, 5.0]).confidence_upper[0] == 11.0
    assert last_of(MADDetector(min_relative_spread=0.5), [*calm, 5.0]).confidence_upper[0] == 12.5
    assert last_of(MADDetector(min_deviation=20), [*calm, 5.0]).confidence_upper[0] == 25.0
    assert last_of(MADDetector(min_relative_deviation=2), [*calm, 5.0]).confidence_lower[0] == -5.0


def _two_rhythms(length: int) -> tuple[list[float], list[dict[str, int]]]:
    cycle = [{"hour": place % 2, "shift": place // 2 % 2} for place in range(4)]
    steps = [place // 4 % 3 for place in range(length)]
    levels = [100.0 * row["hour"] + 10.0 * row["shift"] for row in cycle]
    return [levels[place % 4] + steps[place] for place in range(length)], cycle


def test_an_additive_group_has_its_own_centre_and_spread() -> None:
    values, cycle = _two_rhythms(101)
    same = [value for place, value in enumerate(values[1:100], 1) if place % 2 == 0]
    median = statistics.median([values[0], *same])
    spread = 1.4826 * statistics.median(abs(value - median) for value in [values[0], *same])

    found = last_of(MADDetector(seasonality_components=["hour"]), values, *cycle)

    assert found.confidence_upper[0] == pytest.approx(median + 3 * spread)


def test_additive_groups_add_their_shifts() -> None:
    values, cycle = _two_rhythms(105)
    window = np.array(values[4:104])
    hour, shift = np.arange(4, 104) % 2, np.arange(4, 104) // 2 % 2  # the last slot is in group 0 of both
    parts = [window, window[hour == 0], window[shift == 0]]
    means, deviations = [part.mean() for part in parts], [part.std(ddof=1) for part in parts]
    center = means[1] + means[2] - means[0]
    spread = deviations[1] * deviations[2] / deviations[0]

    found = last_of(ZScoreDetector(seasonality_components=["hour", "shift"], quantum=0), values, *cycle)

    assert found.confidence_lower[0] == pytest.approx(center - 3 * spread)
    assert found.confidence_upper[0] == pytest.approx(center + 3 * spread)


def test_multiplicative_groups_scale_centre_and_spread() -> None:
    values, cycle = _two_rhythms(105)
    window = np.array(values[4:104])
    same = window[np.arange(4, 104) % 2 == 0]
    center = window.mean() * same.mean() / window.mean()
    spread = window.std(ddof=1) * same.std(ddof=1) / window.std(ddof=1)

    found = last_of(
        ZScoreDetector(seasonality_components=["hour"], seasonality_mode="multiplicative"), values, *cycle
    )

    assert found.confidence_upper[0] == pytest.approx(center + 3 * spread)


def test_a_zero_denominator_leaves_the_factor_one() -> None:
    values = [0.0, 0.0, 0.0, 4.0] * 30

    found = last_of(
        MADDetector(seasonality_components=["hour"], seasonality_mode="multiplicative", quantum=1),
        values, {"hour": 0}, {"hour": 1}, {"hour": 2}, {"hour": 3},
    )  # fmt: skip

    assert (found.confidence_lower[0], found.confidence_upper[0]) == (-3.0, 3.0)


def test_a_small_group_is_skipped() -> None:
    values, cycle = _two_rhythms(101)
    detector = MADDetector(seasonality_components=["hour"], min_samples_per_group=51)

    ours, plain = last_of(detector, values, *cycle), last_of(MADDetector(), values, *cycle)

    assert ours.confidence_upper[0] == plain.confidence_upper[0]


def test_a_combined_group_is_one_group() -> None:
    values, cycle = _two_rhythms(101)
    same = values[0:100:4]

    found = last_of(ZScoreDetector(seasonality_components=[["shift", "hour"]]), values, *cycle)

    assert found.confidence_upper[0] == pytest.approx(
        statistics.mean(same) + 3 * max(statistics.stdev(same), 1)
    )


def test_an_unknown_season_is_refused_with_a_suggestion() -> None:
    with pytest.raises(DetectorError, match=r"no seasonality column hours: did you mean hour\?"):
        MADDetector(seasonality_components=["hours"]).detect_arrays(make_series(50))


def test_a_season_that_is_not_json_is_refused() -> None:
    data = make_series(50)
    data["seasonality_data"][7] = "{hour: 1}"

    with pytest.raises(DetectorError, match="is not JSON"):
        MADDetector(seasonality_components=["hour"]).detect_arrays(data)


def test_the_band_of_changes_lies_around_the_last_value() -> None:
    noise = np.random.default_rng(1).uniform(size=120)
    ramp = [3.0 * place + noise[place] for place in range(120)]

    found = MADDetector(input_type="changes", quantum=0).detect_arrays(series_of([*ramp, 500.0]))

    assert np.flatnonzero(found.is_anomaly).tolist() == [120]
    middle = (found.confidence_lower[-1] + found.confidence_upper[-1]) / 2
    assert middle == pytest.approx(ramp[-1] + 3.0, abs=0.5)
    assert found.extra["processed_value"][-1] == 500.0 - ramp[-1]


def test_absolute_changes_fire_on_both_sides() -> None:
    calm = [float(place % 3) for place in range(120)]
    detector = MADDetector(input_type="absolute_changes")

    assert last_of(detector, [*calm, 90.0]).direction[0] == 1
    assert last_of(detector, [*calm, -90.0]).direction[0] == -1
    assert last_of(detector, [*calm, calm[-1]]).direction[0] == 0


def test_growth_is_judged_by_logarithms() -> None:
    growth = [1.1**place * (1.0 + 0.01 * (place * 7 % 5)) for place in range(150)]
    detector = MADDetector(input_type="log_changes")

    steady, stuck = last_of(detector, growth), last_of(detector, [*growth, growth[-1] / 3])

    assert steady.direction[0] == 0
    assert stuck.direction[0] == -1
    assert 0.9 < steady.confidence_lower[0] / growth[-2] < steady.confidence_upper[0] / growth[-2] < 1.3


def test_values_that_have_no_logarithm_are_not_judged() -> None:
    found = last_of(MADDetector(input_type="log_changes"), [*_NOISE, 5.0, 0.0])

    assert found.reason[0] == Reason.INSUFFICIENT_DATA


def test_smoothing_averages_the_newest_slots() -> None:
    found = MADDetector(smoothing="sma", smoothing_window=4).detect_arrays(series_of([*_NOISE, 2.0]))

    assert found.extra["processed_value"][-1] == pytest.approx(statistics.mean([*_NOISE[-3:], 2.0]))


def test_an_exponential_average_follows_its_recursion() -> None:
    values = make_series(200, seed=3)["value"]
    values = np.where(np.isnan(values), 50.0, values)
    smooth = values[0]
    for value in values[1:]:
        smooth += (value - smooth) * 2.0 / (5.0 + 1.0)

    found = MADDetector(smoothing="ema").detect_arrays(series_of(values))

    assert found.extra["processed_value"][-1] == pytest.approx(smooth, rel=1e-6)


def test_without_a_trend_the_band_follows_the_ramp() -> None:
    ramp = [5.0 * place + place * 7 % 3 for place in range(130)]

    plain, level = last_of(MADDetector(), ramp), last_of(MADDetector(detrend="linear"), ramp)

    assert level.confidence_upper[0] - level.confidence_lower[0] < 30.0
    assert level.confidence_lower[0] < ramp[-1] < level.confidence_upper[0]
    assert plain.confidence_upper[0] - plain.confidence_lower[0] > 300.0


@pytest.mark.parametrize(
    "weights", [{"window_weights": "linear"}, {"window_weights": "exponential", "half_life": 5}]
)
@pytest.mark.parametrize("make", _ALL)
def test_weights_let_the_band_follow_a_new_level_sooner(make: Any, weights: dict[str, Any]) -> None:
    shifted = [*_NOISE, *(value + 100.0 for value in _NOISE[:45])]

    plain, weighted = last_of(make(), shifted), last_of(make(**weights), shifted)

    assert weighted.confidence_lower[0] > plain.confidence_lower[0] or (
        weighted.confidence_lower[0] + weighted.confidence_upper[0]
        > plain.confidence_lower[0] + plain.confidence_upper[0]
    )


@pytest.mark.parametrize("mode", ["clamp", "skip"])
def test_a_protected_window_does_not_learn_from_a_burst(mode: str) -> None:
    burst = [*_NOISE, *_NOISE, *([60.0] * 20), 5.0]

    plain = last_of(ZScoreDetector(), burst)
    protected = last_of(ZScoreDetector(stabilization=mode), burst)

    assert protected.confidence_upper[0] < 40.0 < plain.confidence_upper[0]


@pytest.mark.parametrize("mode", ["clamp", "skip"])
def test_a_protected_window_learns_a_new_level_in_the_end(mode: str) -> None:
    shifted = [*_NOISE, *_NOISE, *(value + 60.0 for value in _NOISE * 4)]

    found = MADDetector(stabilization=mode, max_protected=10).detect_arrays(series_of(shifted))

    assert found.is_anomaly[200:240].all()
    assert not found.is_anomaly[-150:].any()


def test_protection_changes_nothing_where_nothing_is_anomalous() -> None:
    data = series_of([*_NOISE] * 4)

    plain = MADDetector().detect_arrays(data)
    protected = MADDetector(stabilization="skip").detect_arrays(data)

    assert not plain.is_anomaly.any()
    assert_same_bits(columns_of(protected), columns_of(plain))


def test_the_past_of_a_point_may_be_all_there_is() -> None:
    found = MADDetector(window_size=5000, min_samples=2).detect_arrays(series_of([1.0, 2.0, 1.5, 9e9]))

    assert found.is_anomaly.tolist() == [False, False, False, True]
