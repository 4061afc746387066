"""What is expected of one variable of one event, and how a whole column is held against it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tocsin.detectors.events.words import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["MISSING", "Expectation", "Finding", "Missing", "in_brief", "in_words"]

_MOST_TELLING = 3
_MOST_NAMED = 5


class Missing:
    """The type of `MISSING`: what stands for a variable that an event does not have."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()

# No value of one of these types equals one of another.
_TOLD_APART = frozenset({str, type(None), Missing})
_NUMBERS = frozenset({int, float, bool})


class Finding(NamedTuple):
    """What is wrong with a value.

    Attributes:
        score: How wrong, above 0.
        words: A sentence about what was seen and expected.
        new: Of a value that is new, for a sentence about several: the value with its variable, where it
            was never seen, and what was expected. They make up `words`.
        brief: Of such a value: what was expected, in fewer words.
        known: Of such a value: how many are known; the fewer, the more does a new one tell.
    """

    score: float
    words: str
    new: tuple[str, str, str] | None = None
    brief: str = ""
    known: int = 0


def in_words(findings: Sequence[Finding]) -> str:
    """Say what is wrong with the values of one event; what holds for several new ones is said once."""
    places: dict[str, list[tuple[str, str]]] = {}
    sentences = [finding.words for finding in findings if finding.new is None]
    for finding in findings:
        if finding.new is not None:
            subject, where, expected = finding.new
            places.setdefault(where, []).append((subject, expected))
    for where, values in places.items():
        subjects, expectations = zip(*values, strict=True)
        if len(values) == 1:
            sentences.append(f"{subjects[0]} was never seen {where}; expected {expectations[0]}")
        else:
            several = f"{', '.join(subjects[:-1])} and {subjects[-1]}"
            names = [subject.partition(" ")[0] for subject in subjects]
            expected = ", ".join(f"{name}: {one}" for name, one in zip(names, expectations, strict=True))
            sentences.append(f"{several} were never seen {where}; expected {expected}")
    return ". ".join(sentences)


def in_brief(findings: Mapping[str, Finding]) -> str:
    """Say what is wrong with the few variables of one event that tell the most, and name some others.

    Args:
        findings: What is wrong with each variable.
    """
    telling = sorted(findings, key=lambda name: (-findings[name].score, findings[name].known))
    words = in_words([_brief(findings[name]) for name in telling[:_MOST_TELLING]])
    others = telling[_MOST_TELLING:]
    if not others:
        return words
    more = len(others) - _MOST_NAMED
    named = ", ".join(map(plain, others[:_MOST_NAMED])) + (f" and {more:,} more" if more > 0 else "")
    return f"{words}. Also odd: {named}"


def _brief(finding: Finding) -> Finding:
    if finding.new is None:
        return finding
    subject, where, expected = finding.new
    words = f"{subject} was never seen {where}; expected {finding.brief or expected}"
    return finding._replace(words=words, new=(subject, where, finding.brief or expected))


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
