"""Thresholds on both backends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin.testing.event_stores import (
    ThresholdContract,
    ThresholderContract,
    ThresholdHistoryContract,
    ThresholdWritersContract,
)

if TYPE_CHECKING:
    from pathlib import Path


class TestSQLite(ThresholdContract, ThresholderContract, ThresholdHistoryContract, ThresholdWritersContract):
    @pytest.fixture
    def conncfg(self, tmp_path: Path) -> dict[str, Any]:
        return {"path": tmp_path / "events.db"}


class TestPostgreSQL(
    ThresholdContract, ThresholderContract, ThresholdHistoryContract, ThresholdWritersContract
):
    histories = 20  # a statement takes ten times as long as in SQLite

    @pytest.fixture
    def conncfg(self, postgres_database: str) -> dict[str, Any]:
        return {"url": postgres_database}
