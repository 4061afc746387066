"""A channel that does not come back keeps nobody waiting for ever."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.conftest import Workspace, noisy
from tocsin.errors import ChannelError
from tocsin.runtime.alerts import patience
from tocsin.runtime.alerts.patience import PatientChannel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Stuck:
    """A channel that takes a message when it is let."""

    def __init__(self) -> None:
        self.may_go_on, self.has_ended = threading.Event(), threading.Event()
        self.sent: list[str] = []

    def send(self, message: Mapping[str, Any]) -> None:
        assert self.may_go_on.wait(60)
        self.sent.append(message["id"])
        self.has_ended.set()


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    channel = Stuck()
    yield channel
    channel.may_go_on.set()
    assert channel.has_ended.wait(60)
    for thread in threading.enumerate():
        if thread.name.startswith("tocsin-send-"):
            thread.join(60)


def test_a_channel_that_hangs_is_a_failure_that_passes_and_gets_no_second_message(stuck: Stuck) -> None:
    channel = PatientChannel("ops", stuck, 0.05)

    for said in ("ops has not ended within 0.05 s", "ops is still at an earlier message"):
        with pytest.raises(ChannelError, match=said) as caught:
            channel.send({"id": "a"})
        assert caught.value.transient
    stuck.may_go_on.set()
    assert stuck.has_ended.wait(60)

    assert stuck.sent == ["a"]


def test_what_a_channel_raises_is_raised() -> None:
    class Refusing:
        def send(self, message: Mapping[str, Any]) -> None:
            raise ChannelError(f"no {message['id']}", transient=False)

    with pytest.raises(ChannelError, match="no a"):
        PatientChannel("ops", Refusing()).send({"id": "a"})


def test_a_run_ends_although_the_name_of_a_receiver_is_never_found(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, stuck: Stuck
) -> None:
    def look_up(*_: object, **__: object) -> list[Any]:
        stuck.send({"id": "asked"})
        raise OSError

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    monkeypatch.setattr(patience.PatientChannel.__init__, "__defaults__", (0.05,))
    workspace.write(
        "profiles.yml",
        {
            "alert_channels": {
                "ops": {"type": "webhook", "url": "http://hook.example/", "allow_private": True}
            }
        },
    )
    workspace.csv("cpu", noisy(60, jumps=dict.fromkeys(range(54, 60), 1_000.0)))
    workspace.metric("cpu", alerting={"channels": ["ops"]})

    report = workspace.run()

    assert any("ops has not ended within 0.05 s" in note for note in report.notes), report
