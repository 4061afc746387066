"""Stores written by every release stay readable, and the schema is what the migrations make."""

from __future__ import annotations

import importlib.util
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tocsin.database import series_store
from tocsin.database.migrations import MIGRATIONS, migrate, schema_version
from tocsin.database.sqlite import SQLiteManager
from tocsin.testing.databases import FixedClock

if TYPE_CHECKING:
    from types import ModuleType

_FOLDER = Path(__file__).parent
_RELEASES = sorted(path for path in _FOLDER.glob("*.sql") if path.stem[0].isdigit())


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_upgrade_files", _FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_schema_is_the_sum_of_the_migrations(tmp_path: Path, make: ModuleType) -> None:
    path = tmp_path / "tocsin.db"
    with SQLiteManager(path, clock=FixedClock()) as manager:
        migrate(manager)
    assert make.schema(path) == (_FOLDER / "schema.sql").read_text(encoding="utf-8")


def test_the_versions_of_the_migrations_count_up_from_one() -> None:
    assert [migration.version for migration in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


@pytest.mark.parametrize("release", _RELEASES, ids=lambda path: path.stem)
def test_a_store_of_every_release_stays_readable(tmp_path: Path, make: ModuleType, release: Path) -> None:
    path = tmp_path / "tocsin.db"
    connection = sqlite3.connect(path)
    connection.executescript(release.read_text(encoding="utf-8"))
    connection.close()
    with SQLiteManager(path, clock=FixedClock()) as manager:
        assert migrate(manager) == schema_version(manager) == MIGRATIONS[-1].version
        _check_contents(manager, make)


def test_a_store_from_before_alerting_had_tables_gets_them(tmp_path: Path) -> None:
    with SQLiteManager(tmp_path / "tocsin.db", clock=FixedClock()) as manager:
        migrate(manager)
        for name in ("candidates", "decisions", "notices", "batches", "silences", "acknowledgements"):
            manager.execute_query(f"DROP TABLE _tocsin_{name}")
        manager.execute_query("DELETE FROM _tocsin_migrations WHERE version > 1")

        migrate(manager)

        assert manager.table_exists("_tocsin_decisions")
        assert manager.execute_query("SELECT count(*) AS n FROM _tocsin_candidates") == [{"n": 0}]


def _check_contents(manager: SQLiteManager, make: ModuleType) -> None:
    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    data = series_store.read_datapoints(manager, "orders{country=CH}")
    np.testing.assert_array_equal(data["timestamp"], make.TIMES)
    np.testing.assert_array_equal(data["value"], make.VALUES)
    assert data["seasonality_columns"] == ["hour"]
    verdicts = series_store.read_detections(manager, "orders{country=CH}", ["0123456789abcdef"])
    assert verdicts["is_anomaly"].tolist() == [False, False, True]
    assert verdicts["severity"].tolist() == [0.0, 0.0, 4.5]
    assert verdicts["direction"].tolist() == [0, 0, 1]
    assert series_store.read_position(manager, "load:orders") == {"until": 1772359800000}
    assert _row(manager, "_tocsin_tasks")["last_processed_timestamp"] == now
    incident = _row(manager, "_tocsin_incidents")
    assert incident["opened_at"] == datetime(2026, 3, 1, 10, 10, tzinfo=UTC)
    assert incident["last_reason"] == "it's new"
    assert _row(manager, "_tocsin_outbox")["sent_at"] is None
    assert _row(manager, "_tocsin_leases")["token"] == 1


def _row(manager: SQLiteManager, table: str) -> dict[str, Any]:
    [row] = manager.execute_query(f"SELECT * FROM {table}")
    return row
