"""The commands of the tutorial do what the page says; only the present, and ids made from it, may differ."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import DOCS, blocks
from tests.docs.test_quickstart import commands, run

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = DOCS / "tutorial.md"
PORT = "8025"
PATIENCE = 30.0
# The example's data ends in March 2026; what is later is the present.
_PRESENT = re.compile(
    r"(?:2026-(?:0[4-9]|1[0-2])|20(?:2[7-9]|[3-9]\d)-\d\d)-\d\d"
    r"[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:\+00:00|Z)?"
)
_EVENT_CLOCK = re.compile(r"(by the time of the events) \(.*?\)")
_FULL_MINUTE = re.compile(rf"(?:{_PRESENT.pattern})(?<=[ T]\d\d:\d\d)(?!:)")
_HEAD_OF_TIMES = re.compile(r"\(UTC\) {2,}")
_SHORT_ID = re.compile(r"\b[0-9a-f]{8}\b(?!-)")


@pytest.fixture
def port() -> str:
    """Find a free port; the receiver is told which."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def background() -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.terminate()
        process.wait(PATIENCE)


def test_the_tutorial_is_true(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    port: str,
    background: list[subprocess.Popen[bytes]],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    for name in [name for name in os.environ if name.startswith("TOCSIN_")]:
        monkeypatch.delenv(name)
    for block in blocks(PAGE):
        if block.language == "console":
            for command, expected in commands(block):
                said = do(command.replace(PORT, port), background, capsys)
                found, wanted = steady(said), [timeless(line) for line in expected]
                if _FULL_MINUTE.search(said):
                    found, wanted = without_padding(found), without_padding(wanted)
                assert found == wanted, command


def do(command: str, background: list[subprocess.Popen[bytes]], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command of the page."""
    if command.endswith(" &"):
        words = shlex.split(command.removesuffix(" &"))
        background.append(subprocess.Popen([sys.executable, *words[1:]]))
        until_it_listens(words[words.index("--port") + 1])
        return ""
    if command.startswith("tocsin") and ("$(" in command or " > " in command):
        command = f"{sys.executable} -m {command}"
        done = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True)
        return done.stdout
    return run(command, capsys)


def until_it_listens(port: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", int(port))) == 0:
                return
    pytest.fail("the receiver does not listen")


def steady(said: str) -> list[str]:
    lines = said.replace(f"{Path.cwd()}/", "").splitlines()
    return [timeless(re.sub(r" +$", "", line)) for line in lines]


def timeless(line: str) -> str:
    return _SHORT_ID.sub("ID", _PRESENT.sub("NOW", _EVENT_CLOCK.sub(r"\1", line)))


def without_padding(lines: list[str]) -> list[str]:
    """Leave out how far the heads of times are padded: a column of full minutes is narrower."""
    return [_HEAD_OF_TIMES.sub("(UTC)  ", line) for line in lines]
