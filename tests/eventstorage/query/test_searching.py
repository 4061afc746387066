"""Searching on both backends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin.testing.event_stores import HostileTextContract, SearchContract

if TYPE_CHECKING:
    from pathlib import Path


class TestSQLite(SearchContract, HostileTextContract):
    @pytest.fixture
    def conncfg(self, tmp_path: Path) -> dict[str, Any]:
        return {"path": tmp_path / "events.db"}


class TestPostgreSQL(SearchContract, HostileTextContract):
    @pytest.fixture
    def conncfg(self, postgres_database: str) -> dict[str, Any]:
        return {"url": postgres_database}
