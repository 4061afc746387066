"""The store is locked, full, read-only, damaged or too new: one sentence, and the next run makes it good."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT
from tests.runtime.conftest import Workspace, noisy
from tocsin.runtime.events.store import open_project_events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import SteppingClock

pytestmark = pytest.mark.fault

_ROOM_MIB = 0.16  # beside the empty tables: less than what is loaded and judged
# Root may write anywhere. The parts are loaded before, since others may not read where Python is.
_SETTINGS = ("cache_size", "busy_timeout", "synchronous")

_AS_SOMEBODY_ELSE = """
import os
from tests.runtime.crash_program import warm
from tocsin.cli.main import main

warm()
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
main(["run", "--json"])
"""

_LOOKING_AS_SOMEBODY_ELSE = """
import os
import tempfile
from tocsin.cli.main import main

def look():
    out = tempfile.mkdtemp()
    for command in (
        ["status"], ["ls", "--select", "state:completed"], ["plot", "cpu", "-o", out + "/cpu.svg"],
        ["report", "-o", out + "/report.html"], ["state", "show"], ["state", "generations"],
        ["state", "export", "-o", out + "/state.json"], ["alerts", "list"], ["events", "count"],
    ):
        try:
            main(command)
        except SystemExit as ended:
            assert not ended.code, command

look()
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
os.chmod(".", 0o555) if os.access(".", os.W_OK) else None
look()
"""


def _project(folder: Path, clock: SteppingClock, **memory: Any) -> Workspace:
    workspace = Workspace(folder, clock)
    _set_memory(workspace, **memory)
    for name in ("cpu", "disk"):
        workspace.csv(name, noisy(2000, jumps={1500: 90}))
        workspace.metric(name, alerting={"consecutive_anomalies": 1})
    return workspace


def _set_memory(workspace: Workspace, **memory: Any) -> None:
    files = {"type": "duckdb", "memory": {"path": "tocsin.db", **memory}}
    workspace.write("profiles.yml", {"profiles": {"files": files}, "default_profile": "files"})


def _errors(answer: dict[str, Any]) -> list[str]:
    errors = [monitor["error"] for monitor in answer["monitors"]]
    assert {monitor["status"] for monitor in answer["monitors"]} == {"failed"}
    assert all("\n" not in error for error in errors)
    return errors


def _complete(workspace: Workspace, tmp_path: Path) -> None:
    """Check that a plain run gives what a run gives that nothing ever troubled."""
    assert workspace.command_json("run")["exit_code"] == 0
    untroubled = _project(tmp_path / "untroubled", workspace.clock)  # type: ignore[arg-type]
    untroubled.run()
    assert workspace.slots() == untroubled.slots()
    assert workspace.verdicts() == untroubled.verdicts()


def test_a_locked_store_is_named_and_the_next_run_completes(tmp_path: Path, clock: SteppingClock) -> None:
    workspace = _project(tmp_path / "p", clock, busy_timeout_seconds=0.1)
    workspace.query("SELECT 1")  # makes the store
    other = sqlite3.connect(workspace.folder / "tocsin.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    answer = workspace.command_json("run", check=1)
    status = workspace.command_json("status")
    other.execute("ROLLBACK")
    other.close()

    assert all("tocsin.db is locked by another program" in error for error in _errors(answer))
    assert [monitor["points"] for monitor in status["monitors"]] == [0, 0]
    _complete(workspace, tmp_path)


def test_a_full_store_is_named_and_keeps_nothing_by_halves(tmp_path: Path, clock: SteppingClock) -> None:
    workspace = _project(tmp_path / "p", clock)
    workspace.query("SELECT 1")  # makes the store
    fresh_mib = (workspace.folder / "tocsin.db").stat().st_size / 2**20
    _set_memory(workspace, max_size_mib=fresh_mib + _ROOM_MIB)

    answer = workspace.command_json("run", check=1)

    assert all("no space is left for" in error for error in _errors(answer))
    for series in ("cpu", "disk"):
        count = workspace.query(
            "SELECT count(*) AS n FROM _tocsin_datapoints WHERE metric_name = %(s)s", s=series
        )
        assert count[0]["n"] in {0, 2000}
    stored, judged = (
        workspace.query(f"SELECT count(*) AS n FROM _tocsin_{table}")[0]["n"]
        for table in ("datapoints", "detections")
    )
    counted = answer["totals"]
    assert (counted["points_loaded"], counted["points_detected"]) == (stored, judged)
    _set_memory(workspace)
    _complete(workspace, tmp_path)


def test_a_damaged_store_is_named_and_left_alone(tmp_path: Path, clock: SteppingClock) -> None:
    workspace = _project(tmp_path / "p", clock)
    store = workspace.folder / "tocsin.db"
    store.write_bytes(b"this is no database, and was somebody's file" * 100)
    before = store.read_bytes()

    done = workspace.command("run", check=1)

    assert done.stderr.startswith("error: ")
    assert "is damaged, or is not an SQLite database" in done.stderr
    assert done.stderr.count("\n") == 1
    assert store.read_bytes() == before


def test_a_store_with_damaged_pages_is_one_sentence(tmp_path: Path, clock: SteppingClock) -> None:
    workspace = _project(tmp_path / "p", clock)
    workspace.run()
    store = workspace.folder / "tocsin.db"
    content = bytearray(store.read_bytes())
    content[8192:-8192] = b"\xff" * (len(content) - 16_384)
    store.write_bytes(bytes(content))

    done = workspace.command("run", check=1)

    assert "damaged" in done.stderr


def test_a_store_of_a_newer_version_is_not_touched(tmp_path: Path, clock: SteppingClock) -> None:
    workspace = _project(tmp_path / "p", clock)
    workspace.query("INSERT INTO _tocsin_migrations (version, name, applied_at) VALUES (99, 'later', 0)")

    for command in ("run", "status", "clean", "unlock"):
        done = workspace.command(command, check=1)
        assert "has version 99 of the schema" in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """Give a folder that other users can reach, unlike pytest's."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="users are a matter of POSIX")
@pytest.mark.parametrize("exists", [True, False])
def test_a_read_only_store_is_named(public_folder: Path, clock: SteppingClock, *, exists: bool) -> None:
    workspace = _project(public_folder, clock)
    if exists:
        workspace.run()
        workspace.csv("cpu", noisy(2010))
    before = sorted((path.name, path.stat().st_size) for path in public_folder.iterdir())
    public_folder.chmod(0o555)

    done = subprocess.run(
        [sys.executable, "-c", _AS_SOMEBODY_ELSE],
        cwd=public_folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(public_folder), "PYTHONPATH": str(ROOT)},
    )

    assert done.returncode == 1, done.stderr
    said = done.stderr + "".join(_errors(json.loads(done.stdout))) if done.stdout else done.stderr
    assert "read-only" in said
    assert "Traceback" not in said
    public_folder.chmod(0o755)
    assert sorted((path.name, path.stat().st_size) for path in public_folder.iterdir()) == before


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="users are a matter of POSIX")
def test_a_project_that_cannot_be_written_can_be_looked_at(
    public_folder: Path, tmp_path: Path, clock: SteppingClock
) -> None:
    workspace = _project(public_folder, clock)
    (public_folder / "logs").mkdir()
    (public_folder / "app.log").write_text("2026-03-01 10:00:00 started\n" * 50)
    source, detectors = {"files": ["app.log"]}, [{"type": "new_event"}]
    workspace.write(
        "logs/app.yml",
        {"name": "app", "source": source, "parser": {"type": "drain"}, "detectors": detectors},
    )
    workspace.run()

    done = subprocess.run(
        [sys.executable, "-c", _LOOKING_AS_SOMEBODY_ELSE],
        cwd=public_folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("memory", "values"),
    [
        ({"cache_mib": 2, "busy_timeout_seconds": 0.1, "synchronous": "NORMAL"}, [-2048, 100, 1]),
        ({"synchronous": "EXTRA"}, [-65536, 30_000, 3]),
        ({}, [-65536, 30_000, 2]),
    ],
)
def test_the_settings_of_the_memory_hold_for_the_events_in_its_file(
    tmp_path: Path, clock: SteppingClock, memory: dict[str, Any], values: list[int]
) -> None:
    workspace = _project(tmp_path / "p", clock, **memory)

    with open_project_events(workspace.load()) as service:
        session = service._session()
        found = [session.execute(f"PRAGMA {name}")[0][0] for name in _SETTINGS]

    assert found == values
