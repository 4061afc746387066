"""Tending: making and describing the tables, watching and ending queries, failing well."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.errors import (
    DataError,
    EventStorageException,
    QueryCanceledException,
    StorageConnectionException,
    StorageIntegrityError,
)
from tocsin.eventstorage import EventStorageService
from tocsin.eventstorage.columns import TABLES
from tocsin.testing.event_stores.base import EventStoreContract, FixedClock, message
from tocsin.testing.event_stores.sessions import session_of
from tocsin.testing.event_stores.storing import many

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["QueryContract", "TendingContract"]

_PATIENCE_SECONDS = 60
# Longer than any test; both databases know it.
_ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000000) "
    "SELECT count(*) FROM n"
)


class TendingContract(EventStoreContract):
    """Tables, indexes, and what is said about them."""

    def test_making_and_removing_the_tables_may_be_repeated(self, conncfg: dict[str, Any]) -> None:
        with EventStorageService(**conncfg) as store:
            store.database_drop()
            store.database_create()
            store.insert_events(many("a", 3))
            store.database_create()
            assert store.count_events() == 3
            store.database_drop()
            store.database_drop()
            store.database_create()
            assert store.count_events() == 0
            store.insert_events(many("a", 3))
            assert store.count_events() == 3

    def test_a_cursor_describes_the_database_and_changes_it_between_transactions(
        self, store: EventStorageService
    ) -> None:
        store.insert_event(message("a"))
        with store.cursor_new() as cursor:
            cursor.insert_event(message("b"))
            assert cursor.database_status(brief=True)["tables"]["events"]["rows"] == 1
            assert cursor.table_status("events", "detecttime")["rows"] == 1
            assert (cursor.queries_status(), cursor.query_status("x"), cursor.query_cancel("x")) == (
                {},
                {},
                None,
            )
            for change in (
                cursor.database_drop,
                cursor.database_create,
                cursor.index_drop,
                cursor.index_create,
                lambda: cursor.retain(datetime(2100, 1, 1, tzinfo=UTC)),
            ):
                with pytest.raises(EventStorageException, match="begun something"):
                    change()
            cursor.commit()
            cursor.index_drop()
            cursor.index_create()
            assert sum(cursor.retain(datetime(2100, 1, 1, tzinfo=UTC))) == 2
            cursor.database_drop()
            cursor.database_create()
            assert cursor.count_events() == 0
        with pytest.raises(EventStorageException, match="closed"):
            cursor.database_status()

    def test_changing_the_database_keeps_what_cursors_did(self, store: EventStorageService) -> None:
        store.cursor_new().insert_event(message("a"))
        store.index_drop()
        store.rollback()
        store.cursor_new().insert_event(message("b"))
        store.index_create()
        store.rollback()
        assert store.count_events() == 2

    def test_without_tables_it_is_said_what_to_do(self, conncfg: dict[str, Any]) -> None:
        with EventStorageService(**conncfg) as store:
            for use in (
                store.count_events,
                store.search_events,
                lambda: store.insert_events([message("a")]),
                lambda: store.insert_event(message("a")),
                lambda: store.delete_event("a"),
                lambda: list(store.stream_events()),
            ):
                with pytest.raises(StorageIntegrityError, match="database_create"):
                    use()
            store.database_create()
            store.insert_event(message("a"))
            assert store.count_events() == 1

    def test_a_newer_storage_is_refused_and_left_alone(
        self, conncfg: dict[str, Any], store: EventStorageService
    ) -> None:
        store.insert_event(message("a"))
        with session_of(conncfg) as session:
            session.execute_count("UPDATE event_store SET version = version + 1")
            session.commit()

        def open_and(use: Callable[[EventStorageService], object]) -> None:
            with EventStorageService(**conncfg) as other:
                use(other)

        for use in (EventStorageService.database_create, EventStorageService.database_drop):
            with pytest.raises(StorageIntegrityError, match="upgrade tocsin"):
                open_and(use)
        assert store.count_events() == 1

    @pytest.mark.parametrize("table", ["events", "thresholds", "event_values", "event_store"])
    def test_tables_of_others_are_refused_and_left_alone(self, conncfg: dict[str, Any], table: str) -> None:
        with session_of(conncfg) as session:
            session.execute(f"CREATE TABLE {table} (id text, note text)")
            session.execute(f"INSERT INTO {table} VALUES (%s, %s)", ("1", "ours"))
            session.commit()
        with EventStorageService(**conncfg) as store:
            with pytest.raises(StorageIntegrityError, match=table):
                store.database_create()
            try:
                store.database_drop()
            except StorageIntegrityError as error:
                assert table in str(error)  # noqa: PT017 - it may as well do nothing
        with session_of(conncfg) as session:
            assert session.execute(f"SELECT note FROM {table}") == [("ours",)]

    def test_indexes_come_and_go_and_searches_find_the_same(self, store: EventStorageService) -> None:
        store.insert_events(many("a", 20))
        for change in (store.index_drop, store.index_drop, store.index_create, store.index_create):
            change()
            assert store.count_events({"categories": "Recon.Scanning"}) == 20
            assert [one.kind for one in store.insert_events([message("a-00003")])] == ["duplicate"]
        store.index_drop()
        store.insert_events(many("b", 5))
        store.database_create()
        assert store.count_events() == 25

    def test_a_storage_without_a_text_index_says_how_to_get_one(self, conncfg: dict[str, Any]) -> None:
        with EventStorageService(**conncfg, text_index=False) as store:
            store.database_create()
            store.insert_event(message("a"))
            with pytest.raises(DataError, match="text"):
                store.search_events({"text": "idea"})
            assert store.count_events() == 1
        with EventStorageService(**conncfg, text_index=True) as store:
            store.insert_events(many("b", 2))
            with pytest.raises(DataError, match="text"):
                store.search_events({"text": "idea"})
            assert store.delete_events(all=True) == 3

    def test_a_text_index_is_kept_up_by_those_who_did_not_ask_for_one(self, conncfg: dict[str, Any]) -> None:
        with EventStorageService(**conncfg, text_index=True) as store:
            store.database_create()
        with EventStorageService(**conncfg, text_index=False) as store:
            store.insert_events([message("a", Note="needle"), message("b")])
            assert [event.id for event in store.search_events({"text": "needle"})[1]] == ["a"]
            store.delete_event("a")
            assert store.count_events({"text": "needle"}) == 0

    def test_a_text_of_too_many_words_is_refused(self, store: EventStorageService) -> None:
        words = [f"word{number}" for number in range(40_000)]
        store.insert_event(message("a", Note=" ".join(words[:1000])))
        assert store.count_events({"text": " ".join(words[:1000] * 3)}) == 1
        for count in (1001, 40_000):
            with pytest.raises(
                DataError, match=f"text has {count:,} different words.*1,000 at most"
            ) as caught:
                store.count_events({"text": " ".join(words[:count])})
            assert caught.value.parameter == "text"

    def test_the_status_tells_what_is_there(self, store: EventStorageService, clock: FixedClock) -> None:
        first = clock.now()
        store.insert_events(many("a", 30))
        clock.advance(minutes=5)
        store.insert_events([*many("b", 10), b"rejected"])

        status = store.database_status()

        tables = status["tables"]
        assert set(tables) == set(TABLES)
        assert tables["events"]["rows"] == tables["event_messages"]["rows"] == 40
        assert tables["event_rejects"]["rows"] == 1
        for table in tables.values():
            parts = [table[f"bytes_{part}"] for part in ("table", "index", "toast")]
            assert all(part >= 0 for part in parts)
            assert table["bytes_total"] == sum(parts)
        assert tables["events"]["bytes_table"] > 0
        assert tables["events"]["bytes_index"] > 0
        assert status["bytes_total"] >= tables["events"]["bytes_total"]
        assert status["settings"]
        assert "settings" not in store.database_status(brief=True)
        of_events = store.table_status("events", "storagetime")
        assert (of_events["rows"], of_events["oldest"], of_events["newest"]) == (40, first, clock.now())
        empty = store.table_status("thresholds", "ttltime")
        assert (empty["rows"], empty["oldest"], empty["newest"]) == (0, None, None)
        for table, column in (("nothing", "storagetime"), ("events", "id"), ("events; --", "storagetime")):
            with pytest.raises(DataError):
                store.table_status(table, column)

    def test_a_closed_service_says_so(self, conncfg: dict[str, Any]) -> None:
        store = EventStorageService(**conncfg, reconnect_seconds=0)
        store.database_create()
        store.insert_event(message("a"))
        store.close()
        store.close()
        for use in (store.count_events, lambda: store.insert_event(message("b")), store.database_create):
            with pytest.raises(StorageConnectionException):
                use()
        with EventStorageService(**conncfg) as other:
            assert other.count_events() == 1

    def test_closing_in_the_middle_of_everything_harms_nothing(self, conncfg: dict[str, Any]) -> None:
        store = EventStorageService(**conncfg)
        store.database_create()
        store.insert_events(many("a", 600))
        stream = store.stream_events()
        next(stream)
        cursor = store.cursor_new()
        cursor.insert_event(message("open"))
        store.close()
        stream.close()  # type: ignore[attr-defined]
        with EventStorageService(**conncfg) as other:
            other.insert_event(message("after"))
            assert other.count_events() == 601

    def test_an_error_leaves_the_service_usable(self, store: EventStorageService) -> None:
        store.insert_event(message("a"))
        for wrong in (
            lambda: store.insert_event(message("a")),
            lambda: store.insert_event(b"{"),
            lambda: store.search_events({"nothing": 1}),
            lambda: store.search_events({"limit": 10**30}),
            lambda: store.delete_events({}),
            lambda: store.table_status("nothing", "nothing"),
            lambda: store.read_since(-5),
        ):
            with pytest.raises(EventStorageException):
                wrong()
            assert store.count_events() == 1
        store.insert_event(message("b"))
        assert store.count_events() == 2


class QueryContract(EventStoreContract):
    """Running queries: seen by name, ended alone, or when their time is over."""

    def test_a_running_query_is_seen_and_ended(
        self, conncfg: dict[str, Any], store: EventStorageService
    ) -> None:
        assert store.queries_status() == {}
        with ThreadPoolExecutor(2) as pool:
            running = {name: pool.submit(_run_endless, conncfg, name) for name in ("one", "two")}
            try:
                for name in running:
                    _wait_for(lambda name=name: store.query_status(name))  # type: ignore[misc]
                status = store.query_status("one")
                assert status["query_name"] == "one"
                assert status["pid"] > 0
                assert status["duration"] >= 0
                assert {"user", "application", "client", "started_at", "waiting", "state"} <= set(status)
                assert set(store.queries_status()) == {"one", "two"}

                assert store.query_cancel("one") is True
                with pytest.raises(QueryCanceledException):
                    running["one"].result(_PATIENCE_SECONDS)
                assert not running["two"].done()
                _wait_for(lambda: store.query_status("one") == {})
                assert store.query_cancel("one") is None
                assert store.query_status("two")["query_name"] == "two"
            finally:
                store.query_cancel("two")
                store.query_cancel("one")
            with pytest.raises(QueryCanceledException):
                running["two"].result(_PATIENCE_SECONDS)
        _wait_for(lambda: store.queries_status() == {})

    def test_who_is_unknown_is_not_ended(self, store: EventStorageService) -> None:
        assert store.query_cancel("nobody") is None
        assert store.query_status("nobody") == {}
        for hostile in ("'; --", "a b", "", "x" * 200, "*/"):
            assert store.query_cancel(hostile) is None
            with pytest.raises(DataError):
                store.count_events(qname=hostile)

    def test_a_query_has_a_time_limit_and_the_session_goes_on(
        self, conncfg: dict[str, Any], store: EventStorageService
    ) -> None:
        store.insert_event(message("a"))
        with session_of(conncfg) as session:
            for name in (None, "limited"):
                with pytest.raises(QueryCanceledException), session.named(name, 0.05):
                    session.execute(_ENDLESS)
                assert session.execute("SELECT count(*) FROM events") == [(1,)]
            with session.named("in.time", 60):
                assert session.execute("SELECT count(*) FROM events") == [(1,)]
        assert store.queries_status() == {}

    def test_a_limit_is_for_its_block_alone(self, conncfg: dict[str, Any]) -> None:
        release = threading.Event()
        with session_of(conncfg) as session:
            with session.named("short", 0.5):  # a slow machine needs more than a few milliseconds
                session.execute("SELECT 1")
            release.wait(0.6)  # the limit is over by now
            assert session.execute("SELECT 1") == [(1,)]

    def test_searches_take_a_name_and_a_limit(self, store: EventStorageService) -> None:
        store.insert_events(many("a", 10))
        assert store.search_events(qname="reporting:daily.1", timeout=60)[0] == 10
        assert len(list(store.stream_events(qname="reporting:daily.1", timeout=60))) == 10
        assert store.count_events(qname="reporting:daily.1", timeout=60) == 10
        assert store.queries_status() == {}

    def test_what_is_cancelled_leaves_the_transaction_undone(
        self, conncfg: dict[str, Any], store: EventStorageService
    ) -> None:
        with session_of(conncfg) as session:
            session.begin()
            session.execute_count("DELETE FROM event_rejects")
            with pytest.raises(QueryCanceledException), session.named("long", 0.05):
                session.execute(_ENDLESS)
            session.rollback()
            assert not session.in_transaction
            store.insert_event(message("a"))
            assert session.execute("SELECT count(*) FROM events") == [(1,)]


def _run_endless(conncfg: Mapping[str, Any], name: str) -> None:
    with session_of(conncfg) as session, session.named(name, _PATIENCE_SECONDS):
        session.execute(_ENDLESS)


def _wait_for(condition: Callable[[], object]) -> None:
    """Ask until it holds; each question lets the other threads run."""
    for _ in range(100_000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it never came to this")
