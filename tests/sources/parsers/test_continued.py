"""Lines that continue a record, such as stack traces: neither events nor rejected, wherever a file is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin.sources.parsers import create_parser, propose_parser

if TYPE_CHECKING:
    from tests.sources.parsers.conftest import RawLinesMaker

HEADER = {"header": r"%{ISOTIME:time} (?P<level>\w+) (?P<content>.*)"}
JAVA = [
    "2026-11-22 10:15:00 ERROR request failed",
    "java.lang.IllegalStateException: the pool is shut down",
    "\tat shop.Pool.take(Pool.java:7)",
    "\t... 12 more",
    "Caused by: java.io.IOException: reset by peer",
    "\tat shop.Net.read(Net.java:9)",
]
PYTHON = [
    "2026-11-22 10:15:01 ERROR job failed",
    "Traceback (most recent call last):",
    '  File "/srv/job.py", line 7, in <module>',
    "    run()",
    "psycopg.errors.UndefinedTable: none",
    "shop.errors.StockError: none left",
    "",
    "During handling of the above exception, another exception occurred:",
]
STRAYS = ["closed by peer", "}", "shop.cart: closed", "Ready: 7", "www.example.org"]


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("drain", HEADER),
        ("regex", {"pattern": r"%{ISOTIME:time} (?P<level>\w+) (?P<content>.*)"}),
        ("regex", {"pattern": r"%{ISOTIME:time} (?P<level>\w+) (?P<text>.*)", "event_id": "level"}),
    ],
)
def test_a_stack_trace_is_counted_and_not_rejected(
    name: str, params: dict[str, Any], raw_lines: RawLinesMaker
) -> None:
    texts = [*JAVA, *STRAYS, *PYTHON]

    batch = create_parser(name, params).parse(raw_lines(texts))

    assert batch.indexes == [0, 11]
    assert [line.text for line in batch.rejected] == STRAYS
    assert batch.continued == len(texts) - 2 - len(STRAYS) - 1  # the empty line


def test_what_continues_does_not_depend_on_what_was_read_before(raw_lines: RawLinesMaker) -> None:
    texts = [*JAVA, *STRAYS, *PYTHON]
    whole = create_parser("drain", HEADER).parse(raw_lines(texts))
    parser = create_parser("drain", HEADER)

    parts = [parser.parse(raw_lines([text])) for text in texts]

    assert sum(part.continued for part in parts) == whole.continued
    assert [line.text for part in parts for line in part.rejected] == [line.text for line in whole.rejected]


@pytest.mark.parametrize(
    ("name", "params"), [("json", {}), ("templates", {"templates": ["ready"]}), ("auditd", {})]
)
def test_where_no_record_goes_over_several_lines_they_are_rejected(
    name: str, params: dict[str, Any], raw_lines: RawLinesMaker
) -> None:
    batch = create_parser(name, params).parse(raw_lines(['  "a": 1,', *JAVA]))

    assert (len(batch.rejected), batch.continued) == (7, 0)


def test_stack_traces_do_not_hide_the_header_of_a_log() -> None:
    sample = []
    for number in range(100):
        sample += [
            f"2026-11-22 10:15:{number % 60:02},250 INFO  [main] shop.Cart - has {number} items",
            *(JAVA[1:] if number % 4 == 0 else []),
        ]

    proposal = propose_parser(sample)

    assert proposal.params["header"].startswith(
        r"%{ISOTIME:time}\s+%{LEVEL:level}\s+\[%{TEXT:source}\]\s+%{NAME:"
    )
    words = (
        "100 of 225 lines of the sample are read, 125 continue the one before (stack traces), all of one kind"
    )
    assert proposal.reason.endswith(words)


def test_stack_traces_do_not_hide_syslog() -> None:
    sample = ["Nov 22 10:15:00 web1 app[7]: request failed", *JAVA[1:]] * 50

    assert propose_parser(sample).type == "syslog"


def test_indented_records_are_not_taken_for_continuations() -> None:
    sample = [
        f"{' ' * (number % 2)}2026-11-22 10:15:{number % 60:02} INFO has {number}" for number in range(100)
    ]

    assert propose_parser(sample).share == 1.0
