"""Rolling summaries equal a naive reference, whichever way they are made."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.detectors.series._kernels import rolling_summary
from tocsin.detectors.series.rows import line_ends, summarize_rows
from tocsin.detectors.series.statistic import Statistic, Summary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

_KINDS = ("noise", "ties", "constant", "huge", "tiny", "mixed", "steps", "jumps")


@st.composite
def series(draw: st.DrawFn, most: int = 220) -> tuple[Floats, int, Codes, int]:
    """Draw a series, a window, two components of groups, and where the series begins in the grid."""
    size = draw(st.integers(0, most))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    noise = random.normal(size=size)
    x = {
        "noise": noise,
        "ties": random.integers(-2, 3, size).astype(np.float64),
        "constant": np.full(size, draw(st.sampled_from([0.0, 0.1, -7.25, 1e300, 1e-300]))),
        "huge": noise * 1e300,
        "tiny": noise * 1e-300,
        "mixed": noise * 10.0 ** random.integers(-300, 300, size),
        "steps": 1e9 + np.round(noise, 2),
        "jumps": noise + np.where(np.arange(size) > size // 2, 1e6, 0.0),
    }[draw(st.sampled_from(_KINDS))]
    x = np.where(random.random(size) < draw(st.sampled_from([0.0, 0.1, 0.9])), np.nan, x)
    codes = random.integers(0, draw(st.integers(1, 6)), (2, size))
    return x, draw(st.integers(1, 150)), codes, draw(st.integers(0, 10_000))


def windows_of(x: Floats, window: int, codes: Codes) -> list[list[Fraction]]:
    """List the valid values of the slot's group in the window before each slot."""
    return [
        [Fraction(v) for v, c in zip(x[max(i - window, 0) : i], codes[max(i - window, 0) : i], strict=True)
         if c == codes[i] and not math.isnan(v)]
        for i in range(len(x))
    ]  # fmt: skip


def quantile(values: list[Fraction], share: Fraction) -> Fraction:
    """Give the linear quantile, exactly."""
    ordered = sorted(values)
    rank = (len(ordered) - 1) * share
    low = math.floor(rank)
    high = math.ceil(rank)
    return ordered[low] + (rank - low) * (ordered[high] - ordered[low])


def reference(statistic: Statistic, values: list[Fraction]) -> tuple[float, float]:
    """Sum up a window with exact fractions."""
    if not values:
        return math.nan, math.nan
    if statistic is Statistic.MOMENTS:
        spread = float(statistics.stdev(values)) if len(values) > 1 else math.nan
        return float(statistics.mean(values)), spread
    if statistic is Statistic.QUARTILES:
        lower, upper = (quantile(values, Fraction(quarter, 4)) for quarter in (1, 3))
        return float((lower + upper) / 2), float(upper - lower)
    median = quantile(values, Fraction(1, 2))
    deviation = quantile([abs(value - median) for value in values], Fraction(1, 2))
    return float(median), float(Fraction("1.4826") * deviation)


def near(found: float, expected: float, scale: float) -> bool:
    if math.isnan(expected):
        return math.isnan(found)
    return abs(found - expected) <= 1e-9 * max(abs(expected), scale) + 5e-323


def assert_is_reference(statistic: Statistic, summary: Summary, windows: list[list[Fraction]]) -> None:
    for place, values in enumerate(windows):
        center, spread = reference(statistic, values)
        scale = float(max(map(abs, values), default=Fraction(0)))
        assert summary.valid[place] == len(values)
        assert near(float(summary.center[place]), center, scale)
        assert near(float(summary.spread[place]), spread, scale)


@pytest.mark.parametrize("use_numba", [False, True])
@pytest.mark.parametrize("statistic", Statistic)
@given(case=series(most=60))
@settings(max_examples=25)
def test_a_rolling_summary_is_the_naive_one(
    *, statistic: Statistic, use_numba: bool, case: tuple[Floats, int, Codes, int]
) -> None:
    x, window, codes, first_slot = case

    whole, groups = rolling_summary(statistic, x, window, codes, first_slot, use_numba=use_numba)

    assert_is_reference(statistic, whole, windows_of(x, window, np.zeros(len(x), dtype=np.int64)))
    for summary, component in zip(groups, codes, strict=True):
        assert_is_reference(statistic, summary, windows_of(x, window, component))


@pytest.mark.parametrize("statistic", Statistic)
@given(case=series())
@settings(max_examples=150)
def test_compiled_and_plain_give_the_same_bits(
    statistic: Statistic, case: tuple[Floats, int, Codes, int]
) -> None:
    plain, plain_groups = rolling_summary(statistic, *case, use_numba=False)
    compiled, compiled_groups = rolling_summary(statistic, *case, use_numba=True)

    for one, other in zip([plain, *plain_groups], [compiled, *compiled_groups], strict=True):
        for ours, theirs in zip(one, other, strict=True):
            same = np.where(np.isnan(ours), 0, ours.view(np.int64))
            assert np.array_equal(same, np.where(np.isnan(theirs), 0, theirs.view(np.int64)))


@pytest.mark.parametrize("window", [1, 2, 100, 1000, 1999])
@pytest.mark.parametrize("statistic", [Statistic.MAD, Statistic.QUARTILES])
def test_long_windows_are_kept_in_order(statistic: Statistic, window: int) -> None:
    random = np.random.default_rng(window)
    x = np.cumsum(random.normal(size=4000))
    x[random.random(4000) < 0.2] = np.nan
    x[500:900] = 3.0
    x[2000:2600] = np.nan
    none = np.empty((0, 4000), dtype=np.int64)

    plain, _ = rolling_summary(statistic, x, window, none, 0, use_numba=False)
    compiled, _ = rolling_summary(statistic, x, window, none, 0, use_numba=True)

    for ours, theirs in zip(plain, compiled, strict=True):
        assert np.array_equal(ours, theirs, equal_nan=True)


@pytest.mark.parametrize("statistic", Statistic)
@given(case=series(most=120), cut=st.integers(0, 119), use_numba=st.booleans())
@settings(max_examples=60)
def test_a_summary_needs_nothing_before_its_window(
    *, statistic: Statistic, case: tuple[Floats, int, Codes, int], cut: int, use_numba: bool
) -> None:
    x, window, codes, first_slot = case
    begin = min(cut, len(x))
    whole, groups = rolling_summary(statistic, x, window, codes, first_slot, use_numba=use_numba)

    part, part_groups = rolling_summary(
        statistic, x[begin:], window, codes[:, begin:], first_slot + begin, use_numba=use_numba
    )

    for long, short in zip([whole, *groups], [part, *part_groups], strict=True):
        for ours, theirs in zip(short, long, strict=True):
            assert np.array_equal(ours[window:], theirs[begin + window :], equal_nan=True)


def weighted_reference(values: list[float], weights: list[float], share: float) -> float:
    """Give the weighted quantile: values lie at the middle of their weight, first 0 and last 1."""
    pairs = sorted(zip(values, weights, strict=True), key=lambda pair: pair[0])  # equal ones: older first
    places = [math.fsum(w for _, w in pairs[:k]) + pairs[k][1] / 2 for k in range(len(pairs))]
    target = places[0] + share * (places[-1] - places[0])
    return float(np.interp(target, places, [value for value, _ in pairs]))


@given(
    values=st.lists(st.one_of(st.just(math.nan), st.floats(-1e6, 1e6)), min_size=2, max_size=30),
    seed=st.integers(0, 1000),
)
def test_weighted_quantiles_are_exact(values: list[float], seed: int) -> None:
    weights = np.random.default_rng(seed).uniform(0.01, 1.0, len(values))
    valid = [(v, w) for v, w in zip(values, weights.tolist(), strict=True) if not math.isnan(v)]

    summary = summarize_rows(Statistic.QUARTILES, np.array([values]), weights)

    if not valid:
        assert math.isnan(summary.center[0])
        return
    kept, heavy = [value for value, _ in valid], [weight for _, weight in valid]
    lower, upper = (weighted_reference(kept, heavy, share) for share in (0.25, 0.75))
    scale = max(abs(value) for value, _ in valid)
    assert near(float(summary.center[0]), (lower + upper) / 2, scale)
    assert near(float(summary.spread[0]), upper - lower, scale)


@pytest.mark.parametrize("statistic", Statistic)
@given(case=series(most=80))
@settings(max_examples=60)
def test_equal_weights_are_no_weights(statistic: Statistic, case: tuple[Floats, int, Codes, int]) -> None:
    rows = case[0][: len(case[0]) // 4 * 4].reshape(4, -1)

    plain = summarize_rows(statistic, rows)
    weighted = summarize_rows(statistic, rows, np.full(rows.shape[1], 0.3))

    for row, one, other in zip(rows, np.array(plain).T, np.array(weighted).T, strict=True):
        scale = float(np.max(np.abs(row[~np.isnan(row)]), initial=0.0))
        assert all(near(float(a), float(b), scale) for a, b in zip(other, one, strict=True))


@given(seed=st.integers(0, 1000), size=st.integers(2, 40))
def test_a_line_is_fitted_by_least_squares(seed: int, size: int) -> None:
    random = np.random.default_rng(seed)
    row = random.normal(size=size) + 3.0 * np.arange(size)
    row[2:][random.random(size - 2) < 0.3] = np.nan
    valid = ~np.isnan(row)

    line, end = line_ends(row[None, :])

    slope, start = np.polyfit(np.arange(size)[valid], row[valid], 1)
    assert np.allclose(line[0], start + slope * np.arange(size), rtol=1e-8, atol=1e-8)
    assert np.allclose(end, start + slope * size, rtol=1e-8, atol=1e-8)
