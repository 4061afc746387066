"""What is DuckDB's own: files, its types, its errors."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pytest

from tocsin.database.duckdb import DuckDBManager
from tocsin.database.duckdb.files import with_whole_paths
from tocsin.errors import DatabaseError, StoreLockedError, StoreReadOnlyError
from tocsin.testing.databases import FixedClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CSV = "timestamp,value\n2026-03-01 10:00:00,1.5\n2026-03-01 10:05:00,\n"


@pytest.fixture
def source(tmp_path: Path) -> Iterator[DuckDBManager]:
    with DuckDBManager(clock=FixedClock(), base_folder=tmp_path) as manager:
        yield manager


def test_files_are_read_relative_to_the_base_folder(source: DuckDBManager, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text(_CSV)
    source.execute_query(f"COPY (SELECT * FROM 'data/a.csv') TO '{tmp_path}/a.parquet'")
    source.execute_query(f"COPY (SELECT * FROM 'data/a.csv') TO '{tmp_path}/a.json'")
    for file in ("data/a.csv", "data/*.csv", "a.parquet", "a.json", tmp_path / "a.parquet"):
        columns = source.read_columns(f"SELECT timestamp, value FROM '{file}' ORDER BY timestamp")
        assert columns["timestamp"].tolist() == [datetime(2026, 3, 1, 10), datetime(2026, 3, 1, 10, 5)]  # noqa: DTZ001
        np.testing.assert_array_equal(columns["value"], [1.5, np.nan])


@pytest.mark.parametrize("name", ["shop", "this,that", "it's 100%", "a[1]*?"])
def test_a_file_of_the_working_directory_is_not_taken_for_one_of_the_base_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for folder, value in ((tmp_path / name, 1), (tmp_path / "elsewhere", 2)):
        (folder / "data").mkdir(parents=True)
        (folder / "data" / "it's.csv").write_text(f"v\n{value}\n")
    (tmp_path / "elsewhere" / "lone.csv").write_text("v\n2\n")
    monkeypatch.chdir(tmp_path / "elsewhere")

    with DuckDBManager(clock=FixedClock(), base_folder=tmp_path / name) as source:
        for relation in (
            "read_csv('data/it''s.csv', header = true)",
            "READ_CSV_AUTO ( ['data/it''s.csv', 'data/../data/it''s.csv'])",
            "\n'data/it''s.csv'",
            '"data/it\'s.csv"',
            "('data/it''s.csv')",
            "(SELECT 1), -- from 'here'\n /* and */ 'data/it''s.csv'",
            "read_csv('data/' || 'it''s.csv')",
            "read_csv(ARRAY['data/it''s.csv'], delim = ',')",
            "(WITH t AS (FROM 'data/it''s.csv') SELECT (SELECT max(v) FROM 'data/it''s.csv') AS v FROM t)",
        ):
            query = f"SELECT DISTINCT v, v::VARCHAR IS DISTINCT FROM 'data' AS other FROM {relation}"
            for params in (None, {"a": 1}):
                assert source.execute_query(query, params) == [{"v": 1, "other": True}]
            assert source.read_arrow(query).read_all().to_pylist() == [{"v": 1, "other": True}]
        for alone in ("'lone.csv'", "lone.csv", '"lone.csv"', "(SELECT 1), 'lone.csv'"):
            with pytest.raises(DatabaseError, match=r"lone\.csv"):
                source.execute_query(f"SELECT v FROM {alone}")
        assert source.execute_query(f"SELECT v FROM '{tmp_path}/elsewhere/lone.csv'") == [{"v": 2}]


@pytest.mark.parametrize("name", ["shop", "this,that", "a[1]*?"])
@pytest.mark.parametrize("is_there", [True, False])
def test_patterns_are_those_of_the_base_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, is_there: bool
) -> None:
    for folder, value in ((tmp_path / name, 1), (tmp_path / "elsewhere", 2)):
        folder.mkdir()
        (folder / "b[2].csv").write_text(f"v\n{value}\n")
    monkeypatch.chdir(tmp_path / (name if is_there else "elsewhere"))

    with DuckDBManager(clock=FixedClock(), base_folder=tmp_path / name) as source:
        for pattern in ("b*.csv", "?[[]2].csv", "*"):
            assert source.execute_query(f"SELECT v FROM read_csv('{pattern}')") == [{"v": 1}]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 WHERE 'a' IS DISTINCT FROM 'a'",
        "SELECT 1 WHERE 'a' IS NOT DISTINCT /* from */ FROM 'a.csv'",
        "SELECT trim('a.csv'), 'x' FROM read_csv('/a.csv')",
        "SELECT * FROM read_csv(['~/a.csv', 's3://b/a.csv', 'https://c/a.csv', 'a*.csv', '[a].csv', ''])",
        "SELECT $name, ''''",
        "SELECT direction FROM read_csv('/a.csv') WHERE direction IN ('from', 'to', 'join', 'b.csv')",
        "SELECT concat('from', 'a.csv'), 'read it from ''a.csv'''",
        "SELECT trim(BOTH 'x' FROM 'xax'), extract(year FROM '2026-01-01'::DATE) -- from 'a.csv'",
        "SELECT * FROM read_csv('/a.csv', delim = 'a.csv', columns = {'from': 'VARCHAR'})",
        "WITH few AS (SELECT 1) SELECT * FROM few, 'few', main.csv, main.things",
        "SELECT * FROM nothing that reads 'a.csv'",
    ],
)
def test_what_names_no_file_of_the_base_folder_stays(query: str) -> None:
    assert with_whole_paths(query, "/somewhere", _serialized) == query


def test_names_stand_behind_letters_of_several_bytes() -> None:
    query = "SELECT 'ü', $name FROM 'ä.csv' AS é JOIN \"b.parquet\" USING (v)"
    whole = "SELECT 'ü', $name FROM '/some''where/ä.csv' AS é JOIN '/some''where/b.parquet' USING (v)"
    assert with_whole_paths(query, "/some'where", _serialized) == whole


def _serialized(query: str) -> str:
    with duckdb.connect() as connection:
        [(parsed,)] = connection.execute("SELECT json_serialize_sql($query)", {"query": query}).fetchall()
    return str(parsed)


def test_every_type_comes_in_the_types_of_the_contract(source: DuckDBManager) -> None:
    query = """
        SELECT 1::TINYINT AS tiny, 1::HUGEINT AS huge, 1::UBIGINT AS unsigned,
            18446744073709551615::UBIGINT AS large, 1.25::DECIMAL(10, 2) AS decimal, 1.5::FLOAT AS single,
            DATE '2026-03-01' AS day, TIMESTAMPTZ '2026-03-01 02:00:00.123456+02' AS zoned,
            TIMESTAMP '2026-03-01 00:00:00.123999' AS naive,
            TIMESTAMP_NS '2026-03-01' AS nano, TIMESTAMP_S '2026-03-01' AS second, true AS flag,
            'x'::ENUM ('x', 'y') AS choice, 'x' AS text, 'ab'::BLOB AS bytes
    """
    whole = source.read_columns(query)
    kinds = {name: column.dtype.str for name, column in whole.items()}
    assert {name for name, kind in kinds.items() if kind == "<i8"} == {"tiny", "unsigned"}
    assert {name for name, kind in kinds.items() if kind == "<f8"} == {"huge", "large", "decimal", "single"}
    times = {name for name, kind in kinds.items() if kind == "<M8[ms]"}
    assert times == {"day", "zoned", "naive", "nano", "second"}
    assert {name for name, kind in kinds.items() if kind == "|O"} == {"choice", "text", "bytes"}
    assert whole["flag"].dtype == np.bool_
    assert whole["zoned"][0] == np.datetime64("2026-03-01T00:00:00.123")
    assert whole["naive"][0] == np.datetime64("2026-03-01T00:00:00.123")
    assert [whole["choice"][0], whole["bytes"][0], whole["decimal"][0]] == ["x", b"ab", 1.25]
    nulls = source.read_columns(
        f"SELECT * FROM ({query}) UNION ALL SELECT {', '.join(['NULL'] * len(whole))}"
    )
    assert all(np.isnan(nulls[name][1]) for name in ("tiny", "huge", "unsigned", "decimal"))
    assert all(np.isnat(nulls[name][1]) for name in times)
    assert all(nulls[name][1] is None for name in ("flag", "choice", "text", "bytes"))
    [row] = source.execute_query(query)
    assert row["zoned"] == datetime(2026, 3, 1, 0, 0, 0, 123_000, tzinfo=UTC)
    assert row["day"] == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT * FROM 'none.csv'", ["no file", "none.csv"]),
        ("SELECT foo FROM range(3) r(bar)", ['"foo"', '"bar"']),
        ("SELECT\n1 FRM x y", ["syntax error"]),
        ("SELECT * FROM nowhere", ["nowhere"]),
        ("SELECT CAST('x' AS INTEGER)", ["'x'", "INT32"]),
        ("SELECT * FROM read_csv('bad.csv', columns={'a': 'INTEGER'})", ["bad.csv", "two", "line"]),
        ("SELECT * FROM read_parquet('bad.csv')", ["bad.csv"]),
        ("INSERT INTO 'x.csv' VALUES (1)", []),
    ],
)
def test_an_error_is_one_clear_sentence(
    source: DuckDBManager, tmp_path: Path, query: str, words: list[str]
) -> None:
    (tmp_path / "bad.csv").write_text("a\n1\ntwo\n")
    with pytest.raises(DatabaseError) as caught:
        source.read_columns(query)
    text = str(caught.value)
    assert all(word.lower() in text.lower() for word in words), text
    assert "\n" not in text
    assert "LINE 1" not in text
    assert len(text) < 500


def test_python_variables_are_not_seen_by_queries(source: DuckDBManager) -> None:
    secret = {"a": np.arange(3)}
    with pytest.raises(DatabaseError, match="secret"):
        source.read_columns("SELECT * FROM secret")
    assert len(secret) == 1


def test_extensions_are_not_fetched(source: DuckDBManager) -> None:
    rows = source.execute_query(
        "SELECT name, value FROM duckdb_settings() WHERE name LIKE 'auto%known_extensions' ORDER BY name"
    )
    assert [row["value"] for row in rows] == ["false", "false"]


def test_a_wrong_setting_is_refused() -> None:
    with pytest.raises(ValueError, match="no setting"):
        DuckDBManager(clock=FixedClock(), settings={"thread": 1})
    with pytest.raises(DatabaseError):
        DuckDBManager(clock=FixedClock(), settings={"threads": "many"})


def test_a_file_for_reading_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with DuckDBManager(path, clock=FixedClock()) as manager:
        manager.execute_query("CREATE TABLE t AS SELECT 1 AS a")
    with DuckDBManager(path, clock=FixedClock(), read_only=True) as manager:
        assert manager.execute_query("SELECT a FROM t") == [{"a": 1}]
        with pytest.raises(StoreReadOnlyError):
            manager.execute_query("INSERT INTO t VALUES (2)")


@pytest.mark.parametrize(
    "query", ["COPY (SELECT 1) TO '{}'", "COPY (SELECT 1) TO '{}' (RETURN_FILES)", "ATTACH '{}'"]
)
def test_a_query_that_would_write_a_file_is_refused_before_it_does(
    source: DuckDBManager, tmp_path: Path, query: str
) -> None:
    target = tmp_path / "written"

    with pytest.raises(DatabaseError, match="gives no columns: write a SELECT"):
        source.read_columns(query.format(target))

    assert not target.exists()


def test_a_file_that_another_process_writes_is_locked(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import duckdb; c = duckdb.connect({str(path)!r}); print(1, flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(StoreLockedError) as caught:
            DuckDBManager(path, clock=FixedClock())
        assert caught.value.transient
    finally:
        holder.communicate(b"\n")


def test_a_file_that_is_no_database_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    path.write_text(_CSV)
    with pytest.raises(DatabaseError, match="not a DuckDB database"):
        DuckDBManager(path, clock=FixedClock())
    assert path.read_text() == _CSV
    with pytest.raises(DatabaseError, match="none"):
        DuckDBManager(tmp_path / "none" / "a.duckdb", clock=FixedClock())
