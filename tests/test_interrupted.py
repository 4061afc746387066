"""Who is interrupted, as by Ctrl-C in a notebook, goes on with the same objects (ADR 10)."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE_SECONDS = 300  # only what is broken waits for as long


def interruptions(case: str, *arguments: str) -> int:
    """Run a case of the program, which fails when it does not go on, and say how often it was interrupted."""
    command = [sys.executable, "-m", "tests.interrupted_program", case, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for events: a file, or the URL of a server's database."""
    return (
        str(tmp_path / "e.db") if request.param == "sqlite" else request.getfixturevalue("postgres_database")
    )


def test_waiting_for_threads() -> None:
    assert interruptions("threads") > 100


def test_taking_turns_at_each_step() -> None:
    assert interruptions("turns") > 15


def test_storing_and_finding_events(where: str) -> None:
    assert interruptions("store", where) > 30


def test_a_small_search_at_each_step(where: str) -> None:
    assert interruptions("count_events", where) > 50


def test_two_streams_at_each_step(where: str) -> None:
    assert interruptions("streams", where) > 200


def test_learning_at_each_step(tmp_path: Path) -> None:
    assert interruptions("learn", str(tmp_path)) > 50


def test_bringing_in_what_waits_at_each_step() -> None:
    assert interruptions("settle") > 100


def test_saving(tmp_path: Path) -> None:
    assert interruptions("save", str(tmp_path)) > 10
