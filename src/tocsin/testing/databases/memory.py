"""The internal tables: their schema, and the series in them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.database import INTERNAL_TABLES, TABLE_DATAPOINTS, TABLE_DETECTIONS
from tocsin.database import series_store as store
from tocsin.database.migrations import MIGRATIONS, migrate, schema_version
from tocsin.database.tables import TABLE_MIGRATIONS
from tocsin.errors import StoreVersionError
from tocsin.model import Detections
from tocsin.testing.databases.base import DatabaseContract, FixedClock, examples, series_names

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.database import BaseDatabaseManager
    from tocsin.model import SeriesData

__all__ = ["MemoryContract"]

_NOW = datetime(2026, 3, 1, tzinfo=UTC)
_START = np.datetime64("2026-01-01", "ms")
_LATEST = MIGRATIONS[-1].version


def _series(values: list[float], start: int = 0, columns: tuple[str, ...] = ("hour",)) -> SeriesData:
    count = len(values)
    seasonality = np.empty(count, dtype=object)
    seasonality[:] = [f'{{"hour":{number % 24}}}' for number in range(start, start + count)]
    return {
        "timestamp": _START + (np.arange(start, start + count) * 60_000).astype("timedelta64[ms]"),
        "value": np.array(values, dtype=np.float64),
        "seasonality_data": seasonality,
        "seasonality_columns": list(columns),
    }


def _detections(data: SeriesData) -> Detections:
    value, count = data["value"], len(data["value"])
    return Detections(
        timestamp=data["timestamp"],
        value=value,
        is_anomaly=np.arange(count) % 2 == 1,
        confidence_lower=value - 1,
        confidence_upper=np.full(count, np.nan),
        score=np.zeros(count),
        severity=np.zeros(count),
        direction=np.zeros(count, dtype=np.int8),
        reason=np.zeros(count, dtype=np.uint8),
    )


def _assert_equal(found: SeriesData, expected: SeriesData) -> None:
    for name in ("timestamp", "value", "seasonality_data"):
        np.testing.assert_array_equal(found[name], expected[name])
        assert found[name].dtype == expected[name].dtype
    assert found["seasonality_columns"] == expected["seasonality_columns"]


class MemoryContract(DatabaseContract):
    """The internal tables are made once, and series come back as they went."""

    def test_a_store_is_brought_up_to_date_once(
        self, manager: BaseDatabaseManager, clock: FixedClock
    ) -> None:
        assert schema_version(manager) == 0
        assert migrate(manager) == _LATEST
        clock.advance(hours=1)
        assert migrate(manager) == _LATEST
        rows = manager.execute_query("SELECT version, applied_at FROM _tocsin_migrations ORDER BY version")
        assert [row["version"] for row in rows] == [migration.version for migration in MIGRATIONS]
        assert {row["applied_at"] for row in rows} == {clock.now() - timedelta(hours=1)}
        assert all(manager.table_exists(name) for name in INTERNAL_TABLES)

    def test_a_store_of_a_newer_version_is_not_touched(self, manager: BaseDatabaseManager) -> None:
        migrate(manager)
        newer = {"version": [_LATEST + 1], "name": ["from the future"], "applied_at": [_NOW]}
        manager.insert_batch(TABLE_MIGRATIONS, newer)
        manager.execute_query("DROP TABLE _tocsin_outbox")
        with pytest.raises(StoreVersionError, match=f"{_LATEST + 1}.*{_LATEST}.*upgrade"):
            migrate(manager)
        assert not manager.table_exists("_tocsin_outbox")

    def test_threads_bring_a_store_up_to_date_at_once(self, manager: BaseDatabaseManager) -> None:
        found: list[int] = []
        start = threading.Barrier(4)

        def run() -> None:
            start.wait()
            found.append(migrate(manager))

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [_LATEST] * 4

    def test_a_project_names_the_tables_as_it_likes(self, tmp_path: Path, clock: FixedClock) -> None:
        with self.open(tmp_path, clock, tables={TABLE_DATAPOINTS: "_dtk_datapoints"}) as manager:
            migrate(manager)
            with manager.transaction() as transaction:
                store.write_datapoints(transaction, "m", _series([1.0]), 60, _NOW)
            assert manager.get_full_table_name(TABLE_DATAPOINTS) == '"_dtk_datapoints"'
            assert manager.get_full_table_name("s.orders", use_internal=False) == '"s"."orders"'
            assert manager.table_exists(TABLE_DATAPOINTS)
            assert manager.execute_query("SELECT count(*) AS n FROM _dtk_datapoints") == [{"n": 1}]

    @pytest.mark.parametrize(
        "tables",
        [{"_tocsin_datapoint": "x"}, {TABLE_DATAPOINTS: "a b"}, {TABLE_DATAPOINTS: TABLE_DETECTIONS}],
    )
    def test_a_wrong_name_for_a_table_is_refused(
        self, tmp_path: Path, clock: FixedClock, tables: dict[str, str]
    ) -> None:
        with pytest.raises(ValueError, match=r"table|name"):
            self.open(tmp_path, clock, tables=tables)

    @examples(25)
    @given(values=st.lists(st.floats(allow_infinity=False), max_size=20), cut=st.integers(0, 20))
    def test_a_series_comes_back_as_it_went_whole_or_in_parts(
        self, manager: BaseDatabaseManager, values: list[float], cut: int
    ) -> None:
        migrate(manager)
        data = _series(values)
        parts = [_series(values[:cut]), _series(values[cut:], start=cut)]
        with manager.transaction() as transaction:
            store.delete_series(transaction, "m")
            written = [
                store.write_datapoints(transaction, "m", part, 60, _NOW)
                for part in parts
                if len(part["value"])
            ]
        assert sum(written) == len(values)
        if values:
            _assert_equal(store.read_datapoints(manager, "m"), data)

    def test_a_range_is_half_open(self, manager: BaseDatabaseManager) -> None:
        migrate(manager)
        data = _series([0.0, 1.0, np.nan, 3.0])
        with manager.transaction() as transaction:
            store.write_datapoints(transaction, "m", data, 60, _NOW)
        slots = data["timestamp"]
        read = store.read_datapoints
        assert read(manager, "m", slots[1], slots[3])["value"].tolist()[0] == 1.0
        assert len(read(manager, "m", slots[1], slots[3])["value"]) == 2
        assert len(read(manager, "m", datetime(2026, 1, 1, 0, 1, tzinfo=UTC), None)["value"]) == 3
        assert len(read(manager, "another")["value"]) == 0
        assert read(manager, "another")["timestamp"].dtype == np.dtype("datetime64[ms]")
        assert store.first_slot(manager, "m") == datetime(2026, 1, 1, tzinfo=UTC)
        assert store.first_slot(manager, "another") is None

    def test_a_slot_that_is_written_again_is_replaced(self, manager: BaseDatabaseManager) -> None:
        migrate(manager)
        with manager.transaction() as transaction:
            store.write_datapoints(transaction, "m", _series([1.0, np.nan]), 60, _NOW)
            store.write_datapoints(transaction, "m", _series([np.nan, 2.0], columns=()), 60, _NOW)
        _assert_equal(store.read_datapoints(manager, "m"), _series([np.nan, 2.0], columns=()))

    def test_verdicts_come_back_as_they_went(self, manager: BaseDatabaseManager) -> None:
        migrate(manager)
        data = _series([1.0, 2.0, np.nan])
        verdicts = _detections(data)
        metadata = ["{}", '{"direction": "down", "severity": 2.5}', "{}"]
        with manager.transaction() as transaction:
            for detector in ("d1", "d2", "d1"):
                count = store.write_detections(transaction, "m", detector, "{}", verdicts, metadata, _NOW)
                assert count == 3
        found = store.read_detections(manager, "m", ["d1"])
        np.testing.assert_array_equal(found["timestamp"], data["timestamp"])
        np.testing.assert_array_equal(found["value"], data["value"])
        np.testing.assert_array_equal(found["confidence_lower"], verdicts.confidence_lower)
        np.testing.assert_array_equal(found["confidence_upper"], verdicts.confidence_upper)
        assert found["is_anomaly"].tolist() == [False, True, False]
        assert found["severity"].tolist() == [0.0, 2.5, 0.0]
        assert found["direction"].tolist() == [0, -1, 0]
        assert found["detection_metadata"].tolist() == metadata
        assert len(store.read_detections(manager, "m")["timestamp"]) == 6
        both = store.read_detections(manager, "m", ["d2", "d1"], data["timestamp"][2])
        assert both["detector_id"].tolist() == ["d1", "d2"]
        for none in (store.read_detections(manager, "m", []), store.read_detections(manager, "x")):
            assert {name: len(column) for name, column in none.items()} == dict.fromkeys(found, 0)

    def test_the_series_of_a_metric_are_found_and_deleted_and_no_others(
        self, manager: BaseDatabaseManager
    ) -> None:
        migrate(manager)
        names = ["m", "m{a=1}", "m{a=\U0010ffff}", "m{}", "m2", "m}", "M", "m|", "m_", "m%", "'"]
        with manager.transaction() as transaction:
            for name in names:
                store.write_datapoints(transaction, name, _series([1.0, 2.0]), 60, _NOW)
                transaction.execute_query("SELECT 1")
        mine = ["m", "m{a=1}", "m{a=\U0010ffff}", "m{}"]
        condition, params = store.series_of_metric("m")
        found = manager.execute_query(f"SELECT metric_name FROM {TABLE_DATAPOINTS} WHERE {condition}", params)
        assert sorted({row["metric_name"] for row in found}) == mine
        with manager.transaction() as transaction:
            store.delete_series(transaction, "m")
        assert series_names(manager) == sorted(set(names) - set(mine))

    def test_a_position_is_read_written_and_forgotten(self, manager: BaseDatabaseManager) -> None:
        migrate(manager)
        position: dict[str, Any] = {"until": 5, "ranges": [[1, 2]], "text": "ü'"}
        assert store.read_position(manager, "p") is None
        with manager.transaction() as transaction:
            store.write_position(transaction, "p", {"until": 1}, _NOW)
            store.write_position(transaction, "p", position, _NOW)
        assert store.read_position(manager, "p") == position
        with manager.transaction() as transaction:
            store.delete_position(transaction, "p")
        assert store.read_position(manager, "p") is None
