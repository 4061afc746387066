"""The contract of an event store, kept by every backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin.testing.event_stores import (
    BlockSizesContract,
    CursorContract,
    QueryContract,
    RemovingContract,
    SharingContract,
    StoringContract,
    StreamContract,
    TendingContract,
)

if TYPE_CHECKING:
    from pathlib import Path


class Contract(
    StoringContract,
    StreamContract,
    CursorContract,
    RemovingContract,
    SharingContract,
    TendingContract,
    QueryContract,
    BlockSizesContract,
):
    """All of it."""


class TestSQLite(Contract):
    @pytest.fixture
    def conncfg(self, tmp_path: Path) -> dict[str, Any]:
        return {"path": tmp_path / "events.db"}


class TestPostgreSQL(Contract):
    @pytest.fixture
    def conncfg(self, postgres_database: str) -> dict[str, Any]:
        return {"url": postgres_database}
