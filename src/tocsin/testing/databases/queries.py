"""Queries: parameters, types of what comes back, errors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import DatabaseError
from tocsin.testing.databases.base import ALL_TYPES, KEYED, DatabaseContract, examples

if TYPE_CHECKING:
    from tocsin.database import BaseDatabaseManager

__all__ = ["QueryContract"]

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_HOSTILE = [
    "Robert'); DROP TABLE t;--",
    '"',
    "'",
    "%(name)s",
    "%s",
    "%%",
    ":name",
    "$name",
    "\\",
    "a\x00b",
    "",
]
HOSTILE_NAMES = ["", "a b", 'a"b', "a;b", "a-b", "1a", "a" * 64, "tä", "a'b", "a\x00"]


class QueryContract(DatabaseContract):
    """Parameters are bound, types are those of the contract, errors are one sentence."""

    @examples(30)
    @given(text=st.one_of(st.sampled_from(_HOSTILE), _TEXT))
    def test_a_text_parameter_comes_back_as_it_was(self, manager: BaseDatabaseManager, text: str) -> None:
        query = "SELECT %(text)s AS text, '%(text)s' AS literal"
        if "\0" in text and not manager.capabilities.any_text:
            with pytest.raises(DatabaseError, match="NUL"):
                manager.execute_query(query, {"text": text})
            return
        rows = manager.execute_query(query, {"text": text})
        assert rows == [{"text": text, "literal": "%(text)s"}]

    @examples(30)
    @given(value=st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.none()))
    def test_a_number_as_parameter_comes_back_as_it_was(
        self, manager: BaseDatabaseManager, value: float | None
    ) -> None:
        assert manager.execute_query("SELECT %(value)s AS value", {"value": value}) == [{"value": value}]

    @pytest.mark.parametrize(
        "value", [np.int64(3), np.float64(2.5), np.bool_(1), np.str_("x"), np.datetime64("NaT", "ms"), np.nan]
    )
    def test_numpy_scalars_are_parameters_too(self, manager: BaseDatabaseManager, value: Any) -> None:
        [row] = manager.execute_query("SELECT %(value)s AS value", {"value": value})
        assert row["value"] == (None if value != value else value)  # noqa: PLR0124 - NaN and NaT

    def test_percent_signs_are_doubled_only_when_there_are_parameters(
        self, manager: BaseDatabaseManager
    ) -> None:
        assert manager.execute_query("SELECT 7 % 4 AS a, 'x%' AS b") == [{"a": 3, "b": "x%"}]
        query = "SELECT 7 %% 4 AS a, %(b)s AS b, '5%%' AS \"c%%\" -- %(nothing)s\n/* %(nothing)s */"
        assert manager.execute_query(query, {"b": "x"}) == [{"a": 3, "b": "x", "c%": "5%"}]

    def test_a_parameter_may_be_used_twice_and_others_may_be_left_over(
        self, manager: BaseDatabaseManager
    ) -> None:
        query = "SELECT %(a)s AS x, %(a)s AS y"
        assert manager.execute_query(query, {"a": "1", "b": "2"}) == [{"x": "1", "y": "1"}]

    def test_a_parameter_that_was_not_given_is_named(self, manager: BaseDatabaseManager) -> None:
        with pytest.raises(DatabaseError, match="missing"):
            manager.execute_query("SELECT %(missing)s", {})

    def test_times_are_parameters_in_every_form(self, manager: BaseDatabaseManager) -> None:
        manager.create_table("t", KEYED)
        instant = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)
        manager.insert_batch("t", {"name": ["a"], "at": [instant], "value": [1.0]})
        forms = [
            instant,
            instant.replace(tzinfo=None),
            instant.astimezone(timezone(timedelta(hours=5))),
            np.datetime64("2026-03-01T12:00:00.123"),
            np.datetime64("2026-03-01T12:00:00.123000000"),
        ]
        for form in forms:
            rows = manager.execute_query('SELECT "at" FROM t WHERE "at" = %(form)s', {"form": form})
            assert rows == [{"at": instant}]
            assert rows[0]["at"].tzinfo is UTC

    def test_columns_come_in_the_types_of_the_contract(self, manager: BaseDatabaseManager) -> None:
        manager.create_table("t", ALL_TYPES)
        now = np.array(["2026-03-01T12:00:00.123", "NaT"], dtype="datetime64[ms]")
        batch = {
            "place": np.arange(2),
            "whole": np.array([2**63 - 1, -(2**63)]),
            "real": np.array([0.1, np.nan]),
            "flag": np.array([True, False]),
            "text": ["'\"ü", None],
            "raw": [b"\x00\xff", None],
            "instant": now,
            "maybe_whole": [5, None],
            "maybe_flag": [True, None],
        }
        assert manager.insert_batch("t", batch) == 2
        columns = manager.read_columns("SELECT * FROM t ORDER BY place")
        assert list(columns) == list(batch)
        assert columns["whole"].dtype == np.int64
        assert columns["whole"].tolist() == [2**63 - 1, -(2**63)]
        np.testing.assert_array_equal(columns["real"], [0.1, np.nan])
        assert columns["flag"].dtype == np.bool_
        assert columns["flag"].tolist() == [True, False]
        assert columns["text"].dtype == object
        assert columns["text"].tolist() == ["'\"ü", None]
        assert columns["raw"].tolist() == [b"\x00\xff", None]
        assert columns["instant"].dtype == np.dtype("datetime64[ms]")
        np.testing.assert_array_equal(columns["instant"], now)
        assert columns["maybe_whole"].dtype == np.float64
        np.testing.assert_array_equal(columns["maybe_whole"], [5.0, np.nan])
        assert columns["maybe_flag"].tolist() == [True, None]

    def test_a_result_without_rows_has_the_types_of_its_columns(self, manager: BaseDatabaseManager) -> None:
        manager.create_table("t", ALL_TYPES)
        assert manager.execute_query("SELECT * FROM t") == []
        columns = manager.read_columns("SELECT * FROM t")
        kinds = {name: column.dtype.kind for name, column in columns.items()}
        assert kinds["instant"] == "M"
        assert kinds["real"] == "f"
        assert kinds["text"] == "O"
        assert kinds["raw"] == "O"
        assert kinds["whole"] == "i"
        assert {len(column) for column in columns.values()} == {0}

    def test_rows_come_in_the_types_of_python(self, manager: BaseDatabaseManager) -> None:
        manager.create_table("t", ALL_TYPES)
        instant = datetime(2026, 3, 1, tzinfo=UTC)
        row: dict[str, Any] = {
            "place": 1, "whole": -5, "real": None, "flag": True,
            "text": "x", "raw": b"\x00", "instant": instant, "maybe_whole": None, "maybe_flag": False,
        }  # fmt: skip
        manager.insert_batch("t", {name: [value] for name, value in row.items()})
        [found] = manager.execute_query("SELECT * FROM t")
        assert found == row
        assert {name: type(value) for name, value in found.items()} == {n: type(v) for n, v in row.items()}

    def test_columns_in_another_case_of_the_query_keep_their_order(
        self, manager: BaseDatabaseManager
    ) -> None:
        columns = manager.read_columns("SELECT 2 AS b, 1.5 AS a, 'x' AS c")
        assert list(columns) == ["b", "a", "c"]

    def test_a_statement_without_a_result_gives_no_rows(self, manager: BaseDatabaseManager) -> None:
        assert manager.execute_query("CREATE TABLE plain (a INTEGER)") == []
        assert manager.execute_query("INSERT INTO plain VALUES (1), (2)") == []
        assert manager.execute_query("DELETE FROM plain WHERE a = %(a)s", {"a": 1}) == []
        assert manager.execute_query("SELECT a FROM plain") == [{"a": 2}]

    def test_arrow_gives_the_same_as_columns(self, manager: BaseDatabaseManager) -> None:
        manager.create_table("t", KEYED)
        count = 70_000
        batch = {
            "name": np.full(count, "a", dtype=object),
            "at": np.arange(count).astype("datetime64[ms]"),
            "value": np.where(np.arange(count) % 3 == 0, np.nan, np.arange(count) / 7),
            "note": np.full(count, None, dtype=object),
        }
        manager.insert_batch("t", batch)
        reader = manager.read_arrow(
            'SELECT "at", value FROM t WHERE name = %(name)s ORDER BY "at"', {"name": "a"}
        )
        table = reader.read_all()
        assert table.num_rows == count
        assert str(table.schema.field("at").type.tz) in ("UTC", "Etc/UTC")
        np.testing.assert_array_equal(table["at"].to_numpy().astype("datetime64[ms]"), batch["at"])
        np.testing.assert_array_equal(table["value"].to_numpy(), batch["value"])
        manager.create_table("copy", KEYED)
        assert manager.insert_batch("copy", manager.read_arrow("SELECT * FROM t").read_all()) == count
        copied = manager.read_columns('SELECT * FROM copy ORDER BY "at"')
        np.testing.assert_array_equal(copied["value"], batch["value"])
        assert set(copied["note"]) == {None}

    @pytest.mark.parametrize(
        "query", ["SELEC 1", "SELECT * FROM nowhere", "SELECT", "", "SELECT 1; SELECT 2"]
    )
    def test_a_wrong_query_is_one_clear_sentence(self, manager: BaseDatabaseManager, query: str) -> None:
        with pytest.raises(DatabaseError) as caught:
            manager.read_columns(query)
        assert "\n" not in str(caught.value)
        assert not caught.value.transient
        assert manager.execute_query("SELECT 1 AS a") == [{"a": 1}]

    def test_columns_of_a_statement_that_gives_none_are_refused(self, manager: BaseDatabaseManager) -> None:
        with pytest.raises(DatabaseError):
            manager.read_columns("CREATE TABLE plain (a INTEGER)")

    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    def test_a_name_that_is_no_identifier_is_refused_everywhere(
        self, manager: BaseDatabaseManager, name: str
    ) -> None:
        manager.create_table("t", KEYED)
        with pytest.raises(ValueError, match="not a"):
            manager.get_full_table_name(name)
        with pytest.raises(ValueError, match="not a"):
            manager.get_full_table_name(name, use_internal=False)
        with pytest.raises(ValueError, match="not a"):
            manager.create_table(name, KEYED)
        with pytest.raises(ValueError, match="not a"):
            manager.table_exists(name)
        with pytest.raises(ValueError, match="not a"):
            manager.insert_batch(name, {"name": ["a"]})
        with pytest.raises(ValueError, match="not a"):
            manager.insert_batch("t", {name: ["a"]})
        with pytest.raises(ValueError, match="not a"):
            manager.get_last_timestamp("t", "a", name)
