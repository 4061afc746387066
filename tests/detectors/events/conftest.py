"""Events of the public logs, parsed as plainly as possible; the parsers have their own tests."""

from __future__ import annotations

import json
import re
import zipfile
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.model import ParsedLog

_AUDIT_LINE = re.compile(r"type=(\S+) msg=audit\((\d+\.\d+):\d+\): (.*)")
_PAIR = re.compile(r"""([\w-]+)=("[^"]*"|[^\s"']+)""")


def audit_event(number: int, line: str) -> ParsedLog:
    match = _AUDIT_LINE.match(line)
    assert match
    return {
        "EventID": match[1],
        "template": match[1],
        "variables": [],
        "logFormatVariables": dict(_PAIR.findall(match[3])),
        "log": line,
        "logID": f"audit:{number}",
        "receivedTimestamp": 0.0,
        "parsedTimestamp": float(match[2]),
    }


@pytest.fixture(scope="session")
def audit_events(data_dir: Path) -> list[ParsedLog]:
    """Give the lines of the audit log as events; their log ids are made from the 1-based line number."""
    lines = (data_dir / "logs" / "audit" / "audit.log").read_text(encoding="utf-8").splitlines()
    return [audit_event(number, line) for number, line in enumerate(lines, start=1)]


def windows_event(number: int, row: dict[str, Any]) -> ParsedLog:
    named = {name: value for name, value in row.items() if isinstance(value, str | int | float)}
    event_id = named.pop("EventID")
    stamp = str(named.pop("@timestamp", named.pop("TimeCreated", "")))
    try:
        time: float | None = datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        time = None
    return {
        "EventID": event_id if isinstance(event_id, int) else str(event_id),
        "template": str(row.get("Channel", "")),
        "variables": [],
        "logFormatVariables": named,
        "log": str(row.get("Message", "")),
        "logID": f"windows:{number}",
        "receivedTimestamp": 0.0,
        "parsedTimestamp": time,
    }


@pytest.fixture(scope="session")
def windows_events() -> Callable[[Path], list[ParsedLog]]:
    """Give a function that reads the events of one zip."""

    def read(path: Path) -> list[ParsedLog]:
        events: list[ParsedLog] = []
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                for line in archive.read(name).decode("utf-8", "replace").split("\n"):
                    row = json.loads(line) if line.startswith("{") else {}
                    if "EventID" in row:
                        events.append(windows_event(len(events), row))
        return events

    return read
