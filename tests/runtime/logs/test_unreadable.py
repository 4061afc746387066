"""A log file that cannot be read: its monitor fails, as a metric does, when all else is done."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.runtime.logs.conftest import LogWorkspace, entry, quiet
from tocsin.runtime.pipeline import RunOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import SteppingClock

_AS_SOMEBODY_ELSE = """
import os
from pathlib import Path
from tests.runtime.logs.conftest import entry, write_lines
from tocsin.cli.main import main


def run(number, mode):
    for name in ("app", "private"):
        write_lines(Path(f"{name}.log"), [entry(200 + number)], append=True)
    Path("private.log").chmod(mode)
    as_another = number > 1  # what the first runs load another user may not
    child = os.fork() if as_another else 0
    if as_another and not child and os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    if not child:
        try:
            main(["run"])
        except SystemExit as ended:
            if as_another:
                os._exit(ended.code)
    else:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    for path in Path().rglob("*"):
        path.chmod(0o777 if path.is_dir() else 0o666)


os.umask(0)
for number, mode in enumerate((0o644, 0o644, 0o000, 0o644)):
    run(number, mode)
"""
_needs_broken_content = pytest.mark.skipif(
    not Path("/proc/self/mem").exists(), reason="needs a file whose content gives an error"
)


@pytest.fixture
def shared() -> Iterator[Path]:
    """Give a folder in which everybody may write."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


def _project(folder: Path, clock: SteppingClock) -> LogWorkspace:
    workspace = LogWorkspace(folder, clock)
    workspace.log(source={"files": ["*.log"]}, alerting={})
    workspace.lines([*quiet(80), entry(100, "sudo")])
    return workspace


@_needs_broken_content
def test_all_other_files_are_read_and_judged_and_the_monitor_fails(
    tmp_path: Path, clock: SteppingClock
) -> None:
    workspace = _project(tmp_path, clock)
    (tmp_path / "broken.log").symlink_to("/proc/self/mem")

    report = workspace.run()

    (monitor,) = report.monitors
    assert (report.exit_code, str(monitor.status)) == (1, "failed")
    assert monitor.error == (
        f"{tmp_path}/broken.log cannot be read: Input/output error: "
        "let this user read it, or write narrower patterns; all else was read"
    )
    assert (monitor.lines_read, monitor.anomalies, monitor.notes) == (81, 1, [])
    assert workspace.anomalous() == [81]
    tasks = workspace.query("SELECT status, error_message FROM _tocsin_tasks WHERE process_type = 'load'")
    assert tasks == [{"status": "failed", "error_message": monitor.error}]
    assert [incident["state"] for incident in workspace.incidents()] == ["firing"]


@_needs_broken_content
def test_what_can_be_read_again_ends_the_failure(tmp_path: Path, clock: SteppingClock) -> None:
    workspace = _project(tmp_path, clock)
    (tmp_path / "broken.log").symlink_to("/proc/self/mem")
    workspace.run()
    again = workspace.run_one()
    (tmp_path / "broken.log").unlink()

    whole = workspace.run_one()

    assert (str(again.status), again.lines_read) == ("failed", 0)
    assert (str(whole.status), whole.lines_read, whole.error) == ("completed", 0, None)
    tasks = workspace.query("SELECT status FROM _tocsin_tasks WHERE process_type = 'load'")
    assert tasks == [{"status": "completed"}]


@_needs_broken_content
def test_of_many_files_that_cannot_be_read_some_are_named(tmp_path: Path, clock: SteppingClock) -> None:
    workspace = _project(tmp_path, clock)
    for number in range(5):
        (tmp_path / f"b{number}.log").symlink_to("/proc/self/mem")

    error = workspace.run_one().error or ""

    assert error.count("cannot be read") == 3
    assert "; and 2 more: " in error


@_needs_broken_content
def test_a_step_that_reads_nothing_does_not_fail(tmp_path: Path, clock: SteppingClock) -> None:
    workspace = _project(tmp_path, clock)
    (tmp_path / "broken.log").symlink_to("/proc/self/mem")

    assert str(workspace.run_one(steps=("alert",), timeouts=RunOptions().timeouts).status) == "completed"


@pytest.mark.fault
def test_a_file_that_may_not_be_read_for_a_while_is_read_on_from_where_it_was(
    shared: Path, clock: SteppingClock
) -> None:
    workspace = _project(shared / "p", clock)
    workspace.lines([entry(50), entry(51)], "private.log")
    workspace.folder.chmod(0o777)

    done = subprocess.run(
        [sys.executable, "-c", _AS_SOMEBODY_ELSE],
        cwd=workspace.folder,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(workspace.folder)},
    )

    said = done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if line.isdecimal()] == ["1", "0"], said
    assert done.stderr.count("private.log cannot be read: Permission denied") == 1, said
    assert "[1/1] app: 3 lines read, 0 anomalies" in done.stderr, said
    assert workspace.position()["lines"] == 81 + 2 + 2 * 4
