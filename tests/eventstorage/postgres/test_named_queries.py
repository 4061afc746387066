from __future__ import annotations

import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import psycopg
import pytest

from tocsin.errors import DataError, QueryCanceledException
from tocsin.eventstorage.postgres import PostgresBackend
from tocsin.eventstorage.postgres.borrowed import BorrowedSession
from tocsin.eventstorage.postgres.naming import GATE, name_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers.postgres import PostgresServer

_STANDING = """\
SELECT substring(query FROM 'tocsin:(\\w+)'), current_setting('statement_timeout')
FROM pg_stat_activity WHERE pid = pg_backend_pid()"""
_ENDLESS = "SELECT count(*) FROM generate_series(1, 1000000000000)"


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[Exception]]:
    """Start work whose error is wanted."""
    errors: list[Exception] = []

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - it is what is asked for
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


def named(backend: PostgresBackend, name: str, query: str) -> None:
    with closing(backend.session()) as session, session.named(name, None):
        session.execute(query)


def test_running_queries_are_described(backend: PostgresBackend) -> None:
    thread, errors = in_thread(lambda: named(backend, "the.report:7", _ENDLESS))
    while not (found := backend.queries()):
        assert thread.is_alive()

    assert backend.cancel("the.report:7")
    thread.join()

    [described] = found.values()
    assert set(described) == {
        "pid", "user", "application", "client", "started_at", "waiting", "state", "duration", "query_name",
    }  # fmt: skip
    assert (described["query_name"], described["user"], described["application"], described["state"]) == (
        "the.report:7", "postgres", "tocsin", "active",
    )  # fmt: skip
    assert [type(error) for error in errors] == [QueryCanceledException]
    assert backend.queries() == {}


def test_a_cancelled_query_leaves_the_other_ones_alone(backend: PostgresBackend) -> None:
    first, first_errors = in_thread(lambda: named(backend, "first", _ENDLESS))
    second, second_errors = in_thread(lambda: named(backend, "second", _ENDLESS))
    while len(backend.queries()) < 2:
        assert first.is_alive()

    assert backend.cancel("first")
    first.join()

    assert list(backend.queries()) == ["second"]
    assert backend.cancel("second")
    second.join()
    assert len(first_errors) == len(second_errors) == 1
    assert not backend.cancel("first")


def test_a_cancellation_never_hits_what_the_session_does_next(backend: PostgresBackend) -> None:
    over = threading.Event()
    hits = []

    def cancel() -> None:
        while not over.is_set():
            hits.append(backend.cancel("victim"))

    thread, errors = in_thread(cancel)
    session = backend.session()
    cancelled = rounds = 0
    while rounds < 300 or (not cancelled and rounds < 30_000):  # a machine may be slow to cancel
        rounds += 1
        try:
            with session.named("victim", None):
                session.execute("SELECT pg_sleep(0.0005)")
        except QueryCanceledException:
            cancelled += 1
        session.execute("SELECT pg_sleep(0.0005)")
        session.begin()
        session.execute_count("UPDATE event_store SET version = version")
        session.commit()
    over.set()
    thread.join()

    assert not errors
    assert 0 < cancelled <= sum(hits)


def test_a_stream_is_cancelled_between_two_pages(backend: PostgresBackend) -> None:
    session = backend.session()
    with session.named("stream", None):
        stream = session.stream("SELECT generate_series(1, 1000000000)")
        next(stream)
        assert backend.queries()["stream"]["state"] == "idle in transaction"
        thread, errors = in_thread(lambda: backend.cancel("stream"))
        with pytest.raises(QueryCanceledException, match="stream was cancelled"):
            for _ in stream:
                pass
    thread.join()

    assert not errors
    assert not session.in_transaction
    assert session.execute("SELECT 1") == [(1,)]


def test_a_cancellation_of_a_stream_never_hits_who_has_its_connection_next(
    backend: PostgresBackend, postgres_database: str
) -> None:
    def read() -> None:
        with closing(backend.session()) as session, session.named("stream", None):
            seen.extend(session.stream(rows))

    seen: list[object] = []
    # The second page, the last one, waits.
    rows = "SELECT n FROM generate_series(1, 21) n WHERE n < 21 OR pg_advisory_xact_lock(21) IS NULL"
    waiting = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND NOT granted"
    with psycopg.connect(postgres_database, autocommit=True) as canceller:
        canceller.execute("SELECT pg_advisory_lock(21)")
        thread, errors = in_thread(read)
        while not (pids := canceller.execute(waiting, (0,)).fetchall()):
            assert thread.is_alive()
        canceller.execute("SELECT pg_advisory_lock(%s, %s)", (GATE, *pids[0]))
        canceller.execute("SELECT pg_advisory_unlock(21)")
        while not (at_the_gate := canceller.execute(waiting, (GATE,)).fetchall()):
            assert thread.is_alive()
        assert at_the_gate == pids
        assert [connection.info.backend_pid for connection in backend._connections._idle] == []
    thread.join()
    assert not errors
    assert len(seen) == 20


def test_a_limit_holds_for_its_block_only(backend: PostgresBackend) -> None:
    session = backend.session()
    setting = "SELECT current_setting('statement_timeout')"
    for name in (None, "limited"):
        with pytest.raises(QueryCanceledException, match="ran longer than"), session.named(name, 0.05):
            session.execute(_ENDLESS)
        assert session.execute(setting) == [("0",)]

    session.begin()
    session.execute_count("SET LOCAL statement_timeout = '50s'")
    with session.named("inside", 20):
        assert session.execute(setting) == [("20s",)]
        with session.named("innermost", 10):
            assert session.execute(setting) == [("10s",)]
        assert session.execute(setting) == [("20s",)]
    assert session.execute(setting) == [("50s",)]
    session.commit()
    assert session.execute(setting) == [("0",)]


def test_the_pages_of_a_stream_have_one_limit_together(backend: PostgresBackend) -> None:
    session = backend.session()
    slow = "SELECT pg_sleep(0.01) FROM generate_series(1, 1000000)"
    with pytest.raises(QueryCanceledException, match="ran longer"), session.named("slow", 0.5):
        for _ in session.stream(slow):
            pass
    assert session.execute("SELECT 1") == [(1,)]


@pytest.mark.parametrize("name", ["", "a b", "a*/", "x" * 64, "a;b", "a\n", "%s"])
def test_names_that_are_none_are_refused(backend: PostgresBackend, name: str) -> None:
    with pytest.raises(DataError, match="no name of a query"), backend.session().named(name, None):
        pass
    assert name_in(f"/* tocsin:{name} */ SELECT 1") is None


def test_a_comment_of_others_is_no_name() -> None:
    assert name_in("/* tocsin:a */ SELECT 1") == "a"
    assert name_in("SELECT 1 /* tocsin:a */ ") is None
    assert name_in("/* tocsin:a */SELECT 1") is None


def test_the_queries_of_other_databases_and_of_other_roles_do_not_show(
    backend: PostgresBackend, postgres_server: PostgresServer, postgres_database: str
) -> None:
    elsewhere = postgres_server.create_database()
    postgres_server.execute("CREATE ROLE onlooker LOGIN")
    thread, _ = in_thread(lambda: named(backend, "mine", _ENDLESS))
    while not backend.queries():
        assert thread.is_alive()
    try:
        with psycopg.connect(postgres_database) as connection:
            connection.execute("CREATE SCHEMA theirs AUTHORIZATION onlooker")
        for url in (
            postgres_server.dsn(elsewhere),
            postgres_database.replace("postgres@", "onlooker@") + "?options=-csearch_path%3Dtheirs",
        ):
            other = PostgresBackend({"conninfo": url})
            assert other.queries() == {}
            assert not other.cancel("mine")
            other.close()
        assert thread.is_alive()
    finally:
        with suppress(QueryCanceledException):
            assert backend.cancel("mine")
        thread.join()
        postgres_server.drop_database(elsewhere)
        with psycopg.connect(postgres_database) as connection:
            connection.execute("DROP OWNED BY onlooker")
        postgres_server.execute("DROP ROLE onlooker")


@pytest.mark.parametrize("order", ["abc", "cab", "bca", "cba"])
def test_named_streams_leave_nothing_behind_in_whatever_order_they_end(
    backend: PostgresBackend, order: str
) -> None:
    def stream(name: str, timeout: float | None) -> Iterator[object]:
        with session.named(name, timeout):
            yield from session.stream("SELECT generate_series(1, 50)")

    with closing(backend.session()) as session, session.named("outer", 80):
        streams = {"a": stream("a", 60), "b": stream("b", None), "c": stream("c", 70)}
        for one in streams.values():
            next(one)
        for name in order:
            assert len(list(streams[name])) == 49
            assert session.execute(_STANDING) == [("outer", "80s")]
    with closing(backend.session()) as session:
        streams = {"a": stream("a", 60), "b": stream("b", None), "c": stream("c", 70)}
        session.begin()
        for one in streams.values():
            next(one)
        for name in order:
            assert len(list(streams[name])) == 49
        assert session.execute(_STANDING) == [(None, "0")]
        session.commit()


def test_a_statement_has_the_shortest_limit_of_the_blocks_around_it(backend: PostgresBackend) -> None:
    limit = "SELECT current_setting('statement_timeout')"
    with closing(backend.session()) as session:
        with session.named("outer", 60):
            with session.named("inner", 70):
                assert session.execute(limit) == [("1min",)]
            with session.named("inner", 50):
                assert session.execute(limit) == [("50s",)]
            assert session.execute(limit) == [("1min",)]
            session.commit()
            session.begin()
            assert session.execute(limit) == [("1min",)]  # of the next transaction, too
        assert session.execute(limit) == [("0",)]


def test_a_borrowed_connection_gets_its_limit_back(postgres_database: str) -> None:
    limit = "SELECT current_setting('statement_timeout')"
    with psycopg.connect(postgres_database) as connection, closing(BorrowedSession(connection)) as session:
        connection.execute("SET LOCAL statement_timeout = '90s'")
        with session.named("mine", 60):
            assert session.execute(limit) == [("1min",)]
            session.commit()
            assert connection.execute(limit).fetchall() == [("90s",)]
            assert session.execute(limit) == [("1min",)]
        assert connection.execute(limit).fetchall() == [("90s",)]
