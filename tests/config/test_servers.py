"""Profiles of database servers: where they are, and whether the memory is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tocsin.database.migrations import MIGRATIONS
from tocsin.errors import ConfigError
from tocsin.runtime.clock import SystemClock
from tocsin.runtime.databases import Sources, open_memory
from tocsin.runtime.servers import memory_arguments, source_arguments

if TYPE_CHECKING:
    from tests.config.conftest import Files

_STORE = """\
    default_profile: store
    profiles:
      store:
        type: postgres
        host: db.example.org
        port: 5433
        dbname: shop
        user: me
        password: ${SECRET}
        sslmode: verify-full
        internal_database: tocsin
        internal_schema: kept
        data_schema: sales
"""


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")


def test_a_profile_of_a_server_says_where_memory_and_series_are(files: Files) -> None:
    files.write("profiles.yml", _STORE)

    profile = files.load().profiles["store"]

    address = {
        "conninfo": "", "host": "db.example.org", "port": 5433, "user": "me", "password": "hunter2",
        "sslmode": "verify-full",
    }  # fmt: skip
    assert memory_arguments("store", profile) == {**address, "dbname": "tocsin", "internal_schema": "kept"}
    assert source_arguments("store", profile) == {
        **address, "dbname": "shop", "data_schema": "sales", "read_only": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("profiles", "server"),
    [
        ("profiles: {store: {type: postgres}}", "store"),
        ("profiles: {store: {type: postgres, memory: tocsin.db}}", None),
        ("profiles: {store: {type: postgres, memory: {path: x.db}}}", None),
        ("profiles: {files: {type: duckdb}, store: {type: postgres}}", None),
        ("profiles: {files: {type: duckdb, memory: {profile: store}}, store: {type: postgres}}", "store"),
        (
            "profiles: {a: {type: postgres, memory: {profile: b}}, b: {type: postgres, memory: x.db}}",
            "b",
        ),
    ],
)
def test_the_default_profile_says_where_the_memory_is(
    files: Files, profiles: str, server: str | None
) -> None:
    files.write("profiles.yml", profiles)

    project = files.load()

    assert project.memory_server == server
    assert project.dead_letters == files.folder / "dead_letters"


@pytest.mark.parametrize(
    ("profiles", "message"),
    [
        (
            "profiles: {a: {type: duckdb, memory: {profile: stor}}, store: {type: postgres}}",
            "no profile 'stor'",
        ),
        ("profiles: {a: {type: duckdb, memory: {profile: a}}}", "duckdb database cannot be the memory"),
        ("profiles: {a: {type: sqlite, path: x.db, memory: {profile: a}}}", "cannot be the memory"),
        ("profiles: {a: {type: postgres, path: x.db}}", "has no path"),
    ],
)
def test_a_memory_that_cannot_be_is_refused(files: Files, profiles: str, message: str) -> None:
    files.write("profiles.yml", profiles)

    with pytest.raises(ConfigError, match=message):
        files.load()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("internal_schema: a b", "not a name"),
        ("settings: {work_mem: 1GB}", "no setting work_mem"),
        ("settings: {lock_timeout_seconds: 0}", "lock_timeout_seconds"),
        ("url: 'postgresql://me:${SECRET}%zz@h/x'", "no PostgreSQL connection"),
    ],
)
def test_what_a_server_cannot_take_names_the_profile_and_no_secret(
    files: Files, keys: str, message: str
) -> None:
    files.write("profiles.yml", f"profiles:\n  store:\n    type: postgres\n    {keys}\n")

    with pytest.raises(ConfigError, match=f"profile 'store': .*{message}") as caught:
        open_memory(files.load(), SystemClock())
    assert "hunter2" not in str(caught.value)


def test_the_keys_of_a_profile_reach_the_server(files: Files, postgres_database: str) -> None:
    files.write(
        "profiles.yml",
        f"profiles: {{store: {{type: postgres, url: '{postgres_database}', internal_schema: kept}}}}\n",
    )
    files.write("tocsin_project.yml", "name: x\ntables: {prefix: _dtk_}\n")
    project = files.load()

    with open_memory(project, SystemClock()) as memory:
        assert memory.internal_location.endswith(", schema kept")
        assert memory.table_exists("_tocsin_datapoints")
        assert memory.execute_query("SELECT count(*) AS n FROM kept._dtk_datapoints") == [{"n": 0}]
    with (
        open_memory(project, SystemClock(), read_only=True) as memory,
        Sources(project, SystemClock()) as sources,
    ):
        query = "SELECT count(*) AS n FROM kept._dtk_migrations"
        assert (
            memory.execute_query(query)
            == sources.get("store").execute_query(query)
            == [{"n": len(MIGRATIONS)}]
        )
