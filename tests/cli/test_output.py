"""Output that cannot be written: a reader that has left is no error, a full disk is a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.runtime.conftest import Workspace

COMMANDS = [("alerts", "list"), ("status", "--json"), ("run",), ("--help",), ("state", "--help"), ("ls",)]
_FULL = Path("/dev/full")
_needs_full = pytest.mark.skipif(not _FULL.exists(), reason="needs a device that is always full")


def ended(
    project: Workspace, arguments: tuple[str, ...], out: int, err: int = subprocess.PIPE
) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "tocsin", *arguments],
        cwd=project.folder,
        stdout=out,
        stderr=err,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(project.folder)},
    )
    return done.returncode, done.stderr or ""


@pytest.fixture
def unread() -> int:
    """Give the end of a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.fixture
def full() -> int:
    return os.open(_FULL, os.O_WRONLY)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_reader_that_has_left_is_no_error(
    project: Workspace, unread: int, arguments: tuple[str, ...]
) -> None:
    code, said = ended(project, arguments, unread)
    os.close(unread)

    assert code == 0
    assert not [line for line in said.splitlines() if not line.startswith("[1/1] cpu: ")]


@_needs_full
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_full_disk_is_a_sentence(project: Workspace, full: int, arguments: tuple[str, ...]) -> None:
    code, said = ended(project, arguments, full)
    os.close(full)

    assert code == 1
    assert said.splitlines()[-1] == "error: cannot write the output: No space left on device"
    assert "Traceback" not in said


@_needs_full
@pytest.mark.parametrize("arguments", [("run",), ("run", "--select", "nope")], ids=" ".join)
def test_the_work_is_done_although_nobody_can_be_told_how_it_goes(
    project: Workspace, full: int, unread: int, arguments: tuple[str, ...]
) -> None:
    codes = [ended(project, arguments, subprocess.DEVNULL, err)[0] for err in (full, unread)]
    os.close(full)
    os.close(unread)

    assert codes == ([0, 0] if arguments == ("run",) else [2, 2])
    assert len(project.slots()) == (200 if arguments == ("run",) else 0)
