"""The event that users see."""

from __future__ import annotations

import copy
import ipaddress
import json
from collections import UserDict, UserList
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import ipranges
import pytest
from tests.eventstorage.idea.messages import message, raw

from tocsin.errors import DataError
from tocsin.eventstorage.columns import ARRAY_COLUMNS, GHOST_COLUMNS, RECORD_COLUMNS
from tocsin.eventstorage.idea import Idea, IdeaGhost, record_to_idea, record_to_idea_ghost, row_of

STORED = datetime(2026, 3, 1, 12, 0, 1, 5, tzinfo=UTC)
MICROS = 1_772_366_401_000_005


def test_an_event_is_a_mapping_over_its_message() -> None:
    event = Idea(raw(Source=[{"IP4": ["10.0.0.1"]}]))

    assert event["Source"][0]["IP4"] == ["10.0.0.1"]
    assert list(event) == ["Format", "ID", "DetectTime", "Category", "Source"]
    assert len(event) == 5
    assert "Target" not in event
    assert event.get("Target", 7) == 7


def test_an_event_cannot_be_changed() -> None:
    event: Any = Idea(raw())

    with pytest.raises(TypeError):
        event["ID"] = "other"
    with pytest.raises(AttributeError):
        event.seq = 5
    with pytest.raises(AttributeError):
        event.other = 5
    event.to_dict()["Category"].append("other")
    assert event["Category"] == ["Recon.Scanning"]


def test_events_are_equal_when_their_content_is() -> None:
    one = Idea(b'{"ID":"a","Note":"\\u017e"}')

    assert one == Idea('{ "Note": "ž", "ID": "a" }') == {"ID": "a", "Note": "ž"}
    assert one != Idea({"ID": "a"})
    assert one != "a"
    assert len({one, Idea({"ID": "a", "Note": "ž"}), Idea({"ID": "b"})}) == 2
    assert copy.deepcopy(one) == one == copy.copy(one)


def test_json_is_given_as_it_came() -> None:
    content = '\ufeff {"ID":"a","ID":"a","x":1.50}\n'

    assert Idea.from_json(content).to_json() == content
    assert Idea.from_json(content.encode()).original == content.encode()


def test_the_content_is_json_again_however_large_its_numbers_are() -> None:
    event = Idea(b'{"ID":"a","x":[1e999,-1e999,-' + b"9" * 5000 + b"]}")

    assert json.loads(json.dumps(event.to_dict(), allow_nan=False)) == event == Idea(event.to_dict())


def test_properties_tell_how_the_storage_understands_it() -> None:
    enrichment = {"ResolvedAbuses": ["abuse@example"], "EventClass": "scan", "EventSeverity": "low"}
    event = Idea(message(Category="Test", _CESNET=enrichment, Confidence=7))

    assert (event.id, event.categories, event.groups) == (event["ID"], ("Test",), ("abuse@example",))
    assert (event.eventclass, event.severity) == ("scan", "low")
    assert event.detecttime == datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert event.inspection_errors == ("Confidence: not a number from 0 to 1",)
    assert (event.seq, event.storagetime) == (None, None)
    assert Idea({"ID": "a"}).detecttime is None


def test_a_mapping_may_hold_what_has_a_text_in_idea() -> None:
    ident = UUID("4dd7cf5e-4a95-49f6-8f00-947998012345")
    event = Idea(
        {
            "ID": ident,
            "DetectTime": datetime(2026, 3, 1, 12, 0, tzinfo=timezone(timedelta(hours=1))),
            "Source": ({"IP4": [ipaddress.ip_address("1.2.3.4"), ipranges.IP4Range("1.2.3.0-1.2.3.255")]},),
            "Category": UserList(["Test"]),
            "Node": [Idea({"ID": "x", "Name": "n"}), UserDict(AggrWin=timedelta(days=1, minutes=5))],
        }
    )

    assert event.id == str(ident)
    assert event["DetectTime"] == "2026-03-01T11:00:00Z"
    assert event["Source"] == [{"IP4": ["1.2.3.4", "1.2.3.0/24"]}]
    assert event["Category"] == ["Test"]
    assert event["Node"] == [{"ID": "x", "Name": "n"}, {"AggrWin": "1D00:05:00"}]


@pytest.mark.parametrize("content", [b"[]", b"", {}, {"ID": 7}])
def test_what_could_not_be_stored_is_no_event(content: Any) -> None:
    with pytest.raises(DataError):
        Idea(content)


@pytest.mark.parametrize("content", [raw(), memoryview(raw()), raw().decode()])
@pytest.mark.parametrize("at", [STORED, MICROS])
def test_a_record_becomes_the_event_that_was_stored(content: Any, at: Any) -> None:
    record = (7, message()["ID"], at, at, content)
    event = record_to_idea(record)

    assert event == record_to_idea(dict(zip(RECORD_COLUMNS, record, strict=True))) == Idea(raw())
    assert (event.id, event.seq, event.storagetime) == (event["ID"], 7, STORED)
    assert event.original == raw()
    assert event.categories == ("Recon.Scanning",)


def test_an_event_without_a_time_was_detected_when_it_was_stored() -> None:
    event = record_to_idea((7, "a", STORED, STORED, b'{"ID":"a"}'))

    assert event.detecttime == STORED


@pytest.mark.parametrize("as_json", [True, False])
def test_a_ghost_has_what_the_columns_have(as_json: bool) -> None:  # noqa: FBT001
    row = row_of(
        message(
            Description="Ping",
            Source=[
                {"IP4": ["10.0.0.1"], "IP6": ["::1/127"], "Port": [80], "Proto": ["tcp"], "Type": ["CC"]}
            ],
            Target=[{"Hostname": ["a.example"]}],
            Node=[{"Name": "a", "Type": ["Relay"]}, {"Name": "b"}],
            _Tocsin={"ResolvedAbuses": ["abuse@example"], "EventClass": "scan", "EventSeverity": "low"},
            Confidence=2,
        ),
        words=False,
    )._asdict()
    record: dict[str, Any] = {
        **{name: row.get(name) for name in GHOST_COLUMNS},
        "seq": 7,
        "storagetime": MICROS,
    }
    for name in ARRAY_COLUMNS:
        record[name] = json.dumps(list(row[name])) if as_json else list(row[name])

    ghost = record_to_idea_ghost(record)

    assert isinstance(ghost, IdeaGhost)
    assert ghost == record_to_idea_ghost(tuple(record[name] for name in GHOST_COLUMNS))
    assert (ghost.seq, ghost.storagetime, ghost.id) == (7, STORED, row["id"])
    again = row_of(ghost, words=False)._asdict()
    assert {name: again[name] for name in row if name != "message"} == {
        name: row[name] for name in row if name != "message"
    }
    assert ghost["_Tocsin"]["StorageTime"] == "2026-03-01T12:00:01.000005Z"


def test_a_ghost_of_an_event_without_anything_has_nothing() -> None:
    empty: dict[str, Any] = dict.fromkeys(GHOST_COLUMNS)
    ghost = record_to_idea_ghost({**empty, "seq": 1, "id": "a", "storagetime": 0, "detecttime": 0})

    assert ghost == {
        "Format": "IDEA0",
        "ID": "a",
        "DetectTime": "1970-01-01T00:00:00Z",
        "_Tocsin": {"StorageTime": "1970-01-01T00:00:00Z"},
    }
    assert ghost.groups == ()
