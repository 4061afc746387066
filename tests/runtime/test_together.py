"""Several runs at once, a run that is overtaken, a run that is asked to stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.conftest import Workspace, noisy
from tests.runtime.watch.conftest import insist
from tocsin.runtime.databases import Sources, open_memory
from tocsin.runtime.pipeline import MonitorRunner, RunOptions, run_monitors
from tocsin.runtime.project_state import held_leases
from tocsin.runtime.run_report import RunStatus
from tocsin.testing.channels import HttpReceiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from tests.conftest import SteppingClock
    from tocsin.abc import Clock
    from tocsin.model import Lease
    from tocsin.runtime.run_report import MonitorReport

_METRICS = 6


def _project(folder: Path, clock: Clock) -> Workspace:
    workspace = Workspace(folder, clock)
    for number in range(_METRICS):
        workspace.csv(f"m{number}", noisy(300, seed=number, jumps={200: 90, 201: 90, 202: 90}))
        workspace.metric(f"m{number}", alerting={})
    return workspace


def _start(workspace: Workspace, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tocsin", "run", *arguments],
        cwd=workspace.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(workspace.folder)},
    )


def _incidents(workspace: Workspace) -> list[dict[str, Any]]:
    return workspace.query(
        "SELECT series, rule, opened_at, state, anomalies FROM _tocsin_incidents ORDER BY 1"
    )


@pytest.mark.parametrize(("runs", "threads"), [(2, 1), (4, 1), (2, 4)])
def test_runs_at_the_same_time_do_everything_once(
    tmp_path: Path, clock: SteppingClock, runs: int, threads: int
) -> None:
    alone = _project(tmp_path / "alone", clock)
    alone.run()
    workspace = _project(tmp_path / "together", clock)

    running = [_start(workspace, "--threads", str(threads)) for _ in range(runs)]
    outputs = [process.communicate(timeout=120) for process in running]

    assert [process.returncode for process in running] == [0] * runs, outputs
    lines = [line for _, errors in outputs for line in errors.splitlines()]
    for number in range(_METRICS):
        said = [line.split(": ", 1)[1] for line in lines if f" m{number}: " in line]
        assert len(said) == runs
        assert sum("points loaded" in line for line in said) == 1
        assert all(line.startswith(("300 points loaded", "nothing new", "skipped: another")) for line in said)
    assert workspace.slots() == alone.slots()
    assert workspace.verdicts() == alone.verdicts()
    assert _incidents(workspace) == _incidents(alone)


def test_runs_at_the_same_time_send_every_message_once(tmp_path: Path, clock: SteppingClock) -> None:
    workspace = _project(tmp_path, clock)
    with HttpReceiver() as receiver:
        hook = {"type": "webhook", "url": receiver.url, "allow_private": True}
        profiles = {"profiles": {"files": {"type": "duckdb"}}, "alert_channels": {"ops": hook}}
        workspace.write("profiles.yml", profiles)
        for number in range(_METRICS):
            workspace.metric(f"m{number}", alerting={"channels": ["ops"], "consecutive_anomalies": 1})

        running = [_start(workspace, "--json", "--threads", "2") for _ in range(3)]
        answers = [json.loads(process.communicate(timeout=120)[0]) for process in running]

    sent = [request.json()["id"] for request in receiver.requests]
    queued = workspace.query("SELECT message_id, state FROM _tocsin_outbox")
    assert len(sent) == len(set(sent)) >= _METRICS
    assert {row["message_id"] for row in queued if row["state"] == "sent"} == set(sent)
    assert len(queued) == len(sent)
    assert sum(answer["totals"]["alerts_sent"] for answer in answers) == len(sent)


@dataclass
class _Interrupting:
    """Does something once, the first time the run asks for the time while it holds a lease."""

    clock: SteppingClock
    workspace: Workspace
    what: Callable[[], object] | None

    def now(self) -> datetime:
        if self.what is not None:
            with open_memory(self.workspace.load(), self.clock) as memory:
                held = bool(held_leases(memory))
            if held:
                what, self.what = self.what, None
                what()
        return self.clock.now()


def test_a_run_that_was_overtaken_writes_nothing_more_and_says_so(
    tmp_path: Path, clock: SteppingClock
) -> None:
    workspace = Workspace(tmp_path, clock)
    workspace.csv("cpu", noisy(100))
    workspace.metric("cpu")
    taken_over = []

    def overtake() -> None:
        taken_over.append(workspace.run_one(force=True))
        workspace.csv("cpu", noisy(120))  # what the other one would write now would be seen

    interrupting = _Interrupting(clock, workspace, overtake)
    project = workspace.load()
    with open_memory(project, clock) as memory:
        (report,) = run_monitors(project, project.monitors, memory, RunOptions(), clock=interrupting).monitors

    assert taken_over[0].points_loaded == 100
    assert (report.status, report.points_loaded, report.points_detected) == ("skipped", 0, 0)
    assert "another run took over" in (report.error or "")
    assert len(workspace.slots()) == 100
    statuses = workspace.query("SELECT DISTINCT status FROM _tocsin_tasks")
    assert statuses == [{"status": "completed"}]


def test_a_monitor_that_another_run_holds_is_left_to_it(workspace: Workspace) -> None:
    workspace.csv("cpu", noisy(100))
    workspace.csv("disk", noisy(100))
    workspace.metric("cpu")
    workspace.metric("disk")
    with open_memory(workspace.load(), workspace.clock) as memory:
        lease = memory.acquire_lease("metric:cpu", "elsewhere@1/boot/1/4711/9", 60)
        assert lease is not None
        cpu, disk = workspace.run().monitors
        assert (cpu.status, cpu.error) == ("skipped", "another run works on it (process 4711 on elsewhere)")
        assert disk.points_loaded == 100
        memory.release(lease)
    assert workspace.run("cpu").totals["points_loaded"] == 100


@pytest.mark.parametrize("threads", ["1", "4"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_asked_to_stop_leaves_no_lease(
    tmp_path: Path, clock: SteppingClock, number: signal.Signals, threads: str
) -> None:
    workspace = _project(tmp_path, clock)
    # The query waits until somebody writes into the pipe, so the run is under way when it is stopped.
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    workspace.metric("a_first", query="SELECT * FROM read_csv('m0.csv')")
    workspace.metric("m3", query="SELECT timestamp, value FROM read_csv('pipe.csv', header=true)")
    process = _start(workspace, "--threads", threads)
    # The pipe opens when the query does; the run may have ended before it is written to.
    with suppress(BrokenPipeError), pipe.open("w", encoding="utf-8") as writer:
        process.send_signal(number)
        writer.write("timestamp,value\n")
    _, errors = process.communicate(timeout=120)

    assert process.returncode == 128 + number, errors
    assert "Traceback" not in errors
    with open_memory(workspace.load(), clock) as memory:
        assert held_leases(memory) == []
    workspace.metric("m3")
    assert workspace.run().exit_code == 0
    assert len(workspace.slots()) == 300 * (_METRICS + 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_asked_twice_to_stop_does_not_wait_for_a_query_that_hangs(
    tmp_path: Path, clock: SteppingClock, number: signal.Signals
) -> None:
    workspace = _project(tmp_path, clock)
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    workspace.metric("m3", query="SELECT timestamp, value FROM read_csv('pipe.csv', header=true)")
    process = _start(workspace, "--threads", "4")
    assert process.stderr is not None
    with pipe.open("w", encoding="utf-8"):  # opens when the query does, which then waits for ever
        process.send_signal(number)
        said = next((line for line in process.stderr if line.startswith("asked to end")), None)
        insist(process, number)
        _, errors = process.communicate(timeout=120)

    assert said is not None
    assert process.returncode == 128 + number
    assert "error" not in errors
    assert "Traceback" not in errors


@dataclass
class _Stopping:
    """Stops the run when a monitor is about to begin while another waits for its source."""

    waiting: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)
    begun: list[str] = field(default_factory=list)

    def started(self, monitor: str) -> None:
        self.begun.append(monitor)
        if self.waiting.is_set() and not self.stopped.is_set():
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            self.released.wait(60)
            self.stopped.set()

    def progressed(self, monitor: str, done: int, total: int) -> None:
        pass

    def decided(self, done: int, total: int) -> None:
        pass

    def finished(self, report: MonitorReport) -> None:
        pass


def _let_wait(pipe: Path, listener: _Stopping) -> None:
    """Say when a query has opened the pipe, and let it end when the run was stopped."""
    with pipe.open("w", encoding="utf-8") as writer:  # opens when the query does
        listener.waiting.set()
        listener.stopped.wait()
        writer.write("timestamp,value\n")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C interrupts, also where the tests are run in the background of a shell, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_stopped_run_begins_no_further_monitor(
    tmp_path: Path, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path, clock)
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    workspace.metric("a_pipe", query="SELECT timestamp, value FROM read_csv('pipe.csv', header=true)")
    for number in range(40):  # one after the other by the second thread, until the first one waits
        workspace.metric(f"quick_{number:02}", query="SELECT now() AS timestamp, 1 AS value WHERE false")
    project, listener = workspace.load(), _Stopping()
    holder = threading.Thread(target=_let_wait, args=(pipe, listener))
    with open_memory(project, clock) as memory:
        release = memory.release

        def observed(lease: Lease) -> None:
            release(lease)
            if threading.current_thread() is threading.main_thread():  # not by a monitor that has ended
                listener.released.set()

        monkeypatch.setattr(memory, "release", observed)
        holder.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                run_monitors(
                    project, project.monitors, memory, RunOptions(threads=2), clock=clock, listener=listener
                )
        finally:
            listener.stopped.set()
            with suppress(OSError):  # nobody has opened it: let the one that holds it go
                os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))
            holder.join()
        assert held_leases(memory) == []
        tasks = memory.execute_query("SELECT metric_name FROM _tocsin_tasks")
        begun = {row["metric_name"] for row in tasks}
        assert "a_pipe" in begun
        assert begun == set(listener.begun[:-1])
        assert len(listener.begun) < 41

    assert workspace.slots() == []


def test_a_monitor_that_comes_after_the_stop_is_not_even_announced(
    tmp_path: Path, clock: SteppingClock
) -> None:
    workspace, listener = Workspace(tmp_path, clock), _Stopping()
    workspace.metric("late", query="SELECT now() AS timestamp, 1 AS value WHERE false")
    project = workspace.load()
    with open_memory(project, clock) as memory, Sources(project, clock) as sources:
        runner = MonitorRunner(memory, sources, project, RunOptions(), clock, listener)
        runner.stop()
        report = runner.run_one(project.monitors[0])
    assert (report.status, report.error) == (RunStatus.SKIPPED, "the run was stopped")
    assert listener.begun == []
