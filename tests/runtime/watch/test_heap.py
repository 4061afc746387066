"""What a watch gives back of the memory that it used."""

from __future__ import annotations

import _sqlite3
import ctypes
import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.runtime.conftest import Workspace, noisy
from tests.runtime.watch.conftest import event
from tocsin.database.sqlite import SQLiteManager
from tocsin.runtime.clock import SystemClock
from tocsin.runtime.databases import open_memory
from tocsin.runtime.watch.crew import Crew
from tocsin.runtime.watch.heap import free_cache, trim_heap

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.abc import Clock
    from tocsin.runtime.run_report import MonitorReport

_MIB = 2**20
_STATM = Path("/proc/self/statm")
_PIECE = 4096
_PIECES = 64 * _MIB // _PIECE


def _sqlite_bytes() -> int:
    """Give what SQLite has allocated in this process, of all its connections."""
    try:
        library = ctypes.CDLL(_sqlite3.__file__)
        library.sqlite3_memory_used.restype = ctypes.c_longlong
    except AttributeError:
        pytest.skip("this interpreter's SQLite cannot be asked how much memory it has")
    return int(library.sqlite3_memory_used())


def _resident_bytes() -> int:
    return int(_STATM.read_text(encoding="ascii").split()[1]) * 4096


def _in_a_thread(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Give a file with 8 MiB in a table."""
    path = tmp_path / "large.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (x)")
        connection.executemany("INSERT INTO t VALUES (zeroblob(?))", [(_MIB // 512,)] * 4096)
    return path


def test_the_cache_of_the_threads_connection_is_freed(large: Path, clock: Clock) -> None:
    with SQLiteManager(large, clock=clock, settings={"cache_mib": 16}) as memory:
        before = _sqlite_bytes()
        memory.execute_query("SELECT sum(length(x)) AS n FROM t")
        full = _sqlite_bytes()
        free_cache(memory)

        assert full - before > 6 * _MIB
        assert _sqlite_bytes() - before < _MIB


def test_a_memory_that_is_closed_is_no_reason_to_fail(large: Path, clock: Clock) -> None:
    memory = SQLiteManager(large, clock=clock)
    memory.close()

    free_cache(memory)


def _kept_after_a_run(workspace: Workspace) -> tuple[int, MonitorReport]:
    """Run the only monitor as a watch does, and give what SQLite has allocated more than before."""
    project, clock = workspace.load(), SystemClock()
    kept: list[tuple[int, MonitorReport]] = []
    with open_memory(project, clock) as memory:
        crew = Crew(project, project.monitors, memory, clock)
        (key,) = crew.monitors

        def run() -> None:
            memory.execute_query("SELECT 1")
            before = _sqlite_bytes()
            report = crew.run(key)
            assert report is not None
            kept.append((_sqlite_bytes() - before, report))

        _in_a_thread(run)
        crew.retire()
    return kept[0]


def test_a_metric_that_was_run_leaves_no_full_cache_behind(workspace: Workspace) -> None:
    workspace.csv("cpu", noisy(40_000))
    workspace.metric("cpu")

    kept, report = _kept_after_a_run(workspace)

    assert report.points_loaded == 40_000
    assert kept < _MIB


def test_events_that_were_imported_leave_no_full_cache_behind(workspace: Workspace) -> None:
    (workspace.folder / "events").mkdir()
    workspace.write("events/ids.yml", {"name": "ids", "source": {"folder": "incoming"}, "alerting": {}})
    incoming = workspace.folder / "incoming"
    incoming.mkdir()
    lines = (json.dumps(event(number)) for number in range(5_000))
    (incoming / "all.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    kept, report = _kept_after_a_run(workspace)

    assert report.events_new == 5_000
    assert kept < _MIB


@pytest.mark.skipif(
    not _STATM.exists() or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="a matter of glibc"
)
def test_what_was_freed_between_what_is_in_use_goes_back_to_the_system() -> None:
    pieces = [bytearray(_PIECE) for _ in range(_PIECES)]
    full = _resident_bytes()
    kept = pieces[::64]  # nothing that was freed is at the end
    del pieces

    trim_heap()

    assert full - _resident_bytes() > 32 * _MIB
    assert len(kept) == _PIECES // 64
