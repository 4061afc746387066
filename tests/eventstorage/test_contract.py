"""The contract of an event store, kept by every backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin.testing.event_stores import (
    BlockSizesContract,
    CursorContract,
    QueryContract,
    RemakingContract,
    RemovingContract,
    SharingContract,
    StatementContract,
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
    RemakingContract,
    StatementContract,
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
