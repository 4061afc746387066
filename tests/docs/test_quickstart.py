"""The commands of the quick start do what the page says, character by character."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import DOCS, Block, blocks
from tocsin.cli.main import main
from tocsin.testing.channels import HttpReceiver

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


def test_the_quick_start_is_true(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    receiver: HttpReceiver,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SLACK_WEBHOOK_URL", f"{receiver.url}/services/x")
    for block in blocks(DOCS / "quickstart.md"):
        if block.language == "yaml":
            write_file(tmp_path, block)
        if block.language == "console":
            for command, expected in commands(block):
                assert run(command, capsys).replace(f"{Path.cwd()}/", "").splitlines() == expected, command

    test, alert = receiver.requests
    assert b"a test of this channel" in test.body
    assert b"example is above its band" in alert.body


def write_file(folder: Path, block: Block) -> None:
    """Write a block whose first line is a comment with its path."""
    path = re.match(r"# (\S+)\n", block.text)
    assert path is not None
    (folder / path[1]).write_text(block.text, encoding="utf-8")


def commands(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Give each command of a block, and the lines that it says."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, *lines = part.splitlines()
        yield command, lines


def run(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command as a shell would, and give what it says, errors first."""
    words = shlex.split(command)
    if words[0] == "cd":
        os.chdir(words[1])
        return ""
    if words[0] != "tocsin":
        done = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True)
        return done.stdout
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(words[1:])
    out, err = capsys.readouterr()
    # Tables are padded to their widths.
    return re.sub(r" +$", "", err + out, flags=re.MULTILINE)
