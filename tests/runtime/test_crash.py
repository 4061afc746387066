"""A run that is killed, at whatever moment, is made good by one plain run: nothing lost, nothing twice."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime import crash_program
from tests.runtime.conftest import Workspace, at, noisy
from tocsin.testing.channels import HttpReceiver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import SteppingClock

pytestmark = pytest.mark.fault

_LAST = 150


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


@pytest.fixture
def busy(tmp_path: Path, clock: SteppingClock) -> Workspace:
    """Give a project with all that a run can have to do: series, detectors, rules, channels."""
    workspace = Workspace(tmp_path / "busy", clock)
    hook = {"type": "webhook", "url": "${HOOK}", "allow_private": True}
    workspace.write(
        "profiles.yml",
        {
            "profiles": {"files": {"type": "duckdb"}},
            "default_profile": "files",
            "alert_channels": {"ops": hook, "boss": hook},
        },
    )
    window = {"window_size": 40, "min_samples": 10}
    workspace.metric(
        "cpu",
        lookback="5h",
        detectors=[{"type": "mad", "params": window}, {"type": "zscore", "params": window}],
        alerting=[
            {"channels": ["ops"], "consecutive_anomalies": 2, "recovery": False},
            {"name": "none", "channels": ["boss"], "consecutive_anomalies": 99, "no_data": {"for": "30min"}},
        ],
    )
    workspace.metric(
        "disk",
        query="SELECT timestamp, value, host FROM read_csv('disk.csv')",
        dimension="host",
        detectors=[
            {"type": "iqr", "params": window},
            {"type": "manual_bounds", "params": {"upper_bound": 120}},
        ],
        alerting={"channels": ["ops"], "min_detectors": 2, "consecutive_anomalies": 1},
    )
    _write(workspace, _LAST - 20)
    return workspace


def _rows() -> tuple[list[tuple[str, float]], list[tuple[str, float, str]]]:
    jumps = {60: 60.0, 61: 70.0, 62: 300.0, 135: 80.0, 136: 80.0}
    cpu = [row for slot, row in enumerate(noisy(_LAST, jumps=jumps)) if not 110 <= slot < 116]
    disk = [
        (*row, host) for seed, host in enumerate("ab") for row in noisy(_LAST, seed, {90: 80.0, 140: 90.0})
    ]
    return cpu, disk


def _write(workspace: Workspace, end: int, *, corrected: bool = False) -> None:
    cpu, disk = _rows()
    if corrected:
        cpu = [(time, value + 90 if time in (at(120), at(121)) else value) for time, value in cpu]
    workspace.csv("cpu", [row for row in cpu if row[0] < at(end)])
    workspace.csv("disk", [row for row in disk if row[0] < at(end)], "timestamp,value,host")


def _messages(receiver: HttpReceiver) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for request in receiver.requests:
        found.setdefault(request.path, set()).add(request.json()["id"])
    return found


def _kill_everywhere(project: Path, receiver: HttpReceiver) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, crash_program.__file__, str(project), receiver.url],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    messages = _messages(receiver)
    assert answer["whole"]["exit_code"] == 0, answer["whole"]["output"]
    assert answer["ids"]
    for case in answer["cases"]:
        where = f"killed at moment {case['number']} of {answer['moments']}: {case['output']}"
        assert case["killed"], where
        assert case["exit_code"] == 0, where
        assert not case["differs"], f"{case['differs']} {where}"
        assert "another run" not in case["output"], where
        assert messages[f"/{case['number']}"] == messages["/0"], where
    return answer


def test_a_first_run_that_is_killed_at_any_moment_is_made_good(
    busy: Workspace, receiver: HttpReceiver
) -> None:
    answer = _kill_everywhere(busy.folder, receiver)

    assert answer["moments"] > 20
    assert _messages(receiver)["/0"] == set(answer["ids"])


def test_a_later_run_that_is_killed_at_any_moment_is_made_good(
    busy: Workspace, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", f"{receiver.url}/before")
    busy.command("run")
    _write(busy, _LAST, corrected=True)

    answer = _kill_everywhere(busy.folder, receiver)

    messages = _messages(receiver)
    assert messages["/0"]
    assert not messages["/0"] & messages["/before"], "told twice"
    assert messages["/0"] | messages["/before"] == set(answer["ids"])


def test_runs_killed_at_random_times_are_made_good(
    busy: Workspace, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    uninterrupted = Workspace(whole, busy.clock)
    shutil.copytree(busy.folder, whole, dirs_exist_ok=True)
    monkeypatch.setenv("HOOK", f"{receiver.url}/whole")
    uninterrupted.command("run", "--threads", "2")
    monkeypatch.setenv("HOOK", f"{receiver.url}/killed")
    moments = random.Random(20_261_122)  # noqa: S311  # a seed, not a secret

    for _ in range(6):
        # A run says what it is at by its messages and lines; which one is the last is a matter of chance.
        running = subprocess.Popen(
            [sys.executable, "-m", "tocsin", "run", "--threads", "2"],
            cwd=busy.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(busy.folder)},
        )
        try:
            running.wait(timeout=moments.uniform(0.3, 1.5))
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
        running.wait()
    done = busy.command("run")

    assert "skipped" not in done.stderr
    kept, expected = (crash_program.memory_of(folder) for folder in (busy.folder, whole))
    assert kept == expected
    assert _messages(receiver)["/killed"] == set(kept["ids"])


def test_a_correction_that_was_loaded_before_a_kill_is_judged_by_the_next_run(
    tmp_path: Path, clock: SteppingClock
) -> None:
    rows = noisy(200)
    workspaces = [Workspace(tmp_path / name, clock) for name in ("killed", "fresh")]
    for workspace in workspaces:
        workspace.metric("cpu", lookback="1d")
    killed, fresh = workspaces
    killed.csv("cpu", rows)
    killed.run()
    rows[150] = (rows[150][0], 500.0)
    for workspace in workspaces:
        workspace.csv("cpu", rows)
    killed.run(steps=("load",))  # what a run leaves that is killed before it judges
    rows[120] = (rows[120][0], -500.0)
    for workspace in workspaces:
        workspace.csv("cpu", rows)
    killed.run(steps=("load",))

    killed.run()
    fresh.run()

    assert killed.verdicts() == fresh.verdicts()
    assert killed.run().totals["points_detected"] == 0
