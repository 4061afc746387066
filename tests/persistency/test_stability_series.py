from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.persistency.stability import series as series_module
from tocsin.persistency.stability.series import ChangeSeries, TimedChanges

if TYPE_CHECKING:
    from collections.abc import Sequence

BITS = st.lists(st.integers(0, 1), max_size=60)


def appended(series: ChangeSeries, bits: Sequence[int]) -> ChangeSeries:
    if bits:
        series.append(len(bits), [place for place, bit in enumerate(bits) if bit])
    return series


def runs_of(bits: Sequence[int]) -> list[tuple[int, int]]:
    return [(bit, len(list(group))) for bit, group in groupby(bits)]


def means_of(bits: Sequence[int]) -> tuple[float, ...]:
    borders = [i * len(bits) // 4 for i in range(5)]
    parts = [bits[borders[i] : borders[i + 1]] for i in range(4)]
    return tuple(sum(part) / len(part) if part else 0.0 for part in parts)


@pytest.fixture
def few_runs(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let series be kept in blocks early."""
    monkeypatch.setattr(series_module, "MOST_RUNS", 8)
    return 8


@given(st.lists(BITS, max_size=6))
def test_a_series_is_its_bits_however_they_were_added(parts: list[list[int]]) -> None:
    series = ChangeSeries()
    for part in parts:
        appended(series, part)
    bits = [bit for part in parts for bit in part]

    assert len(series) == len(bits)
    assert list(series.runs()) == runs_of(bits)
    assert series.ones == sum(bits)
    assert series.segment_means() == means_of(bits)
    assert not series.approximate


@given(st.lists(BITS, max_size=6), st.lists(BITS, max_size=6))
def test_a_restored_or_copied_series_goes_on_alike_and_alone(
    before: list[list[int]], after: list[list[int]]
) -> None:
    series = ChangeSeries()
    for part in before:
        appended(series, part)
    restored, copied = ChangeSeries.from_state(*series.state()), series.copy()
    for part in after:
        appended(restored, part)
    untouched = list(copied.runs())
    for part in after:
        appended(series, part)

    assert list(restored.runs()) == list(series.runs())
    assert list(copied.runs()) == untouched


@settings(max_examples=200)
@given(st.lists(st.lists(st.integers(0, 1), max_size=40), max_size=8))
def test_blocks_depend_on_the_series_only_and_keep_its_sums(parts: list[list[int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(series_module, "MOST_RUNS", 8)
        whole, one_by_one = ChangeSeries(), ChangeSeries()
        bits = [bit for part in parts for bit in part]
        for part in parts:
            appended(whole, part)
        for bit in bits:
            appended(one_by_one, [bit])

        assert list(whole.runs()) == list(one_by_one.runs())
        assert whole.segment_means() == one_by_one.segment_means()
        assert whole.approximate == one_by_one.approximate
        assert len(whole) == len(bits)
        assert whole.ones == sum(bits)
        length, block, numbers = whole.state()
        assert len(numbers) <= 9
        assert list(ChangeSeries.from_state(length, block, numbers).runs()) == list(whole.runs())
        if not whole.approximate:
            assert list(whole.runs()) == runs_of(bits)


def test_past_its_limit_a_series_is_bounded_and_its_means_are_about_right() -> None:
    bits = [int(number % 5 < 2) for number in np.random.default_rng(7).integers(0, 100, 400_000)]
    series = ChangeSeries()
    for start in range(0, len(bits), 10_000):
        appended(series, bits[start : start + 10_000])

    assert series.approximate
    assert len(series.state()[2]) <= series_module.MOST_RUNS
    assert series.segment_means() == pytest.approx(means_of(bits), abs=0.001)
    assert sum(length for _, length in series.runs()) == len(series) == len(bits)


@pytest.mark.parametrize(
    "state",
    [
        (3, 0, [2]),
        (3, 0, [1, 0, 2]),
        (3, 0, [4, -1]),
        (-1, 0, []),
        (2**63, 0, []),
        ("3", 0, [3]),
        (3, 3, [1]),
        (3, 2, [1]),
        (3, 2, [1, 3]),
        (3, 2, [2, 2]),
    ],
)
def test_what_is_no_series_is_refused(state: tuple[int, int, list[int]]) -> None:
    length, block, numbers = state
    with pytest.raises(ValueError, match=r"lengths|runs of a series"):
        ChangeSeries.from_state(length, block, np.array(numbers, dtype=np.int64))


TIMED = st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 1)), max_size=40)


def timed_means(rows: list[tuple[int, int]]) -> tuple[float, ...]:
    """Each row in the quarter of the time in which it is; the last instant belongs to the last."""
    if not rows:
        return (0.0,) * 4
    first, last = min(time for time, _ in rows), max(time for time, _ in rows)
    quarters: list[list[int]] = [[], [], [], []]
    for time, bit in rows:
        quarters[min(3, (time - first) * 4 // max(1, last - first))].append(bit)
    return tuple(sum(part) / len(part) if part else 0.0 for part in quarters)


def timed(rows: list[tuple[int, int]], size: int) -> TimedChanges:
    changes = TimedChanges()
    for start in range(0, len(rows), size):
        counts: dict[int, int] = {}
        ones: dict[int, int] = {}
        for time, bit in rows[start : start + size]:
            counts[time] = counts.get(time, 0) + 1
            if bit:
                ones[time] = ones.get(time, 0) + 1
        changes.add(counts, ones)
    return changes


@given(TIMED, st.integers(1, 40))
def test_segments_of_equal_duration_are_between_the_first_and_the_last_instant(
    rows: list[tuple[int, int]], size: int
) -> None:
    assert timed(rows, size).segment_means() == timed_means(rows)


@given(TIMED, st.integers(1, 40))
def test_many_instants_become_wider_ones_whatever_their_order(rows: list[tuple[int, int]], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(series_module, "MOST_RUNS", 4)
        one, other = timed(rows, size), timed(sorted(rows), 1)

        assert one.segment_means() == other.segment_means()
        assert one.approximate == other.approximate == (len({time for time, _ in rows}) > 4)
        assert len(one) <= 4
        width, columns = one.state()
        assert TimedChanges.from_state(width, columns).segment_means() == one.segment_means()


def test_a_series_in_blocks_takes_more_values(few_runs: int) -> None:
    series = appended(ChangeSeries(), [1, 0] * few_runs)
    assert series.approximate
    appended(series, [1] * 100)

    assert len(series) == 2 * few_runs + 100
    assert series.ones == few_runs + 100
