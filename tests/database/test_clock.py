"""A manager that was not given a clock asks its database."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tocsin.database.duckdb import DuckDBManager
from tocsin.database.migrations import migrate
from tocsin.database.sqlite import SQLiteManager
from tocsin.runtime.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.database import BaseDatabaseManager

NEAR = timedelta(minutes=5)  # the test may be stopped for a while between two questions


@pytest.mark.parametrize("kind", [SQLiteManager, DuckDBManager])
def test_the_database_tells_the_time_when_nobody_else_does(
    tmp_path: Path, kind: type[SQLiteManager | DuckDBManager]
) -> None:
    manager: BaseDatabaseManager
    with kind(str(tmp_path / "store.db")) as manager:
        migrate(manager)

        assert abs(manager.clock.now() - SystemClock().now()) < NEAR
        lease = manager.acquire_lease("metric:cpu", "somebody", 60)
        assert lease is not None
        assert abs(lease.expires_at - SystemClock().now()) < NEAR + timedelta(seconds=60)
        with manager.transaction(lease):
            manager.upsert_task_status("cpu", "load", "load", "running")
