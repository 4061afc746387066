"""Headers: log formats, expressions, named pieces."""

from __future__ import annotations

import pytest

from tocsin.errors import ParseError
from tocsin.sources.parsers import create_parser
from tocsin.sources.parsers.header import Header
from tocsin.sources.parsers.patterns import NAMED_PATTERNS, compile_header
from tocsin.sources.parsers.times import TimeReader

INSTANT = 1795342500.0  # 22 November 2026, 10:15 UTC


def header(pattern: str) -> Header:
    return Header(pattern, TimeReader())


@pytest.mark.parametrize(
    ("pattern", "line", "named", "content"),
    [
        (
            "<Date> <Time> <Level> <Content>",
            "2026-11-22 10:15:00 WARN disk is hot",
            {"Level": "WARN"},
            "disk is hot",
        ),
        (
            r"<Date> <Time> - <Level>  \[<Node>:<Thread>@<Id>\] - <Content>",
            "2026-11-22 10:15:00,000 - INFO  [db/1:worker@7] - ready",
            {"Level": "INFO", "Node": "db/1", "Thread": "worker", "Id": "7"},
            "ready",
        ),
        (
            r"<Month> <Day> <Time> <Host> <Program>(\[<PID>\])?: <Content>",
            "Nov 22 10:15:00 web1 cron[12]: run: all",
            {"Host": "web1", "Program": "cron", "PID": "12"},
            "run: all",
        ),
        ("[<Time>] (<Level>) <Content>", "[2026-11-22 10:15:00] (warn) a (b)", {"Level": "warn"}, "a (b)"),
        (
            "<Label> <Timestamp> <Date> <Time> <Content>",
            "- 1795342500 2026.11.22 2026-11-22-10.15.00 hot",
            {"Label": "-"},
            "hot",
        ),
        ("%{ISOTIME:time} %{LEVEL:level}: ", "2026-11-22T10:15:00Z error: hot", {"level": "error"}, "hot"),
        (
            r"(?P<time>\S+) (?P<level>\w+)(?: \[(?P<pid>\d+)\])? (?P<message>.*)",
            "1795342500 INFO ready",
            {"level": "INFO"},
            "ready",
        ),
    ],
)
def test_a_header_is_taken_apart(pattern: str, line: str, named: dict[str, str], content: str) -> None:
    reference = TimeReader()
    del reference
    from datetime import UTC, datetime

    found = header(pattern).read(line, datetime(2026, 11, 22, 12, 0, tzinfo=UTC))

    assert found == (named, content, INSTANT)


def test_a_field_ends_at_the_first_place_where_what_follows_fits() -> None:
    match = compile_header("<A>: <B> = <C>").match("x: y: z = 1 = 2")

    assert match is not None
    assert match.groupdict() == {"A": "x", "B": "y: z", "C": "1 = 2"}


def test_a_line_with_another_header_is_refused() -> None:
    with pytest.raises(ParseError, match="header"):
        header("%{ISOTIME:time} <<").read("something else", None)


def test_a_time_that_is_none_leaves_an_event_without_a_time() -> None:
    assert header("<Time> <Content>").read("soon ready", None) == ({}, "ready", None)


def test_the_rest_of_a_very_long_line_belongs_to_the_content() -> None:
    line = "2026-11-22T10:15:00Z INFO " + "x " * 5000 + "end"

    for pattern in ("<Time> <Level> <Content>", r"(?P<time>\S+) (?P<level>\w+) "):
        assert header(pattern).read(line, None)[1].endswith("x end")


def test_named_pieces_and_log_formats_do_not_go_back_and_forth() -> None:
    pattern = compile_header(r"<A> <B> \[<C>\] <D>(\[<E>\])?: <Content>")

    for piece in ("a", " ", "a ", "[", "[a ", "a b [", "a b [c] d["):
        assert pattern.match(piece * (4096 // len(piece))) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("IP", "192.0.2.7"), ("IP", "2001:db8::1"), ("UUID", "6f1c2a9e-0000-4000-8000-0123456789ab"),
        ("HTTPTIME", "22/Nov/2026:10:15:00 +0000"), ("SYSLOGTIME", "Nov  2 10:15:00"), ("NUMBER", "-1.5"),
        ("LEVEL", "Warning"), ("QUOTED", '"a \\" b"'), ("HOST", "web-1.example.org"), ("PATH", "/a/b"),
        ("ISOTIME", "2026-11-22T10:15:00,123+01:00"), ("EPOCH", "1795342500.25"), ("NAME", "a.b$C"),
        ("CTIME", "Sun Nov 22 10:15:00 2026"), ("COMPACTTIME", "261122 101500"),
    ],
)  # fmt: skip
def test_a_named_piece_matches(name: str, text: str) -> None:
    assert name in NAMED_PATTERNS

    match = compile_header(f"%{{{name}:it}}$").match(text)

    assert match is not None
    assert match["it"] == text


def test_a_header_stands_in_front_of_any_parser() -> None:
    parser = create_parser("json", {"header": "<Time> <Stream> F <Content>"})

    event = parser.parse_line('2026-11-22T10:15:00Z stdout F {"event": "login", "Stream": 2}')

    assert event["EventID"] == "login"
    assert event["logFormatVariables"] == {"Stream": "stdout", "event": "login", "Stream_2": 2}
    assert event["parsedTimestamp"] == INSTANT


def test_a_header_has_a_time_format_and_a_zone() -> None:
    given = {"pattern": "[<Time>] <Content>", "time_format": "%d/%m/%Y %H.%M", "timezone": "Europe/Berlin"}

    assert (
        create_parser("drain", {"header": given}).parse_line("[22/11/2026 11.15] hot")["parsedTimestamp"]
        == INSTANT
    )


def test_a_regular_expression_makes_an_event_of_its_groups() -> None:
    pattern = r"%{ISOTIME:time} %{WORD:action} user=%{USER:user}"
    line = "2026-11-22T10:15:00Z login user=eve"

    one = create_parser("regex", {"pattern": pattern}).parse_line(line)
    by_action = create_parser("regex", {"pattern": pattern, "event_id": "action"}).parse_line(line)
    both = create_parser("regex", {"pattern": pattern, "event_id": ["action", "user"]}).parse_line(line)

    assert one["template"] == pattern
    assert one["logFormatVariables"] == {"action": "login", "user": "eve"}
    assert (by_action["EventID"], by_action["template"]) == ("login", "action=login")
    assert both["EventID"] == "login:eve"


def test_a_regular_expression_with_content_learns_templates() -> None:
    parser = create_parser("regex", {"pattern": "(?P<level>[A-Z]+) (?P<content>.*)"})

    assert parser.parse_line("INFO took 12 ms")["template"] == "took <*> ms"
    assert parser.dump()
