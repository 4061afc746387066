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
    r"(?:([^\s\"\[]{1,255}) )?(\S{1,255}) (\S{1,255}) ([^\[\"]{1,255}) \[([^\]]{1,64})\] "
    r'"((?:[^"\\]|\\.)*+)" (\d{3}|-) (\d{1,18}|-)'
    r'(?: "((?:[^"\\]|\\.)*+)"(?: "((?:[^"\\]|\\.)*+)")?)?(?: (.*))?',
    re.DOTALL,
)
_METHODS = frozenset(
    "GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK "
    "REPORT SEARCH".split()
)
_REQUEST = re.compile(r"([A-Za-z_-]{1,32}) (\S*+)(?: (HTTP/\d(?:\.\d)?))?")
_KINDS = {kind: f"{kind} <*>" for kind in ()}


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
