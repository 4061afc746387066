"""Numbers outside of the range that a variable had in training."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from tocsin.detectors.events.expectation import Expectation, Finding
from tocsin.detectors.events.feature_detector import FeatureConfig, FeatureDetector
from tocsin.detectors.events.features import Feature, FeatureStructure
from tocsin.detectors.events.words import counted, plain, quoted, since

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.persistency.values import EventID

__all__ = ["NumberRange", "NumberRanges", "ValueRangeConfig", "ValueRangeDetector", "number_of"]

_LONGEST_NUMBER = 64
_LARGEST_SCORE = 1e9
_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")


def number_of(value: Any) -> float | None:
    """Give a number, or a text that is one, as a finite float; `None` for everything else.

    >>> number_of("12.5"), number_of(7), number_of("1_000"), number_of("nan"), number_of(True)
    (12.5, 7.0, None, None, None)
    """
    kind = type(value)
    if kind is str:
        if len(value) > _LONGEST_NUMBER or _NUMBER.fullmatch(value) is None:
            return None
    elif kind not in {int, float, Decimal}:
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):  # too large, or a signalling NaN
        return None
    return number if math.isfinite(number) else None


class NumberRange(Feature):
    """The smallest and the largest number of a variable, and how many values were none."""

    def __init__(self) -> None:
        super().__init__()
        self.smallest: float | None = None
        self.largest: float | None = None
        self.others = 0

    def widen(self, column: Sequence[Any]) -> list[int]:
        """Learn values; those outside of the range so far are new."""
        new = []
        smallest, largest = self.smallest, self.largest
        for place, number in enumerate(map(number_of, column)):
            if number is None:
                self.others += 1
            elif smallest is None or largest is None:
                smallest = largest = number
                new.append(place)
            elif not smallest <= number <= largest:
                smallest, largest = min(number, smallest), max(number, largest)
                new.append(place)
        self.smallest, self.largest = smallest, largest
        return new

    def in_words(self) -> dict[str, Any]:
        """Give the range as JSON, for people."""
        kept = "no number" if self.smallest is None else f"{self.smallest:.6g} to {self.largest:.6g}"
        return {"kept_as": kept, "not_numbers": self.others}

    def state(self) -> Any:
        """Give the range as JSON."""
        return [self.smallest, self.largest, self.others]

    def take_state(self, state: Any) -> None:
        """Undo `state`."""
        self.smallest, self.largest, self.others = state


class NumberRanges(FeatureStructure):
    """Keeps the range of each variable of one event.

    >>> ranges = NumberRanges()
    >>> for size in ("10", "500", "77"):
    ...     ranges.add_data({"size": size})
    >>> ranges.get_data()["size"].smallest, ranges.get_data()["size"].largest
    (10.0, 500.0)
    """

    kind: ClassVar[str] = "number_ranges"
    feature: ClassVar[type[Feature]] = NumberRange


class ValueRangeConfig(FeatureConfig):
    """The configuration of `ValueRangeDetector`.

    Attributes:
        margin: How far beyond the range a value may be, as a share of the range's width.
        min_margin: How far at least, in the variable's unit.
    """

    margin: float = Field(default=0.1, ge=0)
    min_margin: float = Field(default=0.0, ge=0)


class ValueRangeDetector(FeatureDetector):
    """Alerts when a number is outside of the range that it had in training, or is no number.

    It remembers of each variable of each event the smallest and the largest number, and how many values were
    numbers. Texts that are numbers count as numbers. With `variables: null` those are watched that were
    always numbers, and whose range was stable: it grew in the beginning and hardly any more later.

    Args:
        name: What people call it.
        config: A `ValueRangeConfig`, or a mapping of its keys.

    >>> detector = ValueRangeDetector(config={"data_use_training": 100, "variables": ["size"]})
    >>> for number in range(100):
    ...     event = {"EventID": "upload", "logFormatVariables": {"size": str(10 + number % 50)}}
    ...     _ = detector.process(event)
    >>> alert = detector.process({"EventID": "upload", "logFormatVariables": {"size": "9000"}})
    >>> for part in alert["description"].split("; "):
    ...     print(part)
    size '9000' is far above what it was for event 'upload' in 100 events
    expected 10 to 59, with margin 5.1 to 63.9
    """

    type_name: ClassVar[str] = "value_range"
    config_class: ClassVar[type[ValueRangeConfig]] = ValueRangeConfig
    config: ValueRangeConfig
    structure: ClassVar[type[FeatureStructure]] = NumberRanges

    def _expectation(self, backend: NumberRanges, event_id: EventID, name: str) -> Expectation | None:
        feature = backend.get_data()[name]
        if not isinstance(feature, NumberRange) or feature.smallest is None:
            return None
        return _WithinRange(feature, event_id, name, self.config)

    def _is_watchable(self, feature: Feature) -> bool:
        return isinstance(feature, NumberRange) and feature.smallest is not None and not feature.others


class _WithinRange(Expectation):
    def __init__(self, feature: NumberRange, event_id: EventID, name: str, config: ValueRangeConfig) -> None:
        self._feature = feature
        self._event_id = event_id
        self._name = name
        smallest, largest = feature.smallest or 0.0, feature.largest or 0.0
        self._width = min(largest - smallest, 1e300)
        margin = max(self._width * config.margin, config.min_margin)
        self._lower, self._upper = smallest - margin, largest + margin

    def judge(self, value: Any, time: float | None) -> Finding | None:  # noqa: ARG002 - ranges have no time
        number = number_of(value)
        if number is not None and self._lower <= number <= self._upper:
            return None
        if number is None and self._feature.others:
            return None
        feature = self._feature
        rows = f"{counted(feature.span.rows, 'event')}{since(feature.span.first)}"
        where = f"event {quoted(self._event_id)} in {rows}"
        if number is None:
            return Finding(
                1.0, f"{plain(self._name)} {quoted(value)} is no number, as it always was for {where}"
            )
        distance = self._lower - number if number < self._lower else number - self._upper
        score = min(distance / self._width if self._width > 0 else distance, _LARGEST_SCORE)
        side = "below" if number < self._lower else "above"
        band = f"{feature.smallest:.6g} to {feature.largest:.6g}"
        if (self._lower, self._upper) != (feature.smallest, feature.largest):
            band += f", with margin {self._lower:.6g} to {self._upper:.6g}"
        return Finding(
            max(score, 1e-9),
            f"{plain(self._name)} {quoted(value)} is {'far ' if score > 1 else ''}{side} what it was"
            f" for {where}; expected {band}",
        )
