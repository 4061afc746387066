"""Sessions: lent connections, time limits, threads that end, processes that fork."""

from __future__ import annotations

import gc
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.database.migrations import migrate
from tocsin.database.sqlite import SQLiteManager
from tocsin.errors import (
    DataError,
    EventStorageException,
    QueryCanceledException,
    StorageConnectionException,
    StorageContentionError,
    StorageIntegrityError,
)
from tocsin.eventstorage import EventStorageService
from tocsin.eventstorage.cursor import EventStorageCursor
from tocsin.eventstorage.sqlite import SQLiteBackend, SQLiteSession
from tocsin.testing.event_stores import FixedClock, message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def _many(prefix: str, count: int) -> list[dict[str, Any]]:
    return [message(f"{prefix}-{number}") for number in range(count)]


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
def backend(path: Path) -> Iterator[SQLiteBackend]:
    backend = SQLiteBackend(path, busy_timeout_seconds=5)
    backend.create()
    yield backend
    backend.close()


@pytest.fixture
def only_collected_by_hand() -> Iterator[None]:
    """Leave garbage to who collects it."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("only_collected_by_hand")
def test_who_collects_a_stream_does_not_wait_for_a_thread_that_waits_for_him(
    store: EventStorageService,
) -> None:
    def wait() -> None:
        with store.cursor_new() as cursor:
            left: list[Any] = [cursor.stream_events()]
            next(left[0])
            left.append(left)  # only the collector finds it
            del left
            removed.append(cursor.delete_events({"ids": ["a-1"]}, qname="waits"))
            cursor.commit()

    store.insert_events(_many("a", 3))
    removed: list[int] = []
    with store.cursor_new() as cursor:
        cursor.insert_event(message("b"))  # which takes the turn
        thread = threading.Thread(target=wait)
        thread.start()
        while not store.queries_status().get("waits", {}).get("waiting"):
            assert thread.is_alive()
        gc.collect()
        cursor.commit()
    thread.join()
    assert removed == [1]


@pytest.mark.usefixtures("store")
class TestLentConnections:
    @pytest.fixture
    def owner(self, path: Path) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("CREATE TABLE detections (name TEXT)")
            yield connection

    def test_events_are_kept_with_the_owners_transaction(
        self, store: EventStorageService, owner: sqlite3.Connection
    ) -> None:
        owner.execute("BEGIN IMMEDIATE")
        owner.execute("INSERT INTO detections VALUES ('found')")
        with EventStorageCursor(SQLiteSession.over(owner, clock=FixedClock())) as cursor:
            cursor.insert_events(_many("a", 3))
            assert cursor.count_events() == 3
            assert cursor.fetch_event("a-1") is not None
            cursor.commit()
        assert owner.in_transaction
        assert store.count_events() == 0
        owner.execute("COMMIT")
        assert store.count_events() == 3

    def test_events_are_undone_with_the_owners_transaction(
        self, store: EventStorageService, owner: sqlite3.Connection
    ) -> None:
        owner.execute("BEGIN IMMEDIATE")
        with EventStorageCursor(SQLiteSession.over(owner)) as cursor:
            cursor.insert_events(_many("a", 3))
            cursor.commit()
        owner.execute("ROLLBACK")
        assert store.count_events() == 0
        store.insert_event(message("a-0"))

    def test_an_error_undoes_the_session_and_not_the_owner(
        self, store: EventStorageService, owner: sqlite3.Connection
    ) -> None:
        store.insert_event(message("there"))
        owner.execute("BEGIN IMMEDIATE")
        owner.execute("INSERT INTO detections VALUES ('found')")
        with EventStorageCursor(SQLiteSession.over(owner)) as cursor:
            cursor.insert_event(message("committed"))
            cursor.commit()
            cursor.insert_event(message("undone"))
            with pytest.raises(StorageIntegrityError):
                cursor.insert_event(message("there"))
        owner.execute("COMMIT")
        assert sorted(event.id for event in store.search_events()[1]) == ["committed", "there"]
        assert owner.execute("SELECT count(*) FROM detections").fetchone()[0] == 1

    def test_what_is_left_open_is_undone(self, store: EventStorageService, owner: sqlite3.Connection) -> None:
        owner.execute("BEGIN IMMEDIATE")
        with EventStorageCursor(SQLiteSession.over(owner)) as cursor:
            cursor.insert_event(message("a"))
        owner.execute("COMMIT")
        assert store.count_events() == 0

    def test_without_a_transaction_nothing_is_written(self, owner: sqlite3.Connection) -> None:
        session = SQLiteSession.over(owner)
        with pytest.raises(EventStorageException, match="begin"):
            session.begin()
        assert not owner.in_transaction
        assert session.execute("SELECT count(*) FROM events") == [(0,)]

    def test_a_connection_of_the_owner_without_tables_says_so(self, tmp_path: Path) -> None:
        with closing(sqlite3.connect(tmp_path / "other.db", isolation_level=None)) as owner:
            owner.execute("BEGIN")
            with pytest.raises(StorageIntegrityError, match="database_create"):
                EventStorageCursor(SQLiteSession.over(owner)).insert_event(message("a"))


def test_the_file_of_a_project_holds_events_as_well(path: Path, assert_sound: Callable[[Path], None]) -> None:
    clock = FixedClock()
    with SQLiteManager(path, clock=clock) as manager:
        migrate(manager)
        with EventStorageService(path=path, clock=clock) as store:
            store.database_create()
            store.insert_events(_many("a", 50))
            migrate(manager)
            clock.advance(days=1)
            assert sum(store.retain(clock.now())) == 50
            store.insert_events(_many("b", 5))
            tables = manager.execute_query("SELECT name FROM sqlite_master WHERE name LIKE '_tocsin_%'")
            store.database_drop()
            assert (
                manager.execute_query("SELECT name FROM sqlite_master WHERE name LIKE '_tocsin_%'") == tables
            )
            store.database_create()
    assert_sound(path)


def test_a_file_gives_back_the_space_of_what_was_deleted(
    path: Path, assert_sound: Callable[[Path], None]
) -> None:
    clock = FixedClock()
    with EventStorageService(path=path, clock=clock) as store:
        store.database_create()
        store.insert_events([message(f"a-{number}", Note="x" * 2000) for number in range(1500)])
        before = store.database_status(brief=True)["bytes_total"]
        clock.advance(days=1)
        steps = list(store.retain(clock.now(), batch=400))
        after = store.database_status(brief=True)["bytes_total"]
    assert max(steps) <= 400
    assert sum(steps) == 1500
    assert after < before / 4
    assert path.stat().st_size < before / 2
    assert_sound(path)


def test_giving_space_back_can_stop_anywhere(path: Path, assert_sound: Callable[[Path], None]) -> None:
    clock = FixedClock()
    with EventStorageService(path=path, clock=clock) as store:
        store.database_create()
        store.insert_events([message(f"a-{number}", Note="x" * 3000) for number in range(600)])
        clock.advance(days=1)
        steps = store.retain(clock.now())
        for _ in steps:
            if store.count_events() == 0:
                break
        steps.close()  # type: ignore[attr-defined]
        assert_sound(path)
        store.insert_events(_many("b", 10))
        assert sum(store.retain(clock.now())) == 0
        assert store.count_events() == 10
    assert_sound(path)


def _outlast(session: SQLiteSession) -> None:
    """Go on for longer than a block may, after one within it that might go on for longer."""
    with session.named("outer", 0.2):
        with session.named("inner", 60):
            session.execute("SELECT 1")
        session.execute(_ENDLESS)


class TestLimits:
    def test_a_search_that_waits_for_the_lock_is_over_in_time(
        self, path: Path, backend: SQLiteBackend
    ) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            session = backend.session()
            with pytest.raises(QueryCanceledException, match="longer"), session.named("waits", 0.05):
                session.delete_events("SELECT seq FROM events", ())
            other.execute("ROLLBACK")
            assert session.delete_events("SELECT seq FROM events", ()) == 0
            session.close()

    def test_who_waits_for_the_lock_can_be_cancelled(self, backend: SQLiteBackend) -> None:
        holder = backend.session()
        holder.begin()

        def wait() -> int:
            session = backend.session()
            try:
                with session.named("waits", None):
                    return session.delete_events("SELECT seq FROM events", ())
            finally:
                session.close()

        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(wait)
            while not backend.queries().get("waits", {}).get("waiting"):
                threading.Event().wait(0.001)
            assert backend.cancel("waits")
            with pytest.raises(QueryCanceledException, match="waits was cancelled"):
                waiting.result(60)
        holder.rollback()
        holder.begin()
        holder.close()

    def test_a_cancelled_stream_leaves_other_statements_of_its_session_alone(
        self, backend: SQLiteBackend, store: EventStorageService
    ) -> None:
        store.insert_events(_many("a", 2000))
        session = backend.session()

        def numbers(name: str) -> Iterator[Any]:
            with session.named(name, 60):
                yield from session.stream("SELECT seq FROM events ORDER BY seq")

        one, two = numbers("one"), numbers("two")
        assert next(one) == next(two) == (1,)
        assert set(backend.queries()) == {"one", "two"}
        assert backend.cancel("one")
        assert session.execute("SELECT count(*) FROM events") == [(2000,)]
        with pytest.raises(QueryCanceledException, match="one"):
            list(one)
        assert sum(1 for _ in two) == 1999
        assert backend.queries() == {}
        session.close()

    def test_blocks_within_blocks_keep_their_own_limits(self, backend: SQLiteBackend) -> None:
        session = backend.session()
        with session.named("outer", 60):
            with pytest.raises(QueryCanceledException, match="inner"), session.named("inner", 0.01):
                session.execute(_ENDLESS)
            assert session.execute("SELECT 1") == [(1,)]
        with pytest.raises(QueryCanceledException, match="outer"):
            _outlast(session)
        assert session.execute("SELECT 1") == [(1,)]
        session.close()

    def test_two_services_of_a_process_see_each_others_queries(
        self, path: Path, backend: SQLiteBackend
    ) -> None:
        with EventStorageService(path=path) as other:
            session = backend.session()
            with session.named("theirs", None):
                assert set(other.queries_status()) == {"theirs"}
                assert other.query_cancel("theirs") is True
                with pytest.raises(QueryCanceledException):
                    session.execute("SELECT 1")
            session.close()


class TestThreadsAndProcesses:
    def test_a_thread_that_ends_without_a_word_gives_everything_back(
        self, path: Path, store: EventStorageService
    ) -> None:
        def leave() -> None:
            next(store.stream_events())
            cursor = store.cursor_new()
            cursor.insert_event(message("open"))

        store.insert_events(_many("a", 600))
        thread = threading.Thread(target=leave)
        thread.start()
        thread.join()
        gc.collect()
        with EventStorageService(path=path, busy_timeout_seconds=0.2, reconnect_seconds=0) as other:
            other.insert_event(message("next"))
        assert store.fetch_event("open") is None
        assert store.count_events() == 601

    def test_many_threads_one_after_the_other_do_not_heap_up_connections(
        self, store: EventStorageService
    ) -> None:
        def count() -> None:
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda _: store.count_events(), range(8)))

        count()
        gc.collect()
        before = _open_files()
        for _ in range(10):
            count()
        gc.collect()
        assert _open_files() <= before + 3 * 4

    def test_closing_ends_what_runs_in_other_threads(self, path: Path) -> None:
        backend = SQLiteBackend(path)
        backend.create()
        holder = backend.session()
        holder.begin()

        def endless() -> Any:
            session = backend.session()
            with session.named("endless", None):
                return session.execute(_ENDLESS)

        def waiting() -> None:
            session = backend.session()
            with session.named("waiting", None):
                session.begin()

        with ThreadPoolExecutor(2) as pool:
            running = [pool.submit(endless), pool.submit(waiting)]
            while set(backend.queries()) != {"endless", "waiting"}:
                threading.Event().wait(0.001)
            backend.close()
            for one in running:
                with pytest.raises((StorageConnectionException, QueryCanceledException)):
                    one.result(60)
        with EventStorageService(path=path, busy_timeout_seconds=1) as store:
            store.insert_event(message("a"))

    def test_a_process_that_forked_says_so_and_harms_nothing(
        self, path: Path, store: EventStorageService, start: Callable[..., Any]
    ) -> None:
        store.insert_events(_many("a", 10))
        program = start("fork", path)
        kind, sentence = program.read()
        assert kind == "StorageConnectionException"
        assert "another process" in sentence
        assert program.read() == 12
        assert store.count_events() == 12


class TestValues:
    def test_what_does_not_fit_is_a_data_error(self, backend: SQLiteBackend) -> None:
        session = backend.session()
        for wrong in (2**63, "\ud800", object(), b"x" * 1_000_000_001):
            with pytest.raises(DataError):
                session.execute("SELECT %s", (wrong,))
            assert session.execute("SELECT %s", ("fine",)) == [("fine",)]
        session.close()

    def test_times_are_exact_to_the_microsecond_and_of_any_zone(self, backend: SQLiteBackend) -> None:
        session = backend.session()
        instant = datetime(2026, 3, 29, 1, 30, 0, 123457, tzinfo=UTC)
        assert session.from_time(session.to_time(instant)) == instant
        early = datetime(1, 1, 1, tzinfo=UTC)
        assert session.from_time(session.to_time(early)) == early
        late = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
        assert session.from_time(session.to_time(late)) == late
        session.close()

    def test_the_database_has_a_clock_of_its_own(self, path: Path) -> None:
        with EventStorageService(path=path) as store:
            store.database_create()
            store.insert_event(message("a"))
            [event], _ = store.read_since(None)
            assert event.storagetime is not None
            assert event.storagetime > datetime(2020, 1, 1, tzinfo=UTC)
            assert store.watchdog_events(timedelta(days=1))

    def test_a_statement_that_writes_waits_for_the_commit(self, path: Path, backend: SQLiteBackend) -> None:
        session = backend.session()
        row = session.execute(
            "INSERT INTO event_rejects VALUES (%s, %s, %s, %s) RETURNING reason", (1, "why", b"what", b"d")
        )
        assert row == [("why",)]
        assert session.in_transaction
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("SELECT count(*) FROM event_rejects").fetchone() == (0,)
        session.commit()
        assert not session.in_transaction
        session.close()
        session.close()
        with pytest.raises(StorageConnectionException):
            session.execute("SELECT 1")

    def test_reading_in_the_middle_of_a_stream_and_writing_too(
        self, backend: SQLiteBackend, store: EventStorageService
    ) -> None:
        store.insert_events(_many("a", 1000))
        with store.cursor_new() as cursor:
            for place, event in enumerate(islice(cursor.stream_events(), 600)):
                if place % 100 == 0:
                    assert cursor.delete_event(event.id)
            cursor.commit()
        assert store.count_events() == 994
        assert backend.queries() == {}

    def test_a_stale_view_cannot_become_a_writer_and_says_so(
        self, backend: SQLiteBackend, store: EventStorageService
    ) -> None:
        store.insert_events(_many("a", 1000))
        session = backend.session()
        rows = session.stream("SELECT seq FROM events")
        next(rows)
        store.insert_event(message("later"))
        with pytest.raises(StorageContentionError):
            session.begin()
        rows.close()  # type: ignore[attr-defined]
        session.begin()
        session.close()
