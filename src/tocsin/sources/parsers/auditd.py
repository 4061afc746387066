"""Records of the Linux audit daemon."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tocsin.errors import ParseError
from tocsin.sources.parsers.base import BaseParser, Reading
from tocsin.sources.parsers.key_values import read_fields
from tocsin.sources.parsers.layouts import Layouts
from tocsin.sources.parsers.times import in_range

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["AuditdParser"]

_HEAD = re.compile(
    r"(?:node=(\S{1,256}) )?(?:.{0,64}audit: )?type=([\w\[\]]{1,64}) (?:msg=)?"
    r"audit\((\d{1,15}(?:\.\d{1,9})?):\d{1,20}\):?\s*+"
)


class AuditdParser(BaseParser):
    r"""Reads `audit.log`: the EventID is the record's type.

    Named variables are the record's fields, those in `msg='…'` among them, and `node`. Values stay text:
    quotes are taken off, hexadecimal ones are not decoded. A field that comes twice is `field` and
    `field_2`; words outside of fields (`avc: denied { read } for`) are `text`.

    >>> line = 'type=USER_LOGIN msg=audit(1795338900.250:7): pid=1 msg=\'op=login acct="eve" res=failed\''
    >>> event = AuditdParser().parse_line(line)
    >>> event["EventID"], event["parsedTimestamp"], event["logFormatVariables"]
    ('USER_LOGIN', 1795338900.25, {'pid': '1', 'op': 'login', 'acct': 'eve', 'res': 'failed'})
    """

    def __init__(self) -> None:
        self._layouts = Layouts()

    def read_text(self, text: str, reference: datetime | None) -> Reading:
        """Make an event of a record."""
        del reference  # an audit record has its time in full
        head = _HEAD.match(text)
        if head is None:
            raise ParseError("the line does not begin with type=… msg=audit(time:number):")
        node, kind, time = head.groups()
        begin = head.end()
        named = self._layouts.read(kind, text, begin)
        if named is None:
            fields = read_fields(text, begin)
            self._layouts.learn(kind, text, begin, fields)
            named = fields.named
        if node is not None:
            named = {"node": node, **named}
        return kind, f"type={kind} msg=audit(<*>): <*>", [], named, in_range(float(time))
