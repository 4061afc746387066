"""Audit records: fields, layouts, times."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.errors import ParseError
from tocsin.sources.parsers import create_parser
from tocsin.sources.parsers.auditd import AuditdParser
from tocsin.sources.parsers.key_values import read_fields
from tocsin.sources.parsers.layouts import Layouts

HEAD = "type=USER_LOGIN msg=audit(1795342500.250:7): "


def named(body: str) -> dict[str, Any]:
    return AuditdParser().parse_line(HEAD + body)["logFormatVariables"]


def test_the_event_is_the_record_type_and_its_time_is_in_the_record() -> None:
    event = AuditdParser().parse_line(HEAD + "pid=1")

    assert event["EventID"] == "USER_LOGIN"
    assert event["template"] == "type=USER_LOGIN msg=audit(<*>): <*>"
    assert event["parsedTimestamp"] == 1795342500.25
    assert event["variables"] == []


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("pid=1 uid=0", {"pid": "1", "uid": "0"}),
        ('acct="eve" exe="/bin/a b"', {"acct": "eve", "exe": "/bin/a b"}),
        ("acct=6576650A key=(null)", {"acct": "6576650A", "key": "(null)"}),
        ("pid=1 msg='op=login acct=\"eve\" res=ok'", {"pid": "1", "op": "login", "acct": "eve", "res": "ok"}),
        ("msg='op=login acct=\"o'neil\" res=ok'", {"op": "login", "acct": "o'neil", "res": "ok"}),
        ("msg='only words'", {"msg": "only words"}),
        ("pid=1 pid=2 pid=3", {"pid": "1", "pid_2": "2", "pid_3": "3"}),
        ("pid=1 pid_2=5 pid=2", {"pid": "1", "pid_2": "5", "pid_2_": "2"}),
        ("uid=0 msg='op=x uid=5'", {"uid": "0", "op": "x", "uid_2": "5"}),
        (
            'avc:  denied  { read } for  pid=7 comm="cat"',
            {"pid": "7", "comm": "cat", "text": "avc: denied { read } for"},
        ),
        ("a= b=1", {"a": "", "b": "1"}),
        ('a="" b=1', {"a": "", "b": "1"}),
        ('a="never closed b=1', {"a": '"never', "b": "1", "text": "closed"}),
        ("msg='op=a res=never closed", {"op": "a", "res": "never", "text": "closed"}),
        (
            "saddr=0200 \x1dSADDR={ fam=inet laddr=192.0.2.1 }",
            {"saddr": "0200", "SADDR": "fam=inet laddr=192.0.2.1"},
        ),
        ("uid=0 msg='op=a res=ok'\x1dUID=\"root\"", {"uid": "0", "op": "a", "res": "ok", "UID": "root"}),
        ("a='x y' b='z'", {"a": "x y", "b": "z"}),
        ("", {}),
        ("x=1=2 y==", {"x": "1=2", "y": "="}),
    ],
)
def test_fields_are_named(body: str, fields: dict[str, str]) -> None:
    assert named(body) == fields


@pytest.mark.parametrize(
    "line",
    [
        "node=web1 type=LOGIN msg=audit(1795342500.250:7): pid=1",
        "node=web1.example.org type=LOGIN msg=audit(1795342500.250:7): pid=1",
    ],
)
def test_the_node_is_a_named_variable(line: str) -> None:
    event = AuditdParser().parse_line(line)

    assert event["EventID"] == "LOGIN"
    assert event["logFormatVariables"]["node"].startswith("web1")


def test_the_kernel_form_and_unknown_types_are_read() -> None:
    kernel = AuditdParser().parse_line('audit: type=1400 audit(1795342500.250:7): apparmor="DENIED"')
    unknown = AuditdParser().parse_line("type=UNKNOWN[1334] msg=audit(1795342500.250:8): prog-id=7 op=LOAD")

    assert kernel["EventID"] == "1400"
    assert unknown["EventID"] == "UNKNOWN[1334]"
    assert unknown["logFormatVariables"] == {"prog-id": "7", "op": "LOAD"}


def test_a_time_outside_of_the_calendar_is_unknown_and_the_event_is_kept() -> None:
    event = AuditdParser().parse_line("type=LOGIN msg=audit(999999999999999.000:7): pid=1")

    assert event["parsedTimestamp"] is None


@pytest.mark.parametrize("line", ["", "type=", "type=A msg=audit(x:1): a=1", "something else", "type=A a=1"])
def test_what_is_no_record_is_refused(line: str) -> None:
    with pytest.raises(ParseError):
        AuditdParser().parse_line(line)


def test_a_record_with_too_many_fields_is_refused() -> None:
    with pytest.raises(ParseError, match="more than 1000 fields"):
        AuditdParser().parse_line(HEAD + " ".join(f"a{number}=1" for number in range(1001)))


def test_a_header_in_front_is_taken_off() -> None:
    parser = create_parser("auditd", {"header": "<Month> <Day> <Time> <Host> audispd: <Content>"})

    event = parser.parse_line("Nov 22 10:15:00 web1 audispd: " + HEAD + "pid=1")

    assert event["EventID"] == "USER_LOGIN"
    assert event["logFormatVariables"] == {"Host": "web1", "pid": "1"}
    assert event["parsedTimestamp"] == 1795342500.25


values = st.one_of(
    st.text("ab1/:.-(){}'\"= \t\x1dé", max_size=6),
    st.text("ab1/:.-(){}'\"= \t\x1dé", max_size=6).map(lambda text: f'"{text}"'),
    st.sampled_from(
        [
            "0",
            "(null)",
            '"root"',
            "{ a b }",
            "6576",
            "?",
            '"o\'neil"',
            "'x y'",
            "",
            "{z}",
            "a'b",
            "a\x1db",
            " a ",
            "{ a",
        ]
    ),
)
separators = st.sampled_from([" ", "  ", "", " \x1d", "\x1d", " word ", " { read } "])
bodies = st.lists(
    st.tuples(
        st.sampled_from(["a=", "b=", "uid=", "key=", "msg='op=", "' ", "'", "msg='"]), values, separators
    ),
    max_size=6,
).map(lambda parts: "".join(map("".join, parts)))


def read_with_layouts(layouts: Layouts, text: str) -> dict[str, str]:
    known = layouts.read("A", text, 0)
    if known is not None:
        return known
    fields = read_fields(text, 0)
    layouts.learn("A", text, 0, fields)
    return fields.named


LAYOUTS = (
    "pid=1 uid=0 msg='op=login acct=\"eve\" res=ok'",
    'pid=1 msg=\'op=login acct="eve" res=ok\' UID="root" AUID=x',
    'pid=1 msg=\'op=login acct="eve" res=ok\'\x1dUID="root" SADDR={ fam=inet }',
    'avc: denied { read } for pid=1 comm="cat" SADDR={ fam=inet port=1 } tclass=file',
)


@settings(max_examples=600)
@given(data=st.data())
def test_a_known_layout_reads_exactly_as_the_general_reader(data: st.DataObject) -> None:
    layouts = Layouts()
    body = data.draw(st.sampled_from(LAYOUTS) | bodies)
    for _ in range(4):
        read_with_layouts(layouts, body)
    spans = read_fields(body).spans
    for _ in range(4):
        # The same layout with other values, and what only looks like it.
        other = body
        for _, begin, end, _ in reversed(spans):
            if data.draw(st.booleans()):
                other = other[:begin] + data.draw(values) + other[end:]
        assert read_with_layouts(layouts, other) == read_fields(other).named


def test_usual_records_have_a_layout_soon() -> None:
    layouts = Layouts()
    body = 'pid={} uid=0 msg=\'op=login acct="{}" res=ok\'\x1dUID="root" SADDR={{ fam=inet port={} }}'
    for number in range(5):
        read_with_layouts(layouts, body.format(number, "eve", number))

    fields = layouts.read("A", body.format(77, "bob", 88), 0)

    assert fields == {
        "pid": "77",
        "uid": "0",
        "op": "login",
        "acct": "bob",
        "res": "ok",
        "UID": "root",
        "SADDR": "fam=inet port=88",
    }


@pytest.mark.parametrize(
    ("usual", "other"),
    [
        ('msg=\'op=a acct="x"\' UID="b"', 'msg=\'op=a acct="x"\' UID="b\'c"'),
        ("msg='op=a acct=\"x\"' UID=b", "msg='op=a acct=\"x\"' UID=b'c"),
        ("a=x b=1", "a={z} b=1"),
        ("a=x b=1", 'a="z" b=1'),
        ("a=x b=1", "a='z' b=1"),
        ('a="x" b=1', 'a="z\x1dy" b=1'),
        ("S={ a } x=1", "S={  a  } x=1"),
        ("S={ a } x=1", "S={ a\x1db } x=1"),
    ],
)
def test_what_only_looks_like_a_known_layout_is_read_in_full(usual: str, other: str) -> None:
    layouts = Layouts()
    for _ in range(5):
        read_with_layouts(layouts, usual)
    assert layouts.read("A", usual, 0) == read_fields(usual).named

    assert read_with_layouts(layouts, other) == read_fields(other).named
