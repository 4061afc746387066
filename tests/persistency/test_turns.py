"""One run at a time, shared by all who wait."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tocsin.persistency.turns import Turns

WAIT = 30


def test_whoever_comes_during_a_run_shares_the_next_one() -> None:
    begun, go_on = threading.Semaphore(0), threading.Semaphore(0)
    runs: list[int] = []

    def run() -> int:
        runs.append(len(runs))
        begun.release()
        assert go_on.acquire(timeout=WAIT)
        return runs[-1]

    turns = Turns(run)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(turns.take)
        assert begun.acquire(timeout=WAIT)
        others = [pool.submit(turns.take) for _ in range(7)]
        while turns.waiting < 7:
            threading.Event().wait(0.001)
        go_on.release()
        assert first.result(WAIT) == 0
        assert begun.acquire(timeout=WAIT)
        go_on.release()
        assert [other.result(WAIT) for other in others] == [1] * 7

    assert runs == [0, 1]


def test_runs_never_overlap() -> None:
    running = threading.Lock()

    def run() -> None:
        assert running.acquire(blocking=False)
        running.release()

    turns = Turns(run)
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(turns.take) for _ in range(200)]:
            done.result(WAIT)


def test_what_a_run_raises_is_raised_to_all_who_shared_it() -> None:
    turns: Turns[None] = Turns(lambda: (_ for _ in ()).throw(ValueError("no")))

    with pytest.raises(ValueError, match="no"):
        turns.take()
    with pytest.raises(ValueError, match="no"):
        turns.take()


def test_who_waits_for_a_run_that_is_interrupted_runs_instead() -> None:
    begun, go_on = threading.Event(), threading.Event()
    interrupted: list[bool] = []

    def run() -> str:
        if interrupted:
            return "done"
        interrupted.append(True)
        begun.set()
        assert go_on.wait(WAIT)
        raise KeyboardInterrupt

    turns = Turns(run)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(turns.take)
        assert begun.wait(WAIT)
        others = [pool.submit(turns.take) for _ in range(3)]
        go_on.set()
        with pytest.raises(KeyboardInterrupt):
            first.result(WAIT)
        assert [other.result(WAIT) for other in others] == ["done"] * 3
