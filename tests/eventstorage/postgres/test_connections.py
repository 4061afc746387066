from __future__ import annotations

import gc
import multiprocessing
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import psycopg
import pytest
from ipranges import IP4, IP6Net
from psycopg.pq import TransactionStatus
from psycopg.types.string import StrDumper
from tests.eventstorage.postgres.events import rows, store
from tests.servers.postgres import PostgresServer

from tocsin.errors import (
    DataError,
    EventStorageException,
    StorageConnectionException,
    StorageContentionError,
    StorageIntegrityError,
)
from tocsin.eventstorage import EventStorageCursor, EventStorageService
from tocsin.eventstorage.postgres import BorrowedSession, PostgresBackend, connections
from tocsin.eventstorage.postgres.connections import Connection, Connections
from tocsin.eventstorage.postgres.failures import error_of
from tocsin.eventstorage.postgres.known import Known
from tocsin.eventstorage.postgres.session import PostgresSession
from tocsin.testing.event_stores import message

if TYPE_CHECKING:
    from collections.abc import Generator

    from psycopg.abc import Buffer
    from tests.conftest import SteppingClock

    from tocsin.eventstorage import Idea


def backends(url: str) -> int:
    """Count the connections to a database."""
    with psycopg.connect(url) as connection:
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = %s"
        )
        row = connection.execute(query, ("client backend",)).fetchone()
    assert row is not None
    return int(row[0]) - 1


def wait_for_backends(url: str, most: int) -> None:
    """Wait until the server has seen that connections were closed; there are that many at most then."""
    while backends(url) > most:
        time.sleep(0.01)


def end_all(url: str) -> None:
    """End the connections to a database, as an administrator does."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type LIKE 'client%'"
        )


def test_many_threads_share_few_connections_and_leave_none(postgres_database: str) -> None:
    threads_before = set(threading.enumerate())
    with EventStorageService(url=postgres_database) as service:
        service.database_create()
        errors: list[Exception] = []

        def work(number: int) -> None:
            try:
                service.insert_event(message(str(number)))
                service.count_events()
            except Exception as error:  # noqa: BLE001 - told below
                errors.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(48)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        assert service.count_events() == 48
        wait_for_backends(postgres_database, 8)
        cursor = service.cursor_new()
        cursor.insert_event(message("never committed"))
    wait_for_backends(postgres_database, 0)
    assert set(threading.enumerate()) <= threads_before


def test_connections_that_died_while_they_were_idle_are_replaced_unnoticed(postgres_database: str) -> None:
    with EventStorageService(url=postgres_database, reconnect_seconds=0) as service:
        service.database_create()
        for call in (
            lambda: service.insert_event(message("1")),
            service.count_events,
            lambda: list(service.stream_events()),
            lambda: service.search_events(qname="mine", timeout=60),
            service.queries_status,
            service.database_status,
        ):
            end_all(postgres_database)
            call()


def test_a_transaction_whose_connection_died_is_undone_and_the_session_goes_on(
    backend: PostgresBackend, postgres_database: str
) -> None:
    session = backend.session()
    session.insert_rows(rows(1, 3))
    end_all(postgres_database)

    with pytest.raises(StorageConnectionException) as raised:
        session.insert_rows(rows(4, 6))

    assert raised.value.transient
    assert not session.in_transaction
    session.insert_rows(rows(7, 8))
    session.commit()
    assert session.execute("SELECT count(*) FROM events") == [(2,)]


def test_a_child_process_leaves_the_connections_of_its_parent_alone(
    backend: PostgresBackend,
) -> None:
    store(backend, rows(1, 3))
    [(idle,)] = backend.session().execute("SELECT pg_backend_pid()")
    other = backend.session()
    other.begin()
    held = backend.session()
    held.begin()
    other.rollback()

    def child(wire: Any) -> None:
        with closing(backend.session()) as session:
            session.insert_rows(rows(4, 6))
            session.commit()
            wire.send(session.execute("SELECT count(*), pg_backend_pid() FROM events"))
        backend.close()

    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=child, args=(sending,))
    process.start()
    [(events, its_own)] = receiving.recv()
    process.join()
    assert (events, its_own != idle) == (6, True)
    assert backend.session().execute("SELECT pg_backend_pid()") == [(idle,)]

    assert held.execute("SELECT count(*) FROM events") == [(6,)]
    held.rollback()
    assert store(backend, rows(6, 7)) == [[False, True]]


def test_a_child_process_leaves_the_transaction_of_its_parent_alone(
    backend: PostgresBackend, postgres_database: str
) -> None:
    with EventStorageService(url=postgres_database) as service:
        service.insert_event(message("before"))
        cursor = service.cursor_new()
        cursor.insert_event(message("in the parent"))

        def child(wire: Any) -> None:
            with pytest.raises(StorageConnectionException, match="forked"):
                cursor.fetch_event("in the parent")
            service.rollback()
            wire.send((service.count_events(), service.fetch_event("in the parent")))
            service.close()

        context = multiprocessing.get_context("fork")
        receiving, sending = context.Pipe(duplex=False)
        process = context.Process(target=child, args=(sending,))
        process.start()
        sending.close()
        assert receiving.recv() == (1, None)
        process.join()
        cursor.insert_event(message("after"))
        service.commit()
        assert service.count_events() == 3
    assert store(backend, rows(1, 1)) == [[True]]


def test_a_statement_that_the_server_has_forgotten_is_prepared_anew(postgres_database: str) -> None:
    search = {"source_addrs": ["192.0.2.1"]}
    with closing(PostgresBackend({"conninfo": postgres_database})) as backend:
        backend.create()
        store(backend, rows(1, 3))
        connections = backend._connections
        lent = connections.take()
        connections.give(lent)
        with EventStorageService(url=postgres_database) as service:
            service._backend = backend
            assert service.search_events(search)[0] == 3
            lent.pgconn.exec_(b"DEALLOCATE ALL")  # as a pooler does, unseen by the driver
            assert service.search_events(search)[0] == 3


def test_a_database_that_can_only_be_read_is_searched_and_told(postgres_database: str) -> None:
    with EventStorageService(url=postgres_database) as service:
        service.database_create()
        service.insert_event(message("a"))
    with EventStorageService(url=postgres_database, options="-c default_transaction_read_only=on") as service:
        service.database_create()
        assert service.search_events({"limit": 1})[0] == 1
        assert len(list(service.stream_events(qname="read"))) == 1
        with pytest.raises(StorageConnectionException, match="can only be read"):
            service.insert_event(message("b"))
        with pytest.raises(StorageConnectionException, match="can only be read"):
            service.delete_events(all=True)


def test_a_standby_server_is_searched_whatever_it_says_of_isolation() -> None:
    with PostgresServer(settings={"default_transaction_isolation": "serializable"}) as server:
        url = server.dsn(server.create_database())
        with EventStorageService(url=url) as service:
            service.database_create()
            service.insert_events([message(f"{number}") for number in range(5)])
        server.stop()
        (server.data_folder / "standby.signal").touch()
        server.start()
        with EventStorageService(url=url) as service:
            for use in (service.database_create, service.count_events, service.database_status):
                use()
            assert service.search_events({"limit": 3}, qname="some", timeout=60)[0] == 3
            assert len(list(service.stream_events({}, qname="some", timeout=60))) == 5
            with pytest.raises(StorageConnectionException, match="can only be read"):
                service.insert_event(message("a"))


def test_a_name_of_a_schema_that_would_be_cut_is_refused(postgres_database: str) -> None:
    with pytest.raises(DataError, match="too long"):
        PostgresBackend({"conninfo": postgres_database, "schema": "x" * 64})


def test_a_closed_storage_says_so(backend: PostgresBackend) -> None:
    session = backend.session()
    session.begin()
    backend.close()
    backend.close()

    with pytest.raises(StorageConnectionException):
        session.execute("SELECT 1")
    with pytest.raises(StorageConnectionException, match="closed"):
        backend.session().execute("SELECT 1")


@pytest.mark.parametrize(
    "conncfg",
    [
        {"conninfo": "host=localhost secret_sauce"},
        {"conninfo": "postgresql://u:secret_sauce@localhost:port/x"},
        {"host": "localhost", "no_such_option": "secret_sauce"},
        {"conninfo": 5},
    ],
)
def test_a_wrong_configuration_is_told_without_what_is_in_it(conncfg: dict[str, Any]) -> None:
    with pytest.raises(EventStorageException) as raised:
        PostgresBackend(conncfg)

    assert "secret_sauce" not in str(raised.value)
    assert "secret_sauce" not in str(raised.value.__cause__)


def test_who_gives_the_wrong_password_is_told_so_at_once(postgres_server: PostgresServer) -> None:
    postgres_server.execute("DROP ROLE IF EXISTS guarded")
    postgres_server.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
    url = postgres_server.dsn(user="guarded", password="secret_sauce")

    with pytest.raises(StorageConnectionException, match="password authentication failed") as raised:
        EventStorageService(url=url)

    assert "secret_sauce" not in repr(raised.value)
    postgres_server.execute("DROP ROLE guarded")


def test_a_server_that_is_not_there_is_told_at_once(postgres_server: PostgresServer) -> None:
    with pytest.raises(StorageConnectionException, match="cannot be reached") as raised:
        EventStorageService(host="127.0.0.1", port=1, user="nobody", password="secret_sauce")

    assert raised.value.transient
    assert "secret_sauce" not in str(raised.value)
    with pytest.raises(StorageConnectionException, match="does not exist"):
        EventStorageService(**postgres_server.settings("nowhere"))


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_does_not_keep_unicode_is_refused(
    postgres_server: PostgresServer, encoding: str
) -> None:
    postgres_server.execute(f"CREATE DATABASE other ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(StorageIntegrityError, match=f"texts in {encoding}:"):
        EventStorageService(**postgres_server.settings("other"))
    postgres_server.drop_database("other")


def test_a_storage_says_where_it_is_without_secrets(
    postgres_database: str, postgres_server: PostgresServer
) -> None:
    backend = PostgresBackend({"conninfo": postgres_database, "password": "secret_sauce", "schema": "mine"})
    name = postgres_database.rpartition("/")[2]
    assert backend.where == f"PostgreSQL {name} at 127.0.0.1:{postgres_server.port} (schema mine)"
    backend.close()


@pytest.mark.parametrize(
    ("state", "kind", "transient"),
    [
        ("53100", "StorageFullError", True),
        ("40001", "StorageContentionError", True),
        ("40P01", "StorageContentionError", True),
        ("55P03", "StorageContentionError", True),
        ("08006", "StorageConnectionException", True),
        ("57P01", "StorageConnectionException", True),
        ("57P03", "StorageConnectionException", True),
        ("25P03", "StorageConnectionException", True),
        ("53300", "StorageConnectionException", True),
        ("26000", "StorageConnectionException", True),
        ("25006", "StorageConnectionException", False),
        ("57014", "QueryCanceledException", False),
        ("23505", "StorageIntegrityError", False),
        ("42P01", "StorageIntegrityError", False),
        ("42501", "EventStorageException", False),
        ("22P02", "DataError", False),
        ("54000", "DataError", False),
        ("XX000", "EventStorageException", False),
    ],
)
def test_what_the_server_reports_has_an_error_of_ours(state: str, kind: str, *, transient: bool) -> None:
    error = psycopg.errors.lookup(state)("something\nhappened")

    ours = error_of(error, "here")

    assert (type(ours).__name__, ours.transient) == (kind, transient)
    assert "something happened" in ours.message


def test_what_the_driver_asks_back_is_left_out() -> None:
    advice = "\n\tIs the server running on that host and accepting TCP/IP connections?"
    error = psycopg.OperationalError(f'to "::1": Connection refused{advice}\nto "127.0.0.1": refused{advice}')

    assert error_of(error, "here").message.endswith(
        'is lost: to "::1": Connection refused to "127.0.0.1": refused'
    )


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_texts_that_no_database_keeps_are_an_error_of_the_data(backend: PostgresBackend, value: str) -> None:
    session = backend.session()
    with pytest.raises(DataError):
        session.execute("SELECT %s::text", (value,))
    assert session.execute("SELECT 1") == [(1,)]


def test_addresses_of_ipranges_are_parameters(backend: PostgresBackend) -> None:
    store(backend, rows(1, 2))
    found = backend.session().execute(
        "SELECT count(*) FROM event_ip WHERE low = %s OR low <<= %s",
        (IP4("192.0.2.1"), IP6Net("2001:db8::/32")),
    )
    assert found == [(4,)]


def test_what_a_server_prefers_changes_no_value(postgres_database: str) -> None:
    odd = {
        "datestyle": "German",
        "intervalstyle": "sql_standard",
        "bytea_output": "escape",
        "extra_float_digits": "-10",
        "default_transaction_isolation": "serializable",
    }
    options = " ".join(f"-c {name}={value}" for name, value in odd.items())
    with EventStorageService(url=postgres_database, options=options) as service:
        service.database_create()
        service.insert_event(message("a", Source=[{"IP4": ["10.0.0.0/8"]}], Description="\\é'"))
        service.insert_events([message(f"{number}") for number in range(20)])
        assert len(service.read_since()[0]) == 21
        for parameters in ({"source_addrs": ["10.1.2.3"]}, {"limit": 5, "sortby": "storagetime.asc"}):
            event = service.search_events(parameters)[1][0]
            assert (event.id, event["Description"]) == ("a", "\\é'")
        assert sum(bucket.total for bucket in service.timeline_events().buckets) == 21
        assert service.aggregate_events().total == 21


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_what_a_role_says_of_its_letters_counts_for_no_connection(
    postgres_server: PostgresServer, postgres_database: str, encoding: str
) -> None:
    name = postgres_database.rpartition("/")[2]
    postgres_server.execute(f"ALTER DATABASE {name} SET client_encoding = '{encoding}'")
    for schema in (None, "Größe"):
        with EventStorageService(url=postgres_database, schema=schema) as service:
            assert service.where.endswith(f"(schema {schema or 'public'})")
            service.database_create()
            service.insert_events([message("a", Category=["Größe"]), message("b"), message("c")])
            assert service.count_events({"categories": "Größe"}) == 1
            assert service.distinct_values("category") == ["Größe", "Recon.Scanning"]
    query = "SELECT length(relnamespace::regnamespace::text) FROM pg_class WHERE relname = 'event_store'"
    assert sorted(postgres_server.execute(query, dbname=name)) == [(len("public"),), (len('"Größe"'),)]


@pytest.mark.parametrize("threshold", [0, 1, None])
def test_who_wants_statements_prepared_gets_them_prepared(
    postgres_database: str, threshold: int | None
) -> None:
    with EventStorageService(url=postgres_database, prepare_threshold=threshold) as service:
        service.database_create()
        for number in range(3):
            service.insert_event(message(f"one-{number}"))
            service.insert_events([message(f"{number}-{one}") for one in range(5)])
            assert service.search_events({"limit": 3}, qname="some", timeout=60)[0] == 3
            assert len(list(service.stream_events({}, "some", timeout=60))) == 6 * (number + 1)
            assert sum(service.retain(datetime(2020, 1, 1, tzinfo=UTC))) == 0


def test_what_one_thread_forgets_another_tells_all_the_same(postgres_database: str) -> None:
    class Forgotten(Known):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, None if name in ("text_index", "block_sizes") else value)

    with closing(PostgresBackend({"conninfo": postgres_database})) as backend:
        backend.create()
    with closing(Connections({"conninfo": postgres_database})) as connections:
        session = PostgresSession(connections, Forgotten(), clock=None, text_index=False)
        assert session.text_index is True
        assert session.block_sizes() == 0
        session.close()


def test_a_borrowed_session_stores_in_the_transaction_of_its_owner(
    backend: PostgresBackend, postgres_database: str
) -> None:
    with psycopg.connect(postgres_database) as owner:
        owner.execute("CREATE TABLE findings (a int)")
        owner.commit()
        owner.execute("INSERT INTO findings VALUES (1)")
        session = BorrowedSession(owner)
        assert session.insert_rows(rows(1, 5)) == [True] * 5
        session.commit()
        with pytest.raises(EventStorageException):
            session.execute("SELECT nothing FROM nowhere")
        session.insert_rows(rows(6, 7))
        session.rollback()
        assert session.insert_rows(rows(8, 8)) == [True]
        assert [seq for (seq,) in session.stream("SELECT id FROM events ORDER BY seq")][-1] == "8"
        with session.named("borrowed", 60):
            assert session.execute("SELECT count(*) FROM events") == [(6,)]
        session.close()
        assert backend.session().execute("SELECT count(*) FROM events") == [(0,)]
        owner.commit()
        assert owner.execute("SELECT count(*) FROM findings").fetchone() == (1,)
        assert owner.execute("SELECT count(*) FROM events").fetchone() == (5,)
        BorrowedSession(owner).insert_rows(rows(100, 110))
        owner.rollback()
        assert owner.execute("SELECT count(*) FROM events").fetchone() == (5,)


def test_a_borrowed_session_finds_its_schema_and_leaves_the_owners_settings(postgres_database: str) -> None:
    there = PostgresBackend({"conninfo": postgres_database, "schema": "elsewhere"})
    there.create()
    with psycopg.connect(postgres_database, row_factory=psycopg.rows.dict_row) as owner:
        session = BorrowedSession(owner, schema="elsewhere")
        session.insert_rows(rows(1, 5))
        session.insert_rows(rows(6, 6))
        assert session.text_index
        session.commit()
        assert owner.execute("SELECT current_schema() AS it").fetchone() == {"it": "public"}
    assert there.session().execute("SELECT count(*) FROM events") == [(6,)]
    there.close()


@pytest.mark.parametrize("name", [None, "mine"])
def test_a_stream_of_a_borrowed_session_leaves_alone_what_its_owner_does_meanwhile(
    backend: PostgresBackend, postgres_database: str, clock: SteppingClock, name: str | None
) -> None:
    store(backend, rows(1, 30))
    with psycopg.connect(postgres_database) as owner:
        owner.execute("CREATE TABLE findings (id text)")
        owner.commit()
        cursor = EventStorageCursor(BorrowedSession(owner))
        assert cursor.count_events() == 30  # by now it knows the store
        cursor.commit()
        for event in cursor.stream_events(qname=name):
            owner.execute("INSERT INTO findings VALUES (%s)", (event.id,))
        cursor.close()
        assert owner.execute("SELECT count(*) FROM findings").fetchone() == (30,)

        cursor = EventStorageCursor(BorrowedSession(owner, clock=clock))
        stream = cursor.stream_events(qname=name)
        next(stream)
        cursor.insert_event(message("more"))
        cursor.commit()
        assert owner.execute("SELECT name FROM pg_cursors").fetchall() == []
        assert owner.execute("SHOW cursor_tuple_fraction").fetchone() == ("0.1",)
        del stream
        owner.commit()
        assert owner.execute("SELECT count(*) FROM events").fetchone() == (31,)


class CollectingDumper(StrDumper):
    """Writes a text of a statement; meanwhile garbage is collected."""

    def dump(self, obj: str) -> Buffer | None:
        gc.collect()
        return super().dump(obj)


@pytest.mark.parametrize("name", [None, "mine"])
def test_a_stream_of_a_borrowed_session_may_be_collected_as_garbage_while_its_part_ends(
    backend: PostgresBackend, postgres_database: str, name: str | None
) -> None:
    store(backend, rows(1, 30))
    found: list[object] = []

    def work() -> None:
        with psycopg.connect(postgres_database) as owner:
            cursor = EventStorageCursor(BorrowedSession(owner, schema="public"))
            left: list[Any] = [cursor.stream_events(qname=name)]
            next(left[0])
            left.append(left)  # only the collector finds it
            del left
            owner.adapters.register_dumper(str, CollectingDumper)
            cursor.commit()
            found.append(cursor.count_events())

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(60)  # only what is broken takes so long: it waits for itself
    assert found == [30]


@pytest.mark.parametrize("name", [None, "mine"])
@pytest.mark.parametrize("goes_on", [False, True])
def test_what_is_left_of_a_borrowed_session_leaves_alone_what_its_owner_does_next(
    backend: PostgresBackend, postgres_database: str, name: str | None, *, goes_on: bool
) -> None:
    store(backend, rows(1, 30))
    with psycopg.connect(postgres_database) as owner:
        owner.execute("CREATE TABLE findings (id text)")
        cursor = EventStorageCursor(BorrowedSession(owner))
        stream = cast("Generator[Idea]", cursor.stream_events(qname=name))
        next(stream)
        owner.commit()
        if goes_on:
            owner.execute("INSERT INTO findings VALUES ('one')")
        stream.close()
        cursor.close()
        status = TransactionStatus.INTRANS if goes_on else TransactionStatus.IDLE
        assert owner.info.transaction_status == status
        owner.execute("INSERT INTO findings VALUES ('two')")
        owner.commit()
        assert owner.execute("SELECT count(*) FROM findings").fetchone() == (1 + goes_on,)


def test_a_borrowed_session_needs_a_transaction(postgres_database: str, backend: PostgresBackend) -> None:
    with (
        psycopg.connect(postgres_database, autocommit=True) as owner,
        pytest.raises(EventStorageException, match="no open transaction"),
    ):
        BorrowedSession(owner).insert_rows(rows(1, 1))
    assert backend.session().execute("SELECT count(*) FROM events") == [(0,)]


def test_there_are_so_many_connections_at_most_and_one_that_was_forgotten_does_not_count(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_MOST", 2)
    monkeypatch.setattr(connections, "_PATIENCE_SECONDS", 0)
    with closing(Connections({"conninfo": postgres_database})) as pool:
        first, second = pool.take(), pool.take()
        with pytest.raises(StorageContentionError, match="all 2 connections are in use"):
            pool.take()
        pool.give(first)
        third = pool.take()
        assert third is first
        with pytest.raises(StorageContentionError):
            pool.take(fresh=True)

        third.close()
        del first, third  # as by who is interrupted before it gives it back
        gc.collect()
        for connection in (pool.take(), second):
            pool.give(connection)


def test_who_waits_for_a_connection_gets_the_first_that_is_given_back(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_MOST", 1)
    asked = threading.Event()

    class Asking(threading.Thread):
        got: Any = None

        def run(self) -> None:
            asked.set()
            self.got = pool.take()

    with closing(Connections({"conninfo": postgres_database})) as pool:
        only, asking = pool.take(), Asking()
        asking.start()
        assert asked.wait(60)
        pool.give(only)
        asking.join(60)
        assert asking.got is only
        pool.give(only)


def test_who_is_interrupted_amid_a_copy_goes_on(backend: PostgresBackend) -> None:
    with closing(backend.session()) as session:

        def begin_and_stop(connection: Connection) -> None:
            copy = connection.cursor().copy("COPY event_port FROM STDIN")
            copy.__enter__()  # nobody leaves it
            raise KeyboardInterrupt

        session.begin()
        with pytest.raises(KeyboardInterrupt):
            session.work(begin_and_stop)

        assert not session.in_transaction
        assert session.execute("SELECT count(*) FROM event_port") == [(0,)]


def test_a_borrowed_connection_that_is_left_amid_a_copy_is_closed(postgres_database: str) -> None:
    with psycopg.connect(postgres_database, autocommit=True) as owner:
        owner.execute("CREATE TABLE t (a int)")
    with (
        closing(psycopg.connect(postgres_database)) as connection,
        closing(BorrowedSession(connection)) as session,
    ):

        def begin_and_stop(connection: Connection) -> None:
            copy = connection.cursor().copy("COPY t FROM STDIN")
            copy.__enter__()  # nobody leaves it
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            session.work(begin_and_stop)

        assert session.broken
        assert connection.closed
