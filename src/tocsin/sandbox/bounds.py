"""How much a template may do, and how large its values may be."""

from __future__ import annotations

from collections.abc import Mapping, Sized, ValuesView
from collections.abc import Set as AbstractSet
from contextvars import ContextVar
from time import monotonic
from typing import Any

__all__ = [
    "MOST_CHARACTERS",
    "MOST_SECONDS",
    "MOST_STEPS",
    "Budget",
    "TooMuchError",
    "bounded",
    "budget",
    "refuse_long_power",
    "refuse_long_product",
    "size_of",
]

MOST_CHARACTERS = 1_000_000
MOST_STEPS = 200_000
MOST_SECONDS = 2.0
_MOST_BITS = 4096
_OF_ITEMS = (list, tuple, AbstractSet, ValuesView)


class TooMuchError(Exception):
    """The template wants more work or a longer text than anybody needs."""


class Budget:
    """What is left to one rendering."""

    def __init__(self) -> None:
        self._steps = MOST_STEPS
        # What is made of something and then written counts twice.
        self._characters = 4 * MOST_CHARACTERS
        self._until = monotonic() + MOST_SECONDS

    def step(self) -> None:
        """Take a step.

        Raises:
            TooMuchError: There were too many, or it takes too long.
        """
        self._steps -= 1
        if self._steps < 0:
            raise TooMuchError
        self.look_at_the_clock()

    def look_at_the_clock(self) -> None:
        """Go on.

        Raises:
            TooMuchError: It takes too long.
        """
        if monotonic() > self._until:
            raise TooMuchError

    def make(self, value: Any) -> Any:
        """Give a value that is made or written.

        Raises:
            TooMuchError: It is too large, or all are together, or it takes too long.
        """
        self.look_at_the_clock()
        self._characters -= size_of(bounded(value))
        if self._characters < 0:
            raise TooMuchError
        return value


budget: ContextVar[Budget] = ContextVar("budget")
"""That of the rendering under way."""


def size_of(value: Any) -> int:
    """Give about how many characters a value has when it is written; no more is counted than is allowed.

    A list may hold another many times: it is small in memory, and enormous as a text.
    """
    if isinstance(value, (str, bytes, int, float)):
        return _size_of_one(value)
    total = 0
    left = [iter((value,))]
    while left and total <= MOST_CHARACTERS:
        for item in left[-1]:
            if isinstance(item, Mapping):
                left.append(iter([part for pair in item.items() for part in pair]))
            elif isinstance(item, _OF_ITEMS):
                left.append(iter(item))
            total += 1 + _size_of_one(item)
            break
        else:
            left.pop()
    return total


def _size_of_one(value: Any) -> int:
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, int):
        bits = value.bit_length()
        return bits // 3 if bits <= _MOST_BITS else MOST_CHARACTERS + 1
    return 0


def bounded(value: Any) -> Any:
    """Give a value that is not too large.

    Raises:
        TooMuchError: It is.
    """
    if size_of(value) > MOST_CHARACTERS:
        raise TooMuchError
    return value


def refuse_long_power(left: Any, right: Any) -> None:
    """Refuse numbers without end."""
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * abs(right) > _MOST_BITS:
        raise TooMuchError


def refuse_long_product(left: Any, right: Any) -> None:
    """Refuse numbers without end, and repeating a text too often or a list at all."""
    if isinstance(left, int) and isinstance(right, int):
        if left.bit_length() + right.bit_length() > _MOST_BITS:
            raise TooMuchError
        return
    for one, other in ((left, right), (right, left)):
        too_long = isinstance(one, Sized) and isinstance(other, int) and len(one) * other > MOST_CHARACTERS
        if too_long or isinstance(one, (list, tuple)):
            raise TooMuchError
