"""Findings are kept with what they were found in, or lost with it: kills, faults, a memory on a server."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT
from tests.runtime.conftest import noisy
from tests.runtime.findings.conftest import IQR, MAD, FindingsWorkspace
from tests.runtime.logs.conftest import TRAIN, entry, quiet
from tocsin.errors import StorageIntegrityError, StoreFullError
from tocsin.eventstorage.postgres import migrations as postgres_migrations
from tocsin.eventstorage.sqlite import migrations as sqlite_migrations
from tocsin.runtime.databases import open_memory
from tocsin.runtime.events.store import open_project_events
from tocsin.runtime.findings.store import EVENTS_VERSION, events_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SteppingClock
    from tocsin.database import BaseDatabaseManager


def _fill(
    project: FindingsWorkspace, end: int = 120, metrics: tuple[str, ...] = ("cpu", "disk")
) -> FindingsWorkspace:
    """Write metrics and a log with anomalies."""
    for seed, name in enumerate(metrics):
        project.metric(name, detectors=[MAD, IQR], findings={"class": "load"})
        project.csv(name, noisy(120, seed, {50: 80.0, 51: 90.0, 90: 85.0})[:end])
    project.log(
        detectors=[{"type": "new_value", "params": {"variables": ["user"]}}],
        findings={"source": {"ip": ["client"]}},
    )
    project.lines([*quiet(TRAIN), entry(100, user="eve", client="192.0.2.7"), entry(101, user="mallory")])
    return project


def _execute(project: FindingsWorkspace, statement: str) -> None:
    with closing(sqlite3.connect(project.folder / "tocsin.db")) as memory:
        memory.execute(statement)
        memory.commit()


def _remember_at(project: FindingsWorkspace, url: str, **more: Any) -> None:
    store = {"type": "postgres", "url": url, **more}
    files = {"type": "duckdb", "memory": {"profile": "store"}}
    project.write("profiles.yml", {"profiles": {"files": files, "store": store}, "default_profile": "files"})


@pytest.mark.fault
def test_a_kill_at_any_commit_keeps_verdicts_and_their_events_or_none(project: FindingsWorkspace) -> None:
    _fill(project, metrics=("cpu",))
    done = subprocess.run(
        [sys.executable, "-m", "tests.runtime.findings.kill_program", str(project.folder)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)

    assert len(answer["cases"]) > len(answer["whole"]) > 5
    assert len({tuple(case["at_kill"]) for case in answer["cases"]}) > 4
    for case in answer["cases"]:
        events, anomalies = case["at_kill"]
        assert events == anomalies
        assert case["after"] == answer["whole"]


def test_a_failure_of_the_events_keeps_nothing_of_the_detection(project: FindingsWorkspace) -> None:
    _fill(project).query("SELECT 1")  # makes the memory
    _execute(
        project, "CREATE TRIGGER refuse BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'for a test'); END"
    )

    failed = project.run()
    anomalies, events = project.anomalies(), project.events()
    _execute(project, "DROP TRIGGER refuse")
    mended = project.run()

    assert {monitor.status for monitor in failed.monitors} == {"failed"}
    assert all("tocsin.db" in str(monitor.error) for monitor in failed.monitors)
    assert (anomalies, events) == (0, [])
    assert {monitor.error for monitor in mended.monitors} == {None}
    assert len(project.events()) == project.anomalies() > 0


def test_events_of_a_newer_tocsin_are_left_alone(project: FindingsWorkspace) -> None:
    _fill(project).query("SELECT 1")
    _execute(project, "UPDATE event_store SET version = 99")

    report = project.run()

    assert all("upgrade tocsin" in str(monitor.error) for monitor in report.monitors)
    assert project.anomalies() == 0


def test_a_disk_that_is_full_keeps_verdicts_and_events_or_neither(
    tmp_path: Path, clock: SteppingClock
) -> None:
    outcomes = set()
    for kib in range(232, 480, 24):
        project = _fill(FindingsWorkspace(tmp_path / str(kib), clock))
        files: dict[str, Any] = {"type": "duckdb", "memory": {"max_size_mib": kib / 1024}}
        project.write("profiles.yml", {"profiles": {"files": files}, "default_profile": "files"})
        try:
            errors = {monitor.error for monitor in project.run().monitors} - {None}
        except StoreFullError:
            outcomes.add("nothing")
            continue
        assert all("no space is left for" in str(error) for error in errors)
        files.pop("memory")
        project.write("profiles.yml", {"profiles": {"files": files}, "default_profile": "files"})
        assert len(project.events()) == project.anomalies()
        outcomes.add("a part" if errors else "all")
        project.run()
        assert len(project.events()) == project.anomalies() > 10
    assert outcomes == {"nothing", "a part", "all"}


def test_a_memory_of_before_gets_the_tables_when_it_is_opened(project: FindingsWorkspace) -> None:
    _fill(project, 80).run()
    for table in ("event_store", "events", "event_messages", "event_ip", "event_host", "event_port",
                  "event_values", "event_combinations", "event_rejects", "events_text", "thresholds",
                  "events_thresholded", "threshold_reports"):  # fmt: skip
        _execute(project, f"DROP TABLE {table}")
    _fill(project)

    assert {monitor.error for monitor in project.run().monitors} == {None}

    assert 0 < len(project.events()) < project.anomalies()


def test_other_names_of_the_internal_tables_change_nothing(project: FindingsWorkspace) -> None:
    _fill(project)
    project.write("tocsin_project.yml", {"name": "test", "tables": {"detections": "verdicts"}})

    project.run()

    (row,) = project.query("SELECT count(*) AS n FROM verdicts WHERE is_anomaly")
    assert len(project.events()) == row["n"] > 10


def test_a_cursor_keeps_what_it_committed_when_the_transaction_is_kept(project: FindingsWorkspace) -> None:
    event = {"Format": "IDEA0", "ID": "e", "DetectTime": "2026-03-01T00:00:00Z", "Category": ["Test"]}
    with open_memory(project.load(), project.clock) as memory:
        with memory.transaction() as tx, events_in(tx, project.load(), project.clock) as cursor:
            cursor.insert_event({**event, "ID": "kept"})
            cursor.commit()
            cursor.insert_event({**event, "ID": "not committed"})
        with pytest.raises(StorageIntegrityError, match="stored already"):
            _store_twice(memory, project, {**event, "ID": "undone with its transaction"})

    assert [found.id for found in project.events()] == ["kept"]


def _store_twice(memory: BaseDatabaseManager, project: FindingsWorkspace, event: dict[str, Any]) -> None:
    with memory.transaction() as tx, events_in(tx, project.load(), project.clock) as cursor:
        cursor.insert_event(event)
        cursor.commit()
        cursor.insert_event(event)


@pytest.mark.parametrize("more", [{}, {"internal_schema": "memory"}])
def test_a_memory_on_a_server_has_the_same_events_as_a_file(
    project: FindingsWorkspace, second: FindingsWorkspace, postgres_database: str, more: dict[str, str]
) -> None:
    _remember_at(second, postgres_database, **more)
    kept = []
    for one in (project, second):
        for end in (100, 120):
            _fill(one, end)
            assert {monitor.error for monitor in one.run(threads=2).monitors} == {None}
        kept.append(one.messages())
        one.run(full_refresh=True, threads=2)
        assert one.messages() == kept[-1]
        assert len(one.events(source_addrs=["192.0.2.0/24"])) == 1
        assert len(one.events(classes=["load"])) == len(kept[-1]) - 2 == one.anomalies() - 2

    in_file, on_server = kept
    theirs, ours = (str(one.folder).encode() for one in (second, project))
    assert {ident: message.replace(theirs, ours) for ident, message in on_server.items()} == in_file


def test_the_version_of_the_tables_of_events_is_known_without_loading_the_event_storage() -> None:
    assert EVENTS_VERSION == postgres_migrations.VERSION == len(sqlite_migrations.STEPS)


@pytest.mark.parametrize("memory", ["sqlite", "postgres"])
def test_events_of_an_older_tocsin_are_brought_up_to_date_by_a_run(
    project: FindingsWorkspace, memory: str, request: pytest.FixtureRequest
) -> None:
    if memory == "postgres":
        _remember_at(project, request.getfixturevalue("postgres_database"))
    _fill(project, end=60, metrics=("cpu",))
    project.run()
    before = project.messages()
    with closing(open_project_events(project.load())) as events, events.cursor_new() as cursor:
        version_1 = (
            "UPDATE event_store SET version = 1",
            "ALTER TABLE event_store DROP COLUMN block_sizes",
        )
        for statement in version_1:
            cursor._session.execute_count(statement)  # as a Tocsin of that time left it
        cursor.commit()

    _fill(project, metrics=("cpu",))
    project.run()

    after = project.messages()
    assert before.items() < after.items()
    assert {event.id for event in project.events(source_addrs=["192.0.2.0/24"])} <= set(after)
    assert project.events(source_addrs=["192.0.2.7"])
