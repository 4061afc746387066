"""What is proposed for a log that nobody has described."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.sources.parsers import create_parser, propose_parser

LEVELS = ("INFO", "WARN", "ERROR")
MESSAGES = ("job {} done", "user u{} logged in", "cannot reach 192.0.2.{}", "queue holds {} items, all fine")


def sample(form: str) -> list[str]:
    return [
        form.format(
            second=f"{number % 60:02}",
            milli=f"{number * 7 % 1000:03}",
            level=LEVELS[number % 3],
            number=number,
            message=MESSAGES[number % 4].format(number),
        )
        for number in range(200)
    ]


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ("2026-11-22T10:15:{second}Z {level} {message}", {"level": "INFO"}),
        (
            "2026-11-22 10:15:{second},{milli} - {level}  [worker-{number}:q@7] - {message}",
            {"level": "INFO", "source": "worker-0:q@7"},
        ),
        (
            "2026-11-22 10:15:{second},{milli} {level} [main] org.example.Job: {message}",
            {"level": "INFO", "source": "main", "component": "org.example.Job"},
        ),
        (
            "2026-11-22 10:15:{second},{milli} - shop.cart - {level} - {message}",
            {"component": "shop.cart", "level": "INFO"},
        ),
        ("[2026-11-22 10:15:{second}] [{level}] {message}", {"level": "INFO"}),
        ("[22/Nov/2026:10:15:{second} +0000] {level}: {message}", {"level": "INFO"}),
        (
            "2026/11/22 10:15:{second} [{level}] 12#34: *{number} {message}",
            {"level": "INFO", "pid": "12"},
        ),
        ("Nov 22 10:15:{second} {level} {message}", {"level": "INFO"}),
        ("1795342{second}0.{milli} {level} {message}", {"level": "INFO"}),
        (
            "261122 1015{second} 148 {level} dfs.Node$Part: {message}",
            {"pid": "148", "level": "INFO", "component": "dfs.Node$Part"},
        ),
        (
            "26/11/22 10:15:{second} {level} storage.Manager: {message}",
            {"level": "INFO", "component": "storage.Manager"},
        ),
        (
            "20261122-10:15:{second}:{milli}|Step_One|3000{number}|{message}",
            {"component": "Step_One", "pid": "30000"},
        ),
        (
            "11-22 10:15:{second}.{milli}  1702  2395 D Window: {message}",
            {"pid": "1702", "pid_2": "2395", "level": "D", "component": "Window"},
        ),
        (
            "- 1795342500 2026.11.22 node7 {level} {message}",
            {"before_1": "-", "stamp": "2026.11.22", "field_1": "node7", "level": "INFO"},
        ),
        ("{level}: {message}", {"level": "INFO"}),
        (
            "- 1795342500 2026.11.22 n7 Nov 22 10:15:{second} n7/n7 cron(x)[{number}]: {message}",
            {"stamp": "2026.11.22", "field_1": "n7", "field_2": "n7/n7", "component": "cron(x)"},
        ),
        ("I1122 10:15:{second}.123456  42 a.go:7] {message}", {"level": "I", "pid": "42"}),
        (
            "134681 node-2 unix.hw net.state 17953425{second} 1 {message}",
            {"before_4": "net.state", "pid": "1"},
        ),
        ("[11.22 10:15:{second}] curl.exe - {message}", {"component": "curl.exe"}),
    ],
)
def test_a_header_is_found(form: str, named: dict[str, str]) -> None:
    lines = sample(form)

    proposal = propose_parser(lines)

    if proposal.type == "syslog":  # close enough for syslog to read it
        pytest.fail(f"{proposal}")
    assert proposal.type == "drain"
    assert proposal.share == 1.0
    assert proposal.example is not None
    found = proposal.example["logFormatVariables"]
    assert found.items() >= named.items()
    assert (proposal.example["parsedTimestamp"] is None) == form.startswith("{level}")
    assert "4 kinds of events" in proposal.reason
    assert create_parser(proposal.type, proposal.params).parse_line(lines[0])["log"] == lines[0]


@pytest.mark.parametrize(
    "form",
    [
        "2026-11-22\t10:15:{second}\t{level}\t{message}",
        "2026-11-22  10:15:{second} {level} {message}",
        "22.11.2026 10:15:{second} {level} {message}",
        "11/22/2026 10:15:{second} AM {level} {message}",
        "2026-11-22 10:15:{second} AM {level} {message}",
        "22-Nov-2026 10:15:{second} {level} {message}",
        "Sun, 22 Nov 2026 11:15:{second} +0100 {level} {message}",
    ],
)
def test_the_time_is_that_of_the_line_however_it_is_set_out(form: str) -> None:
    lines = sample(form)
    proposal = propose_parser(lines)

    event = create_parser(proposal.type, proposal.params).parse_line(lines[7])

    assert event["parsedTimestamp"] == 1795342507.0
    assert event["logFormatVariables"] == {"level": "WARN"}


@pytest.mark.parametrize(
    "form",
    [
        "2026-11-22 10:15:{second},{milli} {level} [main] org.example.Job: {message}",
        "2026-11-22 10:15:{second},{milli} [main] {level}  org.example.Job - {message}",
        "2026-11-22 10:15:{second}.{milli} {level} {message}",
        "22-Nov-2026 10:15:{second}.{milli} {level} [main] org.example.Job {message}",
        "20261122-10:15:{second}:{milli}|Step_One|3000{number}|{message}",
    ],
)
def test_the_fraction_of_a_second_belongs_to_the_time(form: str) -> None:
    proposal = propose_parser(sample(form))

    parsed = create_parser(proposal.type, proposal.params).parse_line(sample(form)[3])
    assert parsed["parsedTimestamp"] == pytest.approx(1795342503.021)
    assert "021" not in parsed["logFormatVariables"].values()


@pytest.mark.parametrize(
    ("form", "type_name"),
    [
        ("type=LOGIN msg=audit(17953425{second}.{milli}:{number}): pid={number} res=1", "auditd"),
        ("Nov 22 10:15:{second} web1 app[{number}]: {message}", "syslog"),
        ("<34>1 2026-11-22T10:15:{second}Z web1 app {number} - - {message}", "syslog"),
        (
            '192.0.2.{number} - - [22/Nov/2026:10:15:{second} +0000] "GET /{number} HTTP/1.1" 200 1 "-" "a"',
            "apache_access",
        ),
        ("[Sun Nov 22 10:15:{second} 2026] [error] [client 192.0.2.7] {message}", "apache_error"),
    ],
)
def test_a_preset_is_recognised(form: str, type_name: str) -> None:
    proposal = propose_parser(sample(form))

    assert (proposal.type, proposal.params, proposal.share) == (type_name, {}, 1.0)


@pytest.mark.parametrize(
    ("value", "type_name", "params"),
    [
        ({"EventID": 4624, "Channel": "Security"}, "windows_json", {}),
        ({"winlog": {"event_id": 4624, "channel": "Security"}}, "windows_json", {}),
        ({"event": "login", "message": "x"}, "json", {"event_id": ["event"]}),
        ({"event_id": "NUMBER", "type": "login"}, "json", {"event_id": ["type"]}),
        ({"msg": "took NUMBER ms"}, "json", {"message": "msg"}),
        ({"a": 1}, "json", {}),
    ],
)
def test_json_is_recognised(value: dict[str, Any], type_name: str, params: dict[str, Any]) -> None:
    lines = [json.dumps(value).replace("NUMBER", str(number)) for number in range(100)]

    proposal = propose_parser(lines)

    assert (proposal.type, proposal.params, proposal.share) == (type_name, params, 1.0)


def test_a_few_odd_lines_do_not_change_the_proposal() -> None:
    lines = sample("2026-11-22T10:15:{second}Z {level} {message}")
    lines[3] = "    at org.example.Job.run(Job.java:7)"
    lines[50] = ""

    proposal = propose_parser(lines)

    assert proposal.type == "drain"
    assert proposal.share == 198 / 199
    assert "198 of 199 lines" in proposal.reason


def test_text_of_no_format_has_templates_of_whole_lines() -> None:
    proposal = propose_parser(["the disk is hot", "the disk is cold"])

    assert (proposal.type, proposal.params, proposal.share) == ("drain", {}, 1.0)


def test_nothing_at_all_is_text_of_no_format() -> None:
    proposal = propose_parser(["", " "])

    assert (proposal.type, proposal.example, proposal.share) == ("drain", None, 0.0)


@settings(max_examples=100)
@given(st.lists(st.text(st.characters(exclude_characters="\n"), max_size=40), max_size=8))
def test_there_is_a_proposal_for_every_text(lines: list[str]) -> None:
    proposal = propose_parser(lines)

    create_parser(proposal.type, proposal.params)
    assert proposal.reason


@pytest.mark.parametrize(
    ("line", "has_zone"),
    [
        ("2026-11-22 10:15:00 INFO ready", False),
        ("2026-11-22T10:15:00+01:00 INFO ready", True),
        ("Nov 22 10:15:00 web1 app[7]: ready", False),
        ("2026-11-22T10:15:00Z web1 app[7]: ready", True),
        ('{"time": "2026-11-22T10:15:00", "event": "ready"}', False),
        ('{"time": 1795342500, "event": "ready"}', True),
        ("type=LOGIN msg=audit(1795342500.250:7): pid=1 uid=0 res=1", True),
        ("ready", True),
    ],
)
def test_times_that_name_no_zone_are_noticed(line: str, has_zone: bool) -> None:  # noqa: FBT001
    assert propose_parser([line] * 30).has_zone == has_zone
