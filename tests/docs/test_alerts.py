"""The commands of the page about alerts do what it says, character by character."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docs.pages import DOCS, blocks
from tests.docs.test_quickstart import commands, run, write_file
from tocsin.testing.channels import HttpReceiver

if TYPE_CHECKING:
    import pytest

PAGE = DOCS / "alerts.md"
_NOW = re.compile(r"(?<=was delivered at )\S+ \S+(?= UTC)|^\d{4}-\S+ [\d:]+(?=  )", re.MULTILINE)


def test_the_page_about_alerts_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    with HttpReceiver() as receiver:
        monkeypatch.setenv("OPS_URL", receiver.url)
        for block in blocks(PAGE):
            if block.language == "yaml" and block.text.startswith("# "):
                write_file(Path.cwd(), block)
            if block.language == "console":
                for command, expected in commands(block):
                    said = _NOW.sub("NOW", run(command, capsys)).splitlines()
                    assert said == [_NOW.sub("NOW", line) for line in expected], command

    assert len(receiver.requests) == 3
