"""A file, a service on it, and a look at whether everything in it fits together."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.eventstorage import EventStorageService
from tocsin.eventstorage.columns import ARRAY_COLUMNS, VALUE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PROGRAM = Path(__file__).with_name("program.py")


class Program:
    """A running command of `program.py`."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(_PROGRAM), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the program ended without a word"
        return json.loads(line)

    def write(self, line: str = "") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


@pytest.fixture
def start() -> Iterator[Callable[..., Program]]:
    programs: list[Program] = []

    def run(*arguments: object) -> Program:
        programs.append(Program(*arguments))
        return programs[-1]

    yield run
    for program in programs:
        program.process.kill()
        program.process.communicate()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


@pytest.fixture
def store(path: Path) -> Iterator[EventStorageService]:
    with EventStorageService(path=path) as service:
        service.database_create()
        yield service


@pytest.fixture
def assert_sound() -> Callable[[Path], None]:
    """Give a function that looks whether the tables of a file fit each other."""
    return _assert_sound


def _assert_sound(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:

        def ask(query: str) -> list[tuple[object, ...]]:
            return connection.execute(query).fetchall()

        assert ask("PRAGMA integrity_check") == [("ok",)]
        connection.execute("INSERT INTO events_text (events_text) VALUES ('integrity-check')")
        seqs = ask("SELECT seq FROM events ORDER BY seq")
        assert ask("SELECT seq FROM event_messages ORDER BY seq") == seqs
        assert ask("SELECT rowid FROM events_text ORDER BY rowid") == seqs
        for table in ("event_ip", "event_host", "event_port"):
            assert ask(f"SELECT seq FROM {table} WHERE seq NOT IN (SELECT seq FROM events)") == []
        counted = {
            (name, combination, count)
            for name in VALUE_COLUMNS
            for combination, count in ask(f"SELECT {name}, count(*) FROM events GROUP BY {name}")
            if combination is not None and combination != "[]"
        }
        assert set(ask("SELECT name, combination, events FROM event_combinations")) == counted
        members = {
            (name, value, combination)
            for name, combination, _ in counted
            for (value,) in (
                connection.execute("SELECT value FROM json_each(?)", (combination,))
                if name in ARRAY_COLUMNS
                else [(combination,)]
            )
        }
        assert set(ask("SELECT name, value, combination FROM event_values")) == members
        [(last_seq, last_time)] = ask("SELECT last_seq, last_storagetime FROM event_store")
        [(most, newest)] = ask("SELECT max(seq), max(storagetime) FROM events")
        assert most is None or most <= last_seq  # type: ignore[operator]
        assert newest is None or newest <= last_time  # type: ignore[operator]
