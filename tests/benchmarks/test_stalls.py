"""How the longest waits are found."""

from __future__ import annotations

import threading
import time

import pytest
from benchmarks.stall import measure_stalls, quantile


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1.0), (0.25, 1.0), (0.5, 2.0), (0.51, 3.0), (0.999, 4.0), (1.0, 4.0)]
)
def test_a_quantile_is_the_smallest_value_that_is_large_enough(share: float, value: float) -> None:
    assert quantile([3.0, 1.0, 4.0, 2.0], share) == value


def test_calls_that_were_due_during_a_stall_have_waited() -> None:
    def call(position: int) -> None:
        if position == 10:
            time.sleep(0.2)

    found = measure_stalls(call, lambda: None, calls=300, rate=1_000)

    assert found["worst_ms"] >= 200
    assert found["p999_ms"] >= 150


def test_the_other_work_goes_on_as_long_as_there_are_calls() -> None:
    begun = threading.Event()
    repeats: list[int] = []

    def call(_: int) -> None:
        begun.wait(10)

    def meanwhile() -> None:
        repeats.append(1)
        begun.set()

    found = measure_stalls(call, meanwhile, calls=5, rate=1_000)

    assert found["repeats"] == len(repeats) >= 1


def test_a_failure_of_the_other_work_is_told() -> None:
    def fail() -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        measure_stalls(lambda _: None, fail, calls=200, rate=1_000)
