"""When monitors are due: slots on the wall clock, waiting by the monotonic one, and clocks that are set."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from tocsin.runtime.watch.schedule import START_GAP, Moment, Schedule, Timing

START = Moment(1_800_000_000.0, 500.0)
INTERVALS = st.sampled_from([1.0, 5.0, 60.0, 600.0, 86_400.0])


def later(now: Moment, seconds: float, set_by: float = 0.0) -> Moment:
    return Moment(now.wall + seconds + set_by, now.monotonic + seconds)


def test_all_begin_at_once_a_little_apart() -> None:
    schedule = Schedule(START)
    names = [f"m{number}" for number in range(100)]
    schedule.replace({name: Timing(60.0) for name in names}, START)

    assert schedule.due(START) == ["m0"]
    assert math.isclose(schedule.wait(START) or 0.0, START_GAP, rel_tol=1e-6)
    assert schedule.due(later(START, 10 * START_GAP + 0.001)) == names[1:11]
    assert schedule.due(later(START, 3.0)) == names[11:]
    assert schedule.wait(START) is None


def test_a_short_interval_does_not_wait_for_a_thousand_others() -> None:
    schedule = Schedule(START)
    schedule.replace({f"m{number}": Timing(1.0) for number in range(1000)}, START)
    assert len(schedule.due(later(START, 1.0))) == 1000


def test_runs_are_due_at_their_slots_and_not_twice() -> None:
    schedule = Schedule(START)
    schedule.replace({"m": Timing(60.0, offset=7.0)}, START)
    assert schedule.due(START) == ["m"]
    assert schedule.due(later(START, 300)) == []  # it still goes on
    now = later(START, 301)
    assert schedule.done("m", now) == 5
    assert schedule.skipped("m") == 5
    wait = schedule.wait(now)
    assert wait is not None
    assert math.isclose((now.wall + wait - 7.0) % 60.0, 0.0, abs_tol=1e-3)


def test_what_is_gone_is_not_due_and_what_stays_keeps_its_slot() -> None:
    schedule = Schedule(START)
    schedule.replace({"a": Timing(60.0), "b": Timing(60.0), "c": Timing(60.0)}, START)
    now = later(START, 1.0)
    assert schedule.due(now) == ["a", "b", "c"]
    schedule.done("a", now)
    wait = schedule.wait(now)

    schedule.replace({"a": Timing(60.0), "c": Timing(5.0), "d": Timing(60.0)}, now)

    assert schedule.due(now) == ["d"]
    assert schedule.wait(now) == wait
    assert schedule.done("b", now) == 0  # it ended, and is forgotten
    schedule.done("c", now)
    new = schedule.wait(now)
    assert new is not None
    assert new <= 5.0
    schedule.replace({}, now)
    assert schedule.due(later(now, 1e6)) == []


def test_what_comes_back_while_it_still_goes_on_is_not_begun_twice() -> None:
    schedule = Schedule(START)
    schedule.replace({"a": Timing(60.0)}, START)
    assert schedule.due(START) == ["a"]
    schedule.replace({}, START)
    schedule.replace({"a": Timing(60.0)}, START)
    assert schedule.due(later(START, 30)) == []
    schedule.done("a", later(START, 30))
    assert schedule.due(later(START, 90)) == ["a"]


def test_a_clock_set_back_by_a_day_makes_nothing_wait_for_a_day() -> None:
    schedule = Schedule(START)
    schedule.replace({"m": Timing(60.0)}, START)
    schedule.due(START)
    schedule.done("m", START)
    now = later(START, 1.0, set_by=-86_400.0)
    wait = schedule.wait(now)
    assert wait is not None
    assert wait <= 60.0


def test_a_clock_set_forward_makes_due_what_it_passed() -> None:
    schedule = Schedule(START)
    schedule.replace({"day": Timing(86_400.0)}, START)
    schedule.due(START)
    schedule.done("day", START)
    assert schedule.due(later(START, 1.0, set_by=86_400.0)) == ["day"]


@given(
    st.lists(INTERVALS, min_size=1, max_size=5),
    st.lists(
        st.tuples(
            st.floats(0.01, 4000.0),  # how long to wait at most
            st.floats(0.0, 200.0),  # how long the work takes
            st.sampled_from([0.0, 0.0, 0.0, 3600.0, -3600.0, 1e7, -1e7, 0.5]),  # by how much the clock is set
        ),
        max_size=40,
    ),
    st.floats(0.0, 86_400.0),
)
def test_nothing_is_begun_twice_or_waited_for_longer_than_its_interval(
    intervals: list[float], steps: list[tuple[float, float, float]], offset: float
) -> None:
    timings = {f"m{n}": Timing(interval, offset % interval) for n, interval in enumerate(intervals)}
    schedule, now = Schedule(START), START
    schedule.replace(timings, now)
    running: set[str] = set()
    planned = dict.fromkeys(timings, now.monotonic)
    for patience, takes, set_by in steps:
        wait = schedule.wait(now)
        assert (wait is None) == (len(running) == len(timings))
        now = later(now, patience if wait is None else min(wait, patience), set_by)
        begun = schedule.due(now)
        assert not running & set(begun)
        assert len(set(begun)) == len(begun)
        running |= set(begun)
        for name in timings.keys() - running:
            assert now.monotonic - planned[name] <= timings[name].interval + 1e-6
        if running:
            now = later(now, takes)
            name = min(running)
            running.discard(name)
            assert schedule.done(name, now) >= 0
            planned[name] = now.monotonic
    wait = schedule.wait(now)
    assert wait is None or wait <= max(intervals)


@given(INTERVALS, st.floats(0.0, 86_400.0), st.lists(st.floats(0.0, 3.0), min_size=1, max_size=50))
def test_runs_and_skipped_intervals_are_all_intervals(
    interval: float, offset: float, shares: list[float]
) -> None:
    schedule, now = Schedule(START), START
    schedule.replace({"m": Timing(interval, offset % interval)}, now)
    runs = 0
    for share in shares:
        wait = schedule.wait(now)
        assert wait is not None
        now = later(now, wait)
        runs += len(schedule.due(now))
        now = later(now, share * interval)
        schedule.done("m", now)
    assert runs == len(shares)
    passed = (now.monotonic - START.monotonic) / interval
    assert abs(runs + schedule.skipped("m") - passed) <= 2.0 + 1e-3 * passed
