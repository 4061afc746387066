"""The contract of a database manager, kept by every backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin.database.duckdb import DuckDBManager
from tocsin.database.postgres import PostgresManager
from tocsin.database.sqlite import SQLiteManager
from tocsin.testing.databases import DatabaseManagerContract, FixedClock

if TYPE_CHECKING:
    from pathlib import Path


class TestSQLite(DatabaseManagerContract):
    def open(self, folder: Path, clock: FixedClock, **options: Any) -> SQLiteManager:
        return SQLiteManager(folder / "store.db", clock=clock, **options)


class TestDuckDB(DatabaseManagerContract):
    def open(self, folder: Path, clock: FixedClock, **options: Any) -> DuckDBManager:
        settings = {"threads": 1}
        return DuckDBManager(folder / "store.duckdb", clock=clock, settings=settings, **options)


class TestPostgres(DatabaseManagerContract):
    @pytest.fixture(autouse=True)
    def _database(self, postgres_database: str) -> None:
        self._url = postgres_database

    def open(self, folder: Path, clock: FixedClock, **options: Any) -> PostgresManager:  # noqa: ARG002
        return PostgresManager(self._url, clock=clock, **options)
