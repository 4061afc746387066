"""What holds for every parser, whatever the lines are."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.errors import ConfigError, ParseError
from tocsin.model import RawLines
from tocsin.persistency.values import key_of
from tocsin.sources.parsers import PARSER_TYPES, create_parser
from tocsin.sources.parsers.base import BaseParser, Reading

if TYPE_CHECKING:
    from tests.sources.parsers.conftest import RawLinesMaker

PARAMS: dict[str, dict[str, Any]] = {
    "regex": {"pattern": r"(?P<time>\S+) (?P<level>\w+) (?P<content>.*)"},
    "templates": {
        "templates": ["user <*> logged in from <*>", "<*> <*> failed", "a<*>b<*>c<*>d"],
        "unmatched": "drain",
    },
}
LINES = {
    "auditd": "type=LOGIN msg=audit(1795342500.250:7): pid=1 uid=0 old-auid=4294967295 auid=0 res=1",
    "syslog": "Nov 22 10:15:00 web1 sshd[12]: session opened for user eve",
    "json": '{"time": "2026-11-22T10:15:00Z", "event": "login", "user": "eve", "port": 22}',
    "windows_json": '{"EventID": 4624, "Channel": "Security", "TimeCreated": "2026-11-22T10:15:00Z"}',
    "apache_access": '192.0.2.7 - eve [22/Nov/2026:10:15:00 +0000] "GET /a?b=1 HTTP/1.1" 200 512 "-" "curl"',
    "nginx_access": '192.0.2.7 - - [22/Nov/2026:10:15:00 +0000] "POST /a HTTP/2.0" 404 0 "-" "curl"',
    "apache_error": "[Sun Nov 22 10:15:00.123456 2026] [core:error] [pid 7:tid 8] [client 192.0.2.7:9] no",
    "regex": "2026-11-22T10:15:00Z INFO started in 12 ms",
    "templates": "user eve logged in from 192.0.2.7",
    "drain": "user eve logged in from 192.0.2.7",
}
HOSTILE = (
    "a",
    '"',
    "'",
    "[",
    "<",
    "{",
    "\\",
    '\\"',
    " \t",
    "=",
    "a=",
    'a="',
    'a="b ',
    "a='",
    "a={ ",
    "1.",
    "1:",
    "0x",
    "[[",
    "](",
    "<1>1 ",
    "%",
    "\ud800",
    "\x1b[",
    "\x1b[31m",
    "a\0",
    "k=v ",
    "msg='",
    '"a":',
    "[1,",
    '{"a":',
    "/",
    "abc-",
    "aaa aaa",
    "ff",
    " - - - ",
    "\x1d",
    "[a b=",
)
MEBIBYTE = 2**20


def make(type_name: str) -> Any:
    return create_parser(type_name, PARAMS.get(type_name, {}))


@pytest.mark.parametrize("type_name", PARSER_TYPES)
def test_every_type_has_an_example_here_and_reads_it(type_name: str, raw_lines: RawLinesMaker) -> None:
    batch = make(type_name).parse(raw_lines([LINES[type_name]], first=7))

    assert not batch.rejected
    assert batch.indexes == [0]
    event = batch.events[0]
    assert event["log"] == LINES[type_name]
    assert event["logID"] == "f00d:600"
    assert event["receivedTimestamp"] == datetime(2026, 11, 22, 12, 0, tzinfo=UTC).timestamp()
    timeless = {"templates", "drain"}
    assert (event["parsedTimestamp"] is None) == (type_name in timeless)


@pytest.mark.parametrize("type_name", PARSER_TYPES)
def test_blank_lines_are_passed_over_and_places_are_kept(type_name: str, raw_lines: RawLinesMaker) -> None:
    line = LINES[type_name]
    texts = [
        "",
        line,
        "  \t",
        "\r",
        "\0\0\0\0",
        "\ufeff" + line + "\r",
        "\x1b[0m",
        "\x1b[1;31m" + line + "\x1b[0m",
    ]

    batch = make(type_name).parse(raw_lines(texts))

    assert batch.indexes == [1, 5, 7]
    assert [event["logID"] for event in batch.events] == ["f00d:100", "f00d:500", "f00d:700"]
    assert [event["log"] for event in batch.events] == [texts[index] for index in batch.indexes]
    assert len({event["EventID"] for event in batch.events}) == 1
    assert not batch.rejected


def test_a_rejected_line_has_its_number_its_reason_and_64_kibibytes(raw_lines: RawLinesMaker) -> None:
    batch = make("auditd").parse(raw_lines([LINES["auditd"], "x" * 100_000, LINES["auditd"]], first=5))

    assert batch.indexes == [0, 2]
    (rejected,) = batch.rejected
    assert (rejected.source, rejected.number) == ("app.log", 6)
    assert rejected.text == "x" * 65_536
    assert "type=" in rejected.reason


def test_a_line_on_which_the_parser_breaks_is_rejected_and_the_next_one_read(
    raw_lines: RawLinesMaker,
) -> None:
    class Broken(BaseParser):
        def read_text(self, text: str, reference: datetime | None) -> Reading:  # noqa: ARG002
            return text, text, [int(text)], {}, None

    batch = Broken().parse(raw_lines(["1", "two", "3"]))

    assert [event["EventID"] for event in batch.events] == ["1", "3"]
    (rejected,) = batch.rejected
    assert (rejected.number, rejected.reason[:30]) == (2, "the parser failed: ValueError(")


@pytest.mark.parametrize("type_name", PARSER_TYPES)
def test_a_line_of_a_mebibyte_is_read_or_rejected(type_name: str) -> None:
    """Two hundred lines in a second or two: in quadratic time one would meet the time limit of the suite."""
    parser = make(type_name)
    for piece in HOSTILE:
        for start in ("", LINES[type_name], LINES[type_name][: len(LINES[type_name]) * 2 // 3]):
            line = (start + piece * (MEBIBYTE // len(piece)))[:MEBIBYTE]
            for text in (line, line + '"]'):
                try:
                    parser.parse_line(text)
                except ParseError as error:
                    assert error.message  # noqa: PT017 - both ends are fine, but nothing else


@pytest.mark.parametrize("type_name", PARSER_TYPES)
@settings(max_examples=60)
@given(data=st.data())
def test_any_text_is_an_event_or_rejected(type_name: str, data: st.DataObject) -> None:
    parser = make(type_name)
    line = LINES[type_name]
    anything = st.text(st.characters(exclude_characters="\n"), max_size=60)
    position = data.draw(st.integers(0, len(line)))
    length = data.draw(st.integers(0, 30))
    mutated = line[:position] + data.draw(anything) + line[position + length :]
    texts = [data.draw(anything), mutated, line]
    lines = RawLines("a", "f", texts, [1, 2, 3], [0, 1, 2], datetime(2026, 11, 22, tzinfo=UTC))

    batch = parser.parse(lines)

    blank = sum(not text.strip("\0\r\n\ufeff").strip() for text in texts)
    assert len(batch.events) + len(batch.rejected) + batch.continued >= 3 - blank - 1
    assert len(batch.events) == len(batch.indexes)
    for event in batch.events:
        assert type(event["EventID"]) in (int, str)
        assert all(type(name) is str for name in event["logFormatVariables"])
        for value in (*event["variables"], *event["logFormatVariables"].values()):
            key_of(value)  # a memory can hold it


@pytest.mark.parametrize("type_name", PARSER_TYPES)
@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, 60), max_size=4), seed=st.integers(0, 5))
def test_batches_one_by_one_and_a_restart_give_the_same_events(
    type_name: str, cuts: list[int], seed: int
) -> None:
    words = ("eve", "bob", "12", "192.0.2.1", "failed", "opened")
    texts = [
        LINES[type_name]
        .replace("eve", words[(number * 7 + seed) % 6])
        .replace("10:15", f"10:{number % 60:02}")
        for number in range(60)
    ]
    reference = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def lines(begin: int, end: int) -> RawLines:
        places = list(range(begin, end))
        return RawLines("a", "f", texts[begin:end], places, places, reference)

    whole = make(type_name).parse(lines(0, 60))
    events = []
    parser = make(type_name)
    bounds = [0, *sorted(cuts), 60]
    for begin, end in itertools.pairwise(bounds):
        events += parser.parse(lines(begin, end)).events
        state = parser.dump()
        parser = make(type_name)
        if state is not None:
            parser.load_state(state)
            assert parser.dump() == state
    single = make(type_name)
    by_line = [
        single.parse_line(text, file_id="f", offset=number, reference=reference)
        for number, text in enumerate(texts)
    ]

    assert whole.events == events == by_line


def test_an_unknown_type_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="there is no parser 'auditdd': did you mean auditd"):
        create_parser("auditdd")


@pytest.mark.parametrize("type_name", PARSER_TYPES)
def test_an_unknown_parameter_is_refused_by_name(type_name: str) -> None:
    with pytest.raises(
        ConfigError, match=f"parser {type_name} has no parameter heeader: did you mean header"
    ):
        create_parser(type_name, {**PARAMS.get(type_name, {}), "heeader": "<Time> <Content>"})


@pytest.mark.parametrize(
    ("type_name", "params", "message"),
    [
        ("drain", {"depth": 2}, "depth is 2: give a whole number from 3 to 32"),
        ("drain", {"similarity": float("nan")}, "similarity is nan"),
        ("drain", {"masks": ["("]}, "give regular expressions"),
        ("drain", {"header": "no groups"}, "header: pattern is 'no groups'"),
        ("drain", {"header": {"patern": "<Time> <Content>"}}, "no parameter patern: did you mean pattern"),
        ("drain", {"header": "(?P<time>"}, "none"),
        ("drain", {"header": "%{NOPE:time}"}, "NOPE is none of"),
        ("drain", {"variables": "some"}, "one of varying, all"),
        ("syslog", {"timezone": "Europe/Berln"}, "there is no time zone"),
        ("templates", {}, "give a list of templates"),
        ("templates", {"templates": [{"id": 1}]}, "give a list of templates"),
        ("templates", {"templates": ["a"], "unmatched": "drop"}, "one of reject, drain"),
        ("regex", {}, "give text"),
        ("json", {"event_id": [1]}, "a text or a list of texts"),
    ],
)
def test_a_wrong_parameter_is_refused(type_name: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create_parser(type_name, params)


def test_a_parser_that_does_not_learn_refuses_a_state() -> None:
    parser = create_parser("auditd")

    assert parser.dump() is None
    with pytest.raises(ValueError, match="keeps no state"):
        parser.load_state(b"{}")


def test_a_blank_line_by_itself_is_an_error() -> None:
    with pytest.raises(ParseError, match="blank"):
        create_parser("drain").parse_line(" \r\n")
