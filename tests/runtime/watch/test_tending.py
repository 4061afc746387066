"""What a watch says of messages that nobody can send."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.runtime.alert_scenes import NOWHERE, Scene
from tests.runtime.watch.conftest import until
from tocsin.runtime.databases import open_memory
from tocsin.runtime.watch.figures import Figures
from tocsin.runtime.watch.tending import Tender

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conftest import SteppingClock
    from tocsin.runtime.run_report import MonitorReport


class Hearing:
    def __init__(self) -> None:
        self.texts: list[str] = []

    def ran(self, report: MonitorReport, seconds: float) -> None:
        raise AssertionError(report.name, seconds)

    def said(self, what: str, text: str, facts: Mapping[str, Any] | None = None) -> None:
        assert (what, facts) == ("error", None)
        self.texts.append(text)

    def failed(self, name: str, error: Exception | None) -> None:
        raise AssertionError(name, error)


def test_a_channel_that_is_gone_is_named_once_and_its_messages_are_given_up_in_time(
    tmp_path: Path, clock: SteppingClock
) -> None:
    scene = Scene.new(tmp_path, clock)
    scene.metric("load", range(180, 186))
    scene.run()
    scene.work.write("profiles.yml", {"alert_channels": {"hook2": NOWHERE}})
    project, hearing = scene.work.load(), Hearing()
    with open_memory(project, clock) as memory:
        tender = Tender(project, memory, clock, Figures(list), hearing, hearing.failed)
        tender.counting.start()
        until(lambda: hearing.texts, "the name of the channel")
        clock.advance(timedelta(hours=32))
        tender.counting.wake()
        until(lambda: len(hearing.texts) > 1, "what was given up")
        tender.counting.stop()
        assert tender.counting.join(60)

    named, given_up = hearing.texts
    assert named == (
        "no channel is called 'hook': add it to alert_channels in the profile;"
        " 2 messages wait for it, and are given up after 32 hours"
    )
    assert given_up == "messages for channels that are not there, given up: 2"
