"""Writes the two files of this folder: `python tests/upgrade/make.py` (at a release, for its version).

`schema.sql` is the schema that the migrations make today. `VERSION.sql` is a small store as that release
wrote it, as text so that it can be read in a review; once released it is never written again (before
that, remove it first).
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import tocsin
from tocsin.database import INTERNAL_TABLES, series_store
from tocsin.database.migrations import migrate
from tocsin.database.sqlite import SQLiteManager
from tocsin.database.tables import TABLE_INCIDENTS, TABLE_OUTBOX
from tocsin.model import Detections
from tocsin.testing.databases import FixedClock

FOLDER = Path(__file__).parent
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TIMES = np.array(["2026-03-01T10:00", "2026-03-01T10:05", "2026-03-01T10:10"], dtype="datetime64[ms]")
VALUES = np.array([0.1, np.nan, 1e300])
SEASONS = np.array(['{"hour":10}'] * 3, dtype=object)
METADATA = ["{}", '{"reason": "missing_data"}', '{"direction": "up", "severity": 4.5}']


def schema(path: Path) -> str:
    """Give the statements that make the tables of a store."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
    connection.close()
    return "".join(f"{sql};\n\n" for (sql,) in rows)


def a_row(table: str, values: dict[str, Any]) -> dict[str, list[Any]]:
    """Give a row with some values, and something that fits in the other columns that need a value."""
    fitting = {"String": "x", "DateTime64(3, 'UTC')": NOW}
    needed = [column for column in INTERNAL_TABLES[table]().columns if not column.nullable]
    row = {column.name: fitting.get(column.type, 1) for column in needed} | values
    return {name: [value] for name, value in row.items()}


def fill(manager: SQLiteManager) -> None:
    """Write some of everything into a store."""
    migrate(manager)
    with manager.transaction() as tx:
        series_store.write_datapoints(
            tx,
            "orders{country=CH}",
            {
                "timestamp": TIMES,
                "value": VALUES,
                "seasonality_data": SEASONS,
                "seasonality_columns": ["hour"],
            },
            300,
            NOW,
        )
        verdicts = Detections(
            timestamp=TIMES,
            value=VALUES,
            is_anomaly=np.array([False, False, True]),
            confidence_lower=np.array([0.0, np.nan, -1.0]),
            confidence_upper=np.array([1.0, np.nan, 1.0]),
            score=np.zeros(3),
            severity=np.zeros(3),
            direction=np.zeros(3, dtype=np.int8),
            reason=np.zeros(3, dtype=np.uint8),
        )
        series_store.write_detections(
            tx, "orders{country=CH}", "0123456789abcdef", "{}", verdicts, METADATA, NOW
        )
        series_store.write_position(tx, "load:orders", {"until": 1772359800000}, NOW)
        incident = {
            "series": "orders{country=CH}",
            "opened_at": TIMES[2],
            "told_severity": 4.5,
            "last_reason": "it's new",
        }
        tx.insert_batch(TABLE_INCIDENTS, a_row(TABLE_INCIDENTS, incident))
        tx.insert_batch(TABLE_OUTBOX, a_row(TABLE_OUTBOX, {"message_id": "m1"}))
    manager.upsert_task_status("orders", "load", "load", "failed", NOW, "no such file: orders.csv")
    manager.acquire_lease("metric:orders", "web-1/boot/1/4711/77", 3600)


def main() -> None:
    """Write the files."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tocsin.db"
        with SQLiteManager(path, clock=FixedClock(NOW)) as manager:
            fill(manager)
        (FOLDER / "schema.sql").write_text(schema(path), encoding="utf-8")
        release = FOLDER / f"{tocsin.__version__}.sql"
        if release.exists():
            sys.stdout.write(f"{release.name} stays as it was released\n")
            return
        connection = sqlite3.connect(path)
        release.write_text("\n".join(connection.iterdump()) + "\n", encoding="utf-8")
        connection.close()


if __name__ == "__main__":
    main()
