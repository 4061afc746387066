"""A project whose memory is in PostgreSQL: the same as in a file, and as good after a kill."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.runtime import crash_program
from tests.runtime.conftest import Workspace, noisy
from tests.runtime.logs.conftest import LogWorkspace, entry, quiet
from tests.servers.postgres import PostgresServer
from tocsin.runtime.config.loader import Project, load_project
from tocsin.runtime.create_project import create_project
from tocsin.runtime.databases import open_memory
from tocsin.runtime.example import write_example

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SteppingClock

_LAST = 200


@dataclass
class TwoMemories(LogWorkspace):
    """A project with a profile that remembers in a file, and one that remembers on a server."""

    profile: str = "files"

    def remember_at(self, url: str) -> None:
        """Write the profiles."""
        store = {"type": "postgres", "url": url, "internal_schema": "tocsin"}
        server = {"type": "duckdb", "memory": {"profile": "store"}}
        self.write(
            "profiles.yml",
            {"profiles": {"files": {"type": "duckdb"}, "server": server, "store": store}},
        )

    def load(self) -> Project:
        return load_project(self.folder, self.profile, home=self.folder)

    def with_profile(self, profile: str) -> TwoMemories:
        there = TwoMemories.__new__(TwoMemories)
        there.folder, there.clock, there.profile = self.folder, self.clock, profile
        return there

    def command(self, *arguments: str, check: int | None = 0) -> subprocess.CompletedProcess[str]:
        return super().command(arguments[0], "--profile", self.profile, *arguments[1:], check=check)

    def rows(self) -> dict[str, list[str]]:
        """Give all that two ways to the same memory must agree in."""
        with closing(open_memory(self.load(), self.clock)) as memory:
            leases = memory.get_full_table_name("_tocsin_leases")
            queries = {
                table: f"SELECT {columns} FROM {memory.get_full_table_name(table)}"
                for table, columns in crash_program.TABLES.items()
            } | {"leases": f"SELECT name FROM {leases} WHERE owner <> ''"}
            return {name: sorted(map(repr, memory.execute_query(query))) for name, query in queries.items()}

    def monitors(self) -> None:
        """Write two metrics and a log."""
        window = {"window_size": 40, "min_samples": 10}
        self.metric(
            "cpu",
            detectors=[{"type": "mad", "params": window}],
            alerting=[{"channels": [], "consecutive_anomalies": 1, "no_data": {"for": "30min"}}],
        )
        self.metric(
            "disk",
            query="SELECT timestamp, value, host FROM read_csv('disk.csv')",
            dimension="host",
            detectors=[{"type": "iqr", "params": window}],
        )
        self.log()

    def fill(self, end: int = _LAST) -> None:
        """Write rows and lines, up to an end."""
        self.csv("cpu", noisy(_LAST, jumps={60: 60.0, 61: 70.0, 135: 80.0})[:end])
        disk = [(*row, host) for seed, host in enumerate("ab") for row in noisy(_LAST, seed)[:end]]
        self.csv("disk", disk, "timestamp,value,host")
        text = quiet(_LAST)
        text[150] = entry(150, "root", "eve")
        self.lines(text[:end])


@pytest.fixture
def project(tmp_path: Path, clock: SteppingClock, postgres_database: str) -> TwoMemories:
    project = TwoMemories(tmp_path, clock)
    project.remember_at(postgres_database)
    return project


def test_runs_and_corrections_leave_the_same_as_in_a_file(project: TwoMemories) -> None:
    both = [project, project.with_profile("server")]
    project.monitors()
    for end in (140, _LAST):
        project.fill(end)
        for one in both:
            assert {report.error for report in one.run(threads=2).monitors} == {None}

    file, server = (one.rows() for one in both)
    assert file == server
    assert len(file["_tocsin_datapoints"]) == 3 * _LAST
    assert file["_tocsin_incidents"]
    assert both[0].learned() == both[1].learned()
    assert both[1].anomalous() == [151]
    assert set(both[1].run().totals.values()) == {0}


@pytest.mark.slow
def test_the_example_gives_the_same_as_in_a_file(
    tmp_path: Path, clock: SteppingClock, postgres_database: str
) -> None:
    create_project(tmp_path / "shop", "shop", example=False)
    write_example(tmp_path / "shop")
    project = TwoMemories(tmp_path / "shop", clock)
    project.remember_at(postgres_database)
    answers = []
    for one in (project, project.with_profile("server")):
        run = one.command_json("run")["monitors"]
        answers.append((run, one.command_json("status")["monitors"], one.rows(), one.learned()))

    assert answers[0] == answers[1]
    assert answers[1][2]["_tocsin_incidents"]
    assert "memory PostgreSQL" in one.command("status").stdout


_PROGRAM = """
import os, signal, sys
from tocsin.cli.main import main
from tocsin.database.postgres.session import PostgresSession

commit, count, fatal = PostgresSession.commit, 0, int(sys.argv[1])

def counted(self):
    global count
    commit(self)
    count += 1
    if count == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

PostgresSession.commit = counted
try:
    main(["run", "--profile", "server"])
finally:
    sys.stderr.write(f"commits {count}")
"""


def _run_until(workspace: Workspace, fatal: int) -> subprocess.CompletedProcess[str]:
    """Run in a process that kills itself after a commit."""
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(fatal)],
        cwd=workspace.folder, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.fault
@pytest.mark.slow
def test_a_run_that_is_killed_after_any_commit_is_made_good(
    project: TwoMemories, postgres_server: PostgresServer
) -> None:
    project.monitors()
    project.fill()
    killed = project.with_profile("server")
    whole = _run_until(killed, 0)
    assert whole.returncode == 0, whole.stderr
    commits = int(whole.stderr.rpartition("commits ")[2])
    expected, learned = killed.rows(), killed.learned()
    assert commits > 15

    for fatal in range(1, commits + 1, commits // 6):
        database = postgres_server.create_database()
        killed.remember_at(postgres_server.dsn(database))
        assert _run_until(killed, fatal).returncode == -9
        done = killed.command("run")
        assert "another run" not in done.stderr
        assert killed.rows() == expected, f"killed after commit {fatal}"
        assert killed.learned() == learned, f"killed after commit {fatal}"
        postgres_server.drop_database(database)


@pytest.mark.fault
def test_a_server_that_goes_away_is_one_sentence_and_the_next_run_completes(project: TwoMemories) -> None:
    project.monitors()
    project.fill(140)
    remote = project.with_profile("server")
    with PostgresServer(fsync=True) as server:
        remote.remember_at(server.dsn(server.create_database()))
        remote.run()
        expected = remote.rows()
        project.fill()
        server.kill()
        failed = remote.command("run", check=1)
        assert "cannot be reached" in failed.stderr
        server.start()
        assert remote.rows() == expected
        remote.run()
        assert len(remote.rows()["_tocsin_datapoints"]) == 3 * _LAST


def test_series_are_read_from_a_server_and_nothing_is_written_there(
    tmp_path: Path, clock: SteppingClock, postgres_database: str
) -> None:
    with psycopg.connect(postgres_database) as connection:
        connection.execute("CREATE SCHEMA sales")
        connection.execute("CREATE TYPE sales.shop AS ENUM ('north', 'south')")
        connection.execute(
            "CREATE TABLE sales.orders AS"
            " SELECT at, 100 + (extract(hour FROM at) * 2)::numeric(9, 2) AS amount, shop"
            " FROM generate_series(timestamp '2026-02-25', timestamp '2026-03-01', '10 min') AS at,"
            " unnest(enum_range(NULL::sales.shop)) AS shop"
        )
    workspace = Workspace(tmp_path, clock)
    shop: dict[str, Any] = {"type": "postgres", "url": postgres_database, "data_schema": "sales"}
    profiles = {"files": {"type": "duckdb"}, "shop": shop}
    workspace.write("profiles.yml", {"default_profile": "files", "profiles": profiles})
    workspace.metric(
        "orders",
        profile="shop",
        query="SELECT at, amount, shop FROM orders"
        " WHERE at >= '{{ tocsin_start_time }}' AND at < '{{ tocsin_end_time }}'",
        query_columns={"timestamp": "at", "metric": "amount"},
        dimension="shop",
        loading_start_time="2026-02-25",
    )

    report = workspace.run_one()

    assert report.error is None
    found = {(name, timestamp.isoformat(), value) for name, timestamp, value, *_ in workspace.slots()}
    assert ("orders{shop=north}", "2026-02-25T05:30:00+00:00", 110.0) in found
    assert {name for name, *_ in found} == {"orders{shop=north}", "orders{shop=south}"}
    with psycopg.connect(postgres_database) as connection:
        tables = "SELECT count(*) FROM pg_tables WHERE tablename LIKE '%tocsin%'"
        assert connection.execute(tables).fetchall() == [(0,)]
