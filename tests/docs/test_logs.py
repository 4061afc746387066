"""The commands of the page about logs do what it says, character by character."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.docs.pages import DOCS, blocks
from tests.docs.test_quickstart import commands, run
from tocsin.runtime.config.log import LogAlertingConfig

if TYPE_CHECKING:
    import pytest


def test_the_page_about_logs_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))

    for block in blocks(DOCS / "logs.md"):
        if block.language == "console":
            for command, expected in commands(block):
                assert run(command, capsys).replace(f"{Path.cwd()}/", "").splitlines() == expected, command


def test_the_alerting_of_the_page_is_right() -> None:
    import yaml

    (block,) = [block for block in blocks(DOCS / "logs.md") if block.language == "yaml"]

    assert LogAlertingConfig.model_validate(yaml.safe_load(block.text)["alerting"]).channels == ("ops",)
