"""The steps of a series are found, and keep a constant from crying at the first of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.detectors import IQRDetector, MADDetector, ZScoreDetector
from tocsin.detectors.series.quantum import decimals_of, quantum_of
from tocsin.testing.detectors import series_of

_ALL: list[Any] = [MADDetector, ZScoreDetector, IQRDetector]


@pytest.mark.parametrize("make", _ALL)
@pytest.mark.parametrize(("constant", "quiet", "loud"), [
    (0.25, 0.26, 5.0), (0.0, 0.01, 1.5), (100.0, 101.0, 120.0), (-3.5, -3.6, 9.0), (1e300, 1e300, 2e300),
    (1e-300, 1e-300, 1e-299), (np.pi, np.pi + 4e-16, 3.2),
])  # fmt: skip
def test_a_constant_fires_at_a_jump_but_not_at_its_first_step(
    make: Any, constant: float, quiet: float, loud: float
) -> None:
    values = np.full(100, constant)

    calm = make().detect_arrays(series_of([*values, quiet]))
    jump = make().detect_arrays(series_of([*values, loud]))

    assert not calm.is_anomaly.any()
    assert jump.is_anomaly[-1]
    assert 0.0 < jump.severity[-1] <= 1e9


@given(digits=st.integers(-99_999_999, 99_999_999), power=st.integers(0, 20))
def test_decimals_are_those_of_the_written_number(digits: int, power: int) -> None:
    value = float(f"{digits}e-{power}")

    written = f"{digits}".rstrip("0") if digits else ""
    dropped = len(f"{digits}") - len(written)
    expected = max(power - dropped, 0) if digits else -1

    assert decimals_of(np.array([value]))[0] == expected


def test_measurements_have_no_quantum() -> None:
    noise = np.random.default_rng(0).normal(size=300)

    assert not quantum_of(noise, 0, 100)[100:].any()


def test_missing_values_say_nothing_about_the_quantum() -> None:
    values = np.full(50, 0.5)
    values[1::3] = np.nan

    assert np.array_equal(quantum_of(values, 0, 10), np.full(50, 0.1))


def test_the_smallest_step_is_decided_at_multiples_of_the_window() -> None:
    values = np.tile([100.0, 200.0, 300.0, 500.0, 600.0], 10)

    quantum = quantum_of(values, 3, 10)

    assert np.array_equal(quantum, np.where(np.arange(50) + 3 < 10, 1.0, 100.0))


def test_a_spike_is_not_a_step() -> None:
    values = np.full(60, 10.0)
    values[[3, 15, 27, 39]] = [500.0, 700.0, 820.0, 991.0]

    assert np.array_equal(quantum_of(values, 0, 30), np.ones(60))


def test_a_quantum_can_be_given() -> None:
    values = [*np.full(100, 10.0), 19.0]

    assert MADDetector(quantum=1).detect_arrays(series_of(values)).is_anomaly[-1]
    assert not MADDetector(quantum=5).detect_arrays(series_of(values)).is_anomaly[-1]
