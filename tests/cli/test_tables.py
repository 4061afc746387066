"""Tables on terminals of several widths: numbers, times, names and ids are never cut."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_events import STORE, event
from tocsin.cli.console import print_line, print_table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli
    from tests.runtime.conftest import Workspace

_BOLD = re.compile(r"\x1b\[\d*m")
ID = "645f55a9-d2d6-5e8b-b45a-931b7067b310"
ROW = ("a text that is longer than others", 1_234_567, "2026-03-24 02:15:25", ID)


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)


def table(capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_table("A title", ["text", "#number", "at (UTC)", "id"], [ROW])
    out = _BOLD.sub("", capsys.readouterr().out)
    return [line.rstrip() for line in out.splitlines()]


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (200, "a text that is longer than others"),
        (100, "a text that is longer than othe…"),
        (80, "a text that…"),
        (78, "a text th…"),
    ],
)
def test_only_text_is_cut_and_only_where_that_is_enough(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int, text: str
) -> None:
    on_a_terminal(monkeypatch, width)

    title, head, row = table(capsys)

    assert title == "A title"
    assert head.split() == ["text", "number", "at", "(UTC)", "id"]
    assert row == f"{text}  {ROW[1]}  {ROW[2]}  {ID}"
    assert len(row) <= width


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (
            77,
            [
                "text                                number  at (UTC)",
                "    id",
                f"{ROW[0]}  {ROW[1]}  {ROW[2]}",
                f"    {ID}",
            ],
        ),
        (
            60,
            [
                "text                                number",
                "    at (UTC)",
                "    id",
                f"{ROW[0]}  {ROW[1]}",
                f"    {ROW[2]}",
                f"    {ID}",
            ],
        ),
        (
            30,
            [
                "text",
                "     number",
                "    at (UTC)",
                "    id",
                "a text that is longer than",
                "others",
                f"    {ROW[1]}",
                f"    {ROW[2]}",
                f"    {ID[:26]}",
                f"    {ID[26:]}",
            ],
        ),
    ],
)
def test_where_cutting_text_is_not_enough_nothing_is_cut_and_columns_stand_below_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int, lines: list[str]
) -> None:
    on_a_terminal(monkeypatch, width)

    title, *found = table(capsys)

    assert title == "A title"
    assert found == lines
    assert all(len(line) <= width for line in found)


@pytest.mark.parametrize("column", ["name", "monitor", "log", "events", "series", "file"])
def test_what_the_next_command_is_given_is_never_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], column: str
) -> None:
    on_a_terminal(monkeypatch, 40)

    print_table(None, [column, "comment"], [("a_name_of_twenty_four_ab", "a comment of some length")])
    assert (
        _BOLD.sub("", capsys.readouterr().out).splitlines()[1] == "a_name_of_twenty_four_ab  a comment of …"
    )

    on_a_terminal(monkeypatch, 30)
    print_table(None, [column, "comment"], [("a_name_of_twenty_four_ab", "a comment of some length")])
    assert _BOLD.sub("", capsys.readouterr().out).splitlines()[2:] == [
        "a_name_of_twenty_four_ab",
        "    a comment of some length",
    ]


def test_ls_puts_below_what_does_not_fit(
    cli: Cli, project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "requests_of_the_checkout_by_country"
    project.metric(name)
    on_a_terminal(monkeypatch, 60)

    out = _BOLD.sub("", cli("ls", "-s", name).out)

    assert "…" not in out
    assert f"\n{name}  " in out
    assert f"  metrics/{name}.yml\n" in out


def test_a_line_of_words_goes_on_further_in_on_a_terminal_and_is_one_line_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"  told  twice about {ID} and that-is-all"
    monkeypatch.setenv("COLUMNS", "40")

    print_line(text)
    assert capsys.readouterr().out == f"{text}\n"

    on_a_terminal(monkeypatch, 40)
    print_line(text)
    assert capsys.readouterr().out.splitlines() == [
        "  told  twice about",
        f"      {ID}",
        "      and that-is-all",
    ]


@pytest.mark.parametrize("width", [0, 1, 4, 13])
def test_on_a_terminal_of_next_to_no_width_everything_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    on_a_terminal(monkeypatch, width)

    print_line(f"told about {ID}")
    said = "".join(capsys.readouterr().out.split())
    assert said == f"toldabout{ID}"
    shown = "".join("".join(table(capsys)).split())
    for cell in ROW:
        assert "".join(str(cell).split()) in shown


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
