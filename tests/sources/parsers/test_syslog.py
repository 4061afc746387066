"""Syslog in all its forms."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tocsin.errors import ParseError
from tocsin.sources.parsers import create_parser

READ_AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
INSTANT = 1795342500.0  # 22 November 2026, 10:15 UTC


def read(line: str, **params: Any) -> Any:
    return create_parser("syslog", params).parse_line(line, reference=READ_AT)


@pytest.mark.parametrize(
    ("line", "named", "template"),
    [
        (
            "Nov 22 10:15:00 web1 sshd[12]: session opened for eve",
            {"host": "web1", "app": "sshd", "pid": "12"},
            "sshd: session opened for eve",
        ),
        (
            "<86>Nov 22 10:15:00 web1 su: ok",
            {"facility": "authpriv", "severity": "info", "host": "web1", "app": "su"},
            "su: ok",
        ),
        ("2026-11-22T11:15:00.000000+01:00 web1 kernel: up", {"host": "web1", "app": "kernel"}, "kernel: up"),
        ("Nov 22 2026 10:15:00 fw1 : up", {"host": "fw1"}, ": up"),
        ("Nov 22 10:15:00 cron[7]: up", {"app": "cron", "pid": "7"}, "cron: up"),
        ("Nov 22 10:15:00 web1 -- MARK --", {"host": "web1"}, "-- MARK --"),
        ("Nov 22 10:15:00 2001:db8::7 app: up", {"host": "2001:db8::7", "app": "app"}, "app: up"),
        (
            "Nov 22 10:15:00 web1 postfix/smtpd[7]: up",
            {"host": "web1", "app": "postfix/smtpd", "pid": "7"},
            "postfix/smtpd: up",
        ),
        (
            "Nov 22 10:15:00 web1 su(pam_unix)[7]: up",
            {"host": "web1", "app": "su(pam_unix)", "pid": "7"},
            "su(pam_unix): up",
        ),
        (
            '<165>1 2026-11-22T10:15:00Z web1 app 7 ID47 [a@1 x="1" y="q\\"b\\]"][b@1 z=""] \ufeffready',
            {
                "facility": "local4",
                "severity": "notice",
                "host": "web1",
                "app": "app",
                "pid": "7",
                "msgid": "ID47",
                "a@1.x": "1",
                "a@1.y": 'q"b]',
                "b@1.z": "",
            },
            "app ID47: ready",
        ),
        ("<34>1 2026-11-22T10:15:00Z - - - - - ready", {"facility": "auth", "severity": "crit"}, "ready"),
        (
            "<34>1 2026-11-22T10:15:00Z web1 app - - -",
            {"facility": "auth", "severity": "crit", "host": "web1", "app": "app"},
            "app: ",
        ),
        (
            '<34>1 2026-11-22T10:15:00Z h a - - [x k="1" k="2"]',
            {"facility": "auth", "severity": "crit", "host": "h", "app": "a", "x.k": "1", "x.k_2": "2"},
            "a: ",
        ),
    ],
)
def test_a_line_is_read(line: str, named: dict[str, str], template: str) -> None:
    event = read(line)

    assert event["logFormatVariables"] == named
    assert event["template"] == template
    assert event["parsedTimestamp"] == INSTANT


def test_each_program_has_its_own_templates() -> None:
    parser = create_parser("syslog")

    events = [
        parser.parse_line(f"Nov 22 10:15:00 web1 {program}: started by {user}")
        for program, user in (("a", "eve"), ("b", "eve"), ("a", "bob"))
    ]

    assert events[0]["EventID"] == events[2]["EventID"] != events[1]["EventID"]
    assert events[2]["template"] == "a: started by <*>"
    assert events[2]["variables"] == ["bob"]


def test_the_nil_time_and_an_impossible_time_are_unknown() -> None:
    assert read("<34>1 - web1 app - - - ready")["parsedTimestamp"] is None
    assert read("Nov 31 10:15:00 web1 app: ready")["parsedTimestamp"] is None


def test_local_times_are_those_of_the_zone_given() -> None:
    event = read("Nov 22 11:15:00 web1 app: ready", timezone="Europe/Berlin")

    assert event["parsedTimestamp"] == INSTANT


def test_an_impossible_priority_is_left_out() -> None:
    assert read("<999>Nov 22 10:15:00 web1 app: ready")["logFormatVariables"] == {
        "host": "web1",
        "app": "app",
    }


@pytest.mark.parametrize("line", ["ready", "<34>", "<34>ready", "10:15:00 web1 app: ready", "<34>1"])
def test_what_is_no_syslog_is_refused(line: str) -> None:
    with pytest.raises(ParseError, match="syslog"):
        read(line)


def test_too_many_parameters_are_refused() -> None:
    data = " ".join(f'k{number}="v"' for number in range(300))
    with pytest.raises(ParseError, match="more than 256 parameters"):
        read(f"<34>1 2026-11-22T10:15:00Z h a - - [x {data}] ready")
