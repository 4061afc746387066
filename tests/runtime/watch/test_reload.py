"""Reading a project again, however often and whenever it is asked for."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

from tests.runtime.watch.conftest import Watching, until
from tocsin.runtime.databases import open_memory
from tocsin.runtime.watch import Watch, WatchOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.runtime.watch.conftest import WatchedProject
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.run_report import MonitorReport


class Heard:
    """Notes what a watch says."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, Any]] = []

    def ran(self, report: MonitorReport, seconds: float) -> None:
        """See `WatchListener`."""

    def said(self, what: str, text: str, facts: Mapping[str, Any] | None = None) -> None:
        self.lines.append((what, text, facts))

    def times(self, what: str) -> int:
        return sum(line[0] == what for line in self.lines)


def test_a_change_made_while_the_project_is_being_read_again_is_read_after_that(
    project: WatchedProject,
) -> None:
    project.channels(ops="http://127.0.0.1:1")
    project.steady_metric("cpu")
    reading, go_on = threading.Event(), threading.Event()
    loaded: list[Project] = []

    def load() -> Project:
        loaded.append(project.load())
        if len(loaded) > 1:
            reading.set()
            go_on.wait(30)
        return loaded[-1]

    heard = Heard()
    with open_memory(project.load(), project.clock) as memory:
        watch = Watch(load, memory, WatchOptions(), clock=project.clock, listener=heard)
        thread = threading.Thread(target=watch.run)
        thread.start()
        watch.ask_to_reload()
        assert reading.wait(30)
        project.steady_metric("ram")
        for _ in range(100):
            watch.ask_to_reload()
        go_on.set()
        until(lambda: heard.times("reloaded") == 2, "both")
        watch.ask_to_stop()
        thread.join(30)

    assert [len(one.monitors) for one in loaded] == [1, 1, 2]


def test_hangups_while_it_starts_do_not_end_it(project: WatchedProject) -> None:
    project.channels(ops="http://127.0.0.1:1")
    project.steady_metric("cpu")
    with Watching(project.folder) as watching:
        until(lambda: _catches_hangups(watching.process.pid), "a process that catches signals")
        for _ in range(200):
            watching.send(signal.SIGHUP)
        watching.wait_for("run", name="cpu")
        watching.wait_for("reloaded")
        assert watching.end() == 0


def _catches_hangups(pid: int) -> bool:
    with open(f"/proc/{pid}/status", encoding="ascii") as file:  # noqa: PTH123 - no file of ours
        caught = next(line for line in file if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) & 1 << (signal.SIGHUP - 1))
