from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tocsin.reporting.decimate import envelope, pixel_columns, shown

values = arrays(
    np.float64, st.integers(0, 200), elements=st.one_of(st.just(np.nan), st.floats(-5, 5), st.integers(-2, 2))
)


def minutes(count: int) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    return np.datetime64("2026-01-01", "ms") + np.arange(count) * np.timedelta64(60_000, "ms")


@given(values, st.integers(1, 30))
def test_every_column_keeps_its_least_and_greatest_value_its_ends_and_its_gaps(
    value: np.ndarray[tuple[int], np.dtype[np.float64]], columns: int
) -> None:
    column = pixel_columns(minutes(value.size), columns)
    keep = shown(value, column)
    assert np.all(np.diff(keep) > 0)
    for one in np.unique(column):
        inside = np.flatnonzero(column == one)
        kept = np.intersect1d(keep, inside)
        assert kept.size <= 5
        assert inside[0] in kept
        assert inside[-1] in kept
        whole, part = value[inside], value[kept]
        assert np.isnan(whole).any() == np.isnan(part).any()
        if not np.isnan(whole).all():
            assert np.nanmin(whole) == np.nanmin(part)
            assert np.nanmax(whole) == np.nanmax(part)


@given(st.integers(0, 500), st.integers(1, 50))
def test_columns_rise_from_the_first_to_the_last(count: int, columns: int) -> None:
    column = pixel_columns(minutes(count), columns)
    assert column.size == count
    assert np.all(np.diff(column) >= 0)
    assert np.all((column >= 0) & (column < columns))
    if count > 1:
        assert column[0] == 0
        assert column[-1] == columns - 1


@given(values, st.integers(1, 30))
def test_the_envelope_holds_every_band_of_its_column(
    middle: np.ndarray[tuple[int], np.dtype[np.float64]], columns: int
) -> None:
    column = pixel_columns(minutes(middle.size), columns)
    at, lower, upper = envelope(middle - 1, middle + 1, column)
    for index, low, high in zip(at, lower, upper, strict=True):
        inside = middle[column == column[index]]
        if np.isnan(inside).all():
            assert np.isnan(low)
            assert np.isnan(high)
        else:
            assert low == np.nanmin(inside) - 1
            assert high == np.nanmax(inside) + 1


def test_a_spike_of_one_point_in_a_million_is_shown() -> None:
    value = np.zeros(1_000_000)
    value[654_321] = 1.0
    value[654_322] = -1.0
    keep = shown(value, pixel_columns(minutes(value.size), 1000))
    assert {654_321, 654_322} <= set(keep.tolist())
    assert keep.size <= 5000


def test_a_short_series_is_shown_whole() -> None:
    value = np.array([3.0, 1.0, np.nan, 2.0])
    assert shown(value, pixel_columns(minutes(4), 1000)).tolist() == [0, 1, 2, 3]
