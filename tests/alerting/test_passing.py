"""Which messages pass by one that its receiver does not take."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.alerting.conftest import NOW, Memory
from tests.conftest import SteppingClock
from tocsin.alerting.outbox import DeliveryReport, deliver
from tocsin.alerting.passing import PATIENCE
from tocsin.alerting.records import Queued, queue_messages
from tocsin.errors import ChannelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def about(name: str, *groups: str) -> dict[str, Any]:
    """Make a message, as far as its way goes by it."""
    groups = groups or ("ops",)
    return {"id": name, "kind": "first", "group": groups[0], "groups": list(groups)}


class Picky:
    """A receiver that does not take some messages."""

    def __init__(self, *refused: str, retry_after: float | None = None) -> None:
        self.refused, self.retry_after = set(refused), retry_after
        self.tried: list[str] = []
        self.taken: list[str] = []

    def send(self, message: Mapping[str, Any]) -> None:
        self.tried.append(message["id"])
        if message["id"] in self.refused:
            raise ChannelError("answered 500", transient=True, retry_after=self.retry_after)
        self.taken.append(message["id"])


@pytest.fixture
def put(memory: Memory) -> Callable[..., None]:
    def queue(*payloads: dict[str, Any]) -> None:
        messages = [Queued(one["id"], "ops", one["kind"], "r", "s", json.dumps(one), NOW) for one in payloads]
        with memory.database.transaction() as tx:
            queue_messages(tx, messages, NOW)

    return queue


@pytest.fixture
def send(memory: Memory, clock: SteppingClock) -> Callable[..., DeliveryReport]:
    def to(receiver: Picky, **options: Any) -> DeliveryReport:
        rng = random.Random(7)  # noqa: S311 - jitter keeps no secret
        return deliver(memory.database, {"ops": receiver}, clock=clock, rng=rng, **options)

    return to


@pytest.fixture
def fail_long(send: Callable[..., DeliveryReport], clock: SteppingClock) -> Callable[[Picky], None]:
    """Try until what is refused has failed so often that it is passed by."""

    def until_passed(receiver: Picky) -> None:
        while receiver.tried.count(receiver.tried[0] if receiver.tried else "") < PATIENCE - 1:
            send(receiver)
            clock.advance(timedelta(minutes=10))

    return until_passed


def test_a_message_that_fails_holds_back_its_channel_until_it_failed_for_long(
    put: Callable[..., None], send: Callable[..., DeliveryReport], fail_long: Callable[[Picky], None]
) -> None:
    put(about("bad"), about("same"), about("other", "shop"), about("both", "shop", "ops"), about("x", "shop"))
    receiver = Picky("bad")

    fail_long(receiver)
    assert set(receiver.tried) == {"bad"}

    report = send(receiver)
    assert receiver.taken == ["other"]  # "x" is for who has yet to be told by "both"
    assert (report.sent, report.failed, report.pending) == (1, 1, 4)
    assert send(receiver).sent == 0


def test_what_waited_comes_in_order_when_it_is_taken_at_last(
    put: Callable[..., None],
    send: Callable[..., DeliveryReport],
    fail_long: Callable[[Picky], None],
    clock: SteppingClock,
) -> None:
    put(about("bad"), about("same"), about("other", "shop"))
    receiver = Picky("bad")
    fail_long(receiver)
    send(receiver)
    put(about("later"), about("late", "shop"))
    report = send(receiver)
    assert report.next_attempt_at is not None
    receiver.refused.clear()
    clock.advance(timedelta(minutes=10))
    send(receiver)
    assert receiver.taken == ["other", "late", "bad", "same", "later"]


def test_a_receiver_that_is_away_is_tried_with_a_few_messages_only(
    put: Callable[..., None], send: Callable[..., DeliveryReport], clock: SteppingClock
) -> None:
    names = [f"m{number}" for number in range(20)]
    put(*(about(name, name) for name in names))
    receiver = Picky(*names)
    for _ in range(4 * PATIENCE):
        send(receiver)
        clock.advance(timedelta(minutes=10))
    assert set(receiver.tried) == {"m0", "m1", "m2"}
    receiver.refused.clear()
    assert send(receiver).sent == 20
    assert receiver.taken == names


def test_a_receiver_that_asks_to_wait_is_left_alone_until_then(
    put: Callable[..., None], send: Callable[..., DeliveryReport], clock: SteppingClock, memory: Memory
) -> None:
    put(about("a"), about("b", "shop"))
    receiver = Picky("a", retry_after=600.0)
    send(receiver)
    clock.advance(timedelta(minutes=9))
    report = send(receiver)
    assert receiver.tried == ["a"]
    assert report.next_attempt_at == NOW + timedelta(minutes=10)
    (row,) = [row for row in memory.rows("_tocsin_outbox", "message_id") if row["message_id"] == "a"]
    assert row["last_error"] == "answered 500; the receiver asks to wait"
    receiver.refused.clear()
    clock.advance(timedelta(minutes=1))
    send(receiver)
    assert receiver.taken == ["a", "b"]


def test_what_passes_by_is_found_behind_many_that_wait(
    put: Callable[..., None], send: Callable[..., DeliveryReport], fail_long: Callable[[Picky], None]
) -> None:
    put(about("bad"), *(about(f"more {number:03}") for number in range(350)), about("other", "shop"))
    receiver = Picky("bad")
    fail_long(receiver)
    assert send(receiver).pending == 351
    assert receiver.taken == ["other"]


def test_what_another_process_sends_is_passed_by_by_nothing(
    put: Callable[..., None], send: Callable[..., DeliveryReport]
) -> None:
    put(about("a"), about("b", "shop"))

    class Killed(BaseException):
        pass

    class Deadly(Picky):
        def send(self, message: Mapping[str, Any]) -> None:
            raise Killed(message["id"])

    with pytest.raises(Killed):
        send(Deadly())
    receiver = Picky()
    assert send(receiver).sent == 0
    assert send(receiver, is_dead=lambda _: True).sent == 2
    assert receiver.taken == ["a", "b"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sets(st.sampled_from("abc"), min_size=1), max_size=10),
    st.sets(st.integers(0, 9), max_size=4),
    st.integers(0, 2 * PATIENCE),
)
def test_whatever_a_receiver_refuses_each_group_is_told_in_order(
    new_memory: Callable[[], Memory], groups: Sequence[set[str]], refused: set[int], rounds: int
) -> None:
    memory, clock = new_memory(), SteppingClock(NOW)
    payloads = [about(f"{number:02}", *sorted(some)) for number, some in enumerate(groups)]
    rng = random.Random(7)  # noqa: S311 - jitter keeps no secret
    receiver = Picky(*(f"{number:02}" for number in refused))
    for number, one in enumerate(payloads):
        with memory.database.transaction() as tx:
            queue_messages(tx, [Queued(one["id"], "ops", "first", "r", "s", json.dumps(one), NOW)], NOW)
        if number % 3 == 0:
            deliver(memory.database, {"ops": receiver}, clock=clock, rng=rng)
    for _ in range(rounds):
        clock.advance(timedelta(minutes=10))
        deliver(memory.database, {"ops": receiver}, clock=clock, rng=rng)
    if rounds < PATIENCE - 1 - len(payloads):  # nothing failed so often: the whole channel is in order
        assert receiver.taken == sorted(receiver.taken)
    receiver.refused.clear()
    clock.advance(timedelta(days=1))
    assert deliver(memory.database, {"ops": receiver}, clock=clock, rng=rng).pending == 0

    assert sorted(receiver.taken) == [one["id"] for one in payloads]
    for group in "abc":
        of_group = [name for name in receiver.taken if group in groups[int(name)]]
        assert of_group == sorted(of_group)
