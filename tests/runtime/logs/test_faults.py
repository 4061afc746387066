"""The store is locked, full or read-only: one sentence, nothing by halves, and the next run makes it good."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT
from tests.runtime.logs.conftest import LogWorkspace, entry, quiet, write_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import SteppingClock

pytestmark = pytest.mark.fault

_LINES = ["no JSON", *quiet(80), entry(100, "sudo"), entry(101, "login", "eve")]
_ROOM_MIB = 0.12  # beside the empty tables: less than what is learned and found
_AS_SOMEBODY_ELSE = """
import os
from tests.runtime.logs.kill_program import warm
from tocsin.cli.main import main

warm()
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
main(["run", "--json"])
"""


@pytest.fixture
def readable() -> Iterator[Path]:
    """Give a folder that everybody may enter and nobody else may write."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _project(folder: Path, clock: SteppingClock, **memory: Any) -> LogWorkspace:
    workspace = LogWorkspace(folder, clock)
    _set_memory(workspace, **memory)
    workspace.log()
    workspace.lines(_LINES)
    return workspace


def _set_memory(workspace: LogWorkspace, **memory: Any) -> None:
    files = {"type": "duckdb", "memory": {"path": "tocsin.db", **memory}}
    workspace.write("profiles.yml", {"profiles": {"files": files}, "default_profile": "files"})


def _complete(workspace: LogWorkspace, other: LogWorkspace) -> None:
    """Check that a plain run gives what a run gives that nothing ever troubled."""
    report = workspace.run_one()
    other.log()
    other.lines(_LINES)
    other.run()
    assert (report.lines_read, report.lines_rejected, report.anomalies) == (len(_LINES), 1, 2)
    assert workspace.found() == other.found()
    assert workspace.learned()["detectors"] == other.learned()["detectors"]
    letters = workspace.folder / "dead_letters" / "app.jsonl"
    assert len(letters.read_bytes().splitlines()) == 1


def _error(answer: dict[str, Any]) -> str:
    (monitor,) = answer["monitors"]
    assert (monitor["status"], monitor["lines_read"], monitor["anomalies"]) == ("failed", 0, 0)
    assert "\n" not in monitor["error"]
    return str(monitor["error"])


def test_a_locked_store_is_named(tmp_path: Path, clock: SteppingClock, other: LogWorkspace) -> None:
    workspace = _project(tmp_path / "p", clock, busy_timeout_seconds=0.1)
    workspace.query("SELECT 1")  # makes the store
    holder = sqlite3.connect(workspace.folder / "tocsin.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    answer = workspace.command_json("run", check=1)
    holder.execute("ROLLBACK")
    holder.close()

    assert "tocsin.db is locked by another program" in _error(answer)
    _complete(workspace, other)


def test_a_full_store_keeps_nothing_by_halves(
    tmp_path: Path, clock: SteppingClock, other: LogWorkspace
) -> None:
    workspace = _project(tmp_path / "p", clock)
    workspace.query("SELECT 1")  # makes the store
    fresh_mib = (workspace.folder / "tocsin.db").stat().st_size / 2**20
    _set_memory(workspace, max_size_mib=fresh_mib + _ROOM_MIB)
    workspace.append(entry(200 + number, f"odd {number}") for number in range(2000))

    answer = workspace.command_json("run", check=1)

    assert "no space is left for" in _error(answer)
    for table in ("_tocsin_state", "_tocsin_detections", "_tocsin_positions"):
        assert workspace.query(f"SELECT count(*) AS n FROM {table}") == [{"n": 0}]
    workspace.lines(_LINES)
    _set_memory(workspace)
    _complete(workspace, other)


def test_a_store_that_may_not_be_written_is_named(readable: Path, clock: SteppingClock) -> None:
    workspace = _project(readable / "p", clock)
    workspace.query("SELECT 1")

    done = subprocess.run(
        [sys.executable, "-c", _AS_SOMEBODY_ELSE],
        cwd=workspace.folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(workspace.folder)},
    )

    assert done.returncode == 1, done.stderr
    assert "tocsin.db" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_dead_letters_that_cannot_be_kept_are_an_error_and_no_line_is_lost(
    tmp_path: Path, clock: SteppingClock, other: LogWorkspace
) -> None:
    workspace = _project(tmp_path / "p", clock)
    (workspace.folder / "dead_letters").write_text("a file is in the way")

    answer = workspace.command_json("run", check=1)

    assert "rejected lines cannot be kept" in _error(answer)
    (workspace.folder / "dead_letters").unlink()
    _complete(workspace, other)


def test_one_log_that_fails_does_not_stop_the_others(tmp_path: Path, clock: SteppingClock) -> None:
    workspace = _project(tmp_path / "p", clock)
    workspace.log("gone")
    workspace.log("web", source={"files": ["app.log"]})
    write_lines(workspace.folder / "broken.log", ["x"])

    report = workspace.run()

    assert [(one.name, str(one.status)) for one in report.monitors] == [
        ("app", "completed"), ("gone", "failed"), ("web", "completed"),
    ]  # fmt: skip
