"""Syslog lines, of RFC 5424, of RFC 3164, and as daemons write them to files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tocsin.errors import ParseError
from tocsin.sources.parsers.base import BaseParser, Reading
from tocsin.sources.parsers.flatten import free_name

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.sources.parsers.drain import TemplateMiner
    from tocsin.sources.parsers.times import TimeReader

__all__ = ["SyslogParser"]

_MODERN = re.compile(
    r"<(\d{1,3})>\d{1,2} (\S{1,64}) (\S{1,255}) (\S{1,255}) (\S{1,255}) (\S{1,255})(?: (?=[-\[])|$)"
)
_CLASSIC = re.compile(
    r"(?:<(\d{1,3})>)?"
    r"([A-Z][a-z]{2} +\d{1,2} (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d{1,9})?|\d{4}-\d\d-\d\dT\S{5,40}):? +"
    r"(?:(\S{0,255}[^\s:\]]) +)?"
)
_TAG = re.compile(r"([^\s:\[\]]{1,255})(?:\[([^\]\s]{0,64})\])?(?: \([^\s()]{0,255}\))?: ?")
_ELEMENT = re.compile(r'\[([^\s=\]"]{1,64})((?: [^\s=\]"]{1,64}="(?:[^"\\]|\\.)*+")*+) ?\]', re.DOTALL)
_PARAMETER = re.compile(r' ([^\s=\]"]{1,64})="((?:[^"\\]|\\.)*+)"', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\\]])')
_MOST_PARAMETERS = 256
_HIGHEST_PRIORITY = 191
_SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_FACILITIES = [
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "authpriv",
    "ftp",
    "ntp",
    "audit",
    "console",
    "clock",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
]


class SyslogParser(BaseParser):
    """Reads syslog: the templates of the messages are learned, each program's by themselves.

    Named variables are `host`, `app`, `pid`, and as far as a line has them `facility`, `severity`,
    `msgid` and the structured data as `element.parameter`.

    Args:
        miner: Learns the templates.
        times: Reads the times.
    """

    may_continue = True

    def __init__(self, miner: TemplateMiner, times: TimeReader) -> None:
        self._miner = self.learner = miner
        self._times = times

    def read_text(self, text: str, reference: datetime | None) -> Reading:
        """Make an event of a line."""
        match = _MODERN.match(text)
        if match is not None:
            return self._read_modern(text, match, reference)
        match = _CLASSIC.match(text)
        if match is None:
            raise ParseError("the line does not begin as syslog does, with a time and a host")
        priority, time, host = match.groups()
        named: dict[str, Any] = {}
        if priority is not None:
            _add_priority(named, priority)
        if host is not None:
            named["host"] = host
        begin = match.end()
        tag = _TAG.match(text, begin)
        group = ""
        if tag is not None:
            begin = tag.end()
            named["app"] = group = tag[1]
            if tag[2] is not None:
                named["pid"] = tag[2]
        return self._finish(group, text[begin:], named, self._times.read(time, reference))

    def _read_modern(self, text: str, match: re.Match[str], reference: datetime | None) -> Reading:
        priority, time, *words = match.groups()
        named: dict[str, Any] = {}
        _add_priority(named, priority)
        named.update(
            (name, word)
            for name, word in zip(("host", "app", "pid", "msgid"), words, strict=True)
            if word != "-"
        )
        begin = _read_structured(named, text, match.end())
        group = named.get("app", "")
        if "msgid" in named:
            group += " " + named["msgid"]
        return self._finish(group, text[begin:].lstrip(" \ufeff"), named, self._times.read(time, reference))

    def _finish(self, group: str, message: str, named: dict[str, Any], time: float | None) -> Reading:
        event_id, template, variables = self._miner.read(group, message)
        shown = f"{group}: {template}" if group else template
        return event_id, shown, variables, named, time


def _add_priority(named: dict[str, Any], digits: str) -> None:
    priority = int(digits)
    if priority <= _HIGHEST_PRIORITY:
        named["facility"] = _FACILITIES[priority // 8]
        named["severity"] = _SEVERITIES[priority % 8]


def _read_structured(named: dict[str, Any], text: str, begin: int) -> int:
    """Take structured data, and give where the message begins."""
    if text.startswith("-", begin):
        return begin + 1
    count = 0
    while (element := _ELEMENT.match(text, begin)) is not None:
        begin = element.end()
        for parameter in _PARAMETER.finditer(element[2]):
            count += 1
            if count > _MOST_PARAMETERS:
                raise ParseError(f"the structured data have more than {_MOST_PARAMETERS} parameters")
            name = free_name(named, f"{element[1]}.{parameter[1]}")
            named[name] = _ESCAPED.sub(r"\1", parameter[2])
    return begin
