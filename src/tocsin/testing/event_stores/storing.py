"""Storing: what was acknowledged is there, once, whole and as it came."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import DataError, EventStorageException, StorageIntegrityError
from tocsin.eventstorage import Idea, InsertKind
from tocsin.testing.event_stores.base import EventStoreContract, FixedClock, examples, message
from tocsin.testing.event_stores.sessions import session_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.eventstorage import EventStorageService

__all__ = ["CursorContract", "StoringContract", "many"]

NEW, DUPLICATE, REJECTED = InsertKind.NEW, InsertKind.DUPLICATE, InsertKind.REJECTED

_HOSTILE_IDS: tuple[str, ...] = (
    "'; DROP TABLE events; --",
    '"quoted"',
    "%s %(a)s %%",
    "?1 :a @a $1",
    "{}[](),\\",
    "\\N",
    "\\.",
    "Robert\\'); --",
    " leading and trailing ",
    "UPPER",
    "upper",
    "Straße",
    "STRASSE",
    "é",
    "e\u0301",
    "数据",
    "🦉",
    "\u202eabc",
    "NULL",
    "0",
    "00",
    "0.0",
    "x" * 250,
)
_ORIGINALS: tuple[Any, ...] = (
    b'{"ID":"a","Format":"IDEA0","DetectTime":"2026-03-01T11:00:00Z","Category":["Test"]}',
    b'{ "Category" : ["Test"],\n\t"DetectTime":"2026-03-01T11:00:00Z", "Format":"IDEA0","ID":"b" }',
    rb'{"ID":"c","Format":"IDEA0","DetectTime":"2026-03-01T11:00:00Z","Category":["Test"],"Note":"a\u0000b"}',
    rb'{"ID":"d","Format":"IDEA0","DetectTime":"2026-03-01T11:00:00Z","Category":["Test"],"Note":"\ud800"}',
    '{"ID":"e","Format":"IDEA0","DetectTime":"2026-03-01T11:00:00Z","Category":["Ä数🦉"],"x":1.50}'.encode(),
    b'{"ID":"f","Format":"IDEA0","DetectTime":"never","Category":"Test","ConnCount":1e2,"Deep":{"a":[[[]]]}}',
    b'{"ID":"g","Format":"IDEA0","DetectTime":"2026-03-01T11:00:00Z","Category":["Test"],"Note":"'
    + b"long " * 100_000
    + b'"}',
)


def many(prefix: str, count: int, **content: Any) -> list[dict[str, Any]]:
    """Make messages with ids that begin alike."""
    return [message(f"{prefix}-{number:05}", **content) for number in range(count)]


def _kinds(store: EventStorageService, ideas: list[Any], **options: Any) -> list[InsertKind]:
    return [result.kind for result in store.insert_events(ideas, **options)]


class StoringContract(EventStoreContract):
    """One event or many, in batches and transactions."""

    @pytest.mark.parametrize("form", ["mapping", "text", "bytes", "Idea"])
    def test_an_event_comes_in_any_form(self, store: EventStorageService, form: str) -> None:
        content = message("a", Note="ü")
        text = json.dumps(content)
        forms: dict[str, Any] = {
            "mapping": content,
            "text": text,
            "bytes": text.encode(),
            "Idea": Idea.from_json(text),
        }

        store.insert_event(forms[form])

        event = store.fetch_event("a")
        assert event is not None
        assert dict(event) == content
        assert store.count_events() == 1

    def test_what_was_stored_is_fetched_equal_and_byte_by_byte(self, store: EventStorageService) -> None:
        assert set(_kinds(store, [*_ORIGINALS])) == {NEW}
        for original in _ORIGINALS:
            idea = Idea.from_json(original)
            fetched = store.fetch_event(idea.id)
            assert fetched == idea
            assert fetched is not None
            assert fetched.to_json().encode("utf-8", "surrogatepass") == original

    @examples(50)
    @given(content=st.dictionaries(st.text(max_size=8), st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ), max_size=5))  # fmt: skip
    def test_whatever_the_content_is_it_is_kept(
        self, store: EventStorageService, content: dict[str, Any]
    ) -> None:
        original = json.dumps({"ID": "a", **content, **message("a")})
        store.delete_event("a")

        assert _kinds(store, [original]) == [NEW]
        fetched = store.fetch_event("a")
        assert fetched is not None
        assert fetched.to_json() == original

    def test_an_id_that_is_there_is_refused_and_the_first_event_stays(
        self, store: EventStorageService
    ) -> None:
        store.insert_event(message("a", Note="first"))
        with pytest.raises(StorageIntegrityError, match="stored already"):
            store.insert_event(message("a", Note="second"))

        event = store.fetch_event("a")
        assert event is not None
        assert event["Note"] == "first"
        store.insert_event(message("b"))
        assert store.count_events() == 2

    def test_ids_are_compared_letter_by_letter(self, store: EventStorageService) -> None:
        assert set(_kinds(store, [message(ident) for ident in _HOSTILE_IDS])) == {NEW}
        assert set(_kinds(store, [message(ident) for ident in _HOSTILE_IDS])) == {DUPLICATE}
        for ident in _HOSTILE_IDS:
            event = store.fetch_event(ident)
            assert event is not None
            assert event["ID"] == ident
        assert store.fetch_event("nobody") is None
        assert store.fetch_event("%") is None
        for ident in _HOSTILE_IDS:
            assert store.delete_event(ident)
        assert store.count_events() == 0

    def test_every_event_of_a_batch_is_told_what_became_of_it(self, store: EventStorageService) -> None:
        store.insert_event(message("old"))
        batch: list[Any] = [
            message("a"),
            b"not json",
            message("old"),
            message("b"),
            message("a"),
            "[]",
            message("c"),
        ]

        results = store.insert_events(batch)

        assert [one.kind for one in results] == [NEW, REJECTED, DUPLICATE, NEW, DUPLICATE, REJECTED, NEW]
        assert all(bool(one.reason) is (one.kind is REJECTED) for one in results)
        assert store.count_events() == 4

    def test_of_two_with_one_id_in_a_batch_the_first_is_kept(self, store: EventStorageService) -> None:
        assert _kinds(store, [message("a", Note="first"), message("a", Note="second")]) == [NEW, DUPLICATE]
        event = store.fetch_event("a")
        assert event is not None
        assert event["Note"] == "first"

    @pytest.mark.parametrize("batch_size", [1, 2, 3, 1000])
    def test_duplicates_are_found_across_batches_of_any_size(
        self, store: EventStorageService, batch_size: int
    ) -> None:
        ideas = [*many("a", 4), *many("a", 5), *many("a", 2)]
        expected = [NEW] * 4 + [DUPLICATE] * 4 + [NEW] + [DUPLICATE] * 2
        assert _kinds(store, ideas, batch_size=batch_size) == expected
        assert _kinds(store, ideas, batch_size=batch_size) == [DUPLICATE] * len(ideas)
        assert store.count_events() == 5

    @examples(20)
    @given(
        places=st.lists(st.integers(0, 9), max_size=25),
        first=st.integers(1, 12),
        again=st.integers(1, 12),
    )
    def test_how_events_are_cut_into_batches_changes_nothing(
        self, store: EventStorageService, places: list[int], first: int, again: int
    ) -> None:
        store.delete_events(all=True)
        ideas = [message(f"event-{place}") for place in places]
        expected = [DUPLICATE if places.index(place) < n else NEW for n, place in enumerate(places)]

        assert _kinds(store, ideas, batch_size=first) == expected
        assert _kinds(store, ideas, batch_size=again) == [DUPLICATE] * len(ideas)
        assert store.count_events() == len(set(places))

    def test_no_events_are_fine(self, store: EventStorageService) -> None:
        assert store.insert_events([]) == []
        assert store.insert_events(iter(())) == []

    @pytest.mark.parametrize("batch_size", [0, -1, 2.5, True, None])
    def test_a_batch_of_no_size_is_refused_before_events_get_lost(
        self, store: EventStorageService, batch_size: Any
    ) -> None:
        with pytest.raises(DataError, match="batch_size cannot be"):
            store.insert_events([message("a")], batch_size=batch_size)

    def test_one_event_in_place_of_several_is_refused(self, store: EventStorageService) -> None:
        wrong: list[Any] = [message("a"), Idea(message("a")), json.dumps(message("a")), b"{}"]
        for one in wrong:
            with pytest.raises(DataError, match="several events; insert_event stores one"):
                store.insert_events(one)
        assert store.table_status("event_rejects", "storagetime")["rows"] == 0

    def test_an_event_that_is_rejected_is_an_error_when_it_comes_alone(
        self, store: EventStorageService
    ) -> None:
        for rejected in (b"{", b"\xff", "[]", "null", {"Format": "IDEA0"}, message("")):
            with pytest.raises(DataError):
                store.insert_event(rejected)
        store.insert_event(message("a"))
        assert store.count_events() == 1

    def test_what_a_batch_rejects_is_kept_with_the_reason(
        self, conncfg: dict[str, Any], store: EventStorageService, clock: FixedClock
    ) -> None:
        rejected: list[Any] = [b"\x00\xff{", '{"ID": "\udc80"', {"Format": "IDEA0", "Note": "no id"}]

        results = store.insert_events([message("a"), *rejected])

        with session_of(conncfg) as session:
            rows = session.execute("SELECT reason, content, storagetime FROM event_rejects")
            assert [row[0] for row in rows] == [one.reason for one in results[1:]]
            assert bytes(rows[0][1]) == rejected[0]
            assert b"no id" in bytes(rows[2][1])
            assert {session.from_time(row[2]) for row in rows} == {clock.now()}

    def test_what_is_rejected_again_is_kept_once(self, store: EventStorageService) -> None:
        for _ in range(2):
            store.insert_events([b"{broken", b"{broken", b"[]"])

        assert store.database_status(brief=True)["tables"]["event_rejects"]["rows"] == 2

    def test_ntp_timestamps_are_read_when_asked_for(self, store: EventStorageService) -> None:
        ntp = {**message("a"), "DetectTime": "0xbc71f4f5.0x80000000"}
        store.insert_event({**ntp, "ID": "plain"})
        store.insert_event(ntp, ntp_times=True)
        store.insert_events([{**ntp, "ID": "b"}], ntp_times=True)

        at = datetime(2000, 3, 9, 10, 1, 25, 500_000, tzinfo=UTC)
        _, found = store.search_events({"dt_from": at, "dt_to": at})
        assert {event.id for event in found} == {"a", "b"}
        assert {event.detecttime for event in found} == {at}
        assert {event.inspection_errors for event in found} == {()}
        plain = store.fetch_event("plain")
        assert plain is not None
        assert plain.detecttime == plain.storagetime
        assert plain.inspection_errors == ("DetectTime: not a time",)

    def test_batches_before_a_source_fails_are_kept_and_the_one_it_fails_in_is_not(
        self, store: EventStorageService
    ) -> None:
        def source() -> Iterator[Any]:
            yield from many("a", 4)
            yield b"rejected"
            raise RuntimeError("the source is gone")

        with pytest.raises(RuntimeError, match="gone"):
            store.insert_events(source(), batch_size=3)
        assert store.count_events() == 3
        assert store.database_status(brief=True)["tables"]["event_rejects"]["rows"] == 0

    def test_the_storage_stamps_events_and_the_stamp_is_no_content(
        self, store: EventStorageService, clock: FixedClock
    ) -> None:
        store.insert_event(message("a"))
        event = store.fetch_event("a")
        assert event is not None
        assert event.storagetime == clock.now()
        assert dict(event) == message("a")

    def test_an_event_without_a_time_has_that_of_its_storing(
        self, store: EventStorageService, clock: FixedClock
    ) -> None:
        store.insert_events([message("a", DetectTime="once upon a time"), message("b")])
        found = store.search_events({"dt_from": clock.now(), "dt_to": clock.now()})
        assert [event.id for event in found[1]] == ["a"]

    def test_the_storage_time_never_goes_back_when_the_clock_does(
        self, store: EventStorageService, clock: FixedClock
    ) -> None:
        for step in (10, -3600, 5, -86400, 90_000, 0):
            clock.advance(seconds=step)
            store.insert_events(many(f"after {step}", 2))

        events, _ = store.read_since(None)
        times = [event.storagetime for event in events if event.storagetime is not None]
        assert len(times) == 12
        assert times == sorted(times)


class CursorContract(EventStoreContract):
    """Transactions that the caller ends."""

    def test_a_cursor_keeps_what_it_commits(self, store: EventStorageService) -> None:
        with store.cursor_new() as cursor:
            cursor.insert_event(message("a"))
            cursor.insert_events(many("b", 3))
            assert cursor.count_events() == 4
            cursor.commit()
        assert store.count_events() == 4

    def test_what_a_cursor_does_not_commit_is_undone(self, store: EventStorageService) -> None:
        store.insert_events([message("kept", Category=["Kept"])])
        with store.cursor_new() as cursor:
            cursor.insert_events([message("a", Category=["Undone"]), b"rejected"])
            cursor.delete_event("kept")
            assert cursor.fetch_event("kept") is None
        assert [event.id for event in store.search_events()[1]] == ["kept"]
        assert store.distinct_values("category") == ["Kept"]
        assert store.database_status(brief=True)["tables"]["event_rejects"]["rows"] == 0

    def test_a_rollback_undoes_what_came_after_the_last_commit(self, store: EventStorageService) -> None:
        with store.cursor_new() as cursor:
            cursor.insert_event(message("a"))
            cursor.commit()
            cursor.insert_event(message("b"))
            cursor.rollback()
            cursor.insert_event(message("c"))
            cursor.commit()
        assert store.count_events({"ids": ["a", "b", "c"]}) == 2
        assert store.fetch_event("b") is None

    def test_a_closed_cursor_does_nothing_more(self, store: EventStorageService) -> None:
        with store.cursor_new() as cursor:
            cursor.insert_event(message("a"))
            cursor.commit()
        cursor.close()

        with pytest.raises(EventStorageException, match="the cursor is closed"):
            cursor.insert_event(message("b"))
        with pytest.raises(EventStorageException, match="the cursor is closed"):
            list(cursor.stream_events())
        assert [event.id for event in store.stream_events()] == ["a"]

    def test_the_service_ends_the_transaction_of_its_cursors(self, store: EventStorageService) -> None:
        cursor = store.cursor_new()
        cursor.insert_event(message("a"))
        store.rollback()
        cursor.insert_event(message("b"))
        store.commit()
        cursor.close()
        assert [event.id for event in store.search_events()[1]] == ["b"]

    def test_an_error_undoes_all_of_a_cursors_transaction(self, store: EventStorageService) -> None:
        store.insert_event(message("there"))
        with store.cursor_new() as cursor:
            cursor.insert_events(many("a", 3))
            with pytest.raises(StorageIntegrityError):
                cursor.insert_event(message("there"))
            cursor.insert_event(message("b"))
            cursor.commit()
        assert sorted(event.id for event in store.search_events()[1]) == ["b", "there"]

    def test_others_see_nothing_before_the_commit(
        self, conncfg: dict[str, Any], store: EventStorageService
    ) -> None:
        with type(store)(**conncfg) as other, store.cursor_new() as cursor:
            cursor.insert_events(many("a", 3))
            assert other.count_events() == 0
            assert other.read_since(None) == ([], 0)
            cursor.commit()
            assert other.count_events() == 3
