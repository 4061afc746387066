"""Full text as a search names it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tocsin.errors import DataError
from tocsin.eventstorage.idea.words import words_of_text
from tocsin.eventstorage.query.values import refused

__all__ = ["WordFilter", "read_words"]

_WORD = re.compile(r"\w+\*?")
_MOST = 1_000  # PostgreSQL reads them one within the other, as deep as its stack allows


@dataclass(frozen=True, slots=True)
class WordFilter:
    """A word that occurs in the message.

    Attributes:
        word: As the index has it.
        begins: Whether a word that begins with it will do.
    """

    word: str
    begins: bool = False


def read_words(parameter: str, value: object) -> tuple[WordFilter, ...]:
    """Give the words of a text, all of which have to occur; `begin*` is the beginning of a word.

    Raises:
        DataError: It is no text, has no words, or more than 1,000 different ones.
    """
    if not isinstance(value, str):
        raise refused(parameter, value, "text")
    found = tuple(dict.fromkeys(filter_ for word in _WORD.findall(value) for filter_ in _filters(word)))
    if not found:
        raise refused(parameter, value, "words to look for; begin* is the beginning of a word")
    if len(found) > _MOST:
        message = f"{parameter} has {len(found):,} different words, too many for one search"
        raise DataError(message, hint=f"give {_MOST:,} at most", parameter=parameter)
    return found


def _filters(word: str) -> list[WordFilter]:
    written = words_of_text(word.removesuffix("*"))  # several, where casefolding takes a letter apart
    last = len(written) - 1
    return [WordFilter(one, word.endswith("*") and place == last) for place, one in enumerate(written)]
