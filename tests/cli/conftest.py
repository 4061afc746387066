"""The command in this process, in an empty folder, with a home and an environment of its own."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.conftest import Workspace, noisy
from tocsin.cli.main import main
from tocsin.runtime.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The one sentence of an error."""
        assert not self.out
        (line,) = self.err.splitlines()
        return line.removeprefix("error: ")


class Cli:
    """Runs `tocsin …` in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int | None = 0) -> Answer:
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err
        answer = Answer(int(ended.value.code or 0), out, err)
        if code is not None:
            assert answer.code == code, answer.err + answer.out
        return answer


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def cli(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cli:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(home))
    for name in [name for name in os.environ if name.startswith("TOCSIN_")]:
        monkeypatch.delenv(name)
    return Cli(capsys)


@pytest.fixture
def project(tmp_path: Path) -> Workspace:
    """Give the current folder as a project with one metric whose series has a jump."""
    workspace = Workspace(tmp_path, SystemClock())
    workspace.csv("cpu", noisy(200, jumps=dict.fromkeys(range(150, 156), 80)))
    workspace.metric("cpu", tags=["host"], description="Load of the host")
    return workspace
