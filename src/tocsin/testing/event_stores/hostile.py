"""Hostile texts: in whatever parameter they are, they are compared literally."""

from __future__ import annotations

import json
import re
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.errors import DataError
from tocsin.eventstorage.idea.texts import clean
from tocsin.testing.event_stores.base import EventStoreContract, FixedClock, message
from tocsin.testing.event_stores.model import search
from tocsin.testing.event_stores.populations import HOSTILE_TEXTS
from tocsin.testing.event_stores.searching import found, populate

if TYPE_CHECKING:
    from tocsin.eventstorage import EventStorageService
    from tocsin.testing.event_stores.searching import Population

__all__ = ["HostileTextContract"]

_COLUMNS = {
    "categories": "category",
    "source_types": "source_type",
    "target_types": "target_type",
    "host_types": "source_type",
    "protocols": "protocol",
    "classes": "eventclass",
    "severities": "eventseverity",
    "detectors": "node_name",
    "detector_types": "node_type",
    "groups": "resolvedabuses",
    "inspection_errs": "inspectionerrors",
    "description": "description",
}
_HOST = re.compile(r"(?!\d+(\.\d+)?$)(\.?(\w|-|\u0308|\ufffd|\U0001f600)+)+")
_USABLE_ID = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,255}")


def _everywhere(place: int, text: str) -> bytes:
    side = {"Type": [text], "Proto": [text], "Hostname": [text]}
    content = message(
        text if _USABLE_ID.fullmatch(text) else f"event-{place}",
        Category=[text],
        Description=text,
        Source=[side],
        Target=[side],
        Node=[{"Name": text, "Type": [text]}],
        _Tocsin={
            "EventClass": text,
            "EventSeverity": text,
            "ResolvedAbuses": [text],
            "InspectionErrors": [text],
        },
    )
    return json.dumps(content).encode()


class HostileTextContract(EventStoreContract):
    """Texts that break what is not bound, not escaped, or escaped twice."""

    @pytest.fixture
    def hostile(self, store: EventStorageService, clock: FixedClock) -> Population:
        return populate(store, clock, [_everywhere(*one) for one in enumerate(HOSTILE_TEXTS)])

    def test_a_text_is_found_where_it_is_and_nowhere_else(self, hostile: Population) -> None:
        for name, text in product(_COLUMNS, HOSTILE_TEXTS):
            ids = [one.row.id for one in hostile.events if clean(text) in one.values(_COLUMNS[name])]
            assert ids, text
            assert sorted(found(hostile.store, {name: text})) == sorted(ids), (name, text)

    def test_many_texts_at_once_are_as_good_as_one_by_one(self, hostile: Population) -> None:
        for name in _COLUMNS:
            if name != "description":
                everything = found(hostile.store, {name: HOSTILE_TEXTS})
                assert len(everything) == len(hostile.events)
                assert found(hostile.store, {name: HOSTILE_TEXTS, f"not_{name}": True}) == []

    def test_what_can_be_the_name_of_a_host_is_found_and_anything_else_is_refused(
        self, hostile: Population
    ) -> None:
        for name, text in product(["source_addrs", "target_addrs", "host_addrs"], HOSTILE_TEXTS):
            if not _HOST.fullmatch(text):
                with pytest.raises(DataError) as caught:
                    hostile.store.search_events({name: text})
                assert caught.value.parameter == name
            else:
                assert found(hostile.store, {name: text}) == search(hostile.events, {name: clean(text)}), text

    def test_part_of_a_description_is_literal(self, hostile: Population) -> None:
        for text in HOSTILE_TEXTS:
            expected = search(hostile.events, {"description_like": clean(text)})
            assert found(hostile.store, {"description_like": text}) == expected, text

    def test_words_are_looked_for_and_nothing_else_of_a_text_means_anything(
        self, hostile: Population
    ) -> None:
        for text in HOSTILE_TEXTS:
            if re.search(r"\w", text):
                assert found(hostile.store, {"text": text}) == search(hostile.events, {"text": text}), text
            else:
                with pytest.raises(DataError, match="words") as caught:
                    hostile.store.search_events({"text": text})
                assert caught.value.parameter == "text"

    def test_ids_are_literal(self, hostile: Population) -> None:
        ids = [one.row.id for one in hostile.events]
        for text in HOSTILE_TEXTS:
            assert found(hostile.store, {"ids": text}) == [one for one in ids if one == clean(text)]
            event = hostile.store.fetch_event(text)
            assert (event is not None) == (clean(text) in ids)

    def test_a_name_for_a_query_has_few_letters(self, store: EventStorageService) -> None:
        for text in [*HOSTILE_TEXTS, "é", "a" * 64, "x.y:z-0_" * 7]:
            for call in (
                store.count_events,
                store.search_events,
                store.stream_events,
                store.aggregate_events,
                store.timeline_events,
            ):
                if re.fullmatch(r"[A-Za-z0-9_.:-]{1,63}", text):
                    call(qname=text)
                else:
                    with pytest.raises(DataError) as caught:
                        call(qname=text)
                    assert caught.value.parameter == "qname"

    def test_long_texts_are_found_as_short_ones_are(
        self, store: EventStorageService, clock: FixedClock
    ) -> None:
        texts = ["ab" * 2_000, "ab" * 2_000 + "c", "\u00e4" * 5_000, "x" * 501, "x" * 500, "x" * 10_000]
        long = populate(store, clock, [_everywhere(*one) for one in enumerate(texts)])
        for name, text in product(_COLUMNS, texts):
            assert found(store, {name: text}) == search(long.events, {name: text}), name
        for text in texts:
            assert found(store, {"host_addrs": text}) == search(long.events, {"host_addrs": text})
        for part in ("abc", "\u00c4" * 1_000, "X" * 501):
            assert found(store, {"description_like": part}) == search(long.events, {"description_like": part})

    def test_values_come_back_as_they_are(self, hostile: Population) -> None:
        for name in ("category", "node_name", "eventclass", "inspectionerrors"):
            texts: set[Any] = {value for one in hostile.events for value in one.values(name)}
            assert texts >= {clean(text) for text in HOSTILE_TEXTS}
            assert set(hostile.store.distinct_values(name)) == texts
            counted = hostile.store.aggregate_events(by=name, limit=1000)
            assert {row.value for row in counted.rows} == texts
            assert [row.value for row in counted.rows if row.count == 1] == sorted(
                row.value for row in counted.rows if row.count == 1
            )
