"""Records of one kind mostly have one layout: a layout that was seen often becomes one expression."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.sources.parsers.key_values import Fields

__all__ = ["Layouts"]

_SEEN_OFTEN = 4  # times; compiling costs as much as reading some hundred lines
_MOST_A_KIND = 8
_MOST = 512  # layouts; as many may wait to be seen often
_MOST_VALUES = 64

# Stricter than the general reader: what could end a value, or make something else of it, is in none.
_VALUES = {
    '"': r"""([^"'\x1d]++)""",
    "{": r"""([^\s'{}](?:[^'{}\x1d]*[^\s'{}])?)""",
    "": r"""([^\s"'{][^\s']*+)""",
}


class _Layout(NamedTuple):
    fullmatch: Callable[[str, int], re.Match[str] | None]
    names: tuple[str, ...]
    constants: dict[str, str]


class Layouts:
    """Reads lines of a known layout exactly as the general reader does, but at once.

    It is a memory of how to read, not of what was read: without it the results are the same.
    """

    def __init__(self) -> None:
        self._known: dict[str, list[_Layout]] = {}
        self._waiting: dict[tuple[str, str], int] = {}
        self._count = 0

    def read(self, kind: str, text: str, begin: int) -> dict[str, str] | None:
        """Read the fields of a line from a place on; `None` when no known layout fits."""
        for fullmatch, names, constants in self._known.get(kind, ()):
            match = fullmatch(text, begin)
            if match is not None:
                named = dict(zip(names, match.groups(), strict=True))
                if constants:
                    named.update(constants)
                return named
        return None

    def learn(self, kind: str, text: str, begin: int, fields: Fields) -> None:
        """Note the layout of a line that the general reader has read."""
        if not fields.plain or not fields.spans or len(fields.spans) > _MOST_VALUES:
            return
        if self._count >= _MOST or len(self._known.get(kind, ())) >= _MOST_A_KIND:
            return
        pattern = _pattern_of(text, begin, fields)
        seen = self._waiting.get((kind, pattern), 0) + 1
        if seen < _SEEN_OFTEN:
            if len(self._waiting) >= _MOST:
                self._waiting.clear()
            self._waiting[kind, pattern] = seen
            return
        self._waiting.pop((kind, pattern), None)
        names = tuple(name for name, *_ in fields.spans)
        constants = {name: value for name, value in fields.named.items() if name not in names}
        self._known.setdefault(kind, []).append(_Layout(re.compile(pattern).fullmatch, names, constants))
        self._count += 1


def _pattern_of(text: str, begin: int, fields: Fields) -> str:
    parts = []
    position = begin
    for _, start, stop, around in fields.spans:
        parts += [re.escape(text[position:start]), _VALUES[around]]
        position = stop
    return "".join((*parts, re.escape(text[position:])))
