from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tocsin.reporting.limits import value_limits

NONE = np.zeros(0)
Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
any_values = arrays(np.float64, st.integers(0, 60), elements=st.floats(-1e100, 1e100) | st.just(np.nan))


@given(any_values, any_values, any_values)
def test_every_value_is_on_one_of_the_panels(value: Floats, lower: Floats, upper: Floats) -> None:
    limits = value_limits(value, lower, upper)
    low, high = limits.whole or (limits.low, limits.high)
    assert np.isfinite([limits.low, limits.high, low, high]).all()
    assert limits.low < limits.high
    finite = value[~np.isnan(value)]
    assert np.all((finite >= low) & (finite <= high))


def test_a_band_that_explodes_does_not_flatten_the_values() -> None:
    value = np.sin(np.arange(1000) / 10)
    limits = value_limits(value, np.full(1000, -1e9), np.full(1000, 1e9))
    assert limits.whole is None
    assert limits.high - limits.low < 4 * np.ptp(value)


def test_a_huge_spike_gets_a_panel_of_its_own() -> None:
    value = 10 + np.sin(np.arange(1000) / 10)
    value[500] = 1e6
    limits = value_limits(value, NONE, NONE)
    assert limits.high < 15
    assert limits.whole is not None
    assert limits.whole[1] > 1e6


def test_a_spike_of_a_few_times_the_usual_stays_in_the_picture() -> None:
    value = 10 + np.sin(np.arange(1000) / 10)
    value[500] = 30.0
    limits = value_limits(value, NONE, NONE)
    assert limits.whole is None
    assert limits.high > 30


def test_values_that_are_never_negative_get_no_negative_half() -> None:
    value = np.arange(100, dtype=np.float64)
    limits = value_limits(value, np.full(100, -500.0), np.full(100, 150.0))
    assert -15 < limits.low < 0


def test_small_changes_of_a_huge_number_fill_the_axis() -> None:
    values = 1e15 + np.arange(50.0)

    limits = value_limits(values, values - 5, values + 5)

    assert limits.high - limits.low < 75


def test_a_constant_lies_in_the_middle() -> None:
    limits = value_limits(np.full(10, 0.25), NONE, NONE)
    assert (limits.low + limits.high) / 2 == 0.25
    assert value_limits(np.zeros(10), NONE, NONE).low < 0
