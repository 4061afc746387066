"""Searching: every filter, alone and together, finds what plain Python finds."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import DataError
from tocsin.eventstorage.columns import GHOST_COLUMNS, VALUE_COLUMNS
from tocsin.eventstorage.idea import row_of
from tocsin.eventstorage.idea.times import microseconds
from tocsin.testing.event_stores.base import EventStoreContract, FixedClock, examples, message
from tocsin.testing.event_stores.model import (
    StoredEvent,
    count_by_time,
    count_by_value,
    is_found,
    search,
)
from tocsin.testing.event_stores.populations import LISTS, messages, searches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tocsin.eventstorage import EventStorageService

__all__ = ["Population", "SearchContract", "found", "populate"]

_SORTED = ["detecttime.asc", "detecttime.desc", "storagetime.asc", "storagetime.desc"]
_ORDERS = {"limit": 3, "page": 1, "sortby": "detecttime.asc", "after": ("2026-03-01", "a")}
_COUNTED = [name for name in GHOST_COLUMNS if name not in ("seq", "id", "storagetime", "detecttime")]


@dataclass(frozen=True, slots=True)
class Population:
    """A store with events, and the same events for the model."""

    store: EventStorageService
    events: list[StoredEvent]


def populate(store: EventStorageService, clock: FixedClock, raw: Iterable[Any]) -> Population:
    """Store events in batches, a second after each other, and give them for the model as well."""
    rows = [row_of(one, words=False) for one in raw]
    events = []
    for start in range(0, len(rows), 20):
        batch = rows[start : start + 20]
        store.insert_events([row.message for row in batch])
        events += [StoredEvent(row, microseconds(clock.now())) for row in batch]
        clock.advance(seconds=1)
    return Population(store, events)


def found(store: EventStorageService, parameters: dict[str, Any] | None = None) -> list[str]:
    """Give the ids that a search finds, in its order."""
    count, events = store.search_events(parameters)
    assert count == len(events)
    return [event.id for event in events]


class SearchContract(EventStoreContract):
    """Results are those of the model, on whatever database."""

    @pytest.fixture
    def population(self, store: EventStorageService, clock: FixedClock) -> Population:
        clock.time = datetime(2026, 3, 1, 10, 0, 20, tzinfo=UTC)
        return populate(store, clock, messages(random.Random(7), 160))  # noqa: S311 - the same every time

    @examples(180)
    @given(parameters=searches())
    def test_a_search_finds_what_plain_python_finds(
        self, population: Population, parameters: dict[str, Any]
    ) -> None:
        assert found(population.store, parameters) == search(population.events, parameters)

    @examples(60)
    @given(parameters=searches())
    def test_counting_ghosts_and_streams_agree_with_searching(
        self, population: Population, parameters: dict[str, Any]
    ) -> None:
        store, ids = population.store, search(population.events, parameters)
        _, ghosts = store.search_events(parameters, "select_ghost")

        assert [event.id for event in ghosts] == ids
        assert [event.id for event in store.stream_events(parameters)] == ids
        assert store.count_events(parameters) == sum(is_found(one, parameters) for one in population.events)

    @examples(60)
    @given(parameters=searches(), by=st.sampled_from(_COUNTED), limit=st.integers(1, 6))
    def test_counts_by_value_are_those_of_plain_python(
        self, population: Population, parameters: dict[str, Any], by: str, limit: int
    ) -> None:
        counted = population.store.aggregate_events(parameters, by, limit)

        rows = [(row.value, row.count) for row in counted.rows]
        assert (rows, counted.rest, counted.none, counted.total) == count_by_value(
            population.events, parameters, by, limit
        )

    @examples(60)
    @given(
        parameters=searches(),
        by=st.sampled_from([None, *_COUNTED]),
        limit=st.integers(1, 4),
        step=st.sampled_from([timedelta(seconds=1), timedelta(milliseconds=300), timedelta(days=7)]),
    )
    def test_counts_by_time_are_those_of_plain_python(
        self,
        population: Population,
        parameters: dict[str, Any],
        by: str | None,
        limit: int,
        step: timedelta,
    ) -> None:
        timeline = population.store.timeline_events(parameters, step, by, limit)

        expected = count_by_time(population.events, parameters, step)
        assert {one.start: one.total for one in timeline.buckets} == expected
        assert [one.start for one in timeline.buckets] == sorted(expected)
        if by is not None:
            top, rest, none, _ = count_by_value(population.events, parameters, by, limit)
            assert list(timeline.values) == [value for value, _ in top]
            assert [sum(one.counts[place] for one in timeline.buckets) for place in range(len(top))] == [
                count for _, count in top
            ]
            assert sum(one.rest for one in timeline.buckets) == rest
            assert sum(one.none for one in timeline.buckets) == none

    def test_a_list_and_its_opposite_share_nothing_and_leave_nothing_out(
        self, population: Population
    ) -> None:
        everything = {one.row.id for one in population.events}
        for name, known in LISTS.items():
            for items in (known[:2], ["__EMPTY__"], ["__ANY__"], [known[0], "__EMPTY__"], []):
                chosen = set(found(population.store, {name: items}))
                others = set(found(population.store, {name: items, f"not_{name}": True}))
                assert not chosen & others, (name, items)
                assert chosen | others == everything, (name, items)

    def test_a_value_alone_is_a_list_of_one(self, population: Population) -> None:
        for name, known in LISTS.items():
            for item in [*known, "__EMPTY__", "__ANY__"]:
                expected = search(population.events, {name: [item]})
                assert found(population.store, {name: item}) == expected, (name, item)

    def test_pages_after_one_another_cover_everything_once(self, population: Population) -> None:
        for sortby, filters in product(_SORTED, [{}, {"host_addrs": "10.0.0.0/8"}, {"categories": "Test"}]):
            parameters = {**filters, "sortby": sortby, "limit": 17}
            seen: list[str] = []
            while page := population.store.search_events(parameters)[1]:
                seen += [event.id for event in page]
                last = page[-1]
                parameters["after"] = (getattr(last, sortby.partition(".")[0]), last.id)

            assert seen == search(population.events, {**filters, "sortby": sortby})

    def test_events_stored_meanwhile_do_not_disturb_the_pages_behind(
        self, population: Population, clock: FixedClock
    ) -> None:
        _, first = population.store.search_events({"limit": 50})
        clock.advance(days=1)
        population.store.insert_events([message(f"new-{number}", DetectTime=None) for number in range(9)])

        rest = found(population.store, {"after": (first[-1].detecttime, first[-1].id)})

        assert [event.id for event in first] + rest == search(population.events, {})

    @examples(60)
    @given(parameters=searches(), limit=st.integers(1, 50))
    def test_a_reader_with_a_filter_gets_what_a_search_finds_as_it_was_stored(
        self, population: Population, parameters: dict[str, Any], limit: int
    ) -> None:
        filters = {name: value for name, value in parameters.items() if name not in _ORDERS}
        expected = [one.row.id for one in population.events if is_found(one, filters)]
        seen: list[str] = []
        cursor = None
        while True:
            events, cursor = population.store.read_since(cursor, limit=limit, parameters=filters)
            assert len(events) <= limit
            seen += [event.id for event in events]
            if len(events) < limit:
                break
        assert seen == expected
        assert cursor == population.store.read_since(limit=1000)[1]

    def test_a_reader_whose_filter_finds_nothing_moves_on(self, population: Population) -> None:
        nothing = {"categories": "of no event"}
        last = population.store.read_since(limit=1000)[1]

        assert population.store.read_since(limit=1, parameters=nothing) == ([], last)
        assert population.store.read_since(last, parameters=nothing) == ([], last)
        assert population.store.read_since(last + 9, parameters=nothing) == ([], last + 9)
        population.store.insert_event(message("one more"))
        [event], _ = population.store.read_since(last, parameters={"ids": ["one more", "of no event"]})
        assert event.id == "one more"

    def test_distinct_values_are_those_of_the_events(self, population: Population) -> None:
        for column in VALUE_COLUMNS:
            expected = {value for one in population.events for value in one.values(column)}
            assert population.store.distinct_values(column) == sorted(expected)

    def test_the_earliest_and_the_latest_are_found(self, population: Population) -> None:
        for column in ("detecttime", "storagetime"):
            times = [getattr(one, column) for one in population.events]
            for function, extreme in (("min", min), ("max", max)):
                instant = population.store.search_column_with(column, function)
                assert instant is not None
                assert microseconds(instant) == extreme(times)

    def test_long_lists_are_searched_or_refused_by_name(self, population: Population) -> None:
        lists = {
            "categories": ["Test", *(f"category {number}" for number in range(20_000))],
            "ids": [f"a-{number:03d}" for number in range(20_000)],
            "host_ports": list(range(0, 65_536, 64)),
            "source_addrs": [f"10.0.{number}.1" for number in range(150)],
            "target_addrs": [f"10.{number}.0.0/16" for number in range(150)],
            "host_addrs": [f"host{number}.example.org" for number in range(600)],
        }
        for name, items in lists.items():
            for negated in (False, True):
                parameters = {name: items, f"not_{name}": negated}
                assert found(population.store, parameters) == search(population.events, parameters), name
        both = {name: lists[name] for name in ("source_addrs", "target_addrs", "categories")}
        assert found(population.store, both) == search(population.events, both)
        too_long = {
            "source_addrs": [f"2001:db8::{number}:0/112" for number in range(1, 1000)],
            "host_addrs": [f".domain{number}.org" for number in range(1000)],
            "target_ports": [f"{first}-{first + 1}" for first in range(0, 60_000, 3)],
        }
        for name, items in too_long.items():
            with pytest.raises(DataError, match="too many") as caught:
                population.store.search_events({name: items})
            assert caught.value.parameter == name

    def test_what_is_no_column_step_or_number_is_refused_by_name(self, store: EventStorageService) -> None:
        refused: list[tuple[Callable[..., Any], dict[str, Any]]] = [
            (store.aggregate_events, {"by": "message"}),
            (store.aggregate_events, {"by": None}),
            (store.aggregate_events, {"limit": 0}),
            (store.timeline_events, {"step": timedelta(0)}),
            (store.timeline_events, {"step": 3600}),
            (store.timeline_events, {"step": timedelta.max}),
            (store.timeline_events, {"by": "seq"}),
            (store.distinct_values, {"column": "source_ip"}),
            (store.distinct_values, {"column": "value'; --"}),
            (store.search_column_with, {"column": "id"}),
            (store.search_column_with, {"function": "count", "column": "detecttime"}),
            (store.watchdog_events, {"interval": -1}),
            (store.watchdog_events, {"interval": "60"}),
            (store.watchdog_events, {"interval": float("nan")}),
            (store.read_since, {"cursor": -1}),
            (store.read_since, {"cursor": "3"}),
            (store.read_since, {"limit": 0}),
            *((store.read_since, {"parameters": {name: value}}) for name, value in _ORDERS.items()),
            (store.search_events, {"timeout": 0}),
            (store.count_events, {"timeout": "1"}),
            (store.stream_events, {"timeout": float("inf")}),
        ]
        for call, arguments in refused:
            with pytest.raises(DataError) as caught:
                call(**arguments)
            assert caught.value.parameter in {**arguments, **(arguments.get("parameters") or {})}, arguments
            assert store.count_events() == 0

    def test_the_largest_numbers_mean_no_bound(self, store: EventStorageService) -> None:
        store.insert_event(message("a"))
        assert store.timeline_events(by="category", limit=sys.maxsize).buckets[0].counts == (1,)
        assert store.aggregate_events(by="category", limit=sys.maxsize).total == 1
        assert store.read_since(limit=sys.maxsize)[1] == 1
        for timeout in (sys.float_info.max, 10**400):
            assert store.count_events(timeout=timeout) == 1

    def test_an_empty_store_answers_too(self, store: EventStorageService) -> None:
        assert found(store, {"host_addrs": "::/0"}) == []
        assert store.count_events() == 0
        assert store.search_column_with("detecttime", "max") is None
        assert store.timeline_events().buckets == ()
        counted = store.aggregate_events(by="category")
        assert (counted.rows, counted.rest, counted.none, counted.total) == ((), 0, 0, 0)
        assert store.distinct_values("category") == []
        assert store.fetch_event("a") is None
        assert store.read_since() == ([], 0)
        assert not store.watchdog_events(10**9)
        assert not store.delete_event("a")

    def test_the_watchdog_looks_at_the_time_of_storage(
        self, store: EventStorageService, clock: FixedClock
    ) -> None:
        store.insert_event(message("a", DetectTime="2001-01-01T00:00:00Z"))
        clock.advance(seconds=60)

        assert store.watchdog_events(60)
        assert store.watchdog_events(timedelta(minutes=1))
        assert not store.watchdog_events(59.5)

    def test_times_before_1970_fall_into_their_buckets(self, store: EventStorageService) -> None:
        moments = [
            "1969-12-31T23:59:59.999999Z",
            "1970-01-01T00:00:00Z",
            "1969-12-31T12:00:00Z",
            "1901-02-03T04:05:06Z",
        ]
        store.insert_events([message(f"e{place}", DetectTime=at) for place, at in enumerate(moments)])

        recent = store.timeline_events({"dt_from": "1969-01-01"}, timedelta(hours=12))
        long_ago = store.timeline_events({"dt_to": "1969-01-01"}, timedelta(days=1))

        assert [(one.start.isoformat(), one.total) for one in recent.buckets] == [
            ("1969-12-31T12:00:00+00:00", 2),
            ("1970-01-01T00:00:00+00:00", 1),
        ]
        assert [one.start.isoformat() for one in long_ago.buckets] == ["1901-02-03T00:00:00+00:00"]

    def test_weeks_begin_on_mondays(self, store: EventStorageService) -> None:
        moments = ["2026-03-01T23:59:59.999999Z", "2026-03-02T00:00:00Z", "2026-03-08T12:00:00Z"]
        store.insert_events([message(f"e{place}", DetectTime=at) for place, at in enumerate(moments)])

        weeks = store.timeline_events(step=timedelta(weeks=1)).buckets

        assert [(f"{one.start:%a %Y-%m-%d}", one.total) for one in weeks] == [
            ("Mon 2026-02-23", 1),
            ("Mon 2026-03-02", 2),
        ]

    def test_the_first_and_the_last_times_there_are_fall_into_their_buckets(
        self, store: EventStorageService
    ) -> None:
        moments = [
            "0001-01-01T00:00:00Z",
            "0001-12-31T00:00:00Z",
            "2026-03-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ]
        store.insert_events([message(f"e{place}", DetectTime=at) for place, at in enumerate(moments)])
        century = timedelta(days=36_525)

        buckets = store.timeline_events(step=century, by="category").buckets
        years = store.timeline_events({"dt_to": "0005-01-01"}, timedelta(days=365)).buckets

        assert (buckets[0].start, buckets[0].total) == (datetime(1, 1, 1, tzinfo=UTC), 2)
        assert sum(one.total for one in buckets) == sum(one.counts[0] for one in buckets) == 4
        assert buckets[-1].total == 1
        assert {(one.start - datetime(1970, 1, 5, tzinfo=UTC)) % century for one in buckets[1:]} == {
            timedelta(0)
        }
        assert [one.total for one in years] == [1, 1]

    def test_a_step_too_short_for_the_time_is_refused(self, store: EventStorageService) -> None:
        store.insert_events(
            [message("a", DetectTime="2001-01-01T00:00:00Z"), message("b", DetectTime="2026-01-01T00:00:00Z")]
        )
        with pytest.raises(DataError, match="longer step") as caught:
            store.timeline_events(step=timedelta(minutes=1))
        assert caught.value.parameter == "step"

    def test_filters_delete_what_they_find(self, population: Population) -> None:
        parameters = {
            "categories": ["Test"],
            "not_categories": True,
            "host_addrs": ["10.0.0.0/8", ".example.org"],
        }
        gone = set(search(population.events, parameters))

        assert population.store.delete_events(parameters) == len(gone) > 0

        left = [one for one in population.events if one.row.id not in gone]
        assert found(population.store) == search(left, {})
        assert found(population.store, {"host_addrs": "0.0.0.0/0"}) == search(
            left, {"host_addrs": "0.0.0.0/0"}
        )
        for column in VALUE_COLUMNS:
            assert set(population.store.distinct_values(column)) >= {
                value for one in left for value in one.values(column)
            }

    def test_a_limit_bounds_what_is_deleted(self, population: Population) -> None:
        parameters = {"categories": "__ANY__", "limit": 5, "sortby": "detecttime.asc"}
        gone = search(population.events, parameters)

        assert population.store.delete_events(parameters) == 5
        assert not set(gone) & set(found(population.store))

    def test_nothing_is_deleted_without_a_filter(self, population: Population) -> None:
        store = population.store
        for parameters in (None, {}, {"limit": 5}, {"categories": None}, {"not_categories": True}):
            with pytest.raises(DataError, match="all=True"):
                store.delete_events(parameters)
        assert store.count_events() == len(population.events)
        assert store.delete_events(all=True) == len(population.events)
        assert store.count_events() == 0
