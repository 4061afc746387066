"""Removing: what goes, goes with all that belongs to it, and nothing else does."""

from __future__ import annotations

import json
import random
import time
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import DataError
from tocsin.eventstorage.columns import VALUE_COLUMNS
from tocsin.testing.event_stores.base import EventStoreContract, FixedClock, examples, message
from tocsin.testing.event_stores.sessions import count_rows
from tocsin.testing.event_stores.storing import many

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.eventstorage import EventStorageService

__all__ = ["RemovingContract"]

_OF_EVENTS = ("events", "event_messages", "event_ip", "event_host", "event_port")


def _rich(ident: str, mark: str) -> dict[str, Any]:
    """Make a message that leaves something in every table."""
    number = random.Random(ident).randrange(2**16)  # noqa: S311 - the same every time
    side = {
        "IP4": [f"10.{number >> 8}.{number & 255}.1", "192.0.2.0/24", "198.51.100.7-198.51.100.30"],
        "IP6": ["2001:db8::/64"],
        "Hostname": [f"{mark}.example.org"],
        "Port": [number, 22],
        "Proto": [mark],
        "Type": [mark],
    }
    enrichment = {
        "EventClass": mark,
        "EventSeverity": mark,
        "ResolvedAbuses": [mark],
        "InspectionErrors": [mark],
    }
    return message(
        ident,
        Category=[f"Category.{mark}", "Common"],
        Description=f"said {mark}",
        Source=[side],
        Target=[side],
        Node=[{"Name": mark, "Type": [mark]}],
        _Tocsin=enrichment,
    )


class RemovingContract(EventStoreContract):
    """Deleting by id, by filter, and by age."""

    def test_a_deleted_event_is_gone_and_may_come_again(self, store: EventStorageService) -> None:
        store.insert_events([message("a"), message("b")])
        assert store.delete_event("a")
        assert not store.delete_event("a")
        assert store.fetch_event("a") is None
        assert store.count_events() == 1
        store.insert_event(message("a", Note="again"))
        event = store.fetch_event("a")
        assert event is not None
        assert event["Note"] == "again"

    def test_deleting_without_a_filter_has_to_be_meant(self, store: EventStorageService) -> None:
        store.insert_events(many("a", 3))
        for parameters in (None, {}, {"limit": 1}):
            with pytest.raises(DataError):
                store.delete_events(parameters)
        assert store.count_events() == 3
        assert store.delete_events(all=True) == 3
        assert store.count_events() == 0

    def test_nothing_of_deleted_events_stays(
        self, conncfg: dict[str, Any], store: EventStorageService
    ) -> None:
        store.insert_events([_rich(f"a-{number}", "alpha") for number in range(8)])
        assert all(count_rows(conncfg, *_OF_EVENTS).values())

        assert store.delete_events({"categories": "Common"}) == 8

        assert not any(count_rows(conncfg, *_OF_EVENTS, "event_values").values())
        assert store.search_events({"text": "alpha"}) == (0, [])
        assert [store.distinct_values(column) for column in VALUE_COLUMNS] == [[]] * len(VALUE_COLUMNS)

    def test_the_rest_is_found_as_before(self, store: EventStorageService) -> None:
        store.insert_events([_rich(f"{mark}-{n}", mark) for n in range(5) for mark in ("alpha", "beta")])

        assert store.delete_events({"classes": "alpha"}) == 5

        assert store.distinct_values("category") == ["Category.beta", "Common"]
        assert store.distinct_values("node_name") == ["beta"]
        for parameters in (
            {"text": "beta"},
            {"host_addrs": "beta.example.org"},
            {"source_addrs": "192.0.2.77"},
            {"host_ports": 22},
            {"groups": "beta"},
            {"categories": "Common"},
        ):
            assert store.count_events(parameters) == 5, parameters
        assert store.count_events({"text": "alpha"}) == 0

    @examples(15)
    @given(steps=st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.integers(0, 4)), max_size=12))
    def test_the_kept_values_are_those_of_the_events(
        self, store: EventStorageService, steps: list[tuple[bool, str, int]]
    ) -> None:
        store.delete_events(all=True)
        there: dict[str, str] = {}
        for insert, mark, number in steps:
            ident = f"{mark}-{number}"
            if insert:
                store.insert_events([_rich(ident, mark)])
                there[ident] = mark
            else:
                store.delete_event(ident)
                there.pop(ident, None)
        for column in ("node_type", "eventclass", "protocol"):
            assert store.distinct_values(column) == sorted(set(there.values()))
        assert sorted(event.id for event in store.stream_events()) == sorted(there)

    def test_retention_removes_what_was_stored_before_an_instant(
        self, conncfg: dict[str, Any], store: EventStorageService, clock: FixedClock
    ) -> None:
        store.insert_events([_rich(f"old-{number}", "alpha") for number in range(30)])
        clock.advance(days=20)
        edge = clock.now()
        store.insert_events([_rich(f"new-{number}", "beta") for number in range(3)])

        assert sum(store.retain(edge)) == 30

        assert store.count_events() == 3
        assert store.distinct_values("eventclass") == ["beta"]
        assert count_rows(conncfg, "events", "event_messages") == {"events": 3, "event_messages": 3}
        assert store.count_events({"text": "alpha"}) == 0
        assert sum(store.retain(edge)) == 0
        clock.advance(seconds=1)
        assert sum(store.retain(clock.now(), batch=1)) == 3
        assert not any(count_rows(conncfg, *_OF_EVENTS, "event_values").values())

    def test_a_value_of_deleted_and_old_events_is_kept_no_longer(
        self, store: EventStorageService, clock: FixedClock
    ) -> None:
        """Whichever of its events went first, and by what."""
        store.insert_events([_rich("old", "both"), _rich("a", "early")])
        clock.advance(days=3)
        store.insert_events([_rich("new", "both"), _rich("b", "late")])
        assert store.delete_event("new")
        assert store.distinct_values("eventclass") == ["both", "early", "late"]
        assert sum(store.retain(clock.now() - timedelta(days=2))) == 2
        assert store.distinct_values("eventclass") == ["late"]

        clock.advance(days=1)
        store.insert_events([_rich("c", "late"), _rich("d", "late")])
        assert store.table_cleanup("events", "storagetime", clock.now()) == 1
        assert store.delete_events({"ids": ["c"]}) == 1
        assert sum(store.retain(clock.now())) == 0
        assert store.distinct_values("eventclass") == ["late"]
        clock.advance(days=1)
        assert sum(store.retain(clock.now())) == 1
        assert store.distinct_values("eventclass") == []

    def test_retention_within_a_day_is_exact(self, store: EventStorageService, clock: FixedClock) -> None:
        for number in range(6):
            store.insert_events([_rich(f"a-{number}", f"m{number}")])
            clock.advance(hours=1)
        clock.advance(hours=-3)
        assert sum(store.retain(clock.now(), batch=2)) == 3
        assert store.distinct_values("eventclass") == ["m3", "m4", "m5"]

    def test_an_instant_without_a_zone_is_utc_for_retention_too(
        self, store: EventStorageService, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.insert_event(message("a"))
        stored = clock.now().replace(tzinfo=None)
        monkeypatch.setenv("TZ", "America/New_York")
        time.tzset()
        try:
            assert sum(store.retain(stored)) == 0
            assert sum(store.retain(stored + timedelta(microseconds=1))) == 1
        finally:
            monkeypatch.undo()
            time.tzset()

    @pytest.mark.parametrize("wrong", [{"before": None}, {"before": 0}, {"batch": 0}, {"batch": 1.5}])
    def test_retention_of_nonsense_is_refused_at_once(
        self, store: EventStorageService, clock: FixedClock, wrong: dict[str, Any]
    ) -> None:
        with pytest.raises(DataError, match=f"{next(iter(wrong))} cannot be"):
            store.retain(**{"before": clock.now(), **wrong})

    @pytest.mark.parametrize("steps", [0, 1, 2, 5])
    def test_retention_can_stop_anywhere_and_go_on_later(
        self, conncfg: dict[str, Any], store: EventStorageService, clock: FixedClock, steps: int
    ) -> None:
        for month in range(3):
            store.insert_events([_rich(f"{month}-{number}", f"m{month}") for number in range(12)])
            clock.advance(days=31)
        store.insert_events([_rich("stays", "stays")])

        some = store.retain(clock.now(), batch=5)
        removed = sum(islice(some, steps))
        some.close()  # type: ignore[attr-defined]

        events = store.search_events()[1]
        assert len(events) == store.count_events() == 37 - removed
        # Values may be swept in a step of their own, but never before the last event with them.
        assert set(store.distinct_values("eventclass")) >= {
            event["_Tocsin"]["EventClass"] for event in events
        }
        assert store.count_events({"text": "common"}) == len(events)
        assert sum(store.retain(clock.now(), batch=5)) == 36 - removed
        assert [event.id for event in store.search_events()[1]] == ["stays"]
        assert store.distinct_values("eventclass") == ["stays"]
        assert count_rows(conncfg, "events", "event_messages") == {"events": 1, "event_messages": 1}

    @examples(25)
    @given(
        steps=st.lists(
            st.one_of(
                st.tuples(st.just("store"), st.integers(0, 9), st.integers(1, 6)),
                st.tuples(st.just("delete"), st.integers(0, 15), st.just(0)),
                st.tuples(st.just("wait"), st.integers(1, 900), st.just(0)),
                st.tuples(st.just("retain"), st.integers(0, 900), st.integers(1, 5)),
                st.tuples(st.just("stop"), st.integers(0, 900), st.integers(0, 4)),
            ),
            max_size=20,
        )
    )
    def test_retention_removes_and_counts_what_a_model_says(
        self,
        conncfg: dict[str, Any],
        store: EventStorageService,
        clock: FixedClock,
        steps: list[tuple[str, int, int]],
    ) -> None:
        """Whatever was deleted in between, came twice, or came again while something of it was left."""
        clock.advance(hours=1)
        store.delete_events(all=True)
        there: dict[str, datetime] = {}
        for step, number, size in steps:
            if step == "store":
                names = [str(one) for one in range(number, number + size)]
                told = {one.kind for one in store.insert_events([message(name) for name in names])}
                assert ("new" in told) == (not there.keys() >= set(names))
                newest = store.search_column_with("storagetime", "max")
                assert newest is not None
                there.update({name: newest for name in names if name not in there})
            elif step == "delete":
                assert store.delete_event(str(number)) == (there.pop(str(number), None) is not None)
            elif step == "wait":
                clock.advance(hours=number)
            else:
                before = clock.now() - timedelta(hours=number)
                old = {name for name, stored in there.items() if stored < before}
                if step == "retain":
                    assert sum(store.retain(before, batch=size)) == len(old)
                    there = {name: stored for name, stored in there.items() if name not in old}
                else:
                    removed = sum(islice(store.retain(before, batch=2), size))
                    left = {event.id for event in store.stream_events()}
                    assert removed == len(there.keys() - left)
                    assert there.keys() - left <= old
                    there = {name: stored for name, stored in there.items() if name in left}
            assert store.count_events() == len(there)
        assert sorted(event.id for event in store.stream_events()) == sorted(there)
        assert sum(store.retain(clock.now() + timedelta(days=1))) == len(there)
        assert not any(count_rows(conncfg, *_OF_EVENTS).values())

    def test_what_retention_removed_may_come_again(
        self, store: EventStorageService, clock: FixedClock
    ) -> None:
        ideas = many("a", 10)
        store.insert_events(ideas)
        clock.advance(days=30)
        assert sum(store.retain(clock.now())) == 10
        assert {str(one.kind) for one in store.insert_events(ideas)} == {"new"}
        assert store.count_events() == 10

    def test_a_reader_is_never_given_a_number_twice(
        self, store: EventStorageService, clock: FixedClock
    ) -> None:
        seen: list[str] = []
        cursor = None
        for step in range(4):
            store.insert_events(many(f"{step}", 3))
            events, cursor = store.read_since(cursor)
            seen += [event.id for event in events]
            clock.advance(days=8)
            if step % 2:
                store.delete_events(all=True)
            else:
                list(store.retain(clock.now()))
        assert len(seen) == len(set(seen)) == 12

    def test_rejects_are_cleaned_by_their_time(self, store: EventStorageService, clock: FixedClock) -> None:
        store.insert_events([b"one", b"two"])
        clock.advance(hours=1)
        store.insert_events([json.dumps("three")])
        assert store.table_cleanup("event_rejects", "storagetime", clock.now()) == 2
        assert store.table_cleanup("event_rejects", "storagetime", clock.now()) == 0
        with pytest.raises(DataError):
            store.table_cleanup("sqlite_master", "storagetime", clock.now())
        with pytest.raises(DataError):
            store.table_cleanup("event_rejects", "reason", clock.now())
