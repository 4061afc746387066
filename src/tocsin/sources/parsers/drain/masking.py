"""What of a line is surely variable: masked before its template is sought."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["WILDCARD", "Masker", "PatternMasker", "WordMasker"]

WILDCARD = "<*>"

_REMEMBERED = 65_536  # words
_LONGEST_REMEMBERED = 64  # characters of a word

_HEX = "[0-9A-Fa-f]"
_DEFAULT = re.compile(
    rf"""(?<![A-Za-z0-9])(?:
        {_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}              # UUID
        | (?:{_HEX}{{2}}[:-]){{5,7}}{_HEX}{{2}}                    # hardware address
        | 0[xX]{_HEX}++                                            # hexadecimal
        | (?=[A-Fa-f]*+[0-9])(?=[0-9]*+[A-Fa-f]){_HEX}{{8,64}}    # a digest or an id
        | (?:[-+](?=\d))?\d++(?:[.,:]\d++)*+                       # number, address, version, time
          (?:[KMGTkm]i?[Bb]?|[BbsmhdT%]|[mun]s|µs|min|sec)?
    )(?![A-Za-z0-9])""",
    re.VERBOSE,
)


class Masker(Protocol):
    """Cuts a line into words."""

    def split(self, content: str) -> tuple[tuple[str, ...], Sequence[str]]:
        """Give the words with `<*>` for what is variable, and the same words as they were."""
        ...


class _Memory(dict[str, str]):
    """Masks words, and remembers how."""

    def __missing__(self, word: str) -> str:
        if word.isalpha():
            masked = word
        elif word.isdecimal():
            return WILDCARD
        else:
            masked = _DEFAULT.sub(WILDCARD, word)
        if len(word) <= _LONGEST_REMEMBERED:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[word] = masked
        return masked


class WordMasker:
    """Masks numbers, addresses, hexadecimal ids and UUIDs within each word."""

    def __init__(self) -> None:
        self._masked = _Memory().__getitem__

    def split(self, content: str) -> tuple[tuple[str, ...], Sequence[str]]:
        """Give the words with `<*>` for what is variable, and the same words as they were.

        >>> WordMasker().split("port=22 from 10.0.0.1:4242")[0]
        ('port=<*>', 'from', '<*>')
        """
        words = content.split()
        return tuple(map(self._masked, words)), words


class PatternMasker:
    """Masks what given expressions match, one expression after the other, over the whole line.

    Args:
        patterns: The expressions; each match becomes `<*>`.
    """

    def __init__(self, patterns: Sequence[re.Pattern[str]]) -> None:
        self._patterns = tuple(patterns)

    def split(self, content: str) -> tuple[tuple[str, ...], Sequence[str]]:
        r"""Give the words with `<*>` for what is variable, and the same words as they were.

        A match may hold spaces: the words around it then become one.

        >>> PatternMasker([re.compile(r"\d+ ms")]).split("took 12 ms")
        (('took', '<*>'), ['took', '12 ms'])
        """
        masked = content
        for pattern in self._patterns:
            masked = pattern.sub(WILDCARD, masked)
        words = tuple(masked.split())
        if masked == content:
            return words, words
        return words, _originals(words, masked, content)


def _originals(words: tuple[str, ...], masked: str, content: str) -> list[str]:
    """Find what stands in the line where the masked words are."""
    literals = masked.split(WILDCARD)
    values = []
    position = len(literals[0])
    for number, literal in enumerate(literals[1:], 1):
        if number == len(literals) - 1:
            found = max(len(content) - len(literal), position)
        else:
            found = content.find(literal, position) if literal else position
            found = position if found < 0 else found
        values.append(content[position:found].strip())
        position = found + len(literal)
    value = iter(values)
    originals = []
    for word in words:
        pieces = word.split(WILDCARD)
        original = pieces[0]
        for piece in pieces[1:]:
            original += next(value) + piece
        originals.append(original)
    return originals
