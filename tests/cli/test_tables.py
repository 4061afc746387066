"""Tables on terminals of several widths: numbers, times and ids are never cut."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_events import STORE, event
from tocsin.cli.console import print_table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli

_BOLD = re.compile(r"\x1b\[\d*m")
ID = "645f55a9-d2d6-5e8b-b45a-931b7067b310"
ROW = ("a name that is longer than others", 1_234_567, "2026-03-24 02:15:25", ID)


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)


def table(capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_table("A title", ["name", "#number", "at (UTC)", "id"], [ROW])
    out = _BOLD.sub("", capsys.readouterr().out)
    return [line.rstrip() for line in out.splitlines()]


@pytest.mark.parametrize(
    ("width", "name"),
    [
        (200, "a name that is longer than others"),
        (100, "a name that is longer than othe…"),
        (80, "a name that…"),
        (78, "a name th…"),
        (77, "a name that is longer than others"),  # too narrow anyway, so nothing is cut
    ],
)
def test_only_text_is_cut_and_only_where_that_is_enough(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int, name: str
) -> None:
    on_a_terminal(monkeypatch, width)

    title, head, row = table(capsys)

    assert title == "A title"
    assert head.split() == ["name", "number", "at", "(UTC)", "id"]
    assert row == f"{name}  {ROW[1]}  {ROW[2]}  {ID}"
    assert len(row) <= width or name == ROW[0]


def test_in_a_pipe_nothing_is_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")

    assert table(capsys)[-1] == f"{ROW[0]}  {ROW[1]}  {ROW[2]}  {ID}"


def test_events_have_lines_of_their_own_where_a_table_is_too_wide(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.jsonl").write_text(json.dumps(event(1)) + "\n")
    cli("events", "import", "one.jsonl", *STORE)
    on_a_terminal(monkeypatch, 60)

    lines = cli("events", "search", *STORE).out.splitlines()

    assert lines == [
        "2026-01-31 01:00:00  Recon.Scanning",
        "    10.0.0.1 :1001 → h1.example.org :22",
        "    probe: event 1",
        "    e1",
        "1 event",
    ]
