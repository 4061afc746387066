"""What a watch says of its telling."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.runtime.alert_scenes import Scene, scan
from tests.runtime.watch.conftest import until
from tocsin.runtime.databases import open_memory
from tocsin.runtime.watch.figures import Figures
from tocsin.runtime.watch.telling import Teller

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
        assert what == "told", facts
        self.texts.append(text)

    def failed(self, name: str, error: Exception | None) -> None:
        raise AssertionError(name, error)


def test_what_waited_for_others_is_said_to_leave(tmp_path: Path, clock: SteppingClock) -> None:
    scene = Scene.new(tmp_path, clock)
    scene.groups({"name": "team", "channels": ["hook"], "group_wait": "1min"}, fallback="team")
    scene.monitor()
    scene.store(scan(0, 0))
    project, hearing = scene.work.load(), Hearing()
    with open_memory(project, clock) as memory:
        teller = Teller(project, memory, clock, Figures(list), hearing, hearing.failed, lambda: None)
        teller.routine.start()
        until(lambda: hearing.texts, "that it is told")
        clock.advance(timedelta(minutes=2))
        teller.routine.wake()
        until(lambda: len(hearing.texts) > 1, "that it leaves")
        teller.routine.stop()
        assert teller.routine.join(60)
        teller.release()

    assert hearing.texts == ["1 told", "what waited leaves in 1 message"]
