"""What holds for any message."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.eventstorage.idea.messages import junk, message, messages

from tocsin.errors import DataError
from tocsin.eventstorage.idea import Idea, row_of
from tocsin.eventstorage.idea.decode import cleaned
from tocsin.eventstorage.idea.model import Event
from tocsin.eventstorage.idea.repair import repaired
from tocsin.eventstorage.row import ADDRESS_BITS, EventRow

_TOLD = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9]+)?: [A-Za-z0-9 ]+")
_UNKEPT = re.compile("[\x00\ud800-\udfff]")


@given(document=messages)
@settings(max_examples=200)
def test_a_message_of_the_right_form_needs_no_repair(document: dict[str, Any]) -> None:
    assert repaired(document, Event) == (msgspec.convert(document, Event), [])


@given(document=messages, places=st.data())
@settings(max_examples=200)
def test_any_json_at_any_place_is_stored(document: dict[str, Any], places: st.DataObject) -> None:
    _spoil(document, places)

    row = row_of(document, words=True)

    _is_storable(row)
    assert json.loads(row.message) == json.loads(json.dumps(document))
    assert all(_TOLD.fullmatch(told) for told in set(row.inspectionerrors) - _told_before(document))
    read = cleaned(json.loads(row.message))
    try:
        event = msgspec.convert(read, Event)
    except msgspec.ValidationError:
        return
    assert repaired(read, Event) == (event, [])


@given(content=st.binary(max_size=40) | st.text(max_size=40) | junk.map(json.dumps))
def test_anything_else_is_refused_as_data(content: bytes | str) -> None:
    try:
        row = row_of(content, words=True)
    except DataError:
        return
    _is_storable(row)


@given(part=junk)
def test_the_slow_reader_understands_what_the_fast_one_does(part: Any) -> None:
    # A number that the fast reader refuses sends the same message to the other.
    document = message(Extra=part)
    fast = json.dumps(document).encode()
    slow = json.dumps({**document, "Slow": 1}).replace('"Slow": 1', '"Slow": 1e999').encode()

    assert row_of(fast, words=False)[:-1] == row_of(slow, words=False)[:-1]


@given(document=messages)
def test_an_event_is_its_json(document: dict[str, Any]) -> None:
    event = Idea(document)

    assert event == document
    assert Idea.from_json(event.to_json()) == event
    assert dict(event) == event.to_dict() == json.loads(event.original)
    assert hash(event) == hash(Idea(json.dumps(document)))


def _spoil(document: dict[str, Any], places: st.DataObject) -> None:
    """Put anything at some place of a message; its ID stays."""
    at: Any = document
    while True:
        keys = [key for key in at if key != "ID"] if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            return
        key = places.draw(st.sampled_from(keys))
        if not (isinstance(at[key], (dict, list)) and at[key]) or places.draw(st.booleans()):
            at[key] = places.draw(junk)
            return
        at = at[key]


def _told_before(document: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for key in ("_Tocsin", "_Mentat", "_CESNET"):
        part = document.get(key)
        told = part.get("InspectionErrors") if isinstance(part, dict) else None
        found.update(_UNKEPT.sub("\ufffd", one) for one in _strings(told))
    return found


def _strings(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]


def _is_storable(row: EventRow) -> None:
    for value in row[:-4]:
        for item in value if isinstance(value, tuple) else [value]:
            assert not isinstance(item, str) or not _UNKEPT.search(item)
        assert not isinstance(value, tuple) or len(set(value)) == len(value)
    assert all(0 <= port <= 65535 for port in row.source_port + row.target_port)
    assert len(set(row.blocks)) == len(row.blocks)
    for block in row.blocks:
        size = block.high - block.low + 1
        assert size > 0
        assert size & (size - 1) == 0
        assert block.low % size == 0
        assert 0 <= block.low <= block.high < 1 << ADDRESS_BITS[block.family]
    assert all(word.casefold() == word for word in row.words.split())
    assert isinstance(json.loads(row.message.decode("utf-8-sig")), dict)
