"""A run that is killed, at whatever moment, is made good by one plain run: every line counts once."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT
from tests.runtime.logs import kill_program
from tests.runtime.logs.conftest import LogWorkspace, entry, quiet, write_lines
from tocsin.runtime.clock import SystemClock
from tocsin.testing.channels import HttpReceiver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.fault


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Give the folder of the logs: JSON, and text whose templates are learned, with lines that fail."""
    folder = tmp_path / "files"
    folder.mkdir()
    write_lines(
        folder / "app.log",
        [
            *quiet(70),
            entry(70, "sudo"),
            "this line fails",
            *quiet(20, first=71),
            entry(2000, "login", "eve"),  # after this, the first incident is over
            *quiet(8, first=2001),
        ],
    )
    times = [f"2026-02-01T00:{n // 60:02}:{n % 60:02}Z" for n in range(80)]
    words = [f"{time} INFO worker {n % 4} took {n % 7} ms" for n, time in enumerate(times)]
    words.insert(70, "2026-02-01T00:01:10Z ERROR disk sda is full")
    write_lines(folder / "text.log", words)
    return folder


@pytest.fixture
def busy(
    tmp_path: Path, files: Path, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> LogWorkspace:
    """Give a project with all that logs can have to do."""
    monkeypatch.setenv("HOOK", receiver.url)
    workspace = LogWorkspace(tmp_path / "busy", SystemClock())
    hook = {"type": "webhook", "url": "${HOOK}", "allow_private": True}
    workspace.write(
        "profiles.yml",
        {
            "profiles": {"files": {"type": "duckdb"}},
            "default_profile": "files",
            "alert_channels": {"ops": hook},
        },
    )
    workspace.log(source={"files": [f"{files}/app.log"]}, alerting={"channels": ["ops"]})
    workspace.log(
        "text",
        source={"files": [f"{files}/text.log"]},
        parser={"type": "drain", "params": {"header": r"(?P<time>\S+) (?P<level>\w+) (?P<content>.*)"}},
        alerting=[{"channels": ["ops"], "recovery": False}],
    )
    return workspace


def _messages(receiver: HttpReceiver) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for request in receiver.requests:
        found.setdefault(request.path, set()).add(request.json()["id"])
    return found


def _kill_everywhere(project: Path, receiver: HttpReceiver, lines: int = 20) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, kill_program.__file__, str(project), receiver.url, str(lines)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(project)},
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
        assert messages[f"/{case['number']}"] == messages["/0"], where
    return answer


def test_a_first_run_that_is_killed_at_any_moment_is_made_good(
    busy: LogWorkspace, receiver: HttpReceiver
) -> None:
    answer = _kill_everywhere(busy.folder, receiver)

    assert answer["moments"] > 15
    memory = answer["whole"]["memory"]
    assert len(memory["_tocsin_detections"]) == 3
    assert len(memory["letters"]["app.jsonl"]) == 1
    assert memory["learned"]["text"]["parser"]
    # app: told, over, told again; text: told
    assert len(answer["ids"]) == 4


def test_a_later_run_that_is_killed_at_any_moment_is_made_good(
    busy: LogWorkspace, files: Path, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", f"{receiver.url}/before")
    lines = (files / "app.log").read_text(encoding="utf-8").splitlines()
    write_lines(files / "app.log", lines[:65])
    busy.command("run")
    write_lines(files / "app.log", lines[65:], append=True)

    answer = _kill_everywhere(busy.folder, receiver)

    messages = _messages(receiver)
    assert not messages["/0"] & messages["/before"], "told twice"
    assert messages["/0"] | messages["/before"] == set(answer["ids"])


@pytest.mark.data
def test_the_attack_in_the_audit_log_is_found_wherever_the_run_is_killed(
    data_dir: Path, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOOK", receiver.url)
    workspace = LogWorkspace(tmp_path / "audit", SystemClock())
    hook = {"type": "webhook", "url": "${HOOK}", "allow_private": True}
    workspace.write("profiles.yml", {"alert_channels": {"ops": hook}})
    workspace.log(
        "audit",
        source={"files": [str(data_dir / "logs" / "audit" / "audit.log")]},
        parser={"type": "auditd"},
        train=1800,
        alerting={"channels": ["ops"]},
    )

    # 1,860 is a border: the attack's first line is the last that a run commits before it is killed.
    answer = _kill_everywhere(workspace.folder, receiver, lines=465)

    rows = answer["whole"]["memory"]["_tocsin_detections"]
    found = sorted(int(number) for row in rows for number in re.findall(r'"line": (\d+)', str(row)))
    assert found == list(range(1860, 1869))


def test_runs_killed_at_random_times_are_made_good(
    busy: LogWorkspace, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(busy.folder, whole)
    monkeypatch.setenv("HOOK", f"{receiver.url}/whole")
    LogWorkspace.there(whole, busy.clock).command("run")
    monkeypatch.setenv("HOOK", f"{receiver.url}/killed")
    moments = random.Random(20_261_122)  # noqa: S311  # a seed, not a secret

    for _ in range(5):
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
    assert kill_program.kept(busy.folder) == kill_program.kept(whole)
    assert _messages(receiver)["/killed"] == _messages(receiver)["/whole"]


def test_two_runs_at_once_do_the_work_once(
    busy: LogWorkspace, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(busy.folder, whole)
    monkeypatch.setenv("HOOK", f"{receiver.url}/whole")
    LogWorkspace.there(whole, busy.clock).command("run")
    monkeypatch.setenv("HOOK", f"{receiver.url}/both")

    both = [
        subprocess.Popen(
            [sys.executable, "-m", "tocsin", "run"],
            cwd=busy.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "HOME": str(busy.folder)},
        )
        for _ in range(2)
    ]
    said = [run.communicate()[1].decode() for run in both]
    busy.command("run")  # what one of them skipped while the other was about to end

    assert [run.returncode for run in both] == [0, 0], said
    assert kill_program.kept(busy.folder) == kill_program.kept(whole)
    assert _messages(receiver)["/both"] == _messages(receiver)["/whole"]
