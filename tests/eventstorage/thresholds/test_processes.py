"""Writers in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tocsin.eventstorage import EventStorageService

if TYPE_CHECKING:
    from pathlib import Path

_WRITERS = 4
_KEYS = 25
_SCRIPT = f"""
import sys
from datetime import UTC, datetime
from tocsin.eventstorage import EventStorageService, Thresholder

url, name = sys.argv[1:]
with EventStorageService(url=url) as store:
    thresholder = Thresholder(store)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range({_KEYS}):
        event = {{"Format": "IDEA0", "ID": f"{{name}} {{number}}", "DetectTime": 0, "Category": ["Test"],
                 "Source": [{{"IP4": [f"192.0.2.{{number}}"]}}]}}
        verdict = thresholder.admit(event, "g", "c", datetime(2026, 3, 1, tzinfo=UTC))
        print(verdict.key.entity, verdict.kind, verdict.held_count)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/events.db"
    database: str = request.getfixturevalue("postgres_database")
    return database


def test_of_several_processes_one_tells(url: str) -> None:
    with EventStorageService(url=url) as store:
        store.database_create()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _SCRIPT, url, f"writer {number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(_WRITERS)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    said = Counter(line for writer in writers for line in writer.communicate(timeout=120)[0].splitlines())
    assert [writer.returncode for writer in writers] == [0] * _WRITERS
    expected = ["first 0", *(f"held {count}" for count in range(1, _WRITERS))]
    assert said == Counter(f"192.0.2.{number} {one}" for number in range(_KEYS) for one in expected)
