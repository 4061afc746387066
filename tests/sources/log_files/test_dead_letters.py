"""Rejected lines are kept once, in bounded space, and never stop a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.errors import PersistencyError, PersistencyLoadError
from tocsin.model import RejectedLine
from tocsin.sources.log_files import DeadLetters

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def _lines(*numbers: int, text: str = "text") -> list[RejectedLine]:
    return [RejectedLine("app.log", number, text, "no reason") for number in numbers]


def _numbers(dead: DeadLetters) -> list[int]:
    return [json.loads(line)["number"] for file in dead.files() for line in file.read_bytes().splitlines()]


def test_what_is_appended_is_there_for_its_owner_only(tmp_path: Path) -> None:
    dead = DeadLetters(tmp_path / "new" / "dead.jsonl")
    position = dead.append(_lines(1, 2), None, now=NOW)
    position = dead.append([], position, now=NOW)
    dead.append(_lines(3), position, now=NOW)
    [file] = dead.files()
    assert file.stat().st_mode & 0o777 == 0o600
    assert _numbers(dead) == [1, 2, 3]
    assert json.loads(file.read_text().splitlines()[0]) == {
        "source": "app.log",
        "number": 1,
        "reason": "no reason",
        "time": "2026-03-01T00:00:00+00:00",
        "text": "text",
    }


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), max_size=25))
@settings(max_examples=30, deadline=None)
def test_every_committed_line_is_there_once(
    tmp_path_factory: pytest.TempPathFactory, appends: list[tuple[int, bool]]
) -> None:
    dead = DeadLetters(tmp_path_factory.mktemp("dead") / "dead.jsonl", max_bytes=400, keep=100)
    position: dict[str, Any] | None = None
    committed: list[int] = []
    number = 0
    for count, commits in appends:
        numbers = list(range(number, number + count))
        number += count
        after = dead.append(_lines(*numbers), position, now=NOW)
        assert _numbers(dead) == committed + numbers
        if commits:
            position, committed = json.loads(json.dumps(after)), committed + numbers


def test_files_are_bounded_and_the_oldest_go(tmp_path: Path) -> None:
    dead = DeadLetters(tmp_path / "dead.jsonl", max_bytes=1000, keep=3)
    (tmp_path / "dead.jsonl.2").mkdir()
    (tmp_path / "dead.jsonl.2").rmdir()
    (tmp_path / "dead-2.jsonl").write_text("another monitor's\n")
    position = None
    for number in range(100):
        position = dead.append(_lines(number), position, now=NOW)
    assert len(dead.files()) == 3
    assert all(file.stat().st_size <= 1000 for file in dead.files())
    numbers = _numbers(dead)
    assert numbers == list(range(numbers[0], 100))
    assert (tmp_path / "dead-2.jsonl").read_text() == "another monitor's\n"


def test_hostile_text_is_one_line_of_json(tmp_path: Path) -> None:
    dead = DeadLetters(tmp_path / "dead.jsonl")
    text = 'a\nb\r\u2028"\\ \0 \ud800 ä'
    dead.append(_lines(1, text=text), None, now=NOW)
    [line] = dead.files()[0].read_bytes().splitlines()
    assert json.loads(line)["text"] == text


def test_a_file_that_somebody_emptied_or_removed_is_begun_again(tmp_path: Path) -> None:
    dead = DeadLetters(tmp_path / "dead.jsonl")
    position = dead.append(_lines(1), None, now=NOW)
    (tmp_path / "dead.jsonl").write_text("")
    position = dead.append(_lines(2), position, now=NOW)
    assert _numbers(dead) == [2]
    (tmp_path / "dead.jsonl").unlink()
    dead.append(_lines(3), position, now=NOW)
    assert _numbers(dead) == [3]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_not_a_file_is_not_written_to(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "dead.jsonl"
    precious = tmp_path / "precious"
    precious.write_text("precious")
    if kind == "link":
        path.symlink_to(precious)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(PersistencyError, match="rejected lines cannot be kept in"):
        DeadLetters(path).append(_lines(1), None, now=NOW)
    assert precious.read_text() == "precious"


@pytest.mark.parametrize("position", [{}, {"version": 2, "file": 1, "length": 0, "lost": 0}, {"version": 1}])
def test_a_damaged_position_is_an_error(tmp_path: Path, position: dict[str, Any]) -> None:
    with pytest.raises(PersistencyLoadError, match="rejected lines"):
        DeadLetters(tmp_path / "dead.jsonl").append(_lines(1), position, now=NOW)


_LITTLE_SPACE = """
import json, resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from tocsin.model import RejectedLine
from tocsin.sources.log_files import DeadLetters
now = datetime(2026, 3, 1, tzinfo=UTC)
dead = DeadLetters(Path(sys.argv[1]))
position = dead.append([RejectedLine("a", 1, "x", "r")], None, now=now)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
position = dead.append([RejectedLine("a", n, "x" * 5000, "r") for n in (2, 3)], position, now=now)
print(json.dumps(position))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
position = dead.append([RejectedLine("a", 4, "x", "r")], position, now=now)
"""


@pytest.mark.fault
def test_without_space_the_run_goes_on_and_the_loss_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", _LITTLE_SPACE, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["lost"] == 2
    assert _numbers(DeadLetters(path)) == [1, 4]
