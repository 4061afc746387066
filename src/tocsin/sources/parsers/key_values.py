"""The fields of an audit record: `key=value` pairs, quoted, in braces or nested."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tocsin.errors import ParseError

__all__ = ["MOST_FIELDS", "Fields", "Span", "read_fields"]

MOST_FIELDS = 1000

Span = tuple[str, int, int, str]
"""A value's name, where it begins and ends in the line, and what it stands in: `"`, `{` or nothing."""

_TRANSLATED = "\x1d"  # in front of what auditd adds when it translates numbers to names
_FIELD = re.compile(
    r"""\s*+(?:
        ([A-Za-z_][\w.\-\[\]]*+)=(?: "([^"]*+)" | \{([^{}]*+)\} | (') | (\S*+) ) | (\S++)
    )""",
    re.VERBOSE,
)
_KEY, _QUOTED, _BRACED, _NESTED, _BARE, _WORD = range(1, 7)
_AROUND = {_QUOTED: '"', _BRACED: "{"}


@dataclass(slots=True)
class Fields:
    """What was found in a record.

    Attributes:
        named: The values by name. The second value of a key is `key_2`; words that belong to no key are
            `text`.
        spans: Where the values stand, in the order of the line.
        words: The words that belong to no key.
        plain: Whether no value is empty, and single quotes are those of `msg='…'` only.
    """

    named: dict[str, str] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    plain: bool = True
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, key: str, value: str) -> str:
        """Keep a value, and give the name that it got.

        Raises:
            ParseError: There are too many.
        """
        count = self.counts.get(key, 0) + 1
        self.counts[key] = count
        name = key if count == 1 else f"{key}_{count}"
        while name in self.named:  # the line has a key `a_2` of its own
            name += "_"
        self.named[name] = value
        if len(self.named) > MOST_FIELDS:
            raise ParseError(f"the record has more than {MOST_FIELDS} fields")
        return name


def read_fields(text: str, begin: int = 0) -> Fields:
    r"""Read the fields of a record from a place in its line on.

    A value in double quotes ends at the next double quote, one in braces at the next brace; every other
    one ends at the next space. Quotes and braces are taken off. `msg='…'` holds fields itself, and ends at
    the last single quote; a quote that is never closed ends with the line (a double one counts as a
    character).

    Raises:
        ParseError: There are more than `MOST_FIELDS`.

    >>> read_fields('pid=7 msg=\'op=login acct="eve" res=failed\'').named
    {'pid': '7', 'op': 'login', 'acct': 'eve', 'res': 'failed'}
    """
    fields = Fields()
    split = text.find(_TRANSLATED, begin)
    _scan(fields, text, begin, len(text) if split < 0 else split, nested=False)
    if split >= 0:
        _scan(fields, text, split, len(text), nested=False)
    if fields.words:
        fields.add("text", " ".join(fields.words))
    return fields


def _scan(fields: Fields, text: str, position: int, end: int, *, nested: bool) -> None:
    while True:
        match = _FIELD.match(text, position, end)
        if match is None:
            return
        position = match.end()
        kind = match.lastindex or 0
        if kind == _WORD:
            fields.words.append(match[_WORD])
            continue
        key = match[_KEY]
        if kind == _NESTED and nested:  # a quote inside of the nested part is a character
            bare = _BARE_VALUE.match(text, match.start(_NESTED), end)
            position = match.start(_NESTED) if bare is None else bare.end()
            fields.add(key, text[match.start(_NESTED) : position])
            fields.plain = False
        elif kind == _NESTED:
            position = _scan_quoted(fields, key, text, position, end)
        else:
            begin, stop = match.span(kind)
            value = text[begin:stop]
            if kind == _BRACED:
                value = value.strip()
                begin = text.index(value, begin)
                stop = begin + len(value)
            name = fields.add(key, value)
            fields.spans.append((name, begin, stop, _AROUND.get(kind, "")))
            fields.plain &= bool(value)


_BARE_VALUE = re.compile(r"\S*+")


def _scan_quoted(fields: Fields, key: str, text: str, begin: int, end: int) -> int:
    """Read what is in single quotes, and give where the rest of the line begins."""
    if key != "msg":
        fields.plain = False
        close = text.find("'", begin, end)
        close = end if close < 0 else close
        fields.add(key, text[begin:close])
        return close + 1
    close = text.rfind("'", begin, end)
    close = end if close < 0 else close
    if text.find("=", begin, close) < 0:
        fields.plain = False
        fields.add(key, text[begin:close])
    else:
        _scan(fields, text, begin, close, nested=True)
    return close + 1
