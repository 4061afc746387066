"""The page about the memory has every column, and its queries run."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import DOCS, blocks, section, table_rows
from tests.runtime.conftest import Workspace, noisy
from tocsin.database.tables import INTERNAL_TABLES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SteppingClock

PAGE = DOCS / "memory.md"


@pytest.mark.parametrize("table", INTERNAL_TABLES)
def test_every_column_is_documented_and_the_key_is_bold(table: str) -> None:
    model = INTERNAL_TABLES[table]()

    rows = table_rows(section(PAGE, table))

    assert [row[0].strip("*") for row in rows] == [column.name for column in model.columns]
    assert {row[0].strip("*") for row in rows if row[0].startswith("**")} == set(model.primary_key)
    assert all(row[1] for row in rows)


def test_the_page_has_no_other_tables() -> None:
    headings = re.findall(r"^### (\S+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert set(headings) == set(INTERNAL_TABLES)


def test_the_queries_run_and_find_something(tmp_path: Path, clock: SteppingClock) -> None:
    workspace = Workspace(tmp_path, clock)
    workspace.csv("cpu", noisy(200, jumps=dict.fromkeys(range(150, 156), 80)))
    workspace.metric("cpu", alerting={"consecutive_anomalies": 3})
    workspace.run()
    queries = [block.text for block in blocks(PAGE) if block.language == "sql"]

    with closing(sqlite3.connect(tmp_path / "tocsin.db")) as memory:
        answers = [memory.execute(query).fetchall() for query in queries]

    anomalies, unjudged, complete, incidents, undelivered, decisions = answers
    assert anomalies[0][0] == "cpu"
    assert [row[:2] for row in unjudged] == [("cpu", "insufficient_data")]
    assert complete == [("cpu", 200, 0, "2026-01-06 09:10:00")]
    assert len(incidents) == 1
    assert undelivered == []
    assert ("cpu", "none", "rule") in [row[:3] for row in decisions]
