"""Comparing texts whatever their letters' case, the same on every database.

Databases know the cases of ASCII only, or what their locale says. So the pattern itself names all cases.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache

__all__ = ["glob_pattern", "letter_cases", "regular_expression"]

_LAST_WITH_CASES = 0x20000  # all further letters are ideographs


def glob_pattern(part: str) -> str:
    """Give a pattern of SQLite's GLOB for texts that contain a part."""
    return "*" + "".join(map(_glob_letter, part)) + "*"


def regular_expression(part: str) -> str:
    """Give a regular expression of PostgreSQL for texts that contain a part."""
    return "".join(map(_expression_letter, part))


def letter_cases(letter: str) -> str:
    """Give a letter in all its cases.

    Example:
        >>> sorted(letter_cases("é"))
        ['É', 'é']
    """
    return _cases().get(letter, letter)


def _glob_letter(letter: str) -> str:
    cases = letter_cases(letter)
    return f"[{cases}]" if len(cases) > 1 or letter in "*?[" else letter


def _expression_letter(letter: str) -> str:
    cases = letter_cases(letter)
    if len(cases) > 1:
        return f"[{cases}]"
    return letter if letter.isalnum() or not letter.isascii() else "\\" + letter


@lru_cache(maxsize=1)
def _cases() -> dict[str, str]:
    groups = defaultdict(list)
    for letter in map(chr, range(_LAST_WITH_CASES)):
        folded = next((one for one in (letter.casefold(), letter.lower()) if len(one) == 1), letter)
        if folded != letter:
            groups[folded].append(letter)
    whole = {folded: "".join([folded, *letters]) for folded, letters in groups.items()}
    return {letter: cases for cases in whole.values() for letter in cases}
