"""Texts whose characters follow each other as they hardly ever did in training."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from functools import cached_property
from math import log2
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from tocsin.detectors.events.character_set import text_of
from tocsin.detectors.events.expectation import MISSING, Expectation, Finding
from tocsin.detectors.events.feature_detector import FeatureConfig, FeatureDetector
from tocsin.detectors.events.features import Feature, FeatureStructure, occurrences
from tocsin.detectors.events.value_range import number_of
from tocsin.detectors.events.words import counted, plain, quoted, since

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.persistency.values import EventID

__all__ = ["BigramFrequencyConfig", "BigramFrequencyDetector", "TransitionTables", "Transitions"]

_EDGE = ""
"""Stands before the first and after the last character."""
_JUDGED_CHARACTERS = 1_024
_SAMPLE = 128
_SMOOTHING = 0.5
_SHOWN = 3


def _pairs_of(text: str) -> list[tuple[str, str]]:
    text = text[:_JUDGED_CHARACTERS]
    return list(zip((_EDGE, *text), (*text, _EDGE), strict=True))


class Transitions(Feature):
    """How often each character of a variable follows each other one.

    A sample of the texts is kept as well, to learn how surprising the usual ones are: those with the
    smallest digests, so that it depends neither on order nor on repetition.

    Args:
        max_transitions: How many different ones are kept; a variable with more is not judged.
    """

    def __init__(self, *, max_transitions: int = 10_000) -> None:
        super().__init__()
        self.counts: Counter[tuple[str, str]] = Counter()
        self.starts: Counter[str] = Counter()
        self.sample: dict[str, str] = {}
        self.is_full = False
        self._max = max_transitions

    def widen(self, column: Sequence[Any]) -> list[int]:
        """Learn values; those with a transition that never was are new."""
        texts = list(map(text_of, column))
        new = []
        for text, (place, times) in occurrences(texts).items():
            if self.is_full:
                break
            pairs = _pairs_of(text)
            if not self.counts.keys() >= set(pairs):
                new.append(place)
            for pair in pairs:
                self.counts[pair] += times
                self.starts[pair[0]] += times
            self._keep(text[:_JUDGED_CHARACTERS])
            if len(self.counts) > self._max:
                self.is_full = True
                self.counts, self.starts, self.sample = Counter(), Counter(), {}
        if self.is_full:  # from there on everything may be new
            begin = new[-1] + 1 if new else 0
            new += [place for place in range(begin, len(texts)) if texts[place] is not None]
        return new

    def _keep(self, text: str) -> None:
        if text in self.sample:
            return
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        if len(self.sample) < _SAMPLE:
            self.sample[text] = digest
            return
        largest = max(self.sample, key=self.sample.__getitem__)
        if digest < self.sample[largest]:
            del self.sample[largest]
            self.sample[text] = digest

    def surprise(self, text: str) -> float:
        """Give how surprising a text is: bits a transition, on average."""
        pairs = _pairs_of(text)
        return sum(self.bits(pair) for pair in pairs) / len(pairs)

    def bits(self, pair: tuple[str, str]) -> float:
        """Give the bits of one transition: the logarithm of its smoothed share, negative."""
        kinds = len(self.starts) + 1
        share = (self.counts.get(pair, 0) + _SMOOTHING) / (self.starts.get(pair[0], 0) + _SMOOTHING * kinds)
        return -log2(share)

    def usual_surprise(self) -> float:
        """Give how surprising the most surprising text of the sample is."""
        return max(map(self.surprise, self.sample), default=0.0)

    def in_words(self) -> dict[str, Any]:
        """Give how many transitions there are, and how surprising the usual texts, as JSON."""
        kept = "too many transitions" if self.is_full else f"{self.usual_surprise():.2f} bits a character"
        return {"kept_as": kept, "values": len(self.counts)}

    def state(self) -> Any:
        """Give the transitions and the sample as JSON."""
        pairs = [[first, second, count] for (first, second), count in self.counts.items()]
        return [pairs, sorted(self.sample), self.is_full]

    def take_state(self, state: Any) -> None:
        """Undo `state`."""
        pairs, sample, self.is_full = state
        self.counts = Counter({(first, second): count for first, second, count in pairs})
        for (first, _), count in self.counts.items():
            self.starts[first] += count
        for text in sample:
            self._keep(text)


class TransitionTables(FeatureStructure):
    """Keeps the transitions of each variable of one event.

    >>> tables = TransitionTables()
    >>> tables.add_data({"user": "ada"})
    >>> tables.get_data()["user"].counts["a", "d"]
    1
    """

    kind: ClassVar[str] = "transition_tables"
    feature: ClassVar[type[Feature]] = Transitions


class BigramFrequencyConfig(FeatureConfig):
    """The configuration of `BigramFrequencyDetector`.

    Attributes:
        tolerance: By how many bits a transition a text may be more surprising than the most surprising one
            in training.
        max_transitions: How many different transitions of a variable are remembered; one with more is not
            judged.
    """

    tolerance: float = Field(default=1.0, ge=0)
    max_transitions: int = Field(default=10_000, ge=1)


class BigramFrequencyDetector(FeatureDetector):
    """Alerts when the characters of a text follow each other as they hardly ever did.

    It remembers of each variable of each event how often each character came after each other one, begin and
    end included, and a sample of 128 texts. A text's surprise is the mean of -log2 of the shares of its
    transitions, with half a count added to each (additive smoothing). It alerts above the largest surprise in
    the sample plus `tolerance`. The first 1,024 characters are judged.

    Args:
        name: What people call it.
        config: A `BigramFrequencyConfig`, or a mapping of its keys.

    >>> detector = BigramFrequencyDetector(config={"data_use_training": 200, "variables": ["host"]})
    >>> names = ["mail", "main", "news", "shop", "login"]
    >>> for number in range(200):
    ...     event = {"EventID": "dns", "logFormatVariables": {"host": f"{names[number % 5]}.example.org"}}
    ...     _ = detector.process(event)
    >>> alert = detector.process({"EventID": "dns", "logFormatVariables": {"host": "xkqzvw.example.org"}})
    >>> for part in alert["description"].replace(":", ";").split("; "):
    ...     print(part)
    host 'xkqzvw.example.org' is spelled unlike all of event 'dns' in 200 events
    2.5 bits a character, expected at most 2.1
    least expected 'x' at the beginning (0×), 'xk' (0×), 'w.' (0×)
    """

    type_name: ClassVar[str] = "bigram_frequency"
    config_class: ClassVar[type[BigramFrequencyConfig]] = BigramFrequencyConfig
    config: BigramFrequencyConfig
    structure: ClassVar[type[FeatureStructure]] = TransitionTables

    def _feature_settings(self) -> dict[str, Any]:
        return {**super()._feature_settings(), "max_transitions": self.config.max_transitions}

    def _expectation(self, backend: TransitionTables, event_id: EventID, name: str) -> Expectation | None:
        feature = backend.get_data()[name]
        if not isinstance(feature, Transitions) or not feature.counts:
            return None
        return _UsualTransitions(feature, event_id, name, self.config.tolerance)

    def _is_watchable(self, feature: Feature) -> bool:
        """Take texts only: how the digits of numbers follow each other says nothing."""
        return isinstance(feature, Transitions) and any(number_of(text) is None for text in feature.sample)


class _UsualTransitions(Expectation):
    def __init__(self, feature: Transitions, event_id: EventID, name: str, tolerance: float) -> None:
        self._feature = feature
        self._event_id = event_id
        self._name = name
        self._tolerance = tolerance

    @cached_property
    def _limit(self) -> float:
        return self._feature.usual_surprise() + self._tolerance

    def __contains__(self, value: object) -> bool:
        if value is MISSING:
            return True
        text = text_of(value)
        return text is None or text in self._feature.sample or self._feature.surprise(text) <= self._limit

    def judge(self, value: Any, time: float | None) -> Finding | None:  # noqa: ARG002 - no times in a table
        text = text_of(value)
        if text is None or value in self:
            return None
        feature = self._feature
        surprise = feature.surprise(text)
        rare = heapq.nlargest(_SHOWN, dict.fromkeys(_pairs_of(text)), key=feature.bits)
        shown = ", ".join(_in_words(pair, feature.counts.get(pair, 0)) for pair in rare)
        return Finding(
            max(surprise - self._limit + self._tolerance, 1e-9),
            f"{plain(self._name)} {quoted(value)} is spelled unlike all of event {quoted(self._event_id)} in"
            f" {counted(feature.span.rows, 'event')}{since(feature.span.first)}: {surprise:.1f} bits a"
            f" character, expected at most {self._limit:.1f}; least expected {shown}",
        )


def _in_words(pair: tuple[str, str], count: int) -> str:
    first, second = pair
    if first == _EDGE:
        words = f"{quoted(second)} at the beginning" if second else "no character"
    elif second == _EDGE:
        words = f"{quoted(first)} at the end"
    else:
        words = quoted(first + second)
    return f"{words} ({count:,}×)"
