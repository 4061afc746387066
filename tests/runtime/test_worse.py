"""An incident that gets worse under a silence, from the file to the receiver."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.alert_scenes import Scene
from tests.runtime.conftest import noisy
from tocsin.runtime.clock import SystemClock
from tocsin.runtime.why.facts import Next
from tocsin.testing.channels import HttpReceiver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import SteppingClock
    from tocsin.runtime.why.facts import Answer

BAD, WORSE = range(180, 186), range(186, 192)


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


@pytest.fixture
def scene(tmp_path: Path, receiver: HttpReceiver) -> Scene:
    hook = {"type": "webhook", "url": receiver.url, "allow_private": True}
    scene = Scene.new(tmp_path, SystemClock(), hook)
    scene.metric("load", BAD, 186)
    return scene


def grow(scene: Scene, count: int) -> None:
    """Give the metric more slots: bad at first, then far worse."""
    jumps = dict.fromkeys(BAD, 80.0) | dict.fromkeys(WORSE, 400.0)
    scene.work.csv("load", noisy(200, jumps=jumps)[:count])


def received(receiver: HttpReceiver) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in receiver.requests]


def kinds(receiver: HttpReceiver) -> list[str]:
    return [one["kind"] for one in received(receiver)]


def silence(scene: Scene) -> str:
    made = scene.work.command_json("alerts", "silence", "monitor=load", "--for", "1h", "--comment", "x")
    return str(made["silence"]["id"])


def test_it_is_told_when_the_silence_is_ended(scene: Scene, receiver: HttpReceiver) -> None:
    scene.work.command("run")
    made = silence(scene)
    grow(scene, 192)
    scene.work.command("run")
    assert kinds(receiver) == ["first"]
    why = scene.work.command("alerts", "why", "load").stdout
    assert "That it got worse is told when the silence is over (" in why

    scene.work.command("alerts", "unsilence", made)
    scene.work.command("run")
    scene.work.command("run")

    assert kinds(receiver) == ["first", "escalated"]
    text = received(receiver)[-1]["text"]
    assert "\nIt was held back until now: silenced by " in text
    assert "\nBy now there are 12 points, the last at " in text
    history = scene.work.command_json("alerts", "history")["decisions"]
    assert sorted(one["kind"] for one in history) == ["escalated", "first"]
    assert {one["message_id"] for one in history} == {one["id"] for one in received(receiver)}
    why = scene.work.command("alerts", "why", "load").stdout
    assert "That it got worse is told" not in why
    assert "told twice" in why


def test_what_is_over_before_the_silence_is_said_to_be_over_only(
    scene: Scene, receiver: HttpReceiver
) -> None:
    scene.work.command("run")
    made = silence(scene)
    grow(scene, 192)
    scene.work.command("run")
    grow(scene, 200)
    scene.work.command("run")
    scene.work.command("alerts", "unsilence", made)
    scene.work.command("run")
    assert kinds(receiver) == ["first", "recovered"]


def test_why_says_that_it_waits_for_the_end_of_another_trouble(tmp_path: Path, clock: SteppingClock) -> None:
    scene = Scene.new(tmp_path, clock)
    scene.groups(inhibitions=[{"when": ["host"], "mutes": ["load"]}])

    def answer_after(count: int, *, host_until: int) -> Answer:
        grow(scene, count)
        scene.metric("host", range(184, host_until), count)
        scene.run()
        return scene.why("load").rules[0].answers[0]

    scene.metric("load", BAD, 186)
    answer_after(186, host_until=186)
    answer = answer_after(190, host_until=190)
    assert [row.kind.value for row in answer.decisions] == ["first", "inhibited"]
    assert answer.again.kind is Next.WORSE_UNINHIBITED
    clock.advance(timedelta(hours=1))
    answer = answer_after(192, host_until=190)
    assert [row.kind.value for row in answer.told] == ["first", "escalated"]
    assert answer.again.kind is Next.CHANGE
