"""The parts of the backend by themselves: statements, keys, turns, settings, steps."""

from __future__ import annotations

import gc
import ipaddress
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import DataError, QueryCanceledException, StorageContentionError, StorageIntegrityError
from tocsin.eventstorage import EventStorageService
from tocsin.eventstorage.sqlite import SQLiteBackend, migrations
from tocsin.eventstorage.sqlite.inserting import address_key, array_text
from tocsin.eventstorage.sqlite.known import Known
from tocsin.eventstorage.sqlite.statements import Statement, translate
from tocsin.eventstorage.sqlite.turns import Turn, Turns
from tocsin.eventstorage.sqlite.watching import RunningQueries, Watch
from tocsin.testing.event_stores import message

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(_TEXTS).map(tuple) | st.lists(st.integers(0, 65535)).map(tuple))
def test_a_list_is_kept_as_compact_json(values: tuple[Any, ...]) -> None:
    assert array_text(values) == json.dumps(values, ensure_ascii=False, separators=(",", ":"))


@given(st.lists(st.ip_addresses(), min_size=2, max_size=2))
def test_keys_of_addresses_sort_as_addresses(addresses: list[Any]) -> None:
    one, two = ((address.version, int(address)) for address in addresses)
    assert (address_key(*one) < address_key(*two)) == (one < two)
    assert len(address_key(*one)) == (5 if one[0] == 4 else 17)


def test_the_key_of_an_address_is_its_family_and_its_bytes() -> None:
    address = ipaddress.ip_address("2001:db8::1")
    assert address_key(6, int(address)) == b"\x06" + address.packed


@pytest.mark.parametrize(
    ("query", "sql", "writes"),
    [
        ("SELECT %s", "SELECT ?", False),
        ("  select 1 %% 2 LIKE 'a%%'", "  select 1 % 2 LIKE 'a%'", False),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "WITH a AS (SELECT 1) SELECT * FROM a", False),
        ("with a AS (SELECT 1) insert INTO b SELECT %s", "with a AS (SELECT 1) insert INTO b SELECT ?", True),
        ("INSERT INTO a VALUES (%s) RETURNING b", "INSERT INTO a VALUES (?) RETURNING b", True),
        ("UPDATE a SET b = '%%s'", "UPDATE a SET b = '%s'", True),
        ("CREATE TABLE a (b)", "CREATE TABLE a (b)", True),
        ("VALUES (%s)", "VALUES (?)", False),
    ],
)
def test_statements_are_translated(query: str, sql: str, *, writes: bool) -> None:
    assert translate(query) == Statement(sql, writes)


@pytest.mark.parametrize("query", ["SELECT %d", "SELECT 5 % 2", "LIKE 'a%'", "%(name)s"])
def test_a_percent_sign_that_means_nothing_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match="%"):
        translate(query)


@pytest.mark.parametrize(
    "settings",
    [
        {"synchronous": "SOMETIMES"},
        {"cache_mib": 0},
        {"cache_mib": "much"},
        {"wal_pages": True},
        {"busy_timeout_seconds": -1},
        {"max_size_mib": float("nan")},
        {"colour": "red"},
    ],
)
def test_wrong_settings_are_named(path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=next(iter(settings))):
        SQLiteBackend(path, **settings)
    assert not path.exists()


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_a_database_in_memory_is_refused(path: str) -> None:
    with pytest.raises(DataError, match="file"):
        SQLiteBackend(path)


class TestTurns:
    def test_who_came_first_is_first(self) -> None:
        turns = Turns()
        order: list[int] = []
        in_line = threading.Semaphore(0)
        first, last = Turn(turns, 1, "file"), Turn(turns, 0, "file")
        first.take(lambda: None)

        def wait(number: int) -> None:
            turn = Turn(turns, 60, "file")
            turn.take(lambda: None)
            order.append(number)
            turn.give()

        with ThreadPoolExecutor(6) as pool:
            for number in range(6):
                pool.submit(wait, number)
                while len(turns._line) <= number + 1:
                    in_line.acquire(timeout=0.001)
            first.give()
        assert order == list(range(6))
        last.take(lambda: None)

    def test_who_gives_up_is_out_of_the_line(self) -> None:
        turns = Turns()
        first, hasty, patient, last = (Turn(turns, wait, "file") for wait in (1, 0.01, 60, 0))
        first.take(lambda: None)
        with pytest.raises(StorageContentionError):
            hasty.take(lambda: None)
        hasty.give()

        def leave() -> None:
            raise QueryCanceledException("enough")

        with pytest.raises(QueryCanceledException):
            patient.take(leave)
        patient.give()
        first.give()
        last.take(lambda: None)

    def test_a_turn_is_taken_and_given_once(self) -> None:
        turns = Turns()
        one, two = Turn(turns, 0.01, "file"), Turn(turns, 0.01, "file")
        one.take(lambda: None)
        one.take(lambda: None)
        with pytest.raises(StorageContentionError, match="file") as caught:
            two.take(lambda: None)
        assert caught.value.transient
        two.give()
        two.give()
        with pytest.raises(StorageContentionError):
            two.take(lambda: None)
        one.give()
        one.give()
        two.take(lambda: None)


class TestMigrations:
    @pytest.fixture
    def one_more_step(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def add_column(connection: sqlite3.Connection, text_index: bool) -> None:  # noqa: FBT001
            assert text_index
            connection.execute("ALTER TABLE event_rejects ADD COLUMN source TEXT")

        monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, add_column))

    def test_an_older_file_is_brought_up_to_date(
        self, path: Path, store: EventStorageService, request: pytest.FixtureRequest
    ) -> None:
        store.insert_event(message("a"))
        request.getfixturevalue("one_more_step")
        with EventStorageService(path=path) as newer:
            with pytest.raises(StorageIntegrityError, match="database_create"):
                newer.insert_event(message("b"))
            newer.database_create()
            newer.database_create()
            newer.insert_events([message("b"), b"rejected"])
            assert newer.count_events() == 2

    @pytest.mark.usefixtures("one_more_step")
    def test_an_older_tocsin_refuses_a_newer_file(
        self, path: Path, store: EventStorageService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.insert_event(message("a"))
        newest = len(migrations.STEPS)
        monkeypatch.setattr(migrations, "STEPS", migrations.STEPS[:1])
        with pytest.raises(StorageIntegrityError, match=f"version {newest}, this tocsin reads up to 1"):
            store.insert_event(message("b"))
        with pytest.raises(StorageIntegrityError, match="upgrade"):
            EventStorageService(path=path)

    def test_a_step_that_fails_changes_nothing(
        self, path: Path, store: EventStorageService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.insert_event(message("a"))

        def fail(connection: sqlite3.Connection, text_index: bool) -> None:  # noqa: ARG001, FBT001
            connection.execute("DROP TABLE event_rejects")
            connection.execute("SELECT * FROM nowhere")

        with monkeypatch.context() as patch:
            patch.setattr(migrations, "STEPS", (*migrations.STEPS, fail))
            with EventStorageService(path=path) as newer, pytest.raises(StorageIntegrityError):
                newer.database_create()
        store.database_create()
        assert [str(one.kind) for one in store.insert_events([message("b"), b"no"])] == ["new", "rejected"]


class _Forgotten(Known):
    """Another thread forgets what one has just learned."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value if name == "wants_text" else None)


def test_what_another_thread_forgets_is_told_all_the_same(tmp_path: Path) -> None:
    backend = SQLiteBackend(path=tmp_path / "events.db", text_index=True)
    backend.create()
    session = backend.session()
    known = _Forgotten(wants_text=False)
    with session.raw() as connection:
        assert known.has_text_index(connection) is True
        assert known.look_at_block_sizes(connection) == 0
    session.close()
    backend.close()


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give the time that those who limit queries see, to be set."""
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("tocsin.eventstorage.sqlite.watching.time", clock)
    return now


def test_a_time_limit_is_for_the_work_of_the_database(seconds: list[float]) -> None:
    watch = Watch("mine", 10.0, None, None)
    for _ in range(2):
        with watch.at_work(), watch.at_work():
            seconds[0] += 4.0
        seconds[0] += 100.0
    watch.check()

    with watch.at_work():
        seconds[0] += 2.5
        with pytest.raises(QueryCanceledException, match="mine ran longer than 10 s"):
            watch.check()
    assert watch.is_over()
    assert watch.duration == 210.5


class CollectingWatch(Watch):
    """A query; when it is looked at or put into a set, garbage is collected."""

    def __hash__(self) -> int:
        gc.collect()
        return super().__hash__()

    @property
    def has_ended(self) -> bool:
        gc.collect()
        return self._has_ended

    @has_ended.setter
    def has_ended(self, value: bool) -> None:
        self._has_ended = value


def test_a_query_may_end_as_garbage_while_another_one_becomes_known() -> None:
    running = RunningQueries()

    def query() -> Iterator[None]:
        watch = Watch("left", None, None, None)
        running.add(watch)
        try:
            yield
        finally:
            running.remove(watch)

    def work() -> None:
        first, second = (CollectingWatch(name, None, None, None) for name in ("first", "second"))
        running.add(first)
        left: list[Any] = [query()]
        next(left[0])
        left.append(left)  # only the collector finds it
        del left
        running.add(second)
        assert set(running.status()) == {"first", "second"}
        running.remove(first)
        assert list(running.status()) == ["second"]
        ends.append(running.cancel("first"))

    ends: list[bool] = []
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(60)  # only what is broken takes so long: it waits for itself
    assert ends == [False]


def test_who_reads_a_stream_may_take_its_time(tmp_path: Path, seconds: list[float]) -> None:
    with EventStorageService(path=tmp_path / "events.db") as store:
        store.database_create()
        store.insert_events(message(f"e{number}") for number in range(600))
        read = 0
        for _ in store.stream_events(timeout=5):
            seconds[0] += 1.0
            read += 1
    assert read == 600
