"""Access logs of web servers, in the common and the combined format."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tocsin.errors import ParseError
from tocsin.sources.parsers.base import BaseParser, Reading

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.sources.parsers.times import TimeReader

__all__ = ["AccessLogParser"]

_LINE = re.compile(
    r'(?:([^\s"\[]{1,255}:\d{1,5}) )?(\S{1,255}) (\S{1,255}) ([^\["]{1,255}) \[([^\]]{1,64})\] '
    r'"((?:[^"\\]|\\.)*+)" (\d{3}|-) (\d{1,18}|-)'
    r'(?: "((?:[^"\\]|\\.)*+)"(?: "((?:[^"\\]|\\.)*+)")?)?(?: (.*))?',
    re.DOTALL,
)
_METHODS = frozenset(
    [
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "DELETE",
        "CONNECT",
        "OPTIONS",
        "TRACE",
        "PATCH",
        "PROPFIND",
        "PROPPATCH",
        "MKCOL",
        "COPY",
        "MOVE",
        "LOCK",
        "UNLOCK",
        "REPORT",
        "SEARCH",
    ]
)
_REQUEST = re.compile(r"([A-Za-z_-]{1,32}) (\S*+)(?: (HTTP/\d(?:\.\d)?))?")


class AccessLogParser(BaseParser):
    """Reads access logs of Apache and nginx: the EventID is method and class of the status, as `GET 2xx`.

    So what is learned about requests that succeeded (paths, clients, sizes) is not mixed with what scanners
    ask for in vain, nor reading with writing; and the number of EventIDs stays small, whatever clients
    send: methods that HTTP does not have are `OTHER`, requests that are none are `BAD`.

    Named variables are `ip`, `ident`, `user`, `method`, `path`, `query`, `protocol`, `status`, `bytes`,
    `referer`, `agent`, and where a line has them `vhost` and `extra` (what follows the agent). Status and
    bytes are numbers.

    Args:
        times: Reads the times.
    """

    def __init__(self, times: TimeReader) -> None:
        self._times = times

    def read_text(self, text: str, reference: datetime | None) -> Reading:
        """Make an event of a line."""
        match = _LINE.fullmatch(text)
        if match is None:
            raise ParseError("the line is none of the common or combined access log format")
        vhost, ip, ident, user, time, request, status, size, referer, agent, extra = match.groups()
        named: dict[str, Any] = {} if vhost is None else {"vhost": vhost}
        named |= {"ip": ip, "ident": ident, "user": user}
        method = _add_request(named, request)
        named["status"] = status if status == "-" else int(status)
        named["bytes"] = 0 if size == "-" else int(size)
        for name, value in (("referer", referer), ("agent", agent), ("extra", extra)):
            if value is not None:
                named[name] = value
        event_id = f"{method} {status[0]}xx"
        return event_id, f"{event_id} <*>", [], named, self._times.read(time, reference)


def _add_request(named: dict[str, Any], request: str) -> str:
    """Name the parts of a request, and give the kind of its method."""
    match = _REQUEST.fullmatch(request)
    if match is None:
        named["request"] = request
        return "BAD"
    method, target, protocol = match.groups()
    path, mark, query = target.partition("?")
    named["method"] = method
    named["path"] = path
    if mark:
        named["query"] = query
    if protocol is not None:
        named["protocol"] = protocol
    return method if method in _METHODS else "OTHER"
