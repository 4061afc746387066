"""JSON lines, and Windows events among them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.errors import ParseError
from tocsin.sources.parsers import create_parser
from tocsin.sources.parsers.flatten import read_object

INSTANT = 1795342500.0  # 22 November 2026, 10:15 UTC


def read(value: Any, type_name: str = "json", **params: Any) -> Any:
    line = value if isinstance(value, str) else json.dumps(value)
    return create_parser(type_name, params).parse_line(line)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (
            '{"a": 1, "b": 1.5, "c": true, "d": null, "e": "x"}',
            {"a": 1, "b": 1.5, "c": True, "d": None, "e": "x"},
        ),
        ('{"a": {"b": {"c": 1}}, "a.b": 2}', {"a.b.c": 1, "a.b": 2}),
        ('{"a.b": 2, "a": {"b": 1}}', {"a.b": 2, "a.b_2": 1}),
        ('{"a": 1, "a": 2, "a": 3}', {"a": 1, "a_2": 2, "a_3": 3}),
        ('{"a": [1, "x", null], "b": [], "c": {}}', {"a": (1, "x", None), "b": (), "c": "{}"}),
        ('{"a": [{"b": 1}, [2, 3]]}', {"a.0.b": 1, "a.1": (2, 3)}),
        ('{"n": 12345678901234567890123456789}', {"n": 12345678901234567890123456789}),
        ('{"": 1}', {"": 1}),
        ('{"a": [1.5, 2]}', {"a.0": 1.5, "a.1": 2}),
    ],
)
def test_values_are_named_by_their_path(line: str, named: dict[str, Any]) -> None:
    assert read_object(line) == named


def test_what_lies_too_deep_stays_text() -> None:
    value: Any = {"x": [1, {"y": 2}]}
    for _ in range(20):
        value = {"k": value}

    (name,) = read_object(json.dumps(value))

    assert name == ".".join("k" * 17)
    assert json.loads(read_object(json.dumps(value))[name]) == {"k": {"k": {"k": {"x": [1, {"y": 2}]}}}}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("[1]", "no object"),
        ('"x"', "no object"),
        ("{", "not JSON"),
        ("ready", "not JSON"),
        ('{"a": NaN}', "NaN is not a number"),
        ('{"a": -Infinity}', "-Infinity is not a number"),
        ('{"a": 1e999}', "a is a number too large"),
        ('{"a": [1, {"b": 1e999}]}', "a.1.b is a number too large"),
        ('{"a": ' + "9" * 5000 + "}", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' * 100_000, "nested too deeply"),
        (json.dumps({str(number): 1 for number in range(1001)}), "more than 1000 values"),
        (json.dumps({"a": [{"b": 1}] * 1001}), "more than 1000 values"),
        ('{"a": 1} {"b": 2}', "not JSON"),
    ],
)
def test_what_is_no_object_is_refused_with_the_reason(line: str, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        read(line)


@pytest.mark.parametrize(
    ("value", "event_id"),
    [
        ({"event": "login", "type": "audit"}, "login"),
        ({"EventID": 4624, "event": "login"}, 4624),
        ({"EventID": "4624"}, "4624"),
        ({"event": {"action": "login"}}, "login"),
        ({"event_id": "6f1c2a9e-0000-4000-8000-0123456789ab", "type": "login"}, "login"),
        ({"event": True, "type": "login"}, "login"),
        ({"event": "x" * 200, "type": "login"}, "login"),
    ],
)
def test_the_event_is_found_by_itself(value: Any, event_id: int | str) -> None:
    found = read(value)["EventID"]

    assert found == event_id
    assert type(found) is type(event_id)


def test_without_a_kind_of_event_the_template_of_the_message_is_learned() -> None:
    parser = create_parser("json")

    first, second = (
        parser.parse_line(json.dumps({"msg": f"took {number} ms", "n": number})) for number in (1, 2)
    )

    assert first["EventID"] == second["EventID"]
    assert second["template"] == "took <*> ms"
    assert second["variables"] == ["2"]
    assert second["logFormatVariables"] == {"msg": "took 2 ms", "n": 2}


def test_without_a_message_either_objects_with_the_same_keys_are_one_event() -> None:
    parser = create_parser("json")
    lines = ('{"a": 1, "b": 2}', '{"b": 3, "a": 4}', '{"a": 1}')

    one, same, other = (parser.parse_line(line)["EventID"] for line in lines)

    assert one == same != other


def test_the_message_can_be_asked_for() -> None:
    event = read({"event": "x", "text": "hot disk", "log": "cold"}, message="text")

    assert event["template"] == "hot disk"


def test_an_event_of_several_keys_is_their_text() -> None:
    value = {"Channel": "Security", "EventID": 4624}

    assert read(value, event_id=["Channel", "EventID"])["EventID"] == "Security:4624"
    assert read(value, event_id="EventID")["EventID"] == 4624


@pytest.mark.parametrize("value", [{}, {"kind": None}, {"kind": 1.5}, {"kind": [1]}, {"kind": True}])
def test_without_the_key_that_was_asked_for_a_line_is_refused(value: Any) -> None:
    with pytest.raises(ParseError, match="kind, of which the EventID is made"):
        read(value, event_id="kind")


@pytest.mark.parametrize(
    "value",
    [
        {"@timestamp": "2026-11-22T10:15:00Z"},
        {"time": 1795342500},
        {"ts": 1795342500.0},
        {"timestamp": 1795342500000},
        {"timestamp": "soon", "ts": "22/Nov/2026:10:15:00 +0000"},
        {"time": True, "date": "2026-11-22 10:15"},
    ],
)
def test_the_time_is_found_by_itself_and_is_no_variable(value: dict[str, Any]) -> None:
    event = read({"event": "x", **value})

    assert event["parsedTimestamp"] == INSTANT
    assert len(event["logFormatVariables"]) == len(value)


@pytest.mark.parametrize("took", [0, 12, 0.35, -1, 99_999_999])
def test_a_small_number_is_how_long_something_took_and_no_time_of_1970(took: float) -> None:
    event = read({"event": "x", "time": took, "Timestamp": "2026-11-22T10:15:00Z"})

    assert event["parsedTimestamp"] == INSTANT
    assert event["logFormatVariables"] == {"event": "x", "time": took}


def test_the_key_and_the_form_of_the_time_can_be_told() -> None:
    event = read(
        {"event": "x", "time": 1, "when": "22|11|2026 10h15"}, time="when", time_format="%d|%m|%Y %Hh%M"
    )

    assert event["parsedTimestamp"] == INSTANT
    assert event["logFormatVariables"] == {"event": "x", "time": 1}


plain = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)


@settings(max_examples=200)
@given(st.dictionaries(st.text(max_size=3), values, max_size=5))
def test_no_plain_value_is_lost_and_none_changes_its_type(value: dict[str, Any]) -> None:
    def leaves(one: Any) -> list[Any]:
        if isinstance(one, dict):
            return [leaf for inner in one.values() for leaf in leaves(inner)] if one else ["{}"]
        if isinstance(one, list | tuple):
            return [leaf for inner in one for leaf in leaves(inner)] if one else [()]
        return [one]

    def typed(found: list[Any]) -> list[str]:
        return sorted(f"{type(one).__name__} {one!r}" for one in found)

    named = read_object(json.dumps(value))

    assert typed([leaf for one in named.values() for leaf in leaves(one)]) == typed(
        leaves(value) if value else []
    )


WINDOWS = {
    "EventID": 4624,
    "Channel": "Security",
    "SourceName": "Microsoft-Windows-Security-Auditing",
    "TimeCreated": "2026-11-22T10:15:00.000Z",
    "TargetUserName": "eve",
}


def test_a_windows_event_keeps_its_number_and_all_fields() -> None:
    event = read(WINDOWS, "windows_json")

    assert event["EventID"] == 4624
    assert event["template"] == "Security Microsoft-Windows-Security-Auditing 4624"
    assert event["logFormatVariables"] == {key: WINDOWS[key] for key in WINDOWS if key != "TimeCreated"}
    assert event["parsedTimestamp"] == INSTANT
    assert read(WINDOWS | {"EventID": "4624"}, "windows_json")["EventID"] == "4624"


def test_channels_that_use_the_same_numbers_can_be_told_apart() -> None:
    event = read(WINDOWS, "windows_json", event_id=["Channel", "EventID"])

    assert event["EventID"] == "Security:4624"
    assert event["template"] == "Security Microsoft-Windows-Security-Auditing 4624"


@pytest.mark.parametrize(
    "value",
    [
        {
            "Event": {
                "System": {
                    "EventID": 4624,
                    "Channel": "Security",
                    "TimeCreated": {"SystemTime": "2026-11-22T10:15:00Z"},
                }
            }
        },
        {
            "Event": {
                "System": {
                    "EventID": {"#text": 4624, "#attributes": {"Qualifiers": 0}},
                    "Channel": "Security",
                    "TimeCreated": {"#attributes": {"SystemTime": "2026-11-22T10:15:00.000000000Z"}},
                }
            }
        },
        {"@timestamp": "2026-11-22T10:15:00Z", "winlog": {"event_id": 4624, "channel": "Security"}},
        {"EventTime": "2026-11-22 10:15:00", "EventID": 4624, "Channel": "Security"},
    ],
)
def test_other_shapes_of_windows_events_are_read(value: Any) -> None:
    event = read(value, "windows_json")

    assert (event["EventID"], event["template"], event["parsedTimestamp"]) == (4624, "Security 4624", INSTANT)


@pytest.mark.parametrize(
    "value", [{"Channel": "Security"}, {"EventID": None}, {"EventID": 1.5}, {"EventID": True}]
)
def test_an_event_without_a_number_is_refused(value: Any) -> None:
    with pytest.raises(ParseError, match="EventID"):
        read(value, "windows_json")
