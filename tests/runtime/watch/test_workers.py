"""Threads that work off what is due, and threads that do one thing again and again."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest

from tests.runtime.watch.conftest import until
from tocsin.runtime.watch.routine import Routine
from tocsin.runtime.watch.workers import Outcome, Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 30.0


class Bench:
    """Workers, what they reported, and work that waits to be let go."""

    def __init__(self, count: int) -> None:
        self.outcomes: SimpleQueue[Outcome] = SimpleQueue()
        self.workers = Workers(count, self.outcomes.put, overdue_after=0.05)
        self.go_on = threading.Event()
        self.begun: SimpleQueue[str] = SimpleQueue()

    def submit(self, name: str, *, hangs: bool = False, urgent: bool = False) -> None:
        def work() -> str:
            self.begun.put(name)
            if hangs:
                assert self.go_on.wait(PATIENCE)
            return name.upper()

        self.workers.submit(name, work, urgent=urgent)

    def next(self) -> Outcome:
        return self.outcomes.get(timeout=PATIENCE)


@pytest.fixture
def bench() -> Iterator[Callable[[int], Bench]]:
    made: list[Bench] = []

    def make(count: int) -> Bench:
        made.append(Bench(count))
        return made[-1]

    yield make
    for one in made:
        one.go_on.set()
        one.workers.stop()
        assert one.workers.join(PATIENCE) == []


def test_work_is_done_and_reported_by_name(bench: Callable[[int], Bench]) -> None:
    one = bench(2)
    for name in "abc":
        one.submit(name)
    outcomes = sorted((one.next() for _ in "abc"), key=lambda outcome: outcome.name)
    assert [(outcome.name, outcome.result, outcome.error) for outcome in outcomes] == [
        ("a", "A", None), ("b", "B", None), ("c", "C", None)
    ]  # fmt: skip


def test_an_error_is_reported_and_the_thread_goes_on(bench: Callable[[int], Bench]) -> None:
    one = bench(1)

    def fail() -> None:
        raise SystemExit(3)

    one.workers.submit("bad", fail)
    one.submit("good")
    assert isinstance(one.next().error, SystemExit)
    assert one.next().result == "GOOD"


def test_what_is_urgent_comes_before_what_waits(bench: Callable[[int], Bench]) -> None:
    one = bench(1)
    one.submit("first", hangs=True)
    one.begun.get(timeout=PATIENCE)
    for name in "ab":
        one.submit(name)
    one.submit("urgent", urgent=True)
    assert one.workers.waiting == 3
    one.go_on.set()
    assert [one.next().name for _ in range(4)] == ["first", "urgent", "a", "b"]


def test_what_hangs_gives_its_place_to_another_thread_and_takes_none_later(
    bench: Callable[[int], Bench],
) -> None:
    one = bench(1)
    one.submit("stuck", hangs=True)
    one.begun.get(timeout=PATIENCE)
    one.submit("next")

    def is_replaced() -> bool:
        one.workers.replace_overdue()
        return not one.workers.waiting

    until(is_replaced, "another thread")
    assert one.next().name == "next"
    assert [(running.name, running.overdue) for running in one.workers.running()] == [("stuck", True)]

    one.go_on.set()
    assert one.next().name == "stuck"
    until(lambda: len(one.workers._threads) == 1, "the end of one thread too many")
    one.submit("last")
    assert one.next().name == "last"


def test_stopping_forgets_what_waits_and_names_what_goes_on(bench: Callable[[int], Bench]) -> None:
    one = bench(1)
    one.submit("stuck", hangs=True)
    one.begun.get(timeout=PATIENCE)
    one.submit("never")
    one.workers.stop()
    one.submit("neither")
    assert one.workers.join(0.0) == ["stuck"]
    one.go_on.set()
    assert one.workers.join(PATIENCE) == []
    assert one.next().name == "stuck"
    assert one.outcomes.empty()


def test_a_routine_is_done_when_woken_and_calls_meanwhile_make_one_more_step() -> None:
    steps: SimpleQueue[int] = SimpleQueue()
    go_on = threading.Semaphore(0)
    done = 0

    def step() -> float:
        nonlocal done
        done += 1
        steps.put(done)
        assert go_on.acquire(timeout=PATIENCE)
        return 1e6

    routine = Routine("test", step, lambda *_: None)
    routine.start()
    assert steps.get(timeout=PATIENCE) == 1
    for _ in range(10):
        routine.wake()
    go_on.release()
    assert steps.get(timeout=PATIENCE) == 2
    assert routine.busy_seconds > 0
    routine.stop(after_another_step=True)
    go_on.release(2)
    assert routine.join(PATIENCE)
    assert done == 3
    assert routine.busy_seconds == 0


def test_a_routine_that_fails_is_tried_again_and_says_so() -> None:
    said: SimpleQueue[tuple[str, str]] = SimpleQueue()
    steps: SimpleQueue[int] = SimpleQueue()
    tries = 0

    def step() -> float:
        nonlocal tries
        tries += 1
        if tries == 2:
            raise OSError("the disk is full")
        steps.put(tries)
        return 1e6

    routine = Routine("test", step, lambda name, error: said.put((name, str(error))))
    routine.start()
    assert steps.get(timeout=PATIENCE) == 1
    routine.wake()
    assert said.get(timeout=PATIENCE) == ("test", "the disk is full")
    assert steps.get(timeout=PATIENCE) == 3
    assert said.get(timeout=PATIENCE) == ("test", "None")  # it works again
    routine.wake()
    assert steps.get(timeout=PATIENCE) == 4
    routine.stop()
    assert routine.join(PATIENCE)
    assert said.empty()


def test_a_routine_that_was_never_started_can_be_stopped() -> None:
    routine = Routine("test", lambda: 1.0, lambda *_: None)
    routine.stop()
    assert routine.join(1.0)
