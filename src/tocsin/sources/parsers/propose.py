"""Looks at lines of a log and proposes how to read them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tocsin.errors import ParseError
from tocsin.sources.parsers.base import clean_line, continues
from tocsin.sources.parsers.flatten import read_object
from tocsin.sources.parsers.json_lines import EVENT_KEYS, MESSAGE_KEYS, names_a_kind
from tocsin.sources.parsers.patterns import compile_header
from tocsin.sources.parsers.propose_header import HeaderProposal, propose_header
from tocsin.sources.parsers.registry import PARSER_TYPES, create_parser

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tocsin.model import ParsedLog
    from tocsin.sources.parsers.base import BaseParser

__all__ = ["ParserProposal", "propose_parser"]

_LINES = 2000
_LONGEST = 65_536
_ENOUGH = 0.8
"""Share of the lines that a parser must read to be proposed."""

_PRESETS = ("auditd", "apache_access", "apache_error", "syslog")
_WORDS = {
    "auditd": "records of the Linux audit daemon: the EventID is the record's type",
    "apache_access": "access log lines: the EventID is method and class of the status",
    "apache_error": "lines of Apache's error log: the templates of their messages are learned",
    "syslog": "syslog lines: the templates of each program's messages are learned",
}
_TELLING: dict[str, Callable[[ParsedLog], bool]] = {  # what a parser reads, and no other format has
    "syslog": lambda event: "app" in event["logFormatVariables"],
    "apache_error": lambda event: event["log"].lstrip()[1:4].isalpha(),
}
_MOST_KINDS = 200
_RECORDS = 0.05
"""Share of the lines that must begin a record, where others look as if they continued one."""
_FEWEST_RECORDS = 2
_CHANCE = 0.1
"""Share of what looks like continuations that may still have the header of a record, behind some spaces."""
_ELSEWHERE = "Asia/Tokyo"
_SOME_YEAR = datetime(2024, 12, 31, tzinfo=UTC)  # a leap year, for times without one


@dataclass(frozen=True, slots=True)
class ParserProposal:
    """How to read a log.

    Attributes:
        type: The parser's name.
        params: Its parameters.
        reason: Why, in words.
        share: The share of the sample's lines that it reads.
        example: What it makes of the first line that it reads, `None` when there is none.
        has_zone: Whether the time of that line says in which zone it is; so when it has no time.
    """

    type: str
    params: Mapping[str, Any]
    reason: str
    share: float
    example: ParsedLog | None
    has_zone: bool = True


def propose_parser(sample: Sequence[str]) -> ParserProposal:
    """Look at lines and propose a parser that reads them.

    Formats that are known are tried first, then JSON, then a time, level and the like in front of messages
    whose templates are learned. Whatever the lines are, there is a proposal: templates of whole lines.

    Args:
        sample: Lines of one log; the first `2000` that are not blank count.

    >>> propose_parser(["type=LOGIN msg=audit(1795338900.250:7): pid=1 res=1"] * 9).type
    'auditd'
    """
    lines = [line for text in sample if (line := clean_line(text[:_LONGEST])).strip()][:_LINES]
    best: tuple[float, str] | None = None
    for name in _PRESETS:
        events, continued = _try(create_parser(name), lines)
        telling = sum(map(_TELLING.get(name, bool), events))
        share = telling / max(1, len(lines) - continued)
        if share >= _ENOUGH and (best is None or share > best[0]):
            best = (share, name)
    if best is not None:
        return _proposal(best[1], {}, _WORDS[best[1]], lines)
    return _propose_json(lines) or _propose_messages(lines)


def _propose_json(lines: Sequence[str]) -> ParserProposal | None:
    objects = []
    for line in lines:
        if line.startswith("{"):
            try:
                objects.append(read_object(line))
            except ParseError:
                continue
    if not lines or len(objects) < _ENOUGH * len(lines):
        return None
    windows, _ = _try(create_parser("windows_json"), lines)
    if len(windows) >= _ENOUGH * len(lines) and _like_windows(objects):
        return _proposal("windows_json", {}, "Windows events: the EventID is that of the event", lines)
    key = _event_key(objects)
    if key is not None:
        words = f"JSON objects: {key} names the kind of event"
        return _proposal("json", {"event_id": [key]}, words, lines)
    message = next((key for key in MESSAGE_KEYS if _share_of_texts(objects, key) >= _ENOUGH), None)
    if message is not None:
        words = f"JSON objects: the templates of {message} are learned"
        return _proposal("json", {"message": message}, words, lines)
    return _proposal("json", {}, "JSON objects: those with the same keys are one kind of event", lines)


def _like_windows(objects: Sequence[Mapping[str, Any]]) -> bool:
    telling = ("Channel", "channel", "log_name", "ProviderName", "provider_name")
    return sum(any(key.rpartition(".")[2] in telling for key in one) for one in objects) >= _ENOUGH * len(
        objects
    )


def _event_key(objects: Sequence[Mapping[str, Any]]) -> str | None:
    """Find a key that is in nearly all objects and has few values, so that each names a kind of event."""
    for key in EVENT_KEYS:
        values = [one[key] for one in objects if key in one]
        if len(values) < _ENOUGH * len(objects) or not all(map(names_a_kind, values)):
            continue
        kinds = len(set(values))
        if kinds <= min(_MOST_KINDS, max(1, len(objects) // 3)):
            return key
    return None


def _share_of_texts(objects: Sequence[Mapping[str, Any]], key: str) -> float:
    return sum(type(one.get(key)) is str for one in objects) / len(objects)


def _propose_messages(lines: Sequence[str]) -> ParserProposal:
    header = _header_of_records(lines) or (propose_header(lines) if lines else None)
    if header is not None:
        given: Any = header.pattern
        if header.time_format is not None:
            given = {"pattern": header.pattern, "time_format": header.time_format}
        *most, last = header.parts
        parts = f"{', '.join(most)} and {last}" if most else last
        words = f"lines that begin with {parts}: the templates of the messages behind it are learned"
        return _proposal("drain", {"header": given}, words, lines)
    return _proposal("drain", {}, "lines of no known format: their templates are learned", lines)


def _header_of_records(lines: Sequence[str]) -> HeaderProposal | None:
    """Find the header of lines that others continue; `None` when no lines look as if they did."""
    records = [line for line in lines if not continues(line)]
    others = [line.lstrip() for line in lines if continues(line)]
    if not others or len(records) < max(_FEWEST_RECORDS, _RECORDS * len(lines)):
        return None
    header = propose_header(records)
    if header is None:
        return None
    match = compile_header(header.pattern).match
    # Lines that have the header behind some spaces are no continuation.
    return header if sum(match(line) is not None for line in others) <= _CHANCE * len(others) else None


def _proposal(name: str, params: Mapping[str, Any], words: str, lines: Sequence[str]) -> ParserProposal:
    events, continued = _try(create_parser(name, params), lines)
    kinds = Counter(event["EventID"] for event in events)
    timed = sum(event["parsedTimestamp"] is not None for event in events)
    reason = f"{words}; {len(events):,} of {len(lines):,} lines of the sample are read"
    reason += f", {continued:,} continue the one before (stack traces)" if continued else ""
    if events:
        reason += f", {len(kinds):,} kinds of events" if len(kinds) > 1 else ", all of one kind"
        reason += "" if timed == len(events) else f", {len(events) - timed:,} without a time"
    share = len(events) / len(lines) if lines else 0.0
    example = events[0] if events else None
    return ParserProposal(name, dict(params), reason, share, example, _has_zone(name, params, example))


def _has_zone(name: str, params: Mapping[str, Any], example: ParsedLog | None) -> bool:
    """Say whether a line has the same time wherever it was written."""
    if example is None:
        return True
    elsewhere = dict(params)
    header = params.get("header")
    if header is not None:
        given = {"pattern": header} if isinstance(header, str) else header
        elsewhere["header"] = {**given, "timezone": _ELSEWHERE}
    elif "timezone" in PARSER_TYPES[name].parameters:
        elsewhere["timezone"] = _ELSEWHERE
    event = create_parser(name, elsewhere).parse_line(example["log"], reference=_SOME_YEAR)
    return event["parsedTimestamp"] == example["parsedTimestamp"]


def _try(parser: BaseParser, lines: Sequence[str]) -> tuple[list[ParsedLog], int]:
    """Give the events of lines, and how many lines continue those before them."""
    events = []
    continued = 0
    for line in lines:
        try:
            events.append(parser.parse_line(line, reference=_SOME_YEAR))
        except ParseError:
            continued += parser.may_continue and continues(line)
    return events, continued
