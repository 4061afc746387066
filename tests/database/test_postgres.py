"""What is PostgreSQL's own: its types, schemas, roles, settings, and how a server is named."""

from __future__ import annotations

import sys
import traceback
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pytest
from psycopg import sql

from tocsin.database.migrations import MIGRATIONS, migrate
from tocsin.database.postgres import PostgresManager
from tocsin.errors import DatabaseError, StoreConnectionError, StoreReadOnlyError
from tocsin.model import ColumnDefinition, TableModel
from tocsin.testing.databases import FixedClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.postgres import PostgresServer

_ONE_COLUMN = TableModel((ColumnDefinition("a", "Int64"),), ("a",))


@pytest.fixture
def manager(postgres_database: str) -> Iterator[PostgresManager]:
    with PostgresManager(postgres_database, clock=FixedClock()) as manager:
        yield manager


def test_every_type_comes_in_the_types_of_the_contract(manager: PostgresManager) -> None:
    manager.execute_query("CREATE TYPE colour AS ENUM ('red', 'green')")
    manager.execute_query("CREATE DOMAIN level AS integer")
    columns = manager.read_columns(
        """
        SELECT 1::smallint AS small, 2 AS whole, 3::bigint AS large, 4::level AS domain, 5::oid AS oid,
            1.5::real AS single, 2.5::float8 AS double, 1.25::numeric AS numeric, 7::numeric AS whole_numeric,
            DATE '2026-03-01' AS day, TIMESTAMPTZ '2026-03-01 02:00:00.123999+02' AS zoned,
            TIMESTAMP '2026-03-01 00:00:00.123' AS naive, true AS flag,
            'red'::colour AS choice, 'x' AS text, 'y'::varchar(9) AS varchar, 'z'::char(3) AS padded,
            'n'::name AS name, '\\x0001'::bytea AS bytes, '{"a": 1}'::json AS json,
            '{"a": 1}'::jsonb AS jsonb, ARRAY[1, 2] AS wholes, ARRAY['p', NULL] AS texts,
            '10.0.0.1'::inet AS address
        """
    )
    kinds = {name: column.dtype.str for name, column in columns.items()}
    assert {name for name, kind in kinds.items() if kind == "<i8"} == {
        "small", "whole", "large", "domain", "oid",
    }  # fmt: skip
    assert {name for name, kind in kinds.items() if kind == "<f8"} == {
        "single", "double", "numeric", "whole_numeric",
    }  # fmt: skip
    assert {name for name, kind in kinds.items() if kind == "<M8[ms]"} == {"day", "zoned", "naive"}
    assert columns["flag"].dtype == np.bool_
    assert columns["day"][0] == np.datetime64("2026-03-01", "ms")
    assert columns["zoned"][0] == columns["naive"][0] == np.datetime64("2026-03-01T00:00:00.123")
    assert columns["numeric"][0] == 1.25
    objects = {name: column[0] for name, column in columns.items() if kinds[name] == "|O"}
    assert {name: objects[name] for name in ("choice", "text", "varchar", "padded", "name", "bytes")} == {
        "choice": "red", "text": "x", "varchar": "y", "padded": "z  ", "name": "n", "bytes": b"\x00\x01",
    }  # fmt: skip
    assert (objects["json"], objects["jsonb"]) == ('{"a": 1}', '{"a": 1}')
    assert (objects["wholes"], objects["texts"]) == ([1, 2], ["p", None])
    assert str(objects["address"]) == "10.0.0.1"


def test_null_and_nan_are_missing(manager: PostgresManager) -> None:
    columns = manager.read_columns(
        """
        SELECT * FROM (VALUES
            (1, 1.5::float8, 2.5::numeric, true, timestamp '2026-03-01', date '2026-03-01', ARRAY[1]),
            (NULL, 'NaN', 'NaN', NULL, NULL, NULL, NULL),
            (3, NULL, NULL, false, 'infinity', '-infinity', ARRAY[2])
        ) AS t (whole, real, exact, flag, naive, day, list)
        """
    )
    np.testing.assert_array_equal(columns["whole"], [1.0, np.nan, 3.0])
    np.testing.assert_array_equal(columns["real"], [1.5, np.nan, np.nan])
    np.testing.assert_array_equal(columns["exact"], [2.5, np.nan, np.nan])
    assert columns["flag"].tolist() == [True, None, False]
    assert np.isnat(columns["naive"]).tolist() == [False, True, True]
    assert np.isnat(columns["day"]).tolist() == [False, True, True]
    assert columns["list"].tolist() == [[1], None, [2]]


def test_times_of_any_year_are_read(manager: PostgresManager) -> None:
    query = (
        "SELECT timestamptz '4713-01-01 00:00:00+00 BC' AS early,"
        " timestamptz '294276-12-31 00:00:00+00' AS late"
    )
    columns = manager.read_columns(query)
    assert columns["early"][0] == np.datetime64("-4712-01-01", "ms")
    assert columns["late"][0] == np.datetime64("294276-12-31", "ms")
    with pytest.raises(DatabaseError, match="out of range"):
        manager.execute_query(query)


def test_a_type_that_cannot_be_read_says_how(manager: PostgresManager) -> None:
    with pytest.raises(DatabaseError, match=r"type tsvector: .*::text"):
        manager.read_columns("SELECT to_tsvector('a b') AS words")
    assert (
        manager.read_columns("SELECT to_tsvector('simple', 'b a')::text AS words")["words"][0]
        == "'a':2 'b':1"
    )


def test_rows_come_in_the_types_of_python(manager: PostgresManager) -> None:
    [row] = manager.execute_query(
        "SELECT sum(a) AS total, avg(a) AS mean, min(day) AS day, min(at) AS at, min(naive) AS naive"
        " FROM (VALUES (1::bigint, date '2026-03-01', timestamptz '2026-03-01 12:00:00.000001+02',"
        " timestamp '2026-03-01'), (2, '2026-03-02', '2026-03-02', '2026-03-02')) AS t (a, day, at, naive)"
    )
    assert row == {
        "total": 3,
        "mean": 1.5,
        "day": date(2026, 3, 1),
        "at": datetime(2026, 3, 1, 10, 0, 0, 1, tzinfo=UTC),
        "naive": datetime(2026, 3, 1, tzinfo=UTC),
    }
    assert type(row["total"]) is int
    assert type(row["mean"]) is float


def test_the_session_is_in_utc_whatever_the_server_is_in(
    manager: PostgresManager, postgres_server: PostgresServer
) -> None:
    assert postgres_server.execute("SHOW timezone") == [("Asia/Kathmandu",)]
    assert manager.execute_query("SELECT timestamp '2026-03-01'::timestamptz AS at") == [
        {"at": datetime(2026, 3, 1, tzinfo=UTC)}
    ]
    assert manager.execute_query(
        "SELECT timestamptz '2026-03-01' = %(naive)s AS same",
        {"naive": datetime(2026, 3, 1)},  # noqa: DTZ001
    ) == [{"same": True}]


def test_a_batch_fits_the_types_of_a_table_of_the_user(manager: PostgresManager) -> None:
    manager.execute_query(
        "CREATE TABLE orders (id integer PRIMARY KEY, amount numeric(10, 2), day date, state varchar(5),"
        ' payload jsonb, "Flag" boolean, at timestamp, small real)'
    )
    count = manager.insert_batch(
        "orders",
        {
            "id": [1, 2],
            "amount": [1.25, None],
            "day": [date(2026, 3, 1), None],
            "state": ["open", None],
            "payload": ['{"a": 1}', None],
            "Flag": [True, None],
            "at": np.array(["2026-03-01T12:00", "NaT"], dtype="datetime64[ms]"),
            "small": np.array([0.5, np.nan]),
        },
    )
    assert count == 2
    rows = manager.execute_query("SELECT * FROM orders ORDER BY id")
    assert rows[0] == {
        "id": 1, "amount": 1.25, "day": date(2026, 3, 1), "state": "open", "payload": '{"a": 1}',
        "Flag": True, "at": datetime(2026, 3, 1, 12, tzinfo=UTC), "small": 0.5,
    }  # fmt: skip
    assert set(list(rows[1].values())[1:]) == {None}
    for wrong in ({"state": ["longer than five"]}, {"id": [2**40]}, {"amount": ["x"]}, {"nowhere": [1]}):
        with pytest.raises(DatabaseError):
            manager.insert_batch("orders", {"id": [3], **wrong})
    assert len(manager.execute_query("SELECT id FROM orders")) == 2


def test_a_large_batch_with_keys_twice_keeps_the_last_of_each(manager: PostgresManager) -> None:
    manager.create_table(
        "t", TableModel((ColumnDefinition("a", "Int64"), ColumnDefinition("b", "String")), ("a",))
    )
    places = np.arange(50_000)
    batch = {"a": places % 30_000, "b": [str(place) for place in places.tolist()]}
    manager.insert_batch("t", batch, "replace")
    [row] = manager.execute_query("SELECT count(*) AS n, min(b::int) AS low, max(b::int) AS high FROM t")
    assert row == {"n": 30_000, "low": 20_000, "high": 49_999}


def test_texts_are_compared_by_code_point(manager: PostgresManager) -> None:
    manager.create_table("t", TableModel((ColumnDefinition("name", "String"),), ("name",)))
    names = ["m", "M", "m{a=1}", "m2", "é", "z", "_", "\U0001f600", "\uffff"]
    manager.insert_batch("t", {"name": names})
    assert [row["name"] for row in manager.execute_query("SELECT name FROM t ORDER BY name")] == sorted(names)


def test_percent_signs_quotes_and_dollars_are_left_alone(manager: PostgresManager) -> None:
    query = (
        "SELECT %(a)s AS a, '100%%' AS b, 'it''s %(a)s' AS c, E'it\\'s %(a)s' AS d, $$%(a)s$$ AS e,"
        " 7 %% 4 AS \"f%%\", '?' AS g -- %(b)s"
    )
    assert manager.execute_query(query, {"a": "$1 %s"}) == [
        {
            "a": "$1 %s", "b": "100%", "c": "it's %(a)s", "d": "it's %(a)s", "e": "%(a)s", "f%": 3, "g": "?",
        }
    ]  # fmt: skip
    assert manager.execute_query("SELECT '%' AS a, '%(a)s' AS b") == [{"a": "%", "b": "%(a)s"}]


@pytest.mark.parametrize("schema", ["tocsin", "Tocsin", "select", "_x"])
def test_internal_tables_may_have_a_schema_of_their_own(postgres_database: str, schema: str) -> None:
    for _ in range(2):
        with PostgresManager(postgres_database, clock=FixedClock(), internal_schema=schema) as manager:
            migrate(manager)
            assert manager.get_full_table_name("_tocsin_tasks") == f'"{schema}"."_tocsin_tasks"'
            assert manager.table_exists("_tocsin_tasks")
            assert manager.table_exists("_tocsin_tasks", schema)
            assert not manager.table_exists("_tocsin_tasks", "public")
            assert manager.internal_location.endswith(f"schema {schema}")
            manager.upsert_task_status("m", "load", "load", "running")
    with PostgresManager(postgres_database, clock=FixedClock()) as other:
        assert not other.table_exists("_tocsin_tasks")


def test_two_projects_share_a_database_by_schema(postgres_database: str) -> None:
    with (
        PostgresManager(postgres_database, clock=FixedClock(), internal_schema="a") as one,
        PostgresManager(postgres_database, clock=FixedClock(), internal_schema="b") as two,
    ):
        for manager in (one, two):
            migrate(manager)
        assert one.acquire_lease("m", "x@y/b/1/1/7", 60) is not None
        assert two.acquire_lease("m", "x@y/b/1/2/7", 60) is not None


def test_the_users_tables_are_found_in_their_schema(postgres_database: str) -> None:
    with psycopg.connect(postgres_database) as connection:
        connection.execute("CREATE SCHEMA sales")
        connection.execute("CREATE TABLE sales.orders AS SELECT 1 AS a")
        connection.execute("CREATE TABLE public.orders AS SELECT 2 AS a")
        connection.execute("CREATE TABLE public.other AS SELECT 3 AS a")
    with PostgresManager(
        postgres_database, clock=FixedClock(), data_schema="sales", read_only=True
    ) as manager:
        assert manager.get_full_table_name("orders", use_internal=False) == '"sales"."orders"'
        assert manager.get_full_table_name("x.orders", use_internal=False) == '"x"."orders"'
        assert manager.execute_query("SELECT a FROM orders") == [{"a": 1}]
        assert manager.execute_query("SELECT a FROM other") == [{"a": 3}]
        assert manager.data_location.endswith("schema sales")


@pytest.mark.parametrize("schema", ["a b", 'a"b', "", "x; DROP SCHEMA public"])
def test_a_wrong_name_of_a_schema_is_refused(postgres_database: str, schema: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        PostgresManager(postgres_database, internal_schema=schema)
    with pytest.raises(ValueError, match="not a name"):
        PostgresManager(postgres_database, data_schema=schema)


def test_a_manager_for_reading_does_not_write(manager: PostgresManager, postgres_database: str) -> None:
    migrate(manager)
    manager.create_table("t", _ONE_COLUMN)
    with PostgresManager(postgres_database, clock=FixedClock(), read_only=True) as reader:
        assert reader.read_columns("SELECT a FROM t")["a"].dtype == np.int64
        assert migrate(reader) == MIGRATIONS[-1].version
        for write in (
            lambda: reader.insert_batch("t", {"a": [1]}),
            lambda: reader.execute_query("DELETE FROM t"),
            lambda: reader.create_table("u", _ONE_COLUMN),
        ):
            with pytest.raises(StoreReadOnlyError, match="read-only"):
                write()


def test_a_query_that_reads_a_file_says_where_files_are_read(manager: PostgresManager) -> None:
    with pytest.raises(DatabaseError, match=r"read_csv\(unknown\) does not exist: .*`profile: files`"):
        manager.read_columns("SELECT * FROM read_csv('a.csv')")


def test_a_role_that_may_only_read_reads_and_is_told_so(
    manager: PostgresManager, postgres_server: PostgresServer
) -> None:
    manager.create_table("t", _ONE_COLUMN)
    manager.create_table("hidden", _ONE_COLUMN)
    [row] = manager.execute_query("SELECT current_database() AS name")
    manager.execute_query("CREATE ROLE reader LOGIN")
    try:
        manager.execute_query("GRANT SELECT ON t TO reader")
        url = postgres_server.dsn(row["name"], user="reader")
        with PostgresManager(url, clock=FixedClock()) as reader:
            assert reader.execute_query("SELECT a FROM t") == []
            with pytest.raises(StoreReadOnlyError, match="permission denied"):
                reader.insert_batch("t", {"a": [1]})
            with pytest.raises(StoreReadOnlyError, match="permission denied"):
                reader.create_table("made", _ONE_COLUMN)
            with pytest.raises(DatabaseError, match="permission denied for table hidden"):
                reader.execute_query("SELECT a FROM hidden")
        with pytest.raises(DatabaseError, match=r"permission denied for database .*: grant it to the role"):
            PostgresManager(url, clock=FixedClock(), internal_schema="mine")
    finally:
        manager.execute_query("DROP OWNED BY reader")
        manager.execute_query("DROP ROLE reader")


def test_times_are_written_as_events_on_this_connection_read_them_whatever_was_set(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c datestyle=German")
    with PostgresManager(postgres_database, clock=FixedClock()) as manager:
        [row] = manager.execute_query("SELECT timestamptz '2026-03-01 12:00Z'::text AS at")
        assert row == {"at": "2026-03-01 12:00:00+00"}


@pytest.mark.parametrize(
    ("settings", "name", "value"),
    [
        ({}, "lock_timeout", "10s"),
        ({}, "statement_timeout", "0"),
        ({}, "TimeZone", "UTC"),
        ({}, "application_name", "tocsin"),
        ({"lock_timeout_seconds": 0.25}, "lock_timeout", "250ms"),
        ({"statement_timeout_seconds": 60}, "statement_timeout", "1min"),
        ({"synchronous_commit": True}, "synchronous_commit", "on"),
    ],
)
def test_a_setting_takes_effect(
    postgres_database: str, settings: dict[str, Any], name: str, value: str
) -> None:
    with PostgresManager(postgres_database, clock=FixedClock(), settings=settings) as manager:
        assert list(manager.execute_query(f"SHOW {name}")[0].values()) == [value]


@pytest.mark.parametrize(
    "settings",
    [
        {"lock_timeout_seconds": 0},
        {"lock_timeout_seconds": "10"},
        {"connect_timeout_seconds": None},
        {"statement_timeout_seconds": True},
        {"synchronous_commit": "off"},
        {"work_mem": "1GB"},
    ],
)
def test_a_wrong_setting_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        PostgresManager("postgresql://127.0.0.1:1/none", settings=settings)


def test_a_statement_that_takes_too_long_is_ended(postgres_database: str) -> None:
    settings = {"statement_timeout_seconds": 0.5}  # much less than the first takes, much more than the second
    with PostgresManager(postgres_database, clock=FixedClock(), settings=settings) as manager:
        with pytest.raises(DatabaseError, match="timeout"):
            manager.execute_query("SELECT pg_sleep(60)")
        assert manager.execute_query("SELECT 1 AS a") == [{"a": 1}]


_SECRET = "s3cr3t/+@:%"
_ESCAPED = "s3cr3t%2F%2B%40%3A%25"


@pytest.fixture
def guarded(postgres_server: PostgresServer) -> Iterator[str]:
    """Give the role that has a password; pytest-xdist's workers have servers of their own."""
    postgres_server.execute(sql.SQL("CREATE ROLE guarded LOGIN PASSWORD {}").format(sql.Literal(_SECRET)))
    yield "guarded"
    postgres_server.execute("DROP ROLE guarded")


def test_a_password_is_taken_from_the_url_or_as_an_option(
    postgres_server: PostgresServer, guarded: str
) -> None:
    address: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": postgres_server.port,
        "dbname": "postgres",
        "user": guarded,
    }
    for manager in (
        PostgresManager(postgres_server.dsn(user=guarded, password=_ESCAPED), clock=FixedClock()),
        PostgresManager(clock=FixedClock(), password=_SECRET, **address),
        PostgresManager(
            postgres_server.dsn(user=guarded, password="wrong"), clock=FixedClock(), password=_SECRET
        ),
    ):
        with manager:
            assert manager.execute_query("SELECT current_user::text AS me") == [{"me": guarded}]
            assert manager.internal_location == f"PostgreSQL postgres on 127.0.0.1:{postgres_server.port}"


def _texts(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error)


def test_a_wrong_password_is_said_and_not_repeated(postgres_server: PostgresServer, guarded: str) -> None:
    with pytest.raises(StoreConnectionError, match="password authentication failed") as caught:
        PostgresManager(postgres_server.dsn(user=guarded, password="hunter2"), clock=FixedClock())
    assert not caught.value.transient
    assert "hunter2" not in _texts(caught.value).replace('password="hunter2"', "")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2%zz@127.0.0.1/x",
        "postgresql://me:hun@ter2@127.0.0.1/x",
        "postgresql://me:hun/ter2@127.0.0.1/x",
        "postgresql://me:hunter2@127.0.0.1/x?sslmod=require",
        "password=hunter2 oops",
        "password='hunter2",
    ],
)
def test_an_address_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="PostgreSQL") as caught:
        PostgresManager(conninfo=url)
    assert "ter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_a_server_that_is_not_there_is_said(postgres_server: PostgresServer) -> None:
    with pytest.raises(StoreConnectionError, match="refused") as caught:
        PostgresManager("postgresql://me:hunter2@127.0.0.1:1/none", clock=FixedClock())
    assert caught.value.transient
    assert "none on 127.0.0.1:1" in str(caught.value)
    with pytest.raises(StoreConnectionError, match=r'database "none" does not exist') as caught:
        PostgresManager(postgres_server.dsn("none"), clock=FixedClock())
    assert not caught.value.transient


def test_a_stream_that_is_not_read_to_its_end_is_closed_with_the_manager(postgres_database: str) -> None:
    with PostgresManager(postgres_database, clock=FixedClock()) as manager:
        manager.read_arrow("SELECT generate_series(1, 100000) AS a")
        reader = manager.read_arrow("SELECT generate_series(1, %(n)s) AS a", {"n": 50_000})
        assert reader.read_next_batch().num_rows == 20_000
        [row] = manager.execute_query(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()"
        )
        assert row["n"] == 3
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        # The server notices that a client has gone when it comes to it.
        others = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'active'"
        )
        looks = (connection.execute(others).fetchone() for _ in range(10_000))
        assert (0,) in looks


def test_arrow_has_the_types_of_the_columns_even_without_rows(manager: PostgresManager) -> None:
    query = (
        "SELECT 1 AS whole, 1.5 AS real, true AS flag, 'x' AS text, now() AS at, ''::bytea AS bytes,"
        " ARRAY[1] AS list WHERE false"
    )
    table = manager.read_arrow(query).read_all()
    assert [str(field.type) for field in table.schema] == [
        "int64", "double", "bool", "string", "timestamp[ms, tz=UTC]", "binary", "string",
    ]  # fmt: skip
    for wrong in ("SELECT * FROM nowhere", "SELECT", "DELETE FROM x"):
        with pytest.raises(DatabaseError):
            manager.read_arrow(wrong)


def test_the_drivers_connection_writes_in_the_open_transaction(manager: PostgresManager) -> None:
    manager.create_table("t", _ONE_COLUMN)
    with manager.transaction() as transaction:
        transaction.insert_batch("t", {"a": [1]})
        transaction.driver_connection.execute("INSERT INTO t VALUES (%s)", (2,))
    assert manager.execute_query("SELECT count(*) AS n FROM t") == [{"n": 2}]

    def fail() -> None:
        with manager.transaction() as transaction:
            transaction.insert_batch("t", {"a": [3]})
            with pytest.raises(psycopg.Error):
                transaction.driver_connection.execute("INSERT INTO t VALUES (1)")

    with pytest.raises(DatabaseError, match="nothing of the transaction was kept"):
        fail()
    assert manager.execute_query("SELECT count(*) AS n FROM t") == [{"n": 2}]


def test_a_transaction_that_is_ended_from_within_is_noticed(manager: PostgresManager) -> None:
    manager.create_table("t", _ONE_COLUMN)
    with pytest.raises(DatabaseError, match="ended from within"), manager.transaction() as transaction:
        transaction.execute_query("ROLLBACK")


def test_without_the_driver_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(DatabaseError, match=r"pip install 'tocsin\[postgres\]'"):
        PostgresManager("postgresql://127.0.0.1:1/none")
