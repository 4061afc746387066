"""The clock is set, forward and back, while notices wait: none is lost, told twice, or waits for long."""

from __future__ import annotations

from datetime import time, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.alerting.stages.builders import World, event
from tocsin.model import Group, Schedule

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT, INTERVAL = timedelta(minutes=1), timedelta(minutes=10)
SKEW = timedelta(seconds=5)  # a clock that is set back by less is not noticed, and may be another machine's
JUMPS = [0.5, -0.5, 90, -90, 1800, -1800, 86_400, -86_400, 3e8, -3e8]
BATCHED = Group("everyone", channels=("ops",), group_wait=WAIT, group_interval=INTERVAL)
STEPS = st.lists(
    st.one_of(
        st.just("tell"),
        st.sampled_from([1.0, 20.0, 59.5, 61.0, 540.0, 601.0]),
        st.sampled_from(JUMPS).map(lambda seconds: ("jump", seconds)),
    ),
    max_size=25,
)


def tell(world: World, name: str) -> None:
    world.tell(event(name, sources=(name,)))


def told(world: World) -> list[str]:
    """Give the events that people were told of, by themselves or in a digest."""
    messages = [item for message in world.messages() for item in message.get("items") or [message]]
    return [message.get("event_id") or message["event"]["id"] for message in messages]


@pytest.mark.parametrize("jump", JUMPS)
def test_a_batch_leaves_soon_although_the_clock_was_set(world: World, jump: float) -> None:
    world.groups(BATCHED)
    tell(world, "a")
    world.now += timedelta(seconds=jump)
    world.now += WAIT + timedelta(seconds=0.5)
    assert world.send(close_all=False) == 1
    assert told(world) == ["a"]


@pytest.mark.parametrize("jump", JUMPS)
def test_the_next_batch_waits_for_no_more_than_the_interval_although_the_clock_was_set(
    world: World, jump: float
) -> None:
    world.groups(BATCHED)
    tell(world, "a")
    world.now += WAIT
    world.send(close_all=False)
    world.now += timedelta(seconds=jump)
    tell(world, "b")
    world.now += INTERVAL
    assert world.send(close_all=False) == 1
    assert told(world) == ["a", "b"]


@pytest.mark.parametrize("jump", [one for one in JUMPS if abs(one) < 1e6])
def test_hours_go_by_the_clock_as_it_is_set(world: World, jump: float) -> None:
    hours = Schedule(start=time(14), end=time(15))
    world.groups(Group("everyone", channels=("ops",), schedule=hours))
    tell(world, "a")
    assert world.send(close_all=False) == 0
    world.now += timedelta(seconds=jump)
    for _ in range(24 * 2):
        is_open = 14 <= world.now.hour < 15
        assert world.send(close_all=False) == is_open
        if is_open:
            break
        world.later(30)
    world.later(24 * 60)
    assert world.send(close_all=False) == 0
    assert told(world) == ["a"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(STEPS)
@example(["tell", 61.0, "tell", ("jump", -0.5)]).via("kept half a second later than it is now")
def test_however_the_clock_is_set_each_is_told_once_and_soon(
    new_world: Callable[[], World], steps: list[object]
) -> None:
    world = new_world()
    world.groups(BATCHED)
    queued = 0
    waiting = timedelta(0)  # how long the first of those that wait does, at most, since the clock was set
    for step in steps:
        match step:
            case "tell":
                queued += 1
                tell(world, f"e{queued}")
            case ("jump", float(seconds) | int(seconds)):
                world.now += timedelta(seconds=seconds)
                waiting = timedelta(0)
            case float(seconds):
                world.now += timedelta(seconds=seconds)
                waiting += timedelta(seconds=seconds)
        world.send(close_all=False)
        left = queued - len(told(world))
        waiting = waiting if left else timedelta(0)
        assert waiting < INTERVAL
    world.now += INTERVAL + SKEW
    world.send(close_all=False)
    assert sorted(told(world)) == sorted(f"e{number + 1}" for number in range(queued))


def test_who_is_a_little_behind_the_one_that_kept_a_notice_lets_it_wait(world: World) -> None:
    world.groups(BATCHED)
    tell(world, "a")
    world.now -= timedelta(seconds=3)  # another machine, whose clock differs
    assert world.send(close_all=False) == 0
    world.now += WAIT + timedelta(seconds=3)
    assert world.send(close_all=False) == 1
