"""The project's file and its profiles: keys, the environment, the home folder, table names."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.runtime.conftest import Workspace, noisy
from tocsin.errors import ConfigError
from tocsin.runtime.config import ProfilesConfig, ProjectConfig
from tocsin.runtime.config.project import TablesConfig

if TYPE_CHECKING:
    from pathlib import Path

    from tests.config.conftest import Files
    from tests.conftest import SteppingClock


def error_of(files: Files) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        files.load()
    assert "\n" not in str(caught.value)
    return caught.value


def test_the_smallest_project_has_the_documented_defaults(files: Files) -> None:
    project = files.load()

    assert project.config.model_dump() == {
        "name": "test", "version": "1.0",
        "paths": {
            "metrics": "metrics", "logs": "logs", "events": "events", "sql": "sql", "templates": "templates",
        },
        "tables": {"prefix": "_tocsin_"} | dict.fromkeys(
            (
                "datapoints", "detections", "tasks", "leases", "incidents", "outbox", "positions", "state",
                "candidates", "decisions", "notices", "batches", "silences", "acknowledgements", "migrations",
            )
        ),
        "timeouts": {
            "load": timedelta(hours=1), "detect": timedelta(hours=1), "alert": timedelta(minutes=10),
        },
        "retention": {
            "datapoints": None, "detections": None, "decisions": timedelta(days=90),
            "outbox": timedelta(days=30), "events": None,
        },
        "default_profile": None,
    }  # fmt: skip
    assert project.default_profile == "files"
    assert project.profiles["files"].type == "duckdb"
    assert project.memory_path == files.folder / "tocsin.db"
    assert project.channels == {}
    assert project.monitors == ()


def test_every_key_of_the_project_is_read(files: Files) -> None:
    files.write(
        "tocsin_project.yml",
        """\
        name: shop
        version: 2.5
        paths: {metrics: m, logs: l, sql: s, templates: t}
        tables: {prefix: _dtk_, tasks: my_tasks}
        timeouts: {load: 2h, detect: 30min, alert: 60}
        default_profile: files
        """,
    )
    files.write("m/a.yml", "name: a\nquery_file: a.sql\ninterval: 1h\n")
    files.write("s/a.sql", "SELECT 1")

    project = files.load()

    assert project.config.version == "2.5"
    assert project.config.timeouts.model_dump() == {
        "load": timedelta(hours=2), "detect": timedelta(minutes=30), "alert": timedelta(minutes=1),
    }  # fmt: skip
    assert project.config.tables.names()["_tocsin_datapoints"] == "_dtk_datapoints"
    assert project.config.tables.names()["_tocsin_tasks"] == "my_tasks"
    assert [monitor.name for monitor in project.monitors] == ["a"]


def test_every_key_of_a_profile_is_read(files: Files) -> None:
    files.write(
        "profiles.yml",
        """\
        default_profile: Warehouse
        profiles:
          Warehouse:
            type: duckdb
            host: db.example.org
            port: 5432
            dbname: shop
            user: me
            password: 1234
            sslmode: verify-full
            url: postgresql://you:5678@other.example.org
            path: a.db
            memory:
              profile: null
              path: state/memory.db
              synchronous: FULL
              busy_timeout_seconds: 5
              cache_mib: 8
              max_size_mib: 99
            internal_database: i
            internal_schema: s
            data_database: d
            data_schema: e
            settings: {threads: 2}
        alert_channels:
          ops: {type: slack, webhook_url: "https://hooks.example.org/x"}
        """,
    )

    project = files.load()

    profile = project.profiles["Warehouse"]
    assert profile.memory.model_dump() == {
        "profile": None, "path": "state/memory.db", "synchronous": "FULL", "busy_timeout_seconds": 5,
        "cache_mib": 8, "max_size_mib": 99,
    }  # fmt: skip
    assert profile.model_dump(exclude={"password", "url", "memory"}) == {
        "type": "duckdb", "host": "db.example.org", "port": 5432, "dbname": "shop", "user": "me",
        "sslmode": "verify-full", "path": "a.db",
        "internal_database": "i", "internal_schema": "s", "data_database": "d",
        "data_schema": "e", "settings": {"threads": 2},
    }  # fmt: skip
    assert profile.password is not None
    assert profile.password.get_secret_value() == "1234"
    assert "1234" not in repr(profile)
    assert "5678" not in repr(profile)
    assert project.default_profile == "Warehouse"
    assert project.memory_path == files.folder / "state" / "memory.db"
    assert set(project.channels) == {"ops"}


def test_the_first_profile_is_the_default_when_none_is_named(files: Files) -> None:
    files.write("profiles.yml", "profiles: {lake: {type: sqlite, path: a.db}, pond: {type: duckdb}}\n")

    project = files.load()

    assert (project.default_profile, set(project.profiles)) == ("lake", {"lake", "pond", "files"})


@pytest.mark.parametrize(
    ("name", "text", "message", "line", "hint"),
    [
        ("tocsin_project.yml", "nam: x\n", "unknown key 'nam'", 1, "did you mean 'name'?"),
        ("tocsin_project.yml", "version: '1'\n", "the key 'name' is missing", 1, None),
        (
            "tocsin_project.yml",
            "name: x\npaths:\n  metric: m\n",
            "unknown key 'paths.metric'",
            3,
            "did you mean 'metrics'?",
        ),
        (
            "tocsin_project.yml",
            "name: x\ntables: {datapoint: m}\n",
            "unknown key 'tables.datapoint'",
            2,
            "did you mean 'datapoints'?",
        ),
        (
            "tocsin_project.yml",
            "name: x\ntimeouts:\n  wait: 1h\n",
            "unknown key 'timeouts.wait'",
            3,
            "known keys are alert, detect, load",
        ),
        ("profiles.yml", "profile: {}\n", "unknown key 'profile'", 1, "did you mean 'profiles'?"),
        (
            "profiles.yml",
            "profiles:\n  files:\n    typ: duckdb\n",
            "unknown key 'profiles.files.typ'",
            3,
            "did you mean 'type'?",
        ),
        (
            "profiles.yml",
            "profiles:\n  Prod:\n    type: duckdb\n    prot: 1\n",
            "unknown key 'profiles.Prod.prot'",
            4,
            "did you mean 'port'?",
        ),
        ("profiles.yml", "profiles:\n  path: {}\n", "the key 'profiles.path.type' is missing", 2, None),
        ("profiles.yml", "profiles:\n  a: duckdb\n", "profiles.a: this must hold keys and values", 2, None),
        ("profiles.yml", "default_profile: x\n", "there is no profile 'x'", None, "known profiles are files"),
    ],
)
def test_a_wrong_key_is_said_with_its_line_and_a_suggestion(
    files: Files, name: str, text: str, message: str, line: int | None, hint: str | None
) -> None:
    files.write(name, text)

    error = error_of(files)

    assert (error.message, error.line) == (message, line)
    assert error.path == str(files.folder / name)
    assert hint is None or error.hint == hint


@pytest.mark.parametrize(
    "text",
    [
        "tables: {prefix: 'a b'}",
        "tables: {tasks: 'x; DROP TABLE y'}",
        "tables: {tasks: same, leases: SAME}",
        "tables: {tasks: _tocsin_leases}",
        "timeouts: {load: 0}",
        "timeouts: {load: -1h}",
        "name: ''",
    ],
)
def test_values_that_cannot_work_are_refused(files: Files, text: str) -> None:
    files.write("tocsin_project.yml", text + ("\n" if text.startswith("name") else "\nname: x\n"))

    assert error_of(files).line is not None


def test_a_section_whose_lines_are_all_comments_is_empty(files: Files) -> None:
    files.write("profiles.yml", "profiles:\nalert_channels:\n#  ops:\n")

    assert files.load().channels == {}


def test_the_memory_may_be_a_path_alone(files: Files) -> None:
    files.write("profiles.yml", "profiles: {files: {type: duckdb, memory: other.db}}\n")
    assert files.load().memory_path == files.folder / "other.db"

    files.write("profiles.yml", "profiles: {files: {type: duckdb, memory: {syncronous: FULL}}}\n")
    error = error_of(files)
    assert error.message == "unknown key 'profiles.files.memory.syncronous'"
    assert error.hint == "did you mean 'synchronous'?"


def test_the_home_profiles_come_first_and_the_projects_win(files: Files) -> None:
    (files.home / ".tocsin").mkdir()
    (files.home / ".tocsin" / "profiles.yml").write_text(
        "default_profile: home\n"
        "profiles:\n  home: {type: duckdb}\n  both: {type: duckdb, path: home.db}\n"
        "alert_channels: {ops: {type: email}, chat: {type: slack}}\n"
    )
    assert files.load().default_profile == "home"

    files.write(
        "profiles.yml",
        "default_profile: both\nprofiles: {both: {type: duckdb, path: project.db}}\n"
        "alert_channels: {ops: {type: webhook}}\n",
    )
    project = files.load()

    assert project.default_profile == "both"
    assert project.profiles["both"].path == "project.db"
    assert {name: channel["type"] for name, channel in project.channels.items()} == {
        "ops": "webhook", "chat": "slack",
    }  # fmt: skip
    files.write("tocsin_project.yml", "name: x\ndefault_profile: files\n")
    assert files.load().default_profile == "files"
    assert files.load("home").default_profile == "home"
    with pytest.raises(ConfigError, match="there is no profile 'hom': did you mean 'home'"):
        files.load("hom")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("'{{ env_var(\"TOKEN\") }}'", "se{cret"),
        ("'a-{{ env_var(''TOKEN'') }}-z'", "a-se{cret-z"),
        ('\'{{env_var("TOKEN","other")}}\'', "se{cret"),
        ("\"{{ env_var('NOT_SET', 'default value') }}\"", "default value"),
        ("\"{{ env_var('NOT_SET', '') }}\"", ""),
        ("${TOKEN}", "se{cret"),
        ("a${TOKEN}b${TOKEN}", "ase{cretbse{cret"),
        ("$TOKEN", "$TOKEN"),
        ("'{{ other }}'", "{{ other }}"),
    ],
)
def test_the_environment_fills_values(
    files: Files, monkeypatch: pytest.MonkeyPatch, written: str, read: str
) -> None:
    monkeypatch.setenv("TOKEN", "se{cret")
    monkeypatch.delenv("NOT_SET", raising=False)
    files.write("profiles.yml", f"profiles:\n  a:\n    type: duckdb\n    user: {written}\n")

    assert files.load().profiles["a"].user == read


@pytest.mark.parametrize("written", ["${NOT_SET}", "\"{{ env_var('NOT_SET') }}\""])
def test_a_variable_that_is_not_set_is_an_error_with_its_line(
    files: Files, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    files.write("profiles.yml", f"profiles:\n  a:\n    type: duckdb\n    password: {written}\n")

    error = error_of(files)

    assert error.message == "the environment variable NOT_SET is not set"
    assert error.line == 4
    assert "env_var('NOT_SET', 'default')" in (error.hint or "")


def test_what_the_environment_gives_is_not_filled_again(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "${HOME}")
    monkeypatch.setenv("HOME", "oops")
    files.write("profiles.yml", "profiles: {a: {type: duckdb, user: '${TOKEN}', path: '${TOKEN}'}}\n")

    assert files.load().profiles["a"].path == "${HOME}"


def test_queries_and_templates_keep_their_own_braces(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "secret")

    config = files.metric(
        "description: ${TOKEN}\nquery: SELECT '${TOKEN}'\n"
        "alerting: {template_single: 'costs $ {{ series }} ${TOKEN}'}\n"
    ).config

    assert config.description == "secret"
    assert config.query == "SELECT '${TOKEN}'"
    assert config.alerting[0].template_single == "costs $ {{ series }} ${TOKEN}"


def test_secrets_are_not_in_errors(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter2")
    files.write("profiles.yml", "profiles: {a: {type: duckdb, password: ['${TOKEN}'], port: '${TOKEN}'}}\n")

    assert "hunter2" not in str(error_of(files))


def test_existing_tables_can_be_named(tmp_path: Path, clock: SteppingClock) -> None:
    workspace = Workspace(tmp_path, clock)
    workspace.write("tocsin_project.yml", {"name": "test", "tables": {"prefix": "_dtk_", "tasks": "jobs"}})
    workspace.csv("cpu", noisy(60))
    workspace.metric("cpu", alerting={"consecutive_anomalies": 1})

    assert workspace.run_one().points_detected == 60
    assert set(workspace.run().totals.values()) == {0}

    with closing(sqlite3.connect(tmp_path / "tocsin.db")) as memory:
        tables = {name for (name,) in memory.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        count = memory.execute("SELECT count(*) FROM _dtk_detections").fetchone()
    assert {name for name in tables if name.startswith(("_", "jobs"))} == {
        "_dtk_datapoints", "_dtk_detections", "jobs", "_dtk_leases", "_dtk_incidents", "_dtk_outbox",
        "_dtk_positions", "_dtk_state", "_dtk_candidates", "_dtk_decisions", "_dtk_notices", "_dtk_batches",
        "_dtk_silences", "_dtk_acknowledgements", "_dtk_migrations",
    }  # fmt: skip
    assert count == (60,)


def test_a_table_name_wins_over_the_prefix() -> None:
    assert TablesConfig().names() == {}
    assert TablesConfig(tasks="_dtk_tasks").names() == {"_tocsin_tasks": "_dtk_tasks"}
    assert TablesConfig(prefix="x_", tasks="_tocsin_tasks").names().keys() == {
        f"_tocsin_{part}"
        for part in (
            "datapoints",
            "detections",
            "leases",
            "incidents",
            "outbox",
            "positions",
            "state",
            "candidates",
            "decisions",
            "notices",
            "batches",
            "silences",
            "acknowledgements",
            "migrations",
        )
    }


def test_configurations_are_frozen_values() -> None:
    config = ProjectConfig(name="x")

    with pytest.raises(ValueError, match="frozen"):
        config.name = "y"
    assert config == ProjectConfig(name="x")
    assert ProfilesConfig().profiles == {}


@pytest.mark.parametrize("folder", ["metrics", "metrics/shop", "logs"])
def test_a_folder_that_cannot_be_read_is_not_taken_for_an_empty_one(
    files: Files, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    files.write("tocsin_project.yml", "name: shop")
    (files.folder / folder).mkdir(parents=True)
    look = os.scandir

    def refuse(path: str) -> object:
        if str(path) == str(files.folder / folder):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", refuse)  # what os.walk looks with

    with pytest.raises(ConfigError, match=r"cannot be read \(Permission denied\)") as caught:
        files.load()
    assert caught.value.path == str(files.folder / folder)


def test_a_project_folder_that_may_not_be_looked_into_is_one_sentence(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write("tocsin_project.yml", "name: shop")
    _refuse_to_look(monkeypatch, files.folder / "groups.yml")

    with pytest.raises(ConfigError, match=r"groups.yml: cannot be read \(Permission denied\)"):
        files.load()


def test_a_home_that_may_not_be_looked_into_is_as_good_as_none(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write("tocsin_project.yml", "name: shop")
    _refuse_to_look(monkeypatch, files.home / ".tocsin" / "profiles.yml")

    assert files.load().default_profile == "files"


def _refuse_to_look(monkeypatch: pytest.MonkeyPatch, forbidden: Path) -> None:
    look = type(forbidden).is_file

    def is_file(self: Path) -> bool:
        if self == forbidden:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return look(self)

    monkeypatch.setattr(type(forbidden), "is_file", is_file)
