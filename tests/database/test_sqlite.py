"""What is SQLite's own: settings, connections, tables that users made their way."""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tocsin.database.sqlite import SQLiteManager
from tocsin.errors import DatabaseError
from tocsin.testing.databases import FixedClock

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def users_database(path: Path) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(
        """
        CREATE TABLE orders (at TIMESTAMP, day DATE, paid BOOLEAN, mixed, amount DECIMAL(10, 2));
        INSERT INTO orders VALUES
            ('2026-03-01', '2026-03-01', 1, 1, 1.5),
            ('2026-03-01T10:00:00Z', 'soon', 7, 'x', 2),
            (1772359200, NULL, NULL, NULL, NULL);
        """
    )
    connection.close()
    return path


def test_tables_of_users_are_read_as_they_are(users_database: Path) -> None:
    with SQLiteManager(users_database, clock=FixedClock(), read_only=True) as manager:
        columns = manager.read_columns("SELECT * FROM orders")
        rows = manager.execute_query("SELECT at, paid FROM orders")
    assert columns["at"].tolist() == ["2026-03-01", "2026-03-01T10:00:00Z", 1772359200]
    assert columns["day"].tolist() == ["2026-03-01", "soon", None]
    assert columns["mixed"].tolist() == [1, "x", None]
    np.testing.assert_array_equal(columns["amount"], [1.5, 2.0, np.nan])
    assert [row["paid"] for row in rows] == [True, 7, None]


def test_a_column_that_changes_its_type_far_down_is_read_whole(store: SQLiteManager) -> None:
    query = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) "
        "SELECT i AS whole, CASE WHEN i < 30000 THEN i ELSE i + 0.5 END AS real, "
        "CASE WHEN i < 45000 THEN NULL ELSE 'x' END AS text FROM n"
    )
    columns = store.read_columns(query)
    assert columns["whole"].dtype == np.int64
    assert columns["real"].dtype == np.float64
    assert columns["real"][[0, 29_999]].tolist() == [1.0, 30_000.5]
    assert columns["text"][[0, 49_999]].tolist() == [None, "x"]
    with pytest.raises(DatabaseError, match="types of a column change"):
        store.read_arrow(query).read_all()


@pytest.mark.parametrize(
    ("settings", "name", "value"),
    [
        ({}, "journal_mode", "wal"),
        ({}, "synchronous", 1),
        ({}, "foreign_keys", 1),
        ({}, "busy_timeout", 10_000),
        ({"synchronous": "full"}, "synchronous", 2),
        ({"busy_timeout_seconds": 2.5}, "busy_timeout", 2500),
        ({"cache_mib": 1}, "cache_size", -1024),
        ({"max_size_mib": 4}, "max_page_count", 1024),
    ],
)
def test_a_setting_takes_effect(path: Path, settings: dict[str, Any], name: str, value: object) -> None:
    with SQLiteManager(path, clock=FixedClock(), settings=settings) as manager:
        [row] = manager.execute_query(f"PRAGMA {name}")
        assert list(row.values()) == [value]


@pytest.mark.parametrize(
    "settings",
    [
        {"synchronous": "sometimes"},
        {"journal_mode": "DELETE"},
        {"busy_timeout_seconds": -1},
        {"busy_timeout_seconds": "10"},
        {"cache_mib": True},
        {"max_size_mib": 0},
    ],
)
def test_a_wrong_setting_is_refused(path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        SQLiteManager(path, clock=FixedClock(), settings=settings)
    assert not path.exists()


def test_a_store_in_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="file"):
        SQLiteManager(":memory:", clock=FixedClock())


def test_a_path_may_hold_any_characters(tmp_path: Path) -> None:
    folder = tmp_path / "a b?c#d%20'ü"
    folder.mkdir()
    with SQLiteManager(folder / "x&mode=ro.db", clock=FixedClock()) as manager:
        manager.execute_query("CREATE TABLE t (a)")
    assert [file.name for file in folder.iterdir()] == ["x&mode=ro.db"]


def test_the_drivers_connection_writes_in_the_open_transaction(store: SQLiteManager) -> None:
    store.execute_query("CREATE TABLE t (a)")
    with store.transaction() as transaction:
        transaction.driver_connection.execute("INSERT INTO t VALUES (?)", (1,))
        assert transaction.execute_query("SELECT a FROM t") == [{"a": 1}]
    with pytest.raises(ZeroDivisionError), store.transaction() as transaction:
        transaction.driver_connection.execute("INSERT INTO t VALUES (?)", (1 // 0,))
    assert store.execute_query("SELECT a FROM t") == [{"a": 1}]
    with pytest.raises(DatabaseError, match="ended"):
        _ = transaction.driver_connection


def test_connections_of_ended_threads_are_closed(store: SQLiteManager) -> None:
    for _ in range(5):
        thread = threading.Thread(target=store.execute_query, args=("SELECT 1",))
        thread.start()
        thread.join()
    assert len(store._sessions) <= 2


def test_a_query_means_another_thing_after_its_table_was_made(store: SQLiteManager) -> None:
    from tocsin.model import ColumnDefinition, TableModel

    with pytest.raises(DatabaseError):
        store.read_columns("SELECT at FROM late")
    store.create_table("late", TableModel((ColumnDefinition("at", "DateTime64(3, 'UTC')"),), ()))
    assert store.read_columns("SELECT at FROM late")["at"].dtype == np.dtype("datetime64[ms]")
