"""Parsers by their name in a configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tocsin.errors import ConfigError
from tocsin.sources.parsers.auditd import AuditdParser
from tocsin.sources.parsers.drain import DRAIN_PARAMETERS, TemplateMiner
from tocsin.sources.parsers.json_lines import JsonParser
from tocsin.sources.parsers.parameters import Parameter, optional, read_parameters, suggestion, text, texts
from tocsin.sources.parsers.syslog import SyslogParser
from tocsin.sources.parsers.times import TimeReader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tocsin.sources.parsers.base import BaseParser

__all__ = ["PARSER_TYPES", "ParserType", "create_parser"]


@dataclass(frozen=True, slots=True)
class ParserType:
    """A kind of parser.

    Attributes:
        summary: What it reads, in one line.
        parameters: What it can be told.
        build: Makes one, given a value for each parameter.
    """

    summary: str
    parameters: Mapping[str, Parameter]
    build: Callable[[dict[str, Any]], BaseParser]


_TIMES = {
    "time_format": Parameter(None, optional(text), "how times are written, as in datetime.strptime"),
    "timezone": Parameter("UTC", text, "the IANA zone of times that name none"),
}


def _times(values: Mapping[str, Any]) -> TimeReader:
    return TimeReader(values["time_format"], values["timezone"])


def _miner(values: Mapping[str, Any]) -> TemplateMiner:
    return TemplateMiner({name: values[name] for name in DRAIN_PARAMETERS})


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
            "event_id": Parameter((), texts, "the keys of which the EventID is made"),
            "time": Parameter(None, optional(text), "the key of the time"),
            "message": Parameter(None, optional(text), "the key of the message whose template is learned"),
            **DRAIN_PARAMETERS,
            **_TIMES,
        },
        lambda values: JsonParser(
            values["event_id"], values["time"], values["message"], _miner(values), _times(values)
        ),
    ),
}


def create_parser(type: str, params: Mapping[str, Any] | None = None) -> BaseParser:  # noqa: A002
    """Make a parser.

    Args:
        type: One of `PARSER_TYPES`.
        params: Its parameters.

    Raises:
        ConfigError: There is no such parser or parameter, or a parameter has a wrong value.

    >>> create_parser("auditd").parse_line("type=LOGIN msg=audit(1795338900.250:7): pid=1")["EventID"]
    'LOGIN'
    """
    kind = PARSER_TYPES.get(type)
    if kind is None:
        raise ConfigError(f"there is no parser {type!r}", hint=suggestion(type, PARSER_TYPES))
    return kind.build(read_parameters(type, kind.parameters, params or {}))
