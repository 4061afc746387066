"""The document that a benchmark prints, and the maths in it; never how fast anything is."""

from __future__ import annotations

import json

import pytest
from benchmarks.result import Better, Result, at_least, at_least_times_the_peer, at_most, document, table
from benchmarks.series import share_that_agrees

_KEYS = ["name", "unit", "ours", "peer", "peer_quoted", "ratio", "goal", "met"]


def test_the_document_is_one_object_with_the_promised_keys() -> None:
    text = document(
        "series", [Result("a", "s", 1.0, 200.0, goal=at_least_times_the_peer(100)), Result("b", "MB", None)]
    )

    found = json.loads(text)

    assert list(found) == ["schema_version", "benchmark", "results"]
    assert (found["schema_version"], found["benchmark"]) == (1, "series")
    assert [list(line) for line in found["results"]] == [_KEYS, _KEYS]
    assert found["results"][0] == {
        "name": "a", "unit": "s", "ours": 1.0, "peer": 200.0, "peer_quoted": False, "ratio": 200.0,
        "goal": ">= 100x", "met": True,
    }  # fmt: skip
    assert [found["results"][1][key] for key in ("ours", "peer", "ratio", "goal", "met")] == [None] * 5


@pytest.mark.parametrize(
    ("better", "ours", "peer", "ratio"),
    [
        (Better.LOWER, 2.0, 10.0, 5.0),
        (Better.LOWER, 10.0, 2.0, 0.2),
        (Better.HIGHER, 10.0, 2.0, 5.0),
        (Better.HIGHER, 2.0, 10.0, 0.2),
        (Better.LOWER, 2.0, None, None),
        (Better.LOWER, None, 2.0, None),
        (Better.LOWER, 0.0, 2.0, None),
    ],
)
def test_the_ratio_says_how_many_times_better_ours_is(
    better: Better, ours: float | None, peer: float | None, ratio: float | None
) -> None:
    found = Result("x", "u", ours, peer, better).ratio

    assert found == (None if ratio is None else pytest.approx(ratio))


def test_a_goal_for_the_ratio_cannot_be_judged_without_the_peer() -> None:
    assert Result("x", "s", 1.0, None, goal=at_least_times_the_peer(100)).met is None


def test_a_quoted_figure_is_shown_as_such_and_makes_no_ratio() -> None:
    result = Result("x", "s", 1.0, None, goal=at_least_times_the_peer(2), quoted=50.0)

    line = result.to_dict()

    assert (line["peer"], line["peer_quoted"], line["ratio"], line["met"]) == (50.0, True, None, None)
    assert "50 (quoted)" in table("series", [result])


def test_what_is_better_neither_way_makes_no_ratio() -> None:
    assert Result("kills", "kills", 100.0, 25.0, None).ratio is None
    assert Result("kills", "kills", 100.0, 25.0).ratio == 0.25


def test_a_measured_figure_goes_before_a_quoted_one() -> None:
    line = Result("x", "s", 1.0, 2.0, quoted=50.0).to_dict()

    assert (line["peer"], line["peer_quoted"], line["ratio"]) == (2.0, False, 2.0)


@pytest.mark.parametrize(
    ("result", "met", "goal"),
    [
        (Result("x", "s", 0.6, goal=at_most(0.6)), True, "<= 0.6 s"),
        (Result("x", "s", 0.61, goal=at_most(0.6)), False, "<= 0.6 s"),
        (Result("x", "rows", 0, goal=at_most(0)), True, "<= 0 rows"),
        (Result("x", "points/s", 9e5, goal=at_least(1_000_000)), False, ">= 1,000,000 points/s"),
        (Result("x", "s", 1.0, 99.0, goal=at_least_times_the_peer(100)), False, ">= 100x"),
    ],
)
def test_a_goal_is_judged_and_written_with_its_unit(result: Result, met: bool, goal: str) -> None:  # noqa: FBT001
    assert result.met is met
    assert result.to_dict()["goal"] == goal


def test_the_table_says_what_limits_a_missed_goal() -> None:
    text = table("series", [Result("slow thing", "s", 2.0, goal=at_most(1), limit="the disk")])

    assert "MISSED" in text
    assert "slow thing: missed; the disk" in text


def test_sides_that_flag_the_same_agree_wholly() -> None:
    assert share_that_agrees(50, [3, 4], [3, 4]) == 1
    assert share_that_agrees(50, [3], []) == pytest.approx(0.98)
