"""Logs of web servers."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.errors import ParseError
from tocsin.sources.parsers import create_parser

INSTANT = 1795342500.0  # 22 November 2026, 10:15 UTC
START = "192.0.2.7 - eve [22/Nov/2026:10:15:00 +0000] "


def read(line: str, type_name: str = "apache_access", **params: Any) -> Any:
    return create_parser(type_name, params).parse_line(line)


def test_the_combined_format() -> None:
    event = read(START + '"GET /a/b?c=1&d=2 HTTP/1.1" 200 512 "http://example.org/" "curl \\"8\\""')

    assert (event["EventID"], event["template"], event["parsedTimestamp"]) == (
        "GET 2xx",
        "GET 2xx <*>",
        INSTANT,
    )
    assert event["logFormatVariables"] == {
        "ip": "192.0.2.7", "ident": "-", "user": "eve", "method": "GET", "path": "/a/b", "query": "c=1&d=2",
        "protocol": "HTTP/1.1", "status": 200, "bytes": 512, "referer": "http://example.org/",
        "agent": 'curl \\"8\\"',
    }  # fmt: skip


def test_the_common_format() -> None:
    event = read(START + '"POST /a HTTP/1.0" 404 -')

    assert event["EventID"] == "POST 4xx"
    assert event["logFormatVariables"]["bytes"] == 0
    assert "agent" not in event["logFormatVariables"]


@pytest.mark.parametrize(
    ("request_", "event_id"),
    [
        ("GET / HTTP/1.1", "GET 4xx"),
        ("GET /", "GET 4xx"),
        ("PWN /a HTTP/1.1", "OTHER 4xx"),
        ("get / HTTP/1.1", "OTHER 4xx"),
        ("-", "BAD 4xx"),
        ("", "BAD 4xx"),
        ("\\x16\\x03\\x01", "BAD 4xx"),
        ("GET /a b HTTP/1.1", "BAD 4xx"),
    ],
)
def test_clients_cannot_make_up_kinds_of_events(request_: str, event_id: str) -> None:
    event = read(f'{START}"{request_}" 400 0 "-" "-"', "nginx_access")

    assert event["EventID"] == event_id
    if event_id.startswith("BAD"):
        assert event["logFormatVariables"]["request"] == request_


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("www.example.org:443 " + START + '"GET / HTTP/2.0" 200 1 "-" "-"', "vhost", "www.example.org:443"),
        (START + '"GET / HTTP/2.0" 200 1 "-" "-" "198.51.100.1" 0.004', "extra", '"198.51.100.1" 0.004'),
        (START.replace("eve", "eve smith") + '"GET / HTTP/2.0" 200 1', "user", "eve smith"),
        (START.replace("192.0.2.7", "2001:db8::7") + '"GET / HTTP/2.0" 200 1', "ip", "2001:db8::7"),
        (START + '"GET / HTTP/2.0" 000 1', "status", 0),
    ],
)
def test_variants_of_the_format(line: str, name: str, value: Any) -> None:
    event = read(line)

    assert event["logFormatVariables"][name] == value
    assert event["logFormatVariables"]["method"] == "GET"


@pytest.mark.parametrize("line", ["ready", START, START + '"GET / HTTP/1.1', START + '"GET / HTTP/1.1" ok 1'])
def test_what_is_no_access_log_is_refused(line: str) -> None:
    with pytest.raises(ParseError, match="access log"):
        read(line)


@pytest.mark.parametrize(
    ("line", "named", "template"),
    [
        (
            "[Sun Nov 22 10:15:00 2026] [error] [client 192.0.2.7] File does not exist: /a",
            {"level": "error", "client": "192.0.2.7"},
            "File does not exist: /a",
        ),
        (
            "[Sun Nov 22 10:15:00.000000 2026] [core:notice] [pid 7:tid 140] AH00094: Command line: 'httpd'",
            {"module": "core", "level": "notice", "pid": "7", "tid": "140"},
            "AH00094: Command line: 'httpd'",
        ),
        (
            "[Sun Nov 22 10:15:00.000000 2026] [php7:warn] [pid 7] [client 192.0.2.7:4242] hot",
            {"module": "php7", "level": "warn", "pid": "7", "client": "192.0.2.7", "port": "4242"},
            "hot",
        ),
    ],
)
def test_error_logs_of_apache(line: str, named: dict[str, str], template: str) -> None:
    event = read(line, "apache_error")

    assert event["logFormatVariables"] == named
    assert event["template"] == template
    assert event["parsedTimestamp"] == INSTANT
