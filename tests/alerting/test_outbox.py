"""Sending from the outbox of a real memory."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.alerting.conftest import NOW, Memory
from tocsin.alerting.channels import build_channel
from tocsin.alerting.outbox import (
    LONGEST_WAIT,
    MAX_ATTEMPTS,
    VISIBILITY,
    DeliveryReport,
    backoff,
    deliver,
    prune_done,
    sent_since,
)
from tocsin.alerting.rate_limit import RateLimit, TokenBucket
from tocsin.alerting.records import Queued, queue_messages
from tocsin.errors import ChannelError, ConfigError
from tocsin.model import AlertRule
from tocsin.testing.channels import MESSAGE, Answer, HttpReceiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from tests.conftest import SteppingClock
    from tocsin.abc import Channel


class Notebook:
    """A channel that notes what it gets, and fails as a test tells it to."""

    def __init__(self, *errors: Exception | None) -> None:
        self.errors = list(errors)
        self.tried: list[str] = []
        self.noted: list[str] = []

    def send(self, message: Mapping[str, Any]) -> None:
        self.tried.append(message["id"])
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        self.noted.append(message["id"])


def queue(memory: Memory, *names: str, channel: str = "ops") -> None:
    queue_at(memory, NOW, *names, channel=channel)


def queue_at(
    memory: Memory, now: datetime, *names: str, channel: str = "ops", event_at: datetime = NOW
) -> None:
    payloads = {name: json.dumps({**MESSAGE, "id": name}) for name in names}
    messages = [Queued(name, channel, "first", "r", "s", payloads[name], event_at) for name in names]
    with memory.database.transaction() as tx:
        queue_messages(tx, messages, now)


def rows(memory: Memory) -> dict[str, dict[str, Any]]:
    return {row["message_id"]: row for row in memory.rows("_tocsin_outbox", "message_id")}


@pytest.fixture
def send(memory: Memory, clock: SteppingClock) -> Callable[..., DeliveryReport]:
    def deliver_to(channels: Mapping[str, Channel], **options: Any) -> DeliveryReport:
        return deliver(memory.database, channels, clock=clock, rng=jitter(7), **options)

    return deliver_to


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


def jitter(seed: int = 7) -> random.Random:
    return random.Random(seed)  # noqa: S311 - jitter keeps no secret


def transient(retry_after: float | None = None) -> ChannelError:
    return ChannelError("busy", transient=True, retry_after=retry_after)


def test_messages_are_sent_once_and_in_order(memory: Memory, send: Callable[..., DeliveryReport]) -> None:
    queue(memory, "c", "a", "b")
    notebook = Notebook()
    report = send({"ops": notebook})
    assert (report.sent, report.failed, report.dead, report.pending) == (3, 0, 0, 0)
    assert report.sent_of == {"s": 3}
    assert notebook.noted == ["c", "a", "b"]
    assert send({"ops": notebook}).sent == 0
    assert {row["state"] for row in rows(memory).values()} == {"sent"}
    assert rows(memory)["a"]["sent_at"] == NOW


def test_an_empty_outbox_does_nothing(send: Callable[..., DeliveryReport]) -> None:
    assert send({}) == DeliveryReport()


def test_a_failed_message_waits_and_is_sent_later(
    memory: Memory, clock: SteppingClock, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "a", "b")
    notebook = Notebook(transient())
    report = send({"ops": notebook})
    assert (report.sent, report.failed, report.pending) == (0, 1, 2)
    assert report.errors == {"ops": "busy"}
    assert notebook.tried == ["a"]  # the one behind it waits with it
    row = rows(memory)["a"]
    assert (row["state"], row["attempts"], row["last_error"]) == ("pending", 1, "busy")
    assert NOW <= row["next_attempt_at"] <= NOW + timedelta(minutes=1)
    clock.time = row["next_attempt_at"] - timedelta(milliseconds=1)
    assert send({"ops": notebook}).sent == 0
    clock.time = row["next_attempt_at"]
    assert send({"ops": notebook}).sent == 2
    assert notebook.noted == ["a", "b"]
    assert rows(memory)["a"]["last_error"] is None


def test_a_channel_that_fails_holds_up_only_itself(
    memory: Memory, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "a1", "a2", channel="a")
    queue(memory, "b1", "b2", channel="b")
    broken, fine = Notebook(transient()), Notebook()
    report = send({"a": broken, "b": fine})
    assert (report.sent, report.failed, report.pending) == (2, 1, 2)
    assert fine.noted == ["b1", "b2"]
    assert broken.tried == ["a1"]


def test_the_receivers_wish_to_wait_counts(memory: Memory, send: Callable[..., DeliveryReport]) -> None:
    queue(memory, "a")
    send({"ops": Notebook(transient(7200.0))})
    assert rows(memory)["a"]["next_attempt_at"] == NOW + timedelta(hours=2)


def test_a_wish_to_wait_for_ever_is_cut_to_a_day(memory: Memory, send: Callable[..., DeliveryReport]) -> None:
    queue(memory, "a")
    send({"ops": Notebook(transient(1e300))})
    assert rows(memory)["a"]["next_attempt_at"] == NOW + timedelta(days=1)


def test_a_message_that_will_never_be_taken_is_dead_at_once_and_the_next_one_goes(
    memory: Memory, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "a", "b")
    notebook = Notebook(ChannelError("no such hook"))
    report = send({"ops": notebook})
    assert (report.sent, report.failed, report.dead, report.pending) == (1, 0, 1, 0)
    assert rows(memory)["a"]["state"] == "dead"
    assert rows(memory)["a"]["last_error"] == "no such hook"


def test_a_message_is_dead_after_so_many_attempts(
    memory: Memory, clock: SteppingClock, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "a")
    notebook = Notebook(*[transient() for _ in range(20)])
    reports = []
    for _ in range(6):
        reports.append(send({"ops": notebook}, max_attempts=4))
        clock.advance(timedelta(hours=2))
    assert len(notebook.tried) == 4
    assert [report.failed for report in reports] == [1, 1, 1, 0, 0, 0]
    assert reports[3].dead == 1
    assert (rows(memory)["a"]["state"], rows(memory)["a"]["attempts"]) == ("dead", 4)


def test_a_bug_in_a_channel_is_a_failed_attempt_that_shows_no_secret(
    memory: Memory, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "a")
    report = send({"ops": Notebook(RuntimeError("token=geheim"))})
    assert (report.failed, report.pending) == (1, 1)
    assert rows(memory)["a"]["last_error"] == "the channel failed with RuntimeError"


def test_a_message_for_an_unknown_channel_waits_and_says_so(
    memory: Memory, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "a", channel="gone")
    queue(memory, "b")
    notebook = Notebook()
    report = send({"ops": notebook})
    assert (report.sent, report.pending) == (1, 1)
    assert "no channel is called 'gone'" in report.errors["gone"]
    row = rows(memory)["a"]
    assert (row["state"], row["attempts"]) == ("pending", 0)
    assert "alert_channels" in row["last_error"]
    assert send({"gone": notebook}).sent == 1
    assert rows(memory)["a"]["last_error"] is None


def test_the_limits_end_a_delivery_and_the_next_goes_on(
    memory: Memory, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "a", "b", "c")
    notebook = Notebook()
    report = send({"ops": notebook}, limit=2)
    assert (report.sent, report.pending) == (2, 1)
    assert send({"ops": notebook}, time_limit=0.0).sent == 0
    assert send({"ops": notebook}).sent == 1
    assert notebook.noted == ["a", "b", "c"]


def test_a_channel_that_uses_up_its_time_takes_none_of_the_others(
    memory: Memory, send: Callable[..., DeliveryReport]
) -> None:
    class Slow(Notebook):
        def send(self, message: Mapping[str, Any]) -> None:
            threading.Event().wait(0.2)
            super().send(message)

    queue(memory, "a", "b", channel="slow")
    queue(memory, "c", "d")
    slow, ops = Slow(), Notebook()

    assert send({"slow": slow, "ops": ops}, time_limit=0.1).pending == 1

    assert (slow.noted, ops.noted) == (["a"], ["c", "d"])


def test_a_sender_leaves_alone_what_another_has_claimed(
    memory: Memory, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "a", "b")
    inner: list[DeliveryReport] = []
    other = Notebook()

    class Slow(Notebook):
        def send(self, message: Mapping[str, Any]) -> None:
            if not inner:  # while the first message is on its way, another sender comes along
                inner.append(send({"ops": other}))
            super().send(message)

    slow = Slow()
    assert send({"ops": slow}).sent == 2
    assert (inner[0].sent, inner[0].pending) == (0, 2)
    assert other.tried == []
    assert slow.noted == ["a", "b"]


def test_a_sender_that_read_the_outbox_before_another_claimed_loses_the_claim(
    memory: Memory, clock: SteppingClock, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "0", channel="other")
    queue(memory, "a")
    sending, go_on = threading.Event(), threading.Event()

    class Slow(Notebook):
        def send(self, message: Mapping[str, Any]) -> None:
            sending.set()
            assert go_on.wait(30)
            super().send(message)

    slow, late = Slow(), Notebook()
    rival = threading.Thread(
        target=deliver, args=(memory.database, {"ops": slow}), kwargs={"clock": clock, "rng": jitter()}
    )

    class Overtaken(Notebook):
        def send(self, message: Mapping[str, Any]) -> None:
            rival.start()
            assert sending.wait(30)
            super().send(message)

    report = send({"other": Overtaken(), "ops": late})
    go_on.set()
    rival.join()
    assert report.sent == 1
    assert (slow.noted, late.tried) == (["a"], [])
    assert rows(memory)["a"]["attempts"] == 1


def test_many_senders_at_once_send_everything_once(memory: Memory, clock: SteppingClock) -> None:
    names = [f"m{number:02d}" for number in range(30)]
    for name in names:
        queue(memory, name, channel=f"c{int(name[1:]) % 3}")
    notebook = Notebook()
    start = threading.Barrier(3)

    def work(seed: int) -> None:
        start.wait()
        channels = dict.fromkeys(("c0", "c1", "c2"), notebook)
        for _ in range(10):
            deliver(memory.database, channels, clock=clock, rng=jitter(seed))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(notebook.noted) == names


def test_a_late_failure_does_not_undo_what_another_sender_did(
    memory: Memory, clock: SteppingClock, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "a")

    class Hanging(Notebook):
        def send(self, message: Mapping[str, Any]) -> None:
            clock.advance(VISIBILITY)  # so long that the claim runs out and another sender takes over
            assert send({"ops": Notebook()}).sent == 1
            super().send(message)

    send({"ops": Hanging(transient())})
    assert (rows(memory)["a"]["state"], rows(memory)["a"]["attempts"]) == ("sent", 2)


KILLED = """
import os, random, signal, sys
from datetime import UTC, datetime
from tocsin.alerting.channels import build_channel
from tocsin.alerting.outbox import deliver
from tocsin.database.sqlite import SQLiteManager

class Clock:
    def now(self):
        return datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

class Killed:
    def send(self, message):
        config = {"url": sys.argv[2], "allow_private": True}
        build_channel("ops", "webhook", config, clock=Clock()).send(message)
        os.kill(os.getpid(), signal.SIGKILL)

deliver(SQLiteManager(sys.argv[1], clock=Clock()), {"ops": Killed()}, clock=Clock(), rng=random.Random(1))
"""


@pytest.mark.fault
def test_a_sender_killed_between_sending_and_noting_it_sends_again_under_the_same_id(
    memory: Memory, clock: SteppingClock, receiver: HttpReceiver, send: Callable[..., DeliveryReport]
) -> None:
    memory.evaluate("u", AlertRule(channels=("ops",), consecutive_anomalies=1))
    path = memory.database.internal_location
    killed = subprocess.run([sys.executable, "-c", KILLED, path, receiver.url], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert len(receiver.requests) == 1

    hook = build_channel("ops", "webhook", {"url": receiver.url, "allow_private": True}, clock=clock)
    assert send({"ops": hook}).pending == 1  # still claimed
    clock.advance(VISIBILITY)
    assert send({"ops": hook}).sent == 1
    first, second = receiver.requests
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.json() == second.json()
    assert send({"ops": hook}).sent == 0


@pytest.mark.fault
def test_what_a_dead_sender_claimed_is_sent_at_once_by_one_that_can_tell(
    memory: Memory, clock: SteppingClock, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "a")

    class Killed(BaseException):
        pass

    class Deadly(Notebook):
        def send(self, message: Mapping[str, Any]) -> None:
            raise Killed(message["id"])

    with pytest.raises(Killed):
        send({"ops": Deadly()}, owner="the first")
    notebook = Notebook()
    assert send({"ops": notebook}, is_dead=lambda name: name == "another").sent == 0
    assert clock.now() == NOW
    assert send({"ops": notebook}, is_dead=lambda name: name == "the first").sent == 1


@pytest.mark.fault
def test_a_message_that_kills_its_sender_is_given_up_in_the_end(
    memory: Memory, clock: SteppingClock, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "a", "b")

    class Killed(BaseException):
        pass

    class Deadly(Notebook):
        def send(self, message: Mapping[str, Any]) -> None:
            if message["id"] == "a":
                raise Killed
            super().send(message)

    deadly = Deadly()
    for _ in range(3):
        with pytest.raises(Killed):
            send({"ops": deadly}, max_attempts=3)
        clock.advance(VISIBILITY)
    report = send({"ops": deadly}, max_attempts=3)
    assert (report.dead, report.sent) == (1, 1)
    assert "cut short" in rows(memory)["a"]["last_error"]


def test_from_a_webhook_that_is_down_to_one_that_takes_it(
    memory: Memory, clock: SteppingClock, receiver: HttpReceiver, send: Callable[..., DeliveryReport]
) -> None:
    memory.evaluate("u.", AlertRule(channels=("hook",), consecutive_anomalies=1))
    hook = build_channel("hook", "webhook", {"url": receiver.url, "allow_private": True}, clock=clock)
    receiver.answers.append(Answer(503, headers={"Retry-After": "600"}))
    assert send({"hook": hook}).failed == 1
    clock.advance(timedelta(seconds=599))
    assert send({"hook": hook}).sent == 0
    clock.advance(timedelta(seconds=1))
    assert send({"hook": hook}).sent == 2
    kinds = [request.json()["kind"] for request in receiver.requests]
    assert kinds == ["first", "first", "recovered"]


@given(st.integers(1, 10_000), st.integers())
def test_waits_grow_from_a_second_and_stay_within_ten_minutes(attempt: int, seed: int) -> None:
    longest = min(600.0, 1.5 ** min(attempt - 1, 50))
    assert 0.0 <= backoff(attempt, jitter(seed)) <= longest


@settings(max_examples=10)
@given(st.integers())
def test_a_message_outlives_a_day_without_its_receiver(seed: int) -> None:
    rng = jitter(seed)
    waits = [backoff(attempt, rng) for attempt in range(1, MAX_ATTEMPTS)]
    assert 24 * 3600 < sum(waits) < 48 * 3600


def test_what_is_queued_later_is_sent_later_although_the_clock_was_set_back(
    memory: Memory, clock: SteppingClock, send: Callable[..., DeliveryReport]
) -> None:
    notebook = Notebook(transient())
    queue_at(memory, NOW, "began")
    send({"ops": notebook})
    queue_at(memory, NOW - timedelta(hours=1), "ended")
    queue_at(memory, NOW - timedelta(hours=1), "of an earlier event", event_at=NOW - timedelta(days=1))
    clock.advance(timedelta(hours=1))
    send({"ops": notebook})
    assert notebook.noted == ["began", "ended", "of an earlier event"]


def test_a_clock_that_was_set_back_by_years_does_not_keep_a_message_for_years(
    memory: Memory, clock: SteppingClock, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "a")
    send({"ops": Notebook(transient())})
    clock.advance(-timedelta(days=3650))
    assert send({"ops": Notebook()}).sent == 1


@pytest.mark.parametrize("seconds", [0.5, 90, 3600, 23 * 3600, 3e8])
def test_a_message_that_was_never_tried_does_not_wait_for_a_clock_that_was_set_back(
    memory: Memory, clock: SteppingClock, send: Callable[..., DeliveryReport], seconds: float
) -> None:
    notebook = Notebook()
    queue(memory, "a", "b")
    clock.advance(-timedelta(seconds=seconds))
    assert send({"ops": notebook}).sent == 2
    clock.advance(timedelta(seconds=seconds))
    assert send({"ops": notebook}).sent == 0
    assert notebook.noted == ["a", "b"]


@pytest.mark.parametrize("seconds", [0.5, 90, 3600, 23 * 3600, 3e8])
def test_a_message_that_failed_waits_for_ten_minutes_at_most_when_the_clock_is_set_back(
    memory: Memory, clock: SteppingClock, send: Callable[..., DeliveryReport], seconds: float
) -> None:
    notebook = Notebook(transient())
    queue(memory, "a", "b")
    send({"ops": notebook})
    clock.advance(-timedelta(seconds=seconds))
    send({"ops": notebook})
    clock.advance(timedelta(seconds=LONGEST_WAIT))
    send({"ops": notebook})
    assert notebook.noted == ["a", "b"]


def test_what_another_sends_is_left_to_it_although_the_clock_was_set_back(
    memory: Memory, clock: SteppingClock, send: Callable[..., DeliveryReport]
) -> None:
    notebook = Notebook()
    queue(memory, "a")

    class Slow:
        def send(self, message: Mapping[str, Any]) -> None:
            clock.advance(-timedelta(hours=1))
            assert send({"ops": notebook}).sent == 0
            notebook.send(message)

    assert send({"ops": Slow()}).sent == 1
    assert notebook.noted == ["a"]


def test_a_lost_store_is_an_error_that_says_so(tmp_path: Path, clock: SteppingClock) -> None:
    from tocsin.database.sqlite import SQLiteManager
    from tocsin.errors import DatabaseError

    with SQLiteManager(tmp_path / "empty.db", clock=clock) as empty, pytest.raises(DatabaseError):
        deliver(empty, {}, clock=clock, rng=jitter(1))


def test_one_channel_can_be_served_alone(memory: Memory, send: Callable[..., DeliveryReport]) -> None:
    queue(memory, "a1", channel="a")
    queue(memory, "b1", channel="b")
    queue(memory, "c1", channel="c")
    fine = Notebook()

    report = send({"a": fine}, only="a")

    assert (report.sent, report.pending, report.errors) == (1, 0, {})
    assert fine.noted == ["a1"]
    assert [rows(memory)[name]["last_error"] for name in ("b1", "c1")] == [None, None]


def test_a_channel_that_is_served_alone_but_unknown_sends_nothing(
    memory: Memory, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "a")
    report = send({}, only="ops")
    assert (report.sent, report.pending) == (0, 1)
    assert rows(memory)["a"]["last_error"] is None


def test_many_messages_are_sent_in_order_page_after_page(
    memory: Memory, send: Callable[..., DeliveryReport]
) -> None:
    names = [f"m{number:03d}" for number in range(250)]
    queue(memory, *names)
    queue(memory, "other", channel="b")
    notebook, other = Notebook(), Notebook()

    report = send({"ops": notebook, "b": other})

    assert (report.sent, report.pending) == (251, 0)
    assert notebook.noted == names
    assert other.noted == ["other"]


def test_messages_that_nobody_can_send_keep_no_others_away(
    memory: Memory, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, *[f"x{number:03d}" for number in range(300)], channel="gone")
    queue(memory, "a")
    notebook = Notebook()

    report = send({"ops": notebook})

    assert (report.sent, report.pending) == (1, 300)
    assert notebook.noted == ["a"]


def test_a_delivery_says_when_the_next_message_is_due(
    memory: Memory, clock: SteppingClock, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "a")
    assert send({"ops": Notebook(transient(600.0))}).next_attempt_at == NOW + timedelta(minutes=10)
    clock.advance(timedelta(minutes=1))
    assert send({"ops": Notebook()}).next_attempt_at == NOW + timedelta(minutes=10)
    clock.advance(timedelta(minutes=9))
    assert send({"ops": Notebook()}).next_attempt_at is None


def test_a_delivery_that_is_stopped_begins_with_no_further_message(
    memory: Memory, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "a", "b", "c")
    notebook = Notebook()
    report = send({"ops": notebook}, stopped=lambda: len(notebook.noted) == 2)
    assert (report.sent, report.pending) == (2, 1)


def test_a_channel_with_a_limit_takes_so_many_and_the_rest_waits_in_order(
    memory: Memory, clock: SteppingClock, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "a", "b", "c", "d")
    notebook = Notebook()
    bucket = TokenBucket(RateLimit.parse("2/min"), NOW)

    report = send({"ops": notebook}, buckets={"ops": bucket})

    assert (report.sent, report.pending) == (2, 2)
    assert report.next_attempt_at == NOW + timedelta(seconds=30)
    assert [rows(memory)[name]["attempts"] for name in "cd"] == [0, 0]  # waiting is no attempt
    clock.advance(timedelta(seconds=30))
    assert send({"ops": notebook}, buckets={"ops": bucket}).sent == 1
    clock.advance(timedelta(minutes=5))
    assert send({"ops": notebook}, buckets={"ops": bucket}).sent == 1
    assert notebook.noted == ["a", "b", "c", "d"]


def test_what_was_sent_lately_is_known(
    memory: Memory, clock: SteppingClock, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "a", "b")
    send({"ops": Notebook()})
    clock.advance(timedelta(seconds=30))
    queue(memory, "c")
    send({"ops": Notebook()})
    assert sent_since(memory.database, "ops", NOW - timedelta(seconds=1), clock.now()) == 3
    assert sent_since(memory.database, "ops", NOW, clock.now()) == 1
    assert sent_since(memory.database, "other", NOW - timedelta(days=1), clock.now()) == 0


def test_what_was_sent_before_the_clock_was_set_back_does_not_use_up_the_limit(
    memory: Memory, clock: SteppingClock, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "a", "b")
    send({"ops": Notebook()})
    assert sent_since(memory.database, "ops", NOW - timedelta(minutes=1), clock.now()) == 2
    clock.advance(timedelta(days=-1))
    assert sent_since(memory.database, "ops", clock.now() - timedelta(minutes=1), clock.now()) == 0


def test_messages_are_pruned_by_when_they_were_sent_or_given_up_and_others_stay(
    memory: Memory, clock: SteppingClock, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, "a", "b", "c")
    send({"ops": Notebook(None, None, ChannelError("never"))})
    clock.advance(timedelta(days=1))
    queue(memory, "d", "e")
    send({"ops": Notebook(None, transient())})

    with memory.database.transaction() as tx:
        pruned = [prune_done(tx, NOW + timedelta(hours=1), limit=1) for _ in range(4)]

    assert pruned == [1, 1, 1, 0]
    assert sorted(rows(memory)) == ["d", "e"]


def test_looking_into_a_long_outbox_reads_no_history(memory: Memory) -> None:
    outbox = memory.database.get_full_table_name("_tocsin_outbox")
    for query in (
        (
            "SELECT message_id FROM {} WHERE state = 'pending' AND channel = 'ops'"
            " ORDER BY created_at, event_at, sequence, message_id LIMIT 100"
        ),
        "SELECT DISTINCT channel FROM {} WHERE state = 'pending'",
        "SELECT count(*) FROM {} WHERE state = 'sent' AND sent_at > 0 AND channel = 'ops'",
    ):
        plan = memory.database.execute_query("EXPLAIN QUERY PLAN " + query.format(outbox))
        steps = [row["detail"] for row in plan]
        assert steps[0].startswith("SEARCH"), steps
        assert not [step for step in steps if "ORDER BY" in step]


@given(st.integers(1, 20), st.integers(1, 100), st.lists(st.integers(-30, 90), min_size=1, max_size=60))
def test_a_bucket_never_gives_more_than_its_number_and_what_came_back(
    number: int, seconds: int, steps: list[int]
) -> None:
    period = timedelta(seconds=seconds)
    bucket, now, forward = TokenBucket(RateLimit(number, period), NOW), NOW, timedelta(0)
    taken = 0
    for step in steps:
        now += timedelta(seconds=step)
        forward += max(timedelta(0), timedelta(seconds=step))
        while not bucket.wait(now):
            bucket.take(now)
            taken += 1
        assert taken <= number + forward / period * number + 0.001
        wait = bucket.wait(now)
        assert timedelta(0) < wait <= period / number + timedelta(milliseconds=1)
        assert not TokenBucket(bucket.limit, now).wait(now)


@pytest.mark.parametrize("text", ["", "30", "0/min", "-1/min", "3/", "3/0s", "3/fortnight", "many/min"])
def test_what_is_no_rate_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="30/min"):
        RateLimit.parse(text)


def test_the_limit_is_a_key_of_every_channel(clock: SteppingClock) -> None:
    build_channel("hook", "webhook", {"url": "https://example.org", "rate_limit": "5/10min"}, clock=clock)
    with pytest.raises(ConfigError, match="rate_limit: 'often' is no rate"):
        build_channel("hook", "webhook", {"url": "https://example.org", "rate_limit": "often"}, clock=clock)


def test_whom_a_message_did_not_reach_is_kept_and_said(
    memory: Memory, send: Callable[..., DeliveryReport]
) -> None:
    class Partly:
        def send(self, message: Mapping[str, Any]) -> str:
            del message
            return "refuses b@example.org for good"

    queue(memory, "a")
    report = send({"ops": Partly()})
    assert (report.sent, report.failed, report.dead) == (1, 0, 0)
    assert report.errors == {"ops": "refuses b@example.org for good"}
    (row,) = rows(memory).values()
    assert (row["state"], row["last_error"]) == ("sent", "refuses b@example.org for good")
