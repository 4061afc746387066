"""The worker programs, asked for next to nothing; never how fast anything is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.crash_state import run
from benchmarks.persistency import share_of_equal_kinds
from benchmarks.sides import Replies, Sides

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sides() -> Iterator[Sides]:
    with Sides("benchmarks.persistency_worker", None) as both:
        yield both


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        ({"task": "one_by_one", "backend": "EventStabilityTracker", "rows": 300}, {"seconds", "kinds"}),
        (
            {"task": "one_by_one", "backend": "ChunkedEventDataFrame", "rows": 300},
            {"seconds", "ingest_seconds", "rows"},
        ),
        ({"task": "batch", "mix": "few", "rows": 300, "batch_rows": 100}, {"seconds", "most_distinct"}),
    ],
)
def test_a_worker_answers_with_what_is_needed(
    sides: Sides, request_: dict[str, Any], names: set[str]
) -> None:
    replies = sides.take_turns(1, request_ | {"seed": 1})

    assert [set(reply) for reply in replies.ours] == [names]
    assert replies.peer == []


def test_a_side_that_fails_has_no_figures(sides: Sides, capfd: pytest.CaptureFixture[str]) -> None:
    replies = sides.take_turns(3, {"task": "batch", "mix": "few", "rows": -1, "seed": 1, "batch_rows": 1})

    assert replies.ours == []
    assert replies.rates(10) == (None, None)
    assert "ours: " in capfd.readouterr().err


def test_medians_and_rates_are_of_each_side_alone() -> None:
    replies = Replies([{"seconds": 1.0}, {"seconds": 2.0}, {"seconds": 9.0}], [{"seconds": 4.0}])

    assert replies.median("seconds") == (2.0, 4.0)
    assert replies.rates(100, 10) == (50.0, 2.5)


def test_variables_that_one_side_does_not_know_do_not_agree() -> None:
    replies = Replies(
        [{"kinds": {"a": "STATIC", "b": "STABLE"}}], [{"kinds": {"a": "STATIC", "c": "STABLE"}}]
    )

    assert share_of_equal_kinds(replies) == pytest.approx(1 / 3)


def test_what_a_killed_process_had_saved_is_one_state_that_was() -> None:
    results = {line.name: line for line in run(None, seed=3, quick=True, kills=50)}

    assert results["kills of a process that saves"].ours == 50
    assert (results["saves that had ended before"].ours or 0) > 0
    share = results["share of reloads that were consistent"]
    assert (share.ours, share.met, share.to_dict()["peer_quoted"]) == (1.0, True, True)
