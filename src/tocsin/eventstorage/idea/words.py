"""The words of a message, for full text: the same on every database."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["MOST_WORDS", "words_of", "words_of_text"]

MOST_WORDS = 10_000
"""How many distinct words of an event are kept."""

_LONGEST = 100
_WORD = re.compile(r"\w+")
_ASCII = "".join(chr(code) for code in range(128))
_FOLDED = "".join(sign.lower() if _WORD.match(sign) else " " for sign in _ASCII).encode().ljust(256)


def words_of(document: Any) -> str:
    """Give the distinct words of all texts and numbers in a JSON document (not of its keys).

    A word is a run of letters, digits and `_`, casefolded and cut after 100 bytes of UTF-8. Databases take
    words as they are, so that no rules of theirs change them.

    Returns:
        Words separated by spaces, at most `MOST_WORDS`.
    """
    words = words_of_text(" ".join(_texts(document)))
    return " ".join(words if len(words) <= MOST_WORDS else words[:MOST_WORDS])


def words_of_text(text: str) -> list[str]:
    """Give the distinct words of a text, written as the index has them."""
    if text.isascii():
        words = dict.fromkeys(text.encode().translate(_FOLDED).decode().split())
        if max(map(len, words), default=0) <= _LONGEST:
            return list(words)
    else:
        words = dict.fromkeys(_WORD.findall(text.casefold()))
    return list(dict.fromkeys(map(_written, words)))


def _texts(document: Any) -> list[str]:
    texts: list[str] = []
    containers = [[document]]
    while containers:
        for value in containers.pop():
            kind = type(value)
            if kind is str:
                texts.append(value)
            elif kind is list:
                containers.append(value)
            elif kind is dict:
                containers.append(value.values())
            elif kind is int or kind is float:
                texts.append(_number(value))
    return texts


def _written(word: str) -> str:
    return word.encode("utf-8", "ignore")[:_LONGEST].decode("utf-8", "ignore")


def _number(number: float) -> str:
    try:
        return str(number)
    except ValueError:  # more digits than Python writes
        return ""
