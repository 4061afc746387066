"""Tables and batches."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.database.batches import Constant
from tocsin.errors import DatabaseError
from tocsin.model import ColumnDefinition, TableModel
from tocsin.testing.databases.base import ALL_TYPES, KEYED, DatabaseContract, examples

if TYPE_CHECKING:
    from tocsin.database import BaseDatabaseManager

__all__ = ["WriteContract"]

_AT = np.datetime64("2026-03-01T12:00:00.000", "ms")
_TABLE_NUMBER = count()
_TIMES = st.integers(-62_000_000_000_000, 250_000_000_000_000)  # the years 5 to 9891, in milliseconds
_ROWS = st.lists(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1),
        st.floats(),
        st.booleans(),
        st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]))),
        st.one_of(st.none(), st.binary()),
        st.one_of(st.none(), _TIMES),
    ),
    min_size=1,
    max_size=30,
)


def _rows(manager: BaseDatabaseManager) -> list[tuple[Any, ...]]:
    return [
        (row["name"], row["value"]) for row in manager.execute_query('SELECT * FROM t ORDER BY name, "at"')
    ]


class WriteContract(DatabaseContract):
    """Batches come back as they went, and a key decides what a second one does."""

    @examples(30)
    @given(rows=_ROWS)
    def test_any_batch_comes_back_as_it_went(
        self, manager: BaseDatabaseManager, rows: list[tuple[Any, ...]]
    ) -> None:
        table = f"t{next(_TABLE_NUMBER)}"
        manager.create_table(table, ALL_TYPES)
        whole, real, flag, text, raw, instant = zip(*rows, strict=True)
        if not manager.capabilities.any_text:
            text = tuple(each and each.replace("\0", "") for each in text)
        texts = np.empty(len(rows), dtype=object)
        texts[:] = text
        raws = np.empty(len(rows), dtype=object)
        raws[:] = raw
        batch = {
            "place": np.arange(len(rows)),
            "whole": np.array(whole, dtype=np.int64),
            "real": np.array(real, dtype=np.float64),
            "flag": np.array(flag),
            "text": texts,
            "raw": raws,
            "instant": np.array(instant, dtype="datetime64[ms]"),
        }
        assert manager.insert_batch(table, batch) == len(rows)
        found = manager.read_columns(f"SELECT * FROM {table} ORDER BY place")
        for name in ("whole", "real", "flag", "text", "raw", "instant"):
            np.testing.assert_array_equal(found[name], batch[name])
        by_row = manager.execute_query(f"SELECT * FROM {table} ORDER BY place")
        assert [row["whole"] for row in by_row] == list(whole)
        assert [row["text"] for row in by_row] == list(text)
        assert [row["raw"] for row in by_row] == list(raw)
        assert [row["flag"] for row in by_row] == list(flag)
        manager.execute_query(f"DROP TABLE {table}")

    def test_a_table_is_there_once_it_was_made(self, manager: BaseDatabaseManager) -> None:
        assert not manager.table_exists("t")
        manager.create_table("t", KEYED)
        assert manager.table_exists("t")
        manager.create_table("t", KEYED)
        with pytest.raises(DatabaseError):
            manager.create_table("t", KEYED, if_not_exists=False)
        manager.create_table("t", KEYED, True)  # noqa: FBT003  # by place, as specified
        assert manager.get_full_table_name("t", True) == manager.get_full_table_name("t")  # noqa: FBT003
        assert not manager.table_exists("t", schema="nowhere")

    def test_a_key_that_is_there_is_ignored_replaced_or_refused(self, manager: BaseDatabaseManager) -> None:
        manager.create_table("t", KEYED)
        first = {"name": ["a"], "at": [_AT], "value": [1.0], "note": ["kept"]}
        both = {"name": ["a", "b"], "at": [_AT, _AT], "value": [2.0, 3.0]}
        assert manager.insert_batch("t", first) == 1
        with pytest.raises(DatabaseError, match=r"(?i)constraint|duplicate"):
            manager.insert_batch("t", both, "fail")
        assert _rows(manager) == [("a", 1.0)]
        assert manager.insert_batch("t", both, "ignore") == 1
        assert _rows(manager) == [("a", 1.0), ("b", 3.0)]
        assert manager.insert_batch("t", both, "replace") == 2
        assert _rows(manager) == [("a", 2.0), ("b", 3.0)]
        assert manager.execute_query("SELECT note FROM t WHERE name = 'a'") == [{"note": "kept"}]

    def test_of_rows_with_one_key_the_last_replaces_and_the_first_stays(
        self, manager: BaseDatabaseManager
    ) -> None:
        manager.create_table("t", KEYED)
        twice = {"name": ["a"] * 3, "at": [_AT] * 3, "value": [1.0, 2.0, 3.0]}
        manager.insert_batch("t", twice, "ignore")
        assert _rows(manager) == [("a", 1.0)]
        manager.insert_batch("t", twice, "replace")
        assert _rows(manager) == [("a", 3.0)]

    def test_a_missing_value_is_never_ignored(self, manager: BaseDatabaseManager) -> None:
        manager.create_table("t", KEYED)
        for strategy in ("ignore", "replace", "fail"):
            with pytest.raises(DatabaseError):
                manager.insert_batch("t", {"name": ["a", None], "at": [_AT, _AT]}, strategy)
        assert _rows(manager) == []

    def test_an_unknown_strategy_is_refused(self, manager: BaseDatabaseManager) -> None:
        with pytest.raises(ValueError, match="strategy"):
            manager.insert_batch("t", {"name": ["a"]}, "overwrite")  # type: ignore[arg-type]

    def test_columns_of_different_length_are_refused(self, manager: BaseDatabaseManager) -> None:
        manager.create_table("t", KEYED)
        with pytest.raises(ValueError, match="length"):
            manager.insert_batch("t", {"name": ["a", "b"], "at": [_AT]})
        with pytest.raises(ValueError, match="column"):
            manager.insert_batch("t", {})

    def test_an_empty_batch_inserts_nothing(self, manager: BaseDatabaseManager) -> None:
        manager.create_table("t", KEYED)
        assert manager.insert_batch("t", {"name": [], "at": np.array([], dtype="datetime64[ms]")}) == 0

    @pytest.mark.parametrize("unit", ["D", "h", "s", "ms", "us", "ns"])
    def test_times_of_any_unit_are_kept_in_milliseconds(
        self, manager: BaseDatabaseManager, unit: str
    ) -> None:
        manager.create_table("t", KEYED)
        times = np.array(["2026-03-01T12:34:56.789999"], dtype="datetime64[us]").astype(f"datetime64[{unit}]")
        manager.insert_batch("t", {"name": ["a"], "at": times})
        assert manager.read_columns('SELECT "at" FROM t')["at"][0] == times[0].astype("datetime64[ms]")

    def test_days_are_kept_as_their_midnight(self, manager: BaseDatabaseManager) -> None:
        from tocsin.model import ColumnDefinition, TableModel

        manager.create_table("t", TableModel((ColumnDefinition("day", "Date"),), ()))
        manager.insert_batch("t", {"day": np.array(["2026-03-01"], dtype="datetime64[D]")})
        assert manager.execute_query("SELECT day FROM t") == [{"day": datetime(2026, 3, 1, tzinfo=UTC)}]
        assert manager.read_columns("SELECT day FROM t")["day"][0] == np.datetime64("2026-03-01", "ms")

    def test_a_number_that_does_not_fit_is_refused_and_nothing_is_kept(
        self, manager: BaseDatabaseManager
    ) -> None:
        manager.create_table("t", ALL_TYPES)
        columns: dict[str, Any] = {"place": [1, 2], "flag": [True, True]}
        for wholes in ([5, 2**63], [5, -(2**70)]):
            with pytest.raises(DatabaseError):
                manager.insert_batch("t", {**columns, "whole": wholes})
        with pytest.raises(DatabaseError):
            manager.insert_batch("t", {**columns, "whole": np.array([5, 2**63], dtype=np.uint64)})
        assert manager.execute_query("SELECT * FROM t") == []

    def test_half_a_surrogate_pair_is_refused(self, manager: BaseDatabaseManager) -> None:
        manager.create_table("t", KEYED)
        with pytest.raises(DatabaseError):
            manager.insert_batch("t", {"name": ["\ud800"], "at": [_AT]})

    def test_a_text_with_nul_is_kept_or_refused(self, manager: BaseDatabaseManager) -> None:
        manager.create_table("t", KEYED)
        batch = {"name": ["a\0b"], "at": [_AT]}
        if manager.capabilities.any_text:
            manager.insert_batch("t", batch)
            assert _rows(manager) == [("a\0b", None)]
        else:
            with pytest.raises(DatabaseError, match="NUL"):
                manager.insert_batch("t", batch)
            assert _rows(manager) == []

    def test_a_table_without_a_key_takes_every_row(self, manager: BaseDatabaseManager) -> None:
        from tocsin.model import ColumnDefinition, TableModel

        manager.create_table("t", TableModel((ColumnDefinition("a", "Int64"),), ()))
        for strategy in ("ignore", "replace", "fail"):
            assert manager.insert_batch("t", {"a": [1, 1]}, strategy) == 2
        assert manager.execute_query("SELECT count(*) AS n FROM t") == [{"n": 6}]

    def test_a_batch_of_constants_has_as_many_rows_as_they_are_long(
        self, manager: BaseDatabaseManager
    ) -> None:
        manager.create_table("t", TableModel((ColumnDefinition("a", "Int64"),), ()))
        assert manager.insert_batch("t", {"a": Constant(7, 3)}) == 3
        assert manager.execute_query("SELECT a FROM t") == [{"a": 7}] * 3

    def test_the_last_time_of_a_metric_is_found(self, manager: BaseDatabaseManager) -> None:
        from tocsin.database import TABLE_DATAPOINTS, get_datapoints_table_model

        manager.create_table(TABLE_DATAPOINTS, get_datapoints_table_model())
        assert manager.get_last_timestamp(TABLE_DATAPOINTS, "a") is None
        times = np.array(["2026-03-01T12:00:00", "2026-03-02"], dtype="datetime64[ms]")
        for name, at in zip(["a", "b"], times, strict=True):
            manager.insert_batch(
                TABLE_DATAPOINTS,
                {
                    "metric_name": [name], "timestamp": [at], "value": [1.0], "seasonality_data": ["{}"],
                    "interval_seconds": [60], "seasonality_columns": [""], "created_at": [at],
                },
            )  # fmt: skip
        assert manager.get_last_timestamp(TABLE_DATAPOINTS, "a") == datetime(2026, 3, 1, 12, tzinfo=UTC)
        with pytest.raises(DatabaseError, match="times"):
            manager.get_last_timestamp(TABLE_DATAPOINTS, "a", "value")

    def test_threads_write_at_once_and_nothing_is_lost(self, manager: BaseDatabaseManager) -> None:
        manager.create_table("t", KEYED)
        errors: list[BaseException] = []
        start = threading.Barrier(4)

        def write(name: str) -> None:
            try:
                start.wait()
                for number in range(25):
                    at = np.arange(number * 10, number * 10 + 10).astype("datetime64[ms]")
                    manager.insert_batch("t", {"name": [name] * 10, "at": at, "value": np.ones(10)})
            except BaseException as error:  # noqa: BLE001 - handed to the main thread
                errors.append(error)

        threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert manager.execute_query("SELECT count(*) AS n FROM t") == [{"n": 1000}]
