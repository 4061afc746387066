"""Parsers by their name in a configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from tocsin.errors import ConfigError
from tocsin.sources.parsers.access_log import AccessLogParser
from tocsin.sources.parsers.auditd import AuditdParser
from tocsin.sources.parsers.drain import DRAIN_PARAMETERS, TemplateMiner
from tocsin.sources.parsers.headed import DrainParser, HeadedParser, RegexParser
from tocsin.sources.parsers.header import Header
from tocsin.sources.parsers.json_lines import JsonParser
from tocsin.sources.parsers.parameters import (
    Parameter,
    choice,
    optional,
    read_parameters,
    suggestion,
    text,
    texts,
)
from tocsin.sources.parsers.syslog import SyslogParser
from tocsin.sources.parsers.templates import Template, TemplatesParser
from tocsin.sources.parsers.times import TimeReader
from tocsin.sources.parsers.windows_json import WindowsJsonParser

if TYPE_CHECKING:
    from tocsin.sources.parsers.base import BaseParser

__all__ = ["PARSER_TYPES", "ParserType", "create_parser"]

Values = dict[str, Any]

_APACHE_ERROR = (
    r"\[(?P<time>[^\]]{1,64})\] \[(?:(?P<module>[\w-]{0,64}):)?(?P<level>\w{1,16})\]"
    r"(?: \[pid (?P<pid>\d{1,10})(?::tid (?P<tid>\d{1,20}))?\])?"
    r"(?: \[client (?P<client>[^\]\s]{1,64}?)(?::(?P<port>\d{1,5}))?\])? ?(?P<content>.*)"
)


@dataclass(frozen=True, slots=True)
class ParserType:
    """A kind of parser.

    Attributes:
        summary: What it reads, in one line.
        parameters: What it can be told, beside `header`.
        build: Makes one, given a value for each parameter.
    """

    summary: str
    parameters: Mapping[str, Parameter]
    build: Callable[[Values], BaseParser]


def _pattern(value: Any) -> str:
    Header(text(value), TimeReader())  # says what is wrong with it
    return str(value)


_TIMES = {
    "time_format": Parameter(None, optional(text), "how times are written, as in datetime.strptime"),
    "timezone": Parameter("UTC", text, "the IANA zone of times that name none"),
}
_EVENT_ID = Parameter((), texts, "the named values of which the EventID is made")
_HEADER = {"pattern": Parameter("", _pattern, "a regular expression or a log format"), **_TIMES}


def _header(value: Any) -> Header:
    given = {"pattern": value} if isinstance(value, str) else value
    if not isinstance(given, Mapping):
        raise ValueError("a pattern, or a mapping with pattern, time_format and timezone")  # noqa: TRY004
    values = read_parameters("header", _HEADER, given)
    return _header_of("header", values)


def _header_of(owner: str, values: Values) -> Header:
    """Make a header; a form of times that no group of its pattern has would be heeded nowhere."""
    header = Header(values["pattern"], _times(values))
    if values["time_format"] is not None and not header.has_time:
        raise ConfigError(
            f"{owner}: time_format is given, but no group of pattern is a time",
            hint=f"call the one that is timestamp; there are {', '.join(header.named) or 'no others'}",
        )
    return header


def _check_event_id(header: Header, event_id: Sequence[str]) -> None:
    """Refuse an EventID of groups that are no named values: every line would be rejected."""
    groups = header.named
    for name in event_id:
        if name not in groups:
            close = get_close_matches(name, groups, n=1)
            raise ConfigError(
                f"parser regex: event_id is {name!r}; the groups of pattern, but for time and content, are "
                f"{', '.join(groups) or 'none'}",
                hint=f"did you mean {close[0]}?" if close else "name groups of pattern",
            )


def _templates(value: Any) -> tuple[Template, ...]:
    """Check for templates: texts, or mappings with `id` and `template`."""
    wanted = "a list of templates, each a text with <*> or a mapping with id and template"
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        raise ValueError(wanted)
    found = []
    for one in value:
        match one:
            case str(template) if template.strip():
                found.append(Template.from_text(template.rstrip("\r\n")))
            case {"template": str(template), "id": str() | int() as event_id, **others} if not others:
                found.append(Template.from_text(template, event_id))
            case _:
                raise ValueError(wanted)
    return tuple(found)


def _times(values: Values) -> TimeReader:
    return TimeReader(values["time_format"], values["timezone"])


def _miner(values: Values) -> TemplateMiner:
    return TemplateMiner({name: values[name] for name in DRAIN_PARAMETERS})


def _build_templates(values: Values) -> BaseParser:
    return TemplatesParser(values["templates"], _miner(values) if values["unmatched"] == "drain" else None)


def _build_regex(values: Values) -> BaseParser:
    header = _header_of("parser regex", values)
    _check_event_id(header, values["event_id"])
    if header.has_content and not values["event_id"]:
        return HeadedParser(header, DrainParser(_miner(values)))
    return RegexParser(header, values["pattern"], values["event_id"])


def _build_json(values: Values) -> BaseParser:
    keys = (values["event_id"], values["time"], values["message"])
    return JsonParser(*keys, _miner(values), _times(values))


_ACCESS = ParserType("access log lines, common or combined", _TIMES, lambda v: AccessLogParser(_times(v)))

PARSER_TYPES: dict[str, ParserType] = {
    "auditd": ParserType("records of the Linux audit daemon", {}, lambda _: AuditdParser()),
    "syslog": ParserType(
        "syslog lines (RFC 3164, RFC 5424)",
        {**DRAIN_PARAMETERS, **_TIMES},
        lambda values: SyslogParser(_miner(values), _times(values)),
    ),
    "json": ParserType(
        "a JSON object a line",
        {
            "event_id": _EVENT_ID,
            "time": Parameter(None, optional(text), "the key of the time"),
            "message": Parameter(None, optional(text), "the key of the message whose template is learned"),
            **DRAIN_PARAMETERS,
            **_TIMES,
        },
        _build_json,
    ),
    "windows_json": ParserType(
        "Windows events, a JSON object a line",
        {"event_id": _EVENT_ID, **_TIMES},
        lambda values: WindowsJsonParser(values["event_id"], _times(values)),
    ),
    "apache_access": _ACCESS,
    "nginx_access": _ACCESS,
    "apache_error": ParserType(
        "error log of Apache",
        {**DRAIN_PARAMETERS, **_TIMES},
        lambda v: HeadedParser(Header(_APACHE_ERROR, _times(v)), DrainParser(_miner(v))),
    ),
    "regex": ParserType(
        "lines of one regular expression or log format",
        {
            "pattern": Parameter(None, _pattern, "a regular expression with named groups, or a log format"),
            "event_id": _EVENT_ID,
            **DRAIN_PARAMETERS,
            **_TIMES,
        },
        _build_regex,
    ),
    "templates": ParserType(
        "lines of known templates",
        {
            "templates": Parameter(None, _templates, "the templates, with <*> for variables"),
            "unmatched": Parameter("reject", choice("reject", "drain"), "what becomes of other lines"),
            **DRAIN_PARAMETERS,
        },
        _build_templates,
    ),
    "drain": ParserType(
        "any text: templates are learned", DRAIN_PARAMETERS, lambda values: DrainParser(_miner(values))
    ),
}


def create_parser(type: str, params: Mapping[str, Any] | None = None) -> BaseParser:  # noqa: A002
    """Make a parser.

    Args:
        type: One of `PARSER_TYPES`.
        params: Its parameters; and for each parser `header`, what stands in front of what it reads: a
            pattern, or a mapping with `pattern`, `time_format` and `timezone`.

    Raises:
        ConfigError: There is no such parser or parameter, or a parameter has a wrong value.

    >>> create_parser("auditd").parse_line("type=LOGIN msg=audit(1795338900.250:7): pid=1")["EventID"]
    'LOGIN'
    """
    kind = PARSER_TYPES.get(type)
    if kind is None:
        raise ConfigError(f"there is no parser {type!r}", hint=suggestion(type, PARSER_TYPES))
    known = {**kind.parameters, "header": Parameter(None, optional(_header), "what stands in front")}
    values = read_parameters(f"parser {type}", known, params or {})
    parser = kind.build(values)
    header = values["header"]
    return parser if header is None else HeadedParser(header, parser)
