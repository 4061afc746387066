"""What is expected of one variable of one event, and how a whole column is held against it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MISSING", "Expectation", "Finding", "Missing"]


class Missing:
    """The type of `MISSING`: what stands for a variable that an event does not have."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()

# No value of one of these types equals one of another.
_TOLD_APART = frozenset({str, type(None), Missing})
_NUMBERS = frozenset({int, float, bool})


class Finding(NamedTuple):
    """What is wrong with a value: a score above 0, and a sentence about what was seen and expected."""

    score: float
    words: str


class Expectation(ABC):
    """What is expected of one variable of one event.

    `value in expectation` is the quick question: true means that nothing is wrong with the value (or that
    it is `MISSING`), false that `judge` has to look.
    """

    def __contains__(self, value: object) -> bool:
        return value is MISSING or self.judge(value, None) is None

    @abstractmethod
    def judge(self, value: Any, time: float | None) -> Finding | None:
        """Say what is wrong with a value at a time (Unix seconds), `None` when nothing is."""

    def learn(self, value: Any) -> None:  # noqa: B027 - most ask their memory each time
        """Hear of a value that was judged and is learned now."""

    def odd_values(self, column: Sequence[Any]) -> set[Any] | None:
        """Give the values of a column that are not in here; `None` when each row has to be looked at.

        Raises:
            TypeError: A value cannot be hashed.
        """
        others = set(map(type, column)) - _TOLD_APART
        if others and (len(others) > 1 or not others <= _NUMBERS):
            return None  # 1, 1.0 and True would be one value of a set
        return {value for value in set(column) if value not in self}
