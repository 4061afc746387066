"""What the benchmarks of the event storage make of answers: verdicts after kills, shares, percentiles."""

from __future__ import annotations

import pytest
from benchmarks.crash_events import verdict
from benchmarks.eventstore_bench import milliseconds, most_of, share_of_equal_answers
from benchmarks.sides import Replies

_BATCHES = [range(10), range(10, 20)]


@pytest.mark.parametrize(
    ("present", "acknowledged", "stored", "found"),
    [
        pytest.param(range(20), 20, 20, (0, 0, 0), id="all there"),
        pytest.param(range(20), 10, 20, (0, 0, 0), id="committed, not acknowledged"),
        pytest.param(range(10), 10, 10, (0, 0, 0), id="undone, not acknowledged"),
        pytest.param(range(10), 20, 10, (10, 0, 0), id="acknowledged and gone"),
        pytest.param(range(15), 10, 15, (0, 0, 1), id="half of a batch"),
        pytest.param([*range(10), 3], 10, 11, (0, 1, 0), id="found twice"),
        pytest.param(range(10), 10, 12, (0, 2, 0), id="counted and nobody's"),
        pytest.param([], 0, 0, (0, 0, 0), id="nothing begun"),
    ],
)
def test_what_a_kill_left_is_judged(
    present: list[int], acknowledged: int, stored: int, found: tuple[int, int, int]
) -> None:
    lost, duplicates, half = found

    assert verdict(present, _BATCHES, acknowledged, stored) == {
        "lost": lost,
        "duplicates": duplicates,
        "half": half,
    }


@pytest.mark.parametrize(
    ("values", "share", "found"),
    [
        ([3.0], 0.95, 3.0),
        ([4.0, 1.0, 2.0, 3.0], 0.5, 2.0),
        ([1.0, 2.0, 3.0], 0.5, 2.0),
        (list(range(1, 101)), 0.95, 95),
        ([1.0, 2.0], 1.0, 2.0),
    ],
)
def test_a_share_of_the_values_stays_within_the_figure(
    values: list[float], share: float, found: float
) -> None:
    assert most_of(values, share) == found


def test_times_of_all_turns_count_in_milliseconds() -> None:
    replies = Replies(ours=[{"times": [0.001, 0.002]}, {"times": [0.009]}], peer=[])

    ours, peer = milliseconds(replies, 0.5)

    assert ours == pytest.approx(2.0)
    assert peer is None


def test_answers_are_compared_one_by_one() -> None:
    replies = Replies(ours=[{"found": [["a"], ["b"]]}], peer=[{"found": [["a"], ["c"]]}])

    assert share_of_equal_answers(replies) == 0.5
