"""What the crash benchmark calls a difference."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from benchmarks.crash import compare_rows

if TYPE_CHECKING:
    from pathlib import Path

_DDL = "CREATE TABLE _tocsin_datapoints (metric_name TEXT, timestamp INTEGER, value REAL, created_at INTEGER)"


def _memory(path: Path, rows: list[tuple[str, int, float | None, int]]) -> Path:
    with closing(sqlite3.connect(path)) as memory:
        memory.execute(_DDL)
        memory.executemany("INSERT INTO _tocsin_datapoints VALUES (?, ?, ?, ?)", rows)
        memory.commit()
    return path


def test_the_time_of_writing_makes_no_difference(tmp_path: Path) -> None:
    ours = _memory(tmp_path / "a.db", [("m", 1, 0.5, 10), ("m", 2, None, 10)])
    theirs = _memory(tmp_path / "b.db", [("m", 2, None, 99), ("m", 1, 0.5, 98)])

    assert compare_rows(ours, theirs, "_tocsin_datapoints") == (0, 0)


def test_the_last_bit_of_a_value_makes_a_difference(tmp_path: Path) -> None:
    ours = _memory(tmp_path / "a.db", [("m", 1, 0.1 + 0.2, 10)])
    theirs = _memory(tmp_path / "b.db", [("m", 1, 0.3, 10)])

    assert compare_rows(ours, theirs, "_tocsin_datapoints") == (2, 0)


def test_a_key_that_stands_twice_is_counted(tmp_path: Path) -> None:
    ours = _memory(tmp_path / "a.db", [("m", 1, 0.5, 10)])
    theirs = _memory(tmp_path / "b.db", [("m", 1, 0.5, 10), ("m", 1, 0.5, 11)])

    assert compare_rows(ours, theirs, "_tocsin_datapoints") == (0, 1)
