"""Finds what the lines of a sample have in front of their messages."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tocsin.sources.parsers.patterns import compile_header
from tocsin.sources.parsers.times import TimeReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["HeaderProposal", "propose_header"]

_ENOUGH = 0.9
"""Share of the lines that a piece of the header must fit; others are continued or broken lines."""

_LINES = 300
_LONGEST = 2048
_MOST_PIECES = 8
_SOME_YEAR = datetime(2024, 12, 31, tzinfo=UTC)  # a leap year, for times without one

_SEPARATORS = (r"\s+-\s+", r"\s*\|\s*", r":\s+", r",\s*", r"\s+")
_DAY_AND_MONTH = (
    r"(?P<time>(?:[A-Z][a-z]{2}, )?\d\d?[ /-][A-Z][a-z]{2}[ /-]\d{4}[ :]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
    r"(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?)"
)
_TIMES = (
    ("%{ISOTIME:time}", None),
    ("%{CTIME:time}", None),
    ("%{SYSLOGTIME:time}", None),
    ("%{HTTPTIME:time}", None),
    ("%{COMPACTTIME:time}", None),
    ("%{EPOCH:time}", None),
    (r"(?P<time>\d\d?\.\d\d?\.\d{4},? \d\d?:\d\d:\d\d)", None),
    (r"(?P<time>\d\d?/\d\d?/\d{4},? \d\d?:\d\d:\d\d ?[AaPp][Mm])", None),
    (_DAY_AND_MONTH, None),
    (r"(?P<time>\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,6})", "%m-%d %H:%M:%S.%f"),
    (r"(?P<time>\d\d\.\d\d \d\d:\d\d:\d\d)", "%m.%d %H:%M:%S"),
    (r"(?P<level>[IWEF])(?P<time>\d{4} \d\d:\d\d:\d\d\.\d{6})", "%m%d %H:%M:%S.%f"),
)
_END = r"(?!\w)"
_LEVEL = "%{LEVEL:level}"
_LEVELS = (_LEVEL, rf"\[\s*{_LEVEL}\s*\]", rf"\({_LEVEL}\)", "%{LETTERLEVEL:level}")
_NAME_WITH_NUMBER = ("component", "a name with a number", r"%{NAME:NAME}\[\d{1,10}\]", "(?=:)")
_STAMPS = ("%{ISOTIME:NAME}", "%{SYSLOGTIME:NAME}", "%{CTIME:NAME}")
_PIECES = (  # name, words, expression, what must follow
    ("source", "text in brackets", r"\[%{TEXT:NAME}\]", r"(?=\s|:\s|$)"),
    ("pid", "a number", r"%{INT:NAME}", r"(?=[\s:|])"),
    ("pid", "a number", r"%{INT:NAME}#\d{1,10}", r"(?=[\s:])"),
    ("component", "a name", r"%{NAME:NAME}", r"(?=:\s|\s+-\s|\s*\|)"),
    _NAME_WITH_NUMBER,
    ("component", "a name", r"(?P<NAME>[A-Za-z]\w{0,64}(?:[.$]\w{1,64}){1,16})", r"(?=\s)"),
)
_WORDS_BEFORE_TIME = range(5)
_WORDS_BETWEEN = range(1, 8)


@dataclass(frozen=True, slots=True)
class HeaderProposal:
    """What stands in front of the messages of a sample.

    Attributes:
        pattern: For `header`.
        time_format: For times that are not recognised by themselves.
        parts: What it consists of, in words.
    """

    pattern: str
    time_format: str | None
    parts: tuple[str, ...]


def propose_header(sample: Sequence[str]) -> HeaderProposal | None:
    """Find the header of a sample's lines, `None` when they begin with neither a time nor a level.

    Piece by piece, the header takes what nine lines of ten have at that place.

    >>> propose_header(["2026-11-22 10:15:00 WARN disk is hot"] * 3).parts
    ('a time', 'a level')
    """
    lines = [line[:_LONGEST] for line in sample[:_LINES]]
    found_begin = _find_begin(lines)
    if found_begin is None:
        return None
    begin, time_format, part = found_begin
    pattern = whole_begin = f"(?>{begin})"  # else the fraction of a second could be taken for a number
    parts = [part]
    names: Counter[str] = Counter()
    while len(parts) < _MOST_PIECES:
        separator = _find_separator(pattern, lines)
        found = None if separator is None else _find_piece(pattern + separator, names, lines)
        if separator is None or found is None:
            break
        name, part, piece = found
        names[name] += 1
        parts.append(part)
        pattern += separator + piece
    separator = _find_separator(pattern, lines)
    behind = "" if separator is None else f"(?:{separator}|$)"
    pattern = pattern.replace(whole_begin, begin, 1)
    return HeaderProposal(f"{pattern}{behind}(?P<content>.*)", time_format, tuple(parts))


def _find_separator(pattern: str, lines: Sequence[str]) -> str | None:
    return next((one for one in _SEPARATORS if _fits(pattern + one, lines)), None)


def _find_piece(pattern: str, names: Counter[str], lines: Sequence[str]) -> tuple[str, str, str] | None:
    fields = pattern.count(":field_")
    for name, words, piece, ahead in _candidates(names, fields, has_level="level" in pattern):
        if _fits(pattern + piece + ahead, lines):
            return name, words, piece
    return None


def _find_begin(lines: Sequence[str]) -> tuple[str, str | None, str] | None:
    for words in _WORDS_BEFORE_TIME:
        before = _words("before", words)
        for time, time_format in _TIMES:
            for pattern in (f"{before}{time}{_END}", rf"{before}\[\s*{time}\s*\]"):
                if _fits(pattern, lines, TimeReader(time_format)):
                    return pattern.removesuffix(_END), time_format, "a time"
    for pattern in _LEVELS:
        if _fits(pattern, lines):
            return pattern, None, "a level"
    return None


def _candidates(names: Counter[str], fields: int, *, has_level: bool) -> Iterator[tuple[str, str, str, str]]:
    """Give name, words and expression of the pieces that may come next, the most telling first."""
    levels = [] if has_level else [("level", "a level", one, "") for one in _LEVELS]
    stamps = [("stamp", "another time", one, _END) for one in _STAMPS]
    for name, words, piece, ahead in (*levels, *_PIECES, *stamps):
        yield name, words, _numbered(piece, name, names), ahead
    for count in _WORDS_BETWEEN:
        before = _words("field", count, fields)
        for name, words, piece, ahead in (*levels, _NAME_WITH_NUMBER, *stamps):
            between = "a word" if count == 1 else f"{count} words"
            yield name, f"{between}, {words}", before + _numbered(piece, name, names), ahead


def _numbered(piece: str, name: str, names: Counter[str]) -> str:
    numbered = f"{name}_{names[name] + 1}" if names[name] else name
    return piece.replace(":NAME", f":{numbered}").replace("<NAME", f"<{numbered}")


def _words(name: str, count: int, known: int = 0) -> str:
    numbers = range(known + 1, known + count + 1)
    return "".join(rf"%{{NOTSPACE:{name}_{number}}}\s+" for number in numbers)


def _fits(pattern: str, lines: Sequence[str], times: TimeReader | None = None) -> bool:
    match = compile_header(pattern).match
    misses_left = int((1 - _ENOUGH) * len(lines))
    for line in lines:
        found = match(line)
        if found is None or (times is not None and times.read(found["time"], _SOME_YEAR) is None):
            misses_left -= 1
            if misses_left < 0:
                return False
    return len(lines) > 0
