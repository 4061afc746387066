"""What the storage understands of a message."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.eventstorage.idea.messages import message, raw

from tocsin.errors import DataError
from tocsin.eventstorage.idea import Idea, Limits, row_of
from tocsin.eventstorage.row import SOURCE, TARGET, AddressBlock

if TYPE_CHECKING:
    from collections.abc import Callable


def errors(**parts: Any) -> list[str]:
    return list(row_of(message(**parts), words=False).inspectionerrors)


def test_every_column_is_read_from_where_idea_has_it() -> None:
    row = row_of(
        message(
            Description="Ping",
            Source=[
                {"IP4": ["10.0.0.1"], "Port": [1024], "Type": ["Botnet"], "Proto": ["tcp"]},
                {"IP6": ["2001:db8::/127"], "Hostname": ["A.example"], "Type": ["Botnet", "CC"]},
            ],
            Target=[{"IP4": ["10.0.0.2"], "Port": [80], "Hostname": ["b.example"], "Proto": ["tcp", "http"]}],
            Node=[{"Name": "org.example.ids", "Type": ["Relay"]}, {"Name": "org.example.relay"}],
            _Tocsin={
                "ResolvedAbuses": ["abuse@example"],
                "EventClass": "scan",
                "EventSeverity": "low",
                "InspectionErrors": ["told before"],
            },
        ),
        words=False,
    )

    assert row.detecttime == 1_772_366_400_000_000
    assert (row.category, row.description) == (("Recon.Scanning",), "Ping")
    assert (row.source_ip, row.target_ip) == (("10.0.0.1", "2001:db8::/127"), ("10.0.0.2",))
    assert (row.source_host, row.target_host) == (("A.example",), ("b.example",))
    assert (row.source_port, row.target_port) == ((1024,), (80,))
    assert (row.source_type, row.target_type) == (("Botnet", "CC"), ())
    assert row.protocol == ("tcp", "http")
    assert (row.node_name, row.node_type) == (("org.example.ids", "org.example.relay"), ("Relay",))
    assert (row.resolvedabuses, row.eventclass, row.eventseverity) == (("abuse@example",), "scan", "low")
    assert row.inspectionerrors == ("told before",)
    net = 0x20010DB8 << 96
    assert row.blocks == (
        AddressBlock(SOURCE, 4, 0x0A000001, 0x0A000001),
        AddressBlock(SOURCE, 6, net, net + 1),
        AddressBlock(TARGET, 4, 0x0A000002, 0x0A000002),
    )
    assert row.hosts == ((SOURCE, "example.a."), (TARGET, "example.b."))


@pytest.mark.parametrize("key", ["_Mentat", "_CESNET"])
def test_enrichment_of_older_systems_is_read_where_ours_says_nothing(key: str) -> None:
    older = {"ResolvedAbuses": ["a"], "EventClass": "c", "EventSeverity": "low"}
    row = row_of(message(**{key: older, "_Tocsin": {"EventSeverity": "high"}}), words=False)

    assert (row.resolvedabuses, row.eventclass, row.eventseverity) == (("a",), "c", "high")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"Format": None}, "Format: missing"),
        ({"Format": "IDEA1"}, "Format: not IDEA0"),
        ({"Format": 0}, "Format: not a text"),
        ({"DetectTime": None}, "DetectTime: missing"),
        ({"DetectTime": "yesterday"}, "DetectTime: not a time"),
        ({"DetectTime": [1]}, "DetectTime: not a time"),
        ({"DetectTime": True}, "DetectTime: not a time"),
        ({"DetectTime": "2026-03-01T12:00:00"}, "DetectTime: no time zone"),
        ({"DetectTime": "0xbc71f4f5.0xef449129"}, "DetectTime: not a time"),
        ({"CeaseTime": "2026-02-30T12:00:00Z"}, "CeaseTime: not a time"),
        ({"Category": None}, "Category: missing"),
        ({"Category": []}, "Category: missing"),
        ({"Category": ["a", 1]}, "Category: not a text of at most 500 characters"),
        ({"Category": ["a", "x" * 501]}, "Category: not a text of at most 500 characters"),
        ({"Confidence": 1.5}, "Confidence: not a number from 0 to 1"),
        ({"Confidence": True}, "Confidence: not a number from 0 to 1"),
        ({"ConnCount": -1}, "ConnCount: not a whole number of 0 or more"),
        ({"Source": "x"}, "Source: not an object"),
        ({"Source": [{"Port": [65536]}]}, "Source.Port: not a port number"),
        ({"Source": [{"Port": [-1]}]}, "Source.Port: not a port number"),
        ({"Target": [{"Port": ["http"]}]}, "Target.Port: not a port number"),
        ({"Target": [{"Port": ["80"]}]}, "Target.Port: a number written as text or with a point"),
        ({"Target": [{"Port": [80.0]}]}, "Target.Port: a number written as text or with a point"),
        ({"Source": [{"IP4": ["1.2.3"]}]}, "Source.IP4: not an IPv4 address"),
        ({"Source": [{"IP4": ["::1"]}]}, "Source.IP4: not an IPv4 address"),
        ({"Target": [{"IP6": ["1.2.3.4"]}]}, "Target.IP6: not an IPv6 address"),
        ({"Target": [{"IP4": [["1.2.3.4"]]}]}, "Target.IP4: not a text of at most 500 characters"),
        (
            {"Source": [{"Hostname": ["x" * 256]}]},
            "Source.Hostname: not a host name of at most 255 characters",
        ),
        ({"Source": [{"Hostname": ["10.1.2.3"]}]}, "Source.Hostname: an address, not the name of a host"),
        ({"Source": [{"Spoofed": "no"}]}, "Source.Spoofed: not true or false"),
        ({"Node": ["ids"]}, "Node: not an object"),
        ({"Node": [{"Name": 5}]}, "Node.Name: not a text of at most 500 characters"),
        ({"Attach": [{"Size": -5}]}, "Attach.Size: not a whole number of 0 or more"),
        ({"_Tocsin": {"EventClass": {}}}, "_Tocsin.EventClass: not a text of at most 500 characters"),
    ],
)
def test_what_is_wrong_is_told_and_the_event_is_kept(parts: dict[str, Any], expected: str) -> None:
    assert expected in errors(**parts)


def test_a_fault_is_told_once_however_often_it_occurs() -> None:
    assert errors(Source=[{"Port": [-1, -2]}, {"Port": [70000]}]) == ["Source.Port: not a port number"]


def test_a_message_without_faults_has_none_told() -> None:
    assert errors(Confidence=1, ConnCount=3, Source=[{"IP4": ["1.2.3.4/8"], "Port": [0, 65535]}]) == []


def test_a_time_that_is_wrong_is_not_missing_too() -> None:
    assert errors(DetectTime=[]) == ["DetectTime: not a time"]
    assert errors(DetectTime="") == ["DetectTime: not a time"]


def test_what_can_be_understood_is_used() -> None:
    row = row_of(
        message(
            Category="Test",
            DetectTime="2026-03-01T12:00:00",
            Source={"IP4": "10.0.0.1", "Port": ["80", 443.0, 70000]},
            Target=[{"IP4": ["2001:db8::1", "nonsense"]}],
        ),
        words=False,
    )

    assert row.category == ("Test",)
    assert row.detecttime == 1_772_366_400_000_000
    assert row.source_ip == ("10.0.0.1",)
    assert row.source_port == (80, 443)
    assert row.target_ip == ("2001:db8::1",)
    assert [block.family for block in row.blocks] == [4, 6]


def test_an_address_in_place_of_a_host_name_is_an_address() -> None:
    names = ["10.1.2.3", "www.example.org", "2001:db8::1", "10.9.0.0/16", "10.0.0.1-10.0.0.6", "10.1.2.3"]
    row = row_of(
        message(Source=[{"Hostname": names[:3]}, {"IP4": ["10.2.0.1"], "Hostname": names[3:]}]), words=False
    )

    assert row.source_host == ("www.example.org",)
    assert row.source_ip == ("10.2.0.1", "10.1.2.3", "2001:db8::1", "10.9.0.0/16", "10.0.0.1-10.0.0.6")
    assert len(row.blocks) == 4 + 4  # the range has four
    assert row.hosts == ((SOURCE, "org.example.www."),)
    assert row.inspectionerrors == ("Source.Hostname: an address, not the name of a host",)


@pytest.mark.parametrize(
    "name",
    ["", "a", "7", "web-7", "3com-7", "4.3.2.1.in-addr.arpa", "256.1.1.1", "1.2.3", "host:80", "²", "1:"],
)
def test_a_host_name_that_is_like_an_address_is_a_name(name: str) -> None:
    row = row_of(message(Target=[{"Hostname": [name]}]), words=False)

    assert (row.target_host, row.target_ip, row.blocks, row.inspectionerrors) == ((name,), (), (), ())


def test_ntp_timestamps_are_read_when_asked_for() -> None:
    row = row_of(message(DetectTime="0xbc71f4f5.0x80000000"), words=False, ntp_times=True)

    assert row.detecttime == (0xBC71F4F5 - 2_208_988_800) * 1_000_000 + 500_000
    assert row.inspectionerrors == ()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b"\x00", "not JSON"),
        (b"{", "not JSON"),
        (b'{"ID":"a"} {}', "not JSON"),
        (b'{"ID":"a","x":NaN}', "not JSON: NaN"),
        (b'{"ID":"a","x":-Infinity}', "not JSON: -Infinity"),
        (b'{"ID":"a","x":"\xff"}', "not JSON: invalid UTF-8"),
        (b'{"ID":"a","x":"\xed\xa0\x80"}', "not JSON: invalid UTF-8"),
        ('{"ID":"a"}'.encode("utf-16"), "not JSON"),
        ('{"ID":"\ud800"}', "not JSON: the text is not valid Unicode"),
        (b"[]", "not a JSON object"),
        (b'"ID"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{}", "no usable ID"),
        (b'{"ID":null}', "no usable ID"),
        (b'{"ID":7}', "no usable ID"),
        (b'{"ID":""}', "no usable ID"),
        (b'{"ID":["a"]}', "no usable ID"),
        (b'{"ID":"a\\u0000"}', "no usable ID"),
        (b'{"ID":"a\\n"}', "no usable ID"),
        (b'{"ID":"a\\u0085"}', "no usable ID"),
        (b'{"ID":"\\ud800"}', "no usable ID"),
        (json.dumps({"ID": "x" * 256}), "no usable ID"),
        (b'{"ID":"a","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested deeper than 64"),
        (b'{"ID":"a","x":' + b'{"y":' * 64 + b"1" + b"}" * 64 + b"}", "nested deeper than 64"),
        (b'{"ID":"a","x":"' + b"x" * (4 << 20) + b'"}', "over the size limit of 4194304 bytes"),
        ({"ID": "a", "x": range(3)}, "not JSON: the event holds what JSON cannot"),
        ({"ID": "a", "x": float("nan")}, "not JSON: the event holds what JSON cannot"),
        ({"ID": "a", "x": b"bytes"}, "not JSON: the event holds what JSON cannot"),
        ({"ID": "a", ("k",): 1}, "not JSON: the event holds what JSON cannot"),
        (7, "not an event: int"),
        (None, "not an event: NoneType"),
        ([], "not an event: list"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_only_what_is_no_event_is_rejected(content: Any, reason: str) -> None:
    with pytest.raises(DataError) as caught:
        row_of(content, words=True)

    assert caught.value.message.startswith(reason)


def test_a_mapping_within_itself_is_rejected() -> None:
    circle: dict[str, Any] = message()
    circle["Note"] = circle

    with pytest.raises(DataError, match="not JSON"):
        row_of(circle, words=False)


def test_the_limits_are_those_of_the_caller() -> None:
    deep = message(Note=[[[[]]]])

    assert row_of(deep, words=False, limits=Limits(max_depth=5)).inspectionerrors == ("Note: not a text",)
    with pytest.raises(DataError, match="nested deeper than 4"):
        row_of(deep, words=False, limits=Limits(max_depth=4))
    with pytest.raises(DataError, match="size limit of 10 bytes"):
        row_of(deep, words=False, limits=Limits(max_bytes=10))
    with pytest.raises(DataError, match="depth of more than 256"):
        Limits(max_depth=257)


def test_64_levels_and_brackets_in_texts_are_fine() -> None:
    inner: Any = "[{" * 100
    for _ in range(63):
        inner = [inner]

    assert row_of(message(Note="[{" * 100, Extra=inner), words=True).inspectionerrors == ()


@pytest.mark.parametrize(
    "content",
    [
        b'\xef\xbb\xbf{"ID": "a"}',
        b' {"ID":"b","ID":"a"}\r\n',
        b'{"ID":"a","Description":"nul \\u0000 lone \\uD83D \\udc00 pair \\ud83d\\ude00"}',
        b'{"ID":"a","n":' + b"9" * 5000 + b',"m":1e999,"o":123456789012345678901234567890}',
        '{"ID":"a","Description":"\u2028ž\U0001f600"}'.encode(),
    ],
    ids=["byte order mark", "key twice", "NUL and surrogates", "huge numbers", "not ASCII"],
)
def test_the_bytes_are_kept_as_they_came(content: bytes) -> None:
    row = row_of(content, words=True)

    assert (row.id, row.message) == ("a", content)
    assert row_of(content.decode(), words=True) == row
    assert row_of(Idea.from_json(content), words=True) == row


def test_what_databases_cannot_keep_is_replaced_in_columns() -> None:
    row = row_of(b'{"ID":"a","Description":"a\\u0000b\\uD800c","Category":["\\udfff"]}', words=True)

    assert (row.description, row.category) == ("a\ufffdb\ufffdc", ("\ufffd",))
    assert row.words.split() == ["a", "b", "c"]


def test_a_hundred_thousand_addresses_are_kept() -> None:
    addresses = [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(100_000)]
    row = row_of(message(Source=[{"IP4": addresses}]), words=False)

    assert (len(row.source_ip), len(row.blocks), row.inspectionerrors) == (100_000, 100_000, ())


def test_an_address_that_comes_twice_has_one_block() -> None:
    row = row_of(message(Source=[{"IP4": ["1.2.3.4", "1.2.3.4/32"], "IP6": ["::ffff:1.2.3.4"]}]), words=False)

    assert row.source_ip == ("1.2.3.4", "1.2.3.4/32", "::ffff:1.2.3.4")
    assert row.blocks == (AddressBlock(SOURCE, 4, 0x01020304, 0x01020304),)


def test_ranges_beyond_measure_are_told_not_stored() -> None:
    ranges = [f"{n:x}::1-{n:x}:{'ffff:' * 6}fffe" for n in range(1, 1000)]
    row = row_of(message(Source=[{"IP6": ranges}]), words=False)

    assert row.inspectionerrors == ("Source: too many ranges of addresses",)
    assert 100_000 <= len(row.blocks) < 101_000


@pytest.mark.parametrize(
    ("where", "column", "parts"),
    [
        ("Category", "category", lambda names: {"Category": names}),
        ("Source.Type", "source_type", lambda names: {"Source": [{"Type": names}]}),
        ("Target.Type", "target_type", lambda names: {"Target": [{"Type": names}]}),
        ("Proto", "protocol", lambda names: {"Source": [{"Proto": names}]}),
        ("Node.Name", "node_name", lambda names: {"Node": [{"Name": name} for name in names]}),
        ("Node.Type", "node_type", lambda names: {"Node": [{"Type": names}]}),
        ("ResolvedAbuses", "resolvedabuses", lambda names: {"_Tocsin": {"ResolvedAbuses": names}}),
        ("InspectionErrors", "inspectionerrors", lambda names: {"_Tocsin": {"InspectionErrors": names}}),
    ],
)
def test_of_a_list_beyond_measure_the_first_values_are_columns(
    where: str, column: str, parts: Callable[[list[str]], dict[str, Any]]
) -> None:
    fine, many = [f"{n:04}" for n in range(1_000)], [f"{n:04}" for n in range(20_000)]
    long = [f"{n:0500}" for n in range(66)]
    told = f"{where}: too many values"

    def values(names: list[str]) -> list[str]:
        row = row_of(message(**parts(names)), words=False)
        assert (told in row.inspectionerrors) == (names is not fine)
        return [value for value in getattr(row, column) if value != told]

    assert values(fine) == values(many) == fine
    assert values(long) == long[:65]


def test_a_raw_message_and_its_mapping_give_the_same_columns() -> None:
    parts = {"Source": [{"IP4": ["1.2.3.4"]}], "Description": "žluť"}

    assert row_of(raw(**parts), words=True)[:-1] == row_of(message(**parts), words=True)[:-1]
