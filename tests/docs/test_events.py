"""The commands of the page about events do what it says, character by character."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docs.pages import DOCS, blocks
from tests.docs.test_quickstart import commands, run, write_file

if TYPE_CHECKING:
    import pytest

PAGE = DOCS / "events.md"


def test_the_page_about_events_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("TOCSIN_")]:
        monkeypatch.delenv(name)

    for block in blocks(PAGE):
        if block.language == "yaml":
            write_file(Path.cwd(), block)
        if block.language == "console":
            for command, expected in commands(block):
                assert run(command, capsys).replace(f"{Path.cwd()}/", "").splitlines() == expected, command
