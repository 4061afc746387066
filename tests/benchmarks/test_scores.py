"""The measures of the literature."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.audit import f1_score
from benchmarks.grouping import grouping_accuracy


@pytest.mark.parametrize(
    ("found", "truth", "accuracy"),
    [
        ([1, 1, 2, 2], "aabb", 1.0),
        ([7, 7, 7, 7], "aabb", 0.0),  # too coarse
        ([1, 2, 3, 3], "aabb", 0.5),  # one group too fine
        ([1, None, 2, 2], "abcc", 1.0),  # a line that was not parsed is alone
        ([None, None, 2, 2], "aacc", 0.5),
    ],
)
def test_a_line_is_grouped_rightly_when_its_whole_group_is(
    found: list[Any], truth: str, accuracy: float
) -> None:
    assert grouping_accuracy(found, list(truth)) == accuracy


@pytest.mark.parametrize(
    ("found", "wanted", "score"),
    [([1, 2], [1, 2], 1.0), ([], [1], 0.0), ([1], [1, 2, 3], 0.5), ([1, 2, 3], [3], 0.5), ([4], [3], 0.0)],
)
def test_false_and_missed_alarms_lower_the_f1_score(
    found: list[int], wanted: list[int], score: float
) -> None:
    assert f1_score(found, wanted) == score
