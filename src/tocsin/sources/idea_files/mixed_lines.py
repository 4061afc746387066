"""JSON lines among which objects may go over several lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tocsin.sources.idea_files.content import LONGEST, ReturnableLines
from tocsin.sources.idea_files.documents import is_json, rejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.model import RejectedLine

__all__ = ["mixed_lines"]

_KEPT = 1 << 16  # bytes of an object that is rejected
_DEEPEST = 128  # a store takes less
_TOKEN = re.compile(rb'([{}\[\]:,])|("[^"\\]*(?:\\.[^"\\]*)*")|([^\s{}\[\]:,"]+)|[ \t\r]+')
_MARK, _STRING, _SCALAR = 1, 2, 3
_VALUE, _ITEM, _FIRST_KEY, _KEY = b"{[sx", b"{[sx]", b"s}", b"s"


def mixed_lines(
    source: str, lines: Iterable[tuple[int, bytes]]
) -> Iterator[tuple[int, bytes | RejectedLine]]:
    """Give each line, and each object of several lines as one, with the number of its first line.

    What is no object in one line is given as it is: the store judges it. An object of several lines that is
    broken is rejected as one. It ends before the next line that is no further in than its first one and
    begins an object, or with one that ends an object.

    Args:
        source: What the content is called.
        lines: Its numbered lines.
    """
    pending = ReturnableLines(lines)
    for number, line in pending:
        if _may_go_on(line):
            yield number, _whole(source, number, line, pending)
        elif line and not line.isspace():
            yield number, line


def _may_go_on(line: bytes) -> bool:
    begins = line.lstrip()[:1] == b"{"
    return begins and line.count(b"{") != line.count(b"}") and len(line) <= LONGEST and not is_json(line)


def _indented(line: bytes, pending: ReturnableLines) -> bytes | None:
    """Give an object as programs indent it, from a brace alone to one below it: nobody has to look within."""
    indent = line[: _indent(line)]
    taken: list[tuple[int, bytes]] = []
    size = len(line)
    for one in pending:
        taken.append(one)
        size += len(one[1]) + 1
        if size > LONGEST or one[1].startswith((indent + b"{", indent + b"}")):
            break
    whole = b"\n".join([line, *(text for _, text in taken)])
    if size <= LONGEST and is_json(whole):
        return whole
    pending.give_back(taken)
    return None


def _whole(source: str, number: int, line: bytes, pending: ReturnableLines) -> bytes | RejectedLine:
    if line.strip() == b"{" and (found := _indented(line, pending)) is not None:
        return found
    taken, size, extent = [(number, line)], len(line), _Extent()
    reason = "not JSON: it is not closed"
    try:
        is_closed = extent.take(line)
        while not is_closed and (one := next(pending, None)) is not None:
            taken.append(one)
            size += len(one[1]) + 1
            if size > LONGEST:
                reason = f"it is longer than {LONGEST:,} bytes"
                break
            is_closed = extent.take(one[1])
    except ValueError:
        reason, is_closed = f"not JSON: it breaks off, or is wrong, in line {taken[-1][0]:,}", False
    if is_closed:
        return b"\n".join(text for _, text in taken)
    if len(taken) == 1:
        return line
    pending.give_back(taken[1:])
    return rejected(source, number, b"\n".join([line, *_rest_of_broken(line, pending)]), reason)


def _rest_of_broken(first: bytes, pending: ReturnableLines) -> list[bytes]:
    """Leave out the other lines of an object, and give the first ones of them."""
    kept, size, indent = [], 0, _indent(first)
    for number, line in pending:
        begins = line.lstrip()[:1] if _indent(line) <= indent else b""
        if begins == b"{":
            pending.give_back([(number, line)])
            break
        if size < _KEPT:
            kept.append(line)
            size += len(line)
        if begins == b"}":
            break
    return kept


def _indent(line: bytes) -> int:
    return len(line) - len(line.lstrip())


class _Extent:
    """Follows an object from line to line, to its end or to where it cannot be JSON."""

    def __init__(self) -> None:
        self._open: list[bytes] = []
        self._expected = b"{"

    def take(self, line: bytes) -> bool:
        """Take a line, and say whether the object ends with it.

        Raises:
            ValueError: It is not JSON.
        """
        at = 0
        while at < len(line):
            found = _TOKEN.match(line, at)
            if found is None:  # a text that is not closed
                raise ValueError
            at = found.end()
            if found.lastindex is not None:
                self._step({_STRING: b"s", _SCALAR: b"x"}.get(found.lastindex, found[_MARK]))
        return not self._open

    def _step(self, kind: bytes) -> None:
        if kind not in self._expected or not self._expected:
            raise ValueError
        is_key = self._expected in (_FIRST_KEY, _KEY)
        if kind in b"{[":
            self._open.append(kind)
            if len(self._open) > _DEEPEST:
                raise ValueError
            self._expected = _FIRST_KEY if kind == b"{" else _ITEM
        elif kind == b":":
            self._expected = _VALUE
        elif kind == b",":
            self._expected = _KEY if self._open[-1] == b"{" else _VALUE
        elif kind == b"s" and is_key:
            self._expected = b":"
        else:
            if kind in b"}]":
                self._open.pop()
            self._expected = (b",}" if self._open[-1] == b"{" else b",]") if self._open else b""
