"""Messages for channels that the profile does not have any more."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.alerting.conftest import NOW, Memory
from tocsin.alerting.outbox import DeliveryReport, deliver
from tocsin.alerting.records import Queued, queue_messages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.conftest import SteppingClock
    from tocsin.abc import Channel


class Notebook:
    def __init__(self) -> None:
        self.noted: list[str] = []

    def send(self, message: Mapping[str, Any]) -> None:
        self.noted.append(message["id"])


def queue(memory: Memory, now: Any, *names: str) -> None:
    with memory.database.transaction() as tx:
        messages = [Queued(name, "gone", "first", "r", "s", f'{{"id": "{name}"}}', now) for name in names]
        queue_messages(tx, messages, now)


@pytest.fixture
def send(memory: Memory, clock: SteppingClock) -> Callable[..., DeliveryReport]:
    def to(**channels: Channel) -> DeliveryReport:
        rng = random.Random(7)  # noqa: S311 - jitter keeps no secret
        return deliver(memory.database, channels, clock=clock, rng=rng)

    return to


def test_how_many_messages_wait_for_a_channel_that_is_gone_is_said(
    memory: Memory, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, NOW, "a")
    assert send().errors["gone"] == (
        "no channel is called 'gone': add it to alert_channels in the profile;"
        " 1 message waits for it, and is given up after 32 hours"
    )
    queue(memory, NOW, "b")
    assert "; 2 messages wait for it, and are given up after 32 hours" in send().errors["gone"]


def test_they_are_given_up_after_a_day_and_a_half_with_the_reason(
    memory: Memory, clock: SteppingClock, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, NOW, "a")
    clock.advance(timedelta(hours=31))
    queue(memory, clock.now(), "b")
    assert (send().dead, send().pending) == (0, 2)
    clock.advance(timedelta(hours=1))
    report = send()
    assert (report.dead, report.pending) == (1, 1)
    a, b = memory.rows("_tocsin_outbox", "message_id")
    assert (a["state"], a["attempts"], b["state"]) == ("dead", 0, "pending")
    assert a["last_error"] == "no channel is called 'gone': add it to alert_channels in the profile"


def test_a_channel_that_comes_back_gets_what_waited(
    memory: Memory, clock: SteppingClock, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, NOW, "a")
    send()
    clock.advance(timedelta(hours=40))
    notebook = Notebook()
    assert send(gone=notebook).errors == {}
    assert notebook.noted == ["a"]


def test_a_channel_for_which_nothing_waits_is_not_named(
    memory: Memory, clock: SteppingClock, send: Callable[..., DeliveryReport]
) -> None:
    queue(memory, NOW, "a")
    clock.advance(timedelta(hours=40))
    report = send()
    assert (report.dead, report.errors) == (1, {})
