"""Regular expressions with named pieces, and log formats such as `<Date> <Time> <Level> <Content>`."""

from __future__ import annotations

import re

__all__ = ["NAMED_PATTERNS", "compile_header"]

NAMED_PATTERNS = {
    "WORD": r"\w+",
    "NOTSPACE": r"\S+",
    "SPACE": r"\s*",
    "DATA": r".*?",
    "GREEDYDATA": r".*",
    "TEXT": r".{0,256}?",
    "NAME": r"[A-Za-z][\w.$/()-]{1,128}",
    "INT": r"[+-]?\d{1,19}",
    "NUMBER": r"[+-]?\d+(?:\.\d+)?",
    "QUOTED": r'"(?:[^"\\]|\\.)*"',
    "UUID": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "IPV4": r"\d{1,3}(?:\.\d{1,3}){3}",
    "IPV6": r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}",
    "IP": r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})",
    "HOST": r"[0-9A-Za-z][0-9A-Za-z_.-]*",
    "USER": r"[0-9A-Za-z_.@$-]+",
    "PATH": r"/\S*",
    "LEVEL": (
        r"(?i:trace|debug|info(?:rmation)?|notice|warn(?:ing)?|err(?:or)?|crit(?:ical)?|alert|fatal|emerg"
        r"(?:ency)?|severe|panic|failure)(?!\w)"
    ),
    "LETTERLEVEL": r"[VDIWEF](?!\S)",
    "ISOTIME": (
        r"\d{4}[-/.]\d\d?[-/.]\d\d?"
        r"(?:(?:[T _-]|(?:\t|  )(?=\d\d?:))\d\d?[:.]\d\d(?:[:.]\d\d(?:[.,:]\d{1,9})?)?"
        r"(?: ?[AaPp][Mm](?!\w))?)?"
        r"(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?"
    ),
    "SYSLOGTIME": r"[A-Z][a-z]{2} +\d{1,2} (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d{1,9})?",
    "HTTPTIME": r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}",
    "CTIME": r"[A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d(?:\.\d{1,9})? \d{4}",
    "COMPACTTIME": (
        r"\d{6}(?:\d\d)?[T -]\d\d:?\d\d:?\d\d(?:[:.,]\d{1,9})?|\d\d/\d\d/\d\d \d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
    ),
    "EPOCH": r"\d{9,19}(?:\.\d{1,9})?",
}
"""What `%{NAME}` and `%{NAME:group}` stand for."""

_NAMED = re.compile(r"%\{([A-Z0-9]+)(?::([A-Za-z_]\w*))?\}")
_FIELD = re.compile(r"<([A-Za-z_]\w*)>")
_LONGEST_FIELD = 512
_ANY = f".{{0,{_LONGEST_FIELD}}}?"


def compile_header(pattern: str) -> re.Pattern[str]:
    r"""Compile a header: a regular expression, or a log format.

    A regular expression has named groups `(?P<level>…)` or named pieces `%{LEVEL:level}`. A log format has
    fields in angle brackets: each ends at the first place where what follows it fits, and the last one
    takes the rest. What stands between them is text, or, when there is a backslash in the format, regular
    expressions; spaces are any number of spaces.

    Raises:
        ValueError: It is neither, with the reason.

    >>> compile_header(r"<Date> <Time> \[<Level>\] <Content>").match("26-11-22 10:15 [warn] hot").groupdict()
    {'Date': '26-11-22', 'Time': '10:15', 'Level': 'warn', 'Content': 'hot'}
    """
    is_format = _FIELD.search(pattern.replace("(?P<", "(?P")) is not None
    source = _expression_of_format(pattern) if is_format else _NAMED.sub(_expand, pattern)
    try:
        compiled = re.compile(source, re.DOTALL)
    except re.error as error:
        raise ValueError(f"a regular expression or a log format; {pattern!r} is none: {error}") from error
    if not compiled.groupindex:
        raise ValueError(f"a regular expression with named groups; {pattern!r} has none")
    return compiled


def _expand(match: re.Match[str]) -> str:
    name, group = match.groups()
    expression = NAMED_PATTERNS.get(name)
    if expression is None:
        raise ValueError(f"known pieces; {name} is none of {', '.join(sorted(NAMED_PATTERNS))}")
    return f"(?P<{group}>{expression})" if group else f"(?:{expression})"


def _expression_of_format(pattern: str) -> str:
    """Make a regular expression that never goes back over what a field has taken."""
    pieces = _FIELD.split(pattern)  # literal, field, literal, field, …, literal
    if "\\" not in pattern:
        pieces[::2] = [re.escape(literal).replace("\\ ", " ") for literal in pieces[::2]]
    source = _spaces(pieces[0])
    pending = ""
    last = len(pieces) - 2
    for place in range(1, len(pieces), 2):
        literal = _spaces(pieces[place + 1])
        takes_rest = place == last and not literal
        pending += f"(?P<{pieces[place]}>{'.*' if takes_rest else _ANY})" + literal
        if place == last or (literal and _is_whole(pending)):
            source += f"(?>{pending})"
            pending = ""
    return source


def _spaces(literal: str) -> str:
    return re.sub(" +", r"\\s+", literal)


def _is_whole(source: str) -> bool:
    try:
        re.compile(source)
    except re.error:
        return False
    return True
