"""Streams of one cursor: several at once, and what else happens between two of their rows."""

from __future__ import annotations

import gc
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.testing.event_stores.base import EventStoreContract, examples, message
from tocsin.testing.event_stores.storing import many

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.eventstorage import EventStorageService, Idea

__all__ = ["StreamContract"]

_EVENTS = 1200  # several pages
_STEPS = ["first", "second", "third", "store", "count"]
_NAMES: list[tuple[str | None, float | None]] = [(None, None), ("a", None), ("b", 60), (None, 60)]


class StreamContract(EventStoreContract):
    """Streams of one cursor."""

    def test_what_a_cursor_stores_while_it_reads_a_stream_is_kept(self, store: EventStorageService) -> None:
        store.insert_events(many("there", 30))
        with store.cursor_new() as cursor:
            for event in cursor.stream_events({"ids": [event["ID"] for event in many("there", 30)]}):
                cursor.insert_event(message(f"{event.id} seen"))
            cursor.commit()
        assert store.count_events() == 60

    def test_who_only_reads_streams_leaves_nothing_open(self, store: EventStorageService) -> None:
        store.insert_events(many("there", 30))
        with store.cursor_new() as cursor:
            first, second = cursor.stream_events(), cursor.stream_events()
            next(first)
            next(second)
            assert len([*first, *second]) == 58
            assert not cursor._session.in_transaction  # noqa: SLF001 - nobody else can tell

    def test_a_stream_behind_one_that_its_transaction_left_leaves_nothing_open(
        self, store: EventStorageService
    ) -> None:
        store.insert_events(many("there", 30))
        with store.cursor_new() as cursor:
            left = cursor.stream_events()
            next(left)
            cursor.commit()
            assert len(list(cursor.stream_events())) == 30
            assert not cursor._session.in_transaction  # noqa: SLF001 - nobody else can tell

    @pytest.mark.filterwarnings("ignore::ResourceWarning")  # the collector meets connections that are open
    def test_nothing_is_left_of_streams_that_nobody_closed(self, store: EventStorageService) -> None:
        store.insert_events(many("there", 30))
        with store.cursor_new() as cursor:
            for owner in (store, cursor):
                for qname, timeout in _NAMES:
                    left = [owner.stream_events(qname=qname, timeout=timeout)]
                    next(left[0])
                    left.append(left)  # type: ignore[arg-type]  # so that only the collector finds it
                    del left
                    assert owner.count_events() == 30
            gc.collect()  # what is raised there is an error of the test
            cursor.commit()
            assert store.queries_status() == {}
            assert len(list(cursor.stream_events())) == 30

    @examples(15)
    @given(
        steps=st.lists(st.sampled_from(_STEPS), max_size=60),
        kinds=st.tuples(*[st.sampled_from(_NAMES)] * 3),
        left=st.permutations(["first", "second", "third"]),
    )
    def test_streams_of_one_cursor_do_not_disturb_each_other(
        self,
        store: EventStorageService,
        steps: list[str],
        kinds: tuple[tuple[str | None, float | None], ...],
        left: list[str],
    ) -> None:
        store.delete_events(all=True)
        events = many("there", _EVENTS)
        there = {event["ID"] for event in events}
        store.insert_events(events)
        with store.cursor_new() as cursor:
            streams = {
                name: cursor.stream_events(qname=qname, timeout=timeout)
                for name, (qname, timeout) in zip(_STEPS, kinds, strict=False)
            }
            seen: dict[str, list[str]] = {name: [] for name in streams}
            stored = 0
            for step in steps:
                if step == "store":
                    cursor.insert_event(message(f"stored {stored}"))
                    stored += 1
                elif step == "count":
                    assert cursor.count_events(qname="c", timeout=60) == _EVENTS + stored
                else:
                    seen[step] += _some(streams[step], 61)
            for name in left:
                seen[name] += _some(streams[name], 2 * _EVENTS)
            cursor.commit()
        for ids in seen.values():
            assert there <= set(ids)  # whether it meets what is stored meanwhile is open
            assert len(set(ids)) == len(ids)
        assert store.count_events() == _EVENTS + stored
        assert store.queries_status() == {}


def _some(stream: Iterator[Idea], number: int) -> list[str]:
    return [event.id for event in islice(stream, number)]
