"""Every built-in event detector keeps the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tocsin.detectors.events import (
    BigramFrequencyDetector,
    CharacterSetDetector,
    EventSequenceDetector,
    NewEventDetector,
    NewValueCombinationDetector,
    NewValueDetector,
    RateDetector,
    RuleDetector,
    ValueRangeDetector,
)
from tocsin.testing.event_detectors import EventDetectorContract, contents_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.detectors.events import CoreDetector


class TestNewEvent(EventDetectorContract):
    limits: ClassVar = {"max_events": 50}

    def make(self, **changes: Any) -> NewEventDetector:
        return NewEventDetector(config={"data_use_training": self.training, **changes})


class TestNewValue(EventDetectorContract):
    limits: ClassVar = {"max_events": 20, "max_variables": 10, "max_distinct": 20}

    def make(self, **changes: Any) -> NewValueDetector:
        return NewValueDetector(config={"data_use_training": self.training, **changes})


class TestNewValueOfGivenVariables(EventDetectorContract):
    limits: ClassVar = {"max_events": 20, "max_distinct": 20}

    def make(self, **changes: Any) -> NewValueDetector:
        variables: Mapping[Any, Any] = {"login": ["user", "never"], 7: ["var_0", "var_1"]}
        return NewValueDetector(
            config={"data_use_training": self.training, "variables": variables, **changes}
        )


class TestNewValueWithConfiguration(EventDetectorContract):
    limits: ClassVar = {"max_events": 20, "max_variables": 10, "max_distinct": 20}

    def make(self, **changes: Any) -> NewValueDetector:
        config = {"data_use_configure": 100, "data_use_training": self.training - 100}
        return NewValueDetector(config={**config, **changes})


class TestNewValueCombination(EventDetectorContract):
    limits: ClassVar = {"max_events": 20, "max_distinct": 20}

    def make(self, **changes: Any) -> NewValueCombinationDetector:
        groups = [{"variables": ["user", "host"]}, {"variables": ["var_0", "var_1"], "event_id": 7}]
        return NewValueCombinationDetector(
            config={"data_use_training": self.training, "groups": groups, **changes}
        )


class TestChosenCombinations(EventDetectorContract):
    limits: ClassVar = {"max_events": 20, "max_variables": 10, "max_distinct": 20}

    def make(self, **changes: Any) -> NewValueCombinationDetector:
        config = {"data_use_configure": 150, "data_use_training": self.training - 150}
        return NewValueCombinationDetector(config={**config, **changes})


class TestValueRange(EventDetectorContract):
    limits: ClassVar = {"max_events": 20, "max_variables": 10}

    def make(self, **changes: Any) -> ValueRangeDetector:
        return ValueRangeDetector(
            config={"data_use_training": self.training, "variables": ["size", "pid"], **changes}
        )


class TestCharacterSet(EventDetectorContract):
    limits: ClassVar = {"max_events": 20, "max_variables": 10, "max_characters": 50}

    def make(self, **changes: Any) -> CharacterSetDetector:
        return CharacterSetDetector(config={"data_use_training": self.training, **changes})


class TestBigramFrequency(EventDetectorContract):
    limits: ClassVar = {"max_events": 20, "max_variables": 10, "max_transitions": 50}

    def make(self, **changes: Any) -> BigramFrequencyDetector:
        return BigramFrequencyDetector(config={"data_use_training": self.training, **changes})


class TestEventSequence(EventDetectorContract):
    limits: ClassVar = {"max_events": 20, "max_sessions": 20, "max_sequences": 20}

    def make(self, **changes: Any) -> EventSequenceDetector:
        return EventSequenceDetector(
            config={"data_use_training": self.training, "session": ["session"], **changes}
        )

    def learned(self, detector: CoreDetector) -> Any:
        return detector.export()["learned"]


class TestEventSequenceOfTheLog(TestEventSequence):
    def make(self, **changes: Any) -> EventSequenceDetector:
        config = {"data_use_training": self.training, "length": 2, "max_sessions": 3}
        return EventSequenceDetector(config={**config, **changes})


class TestRate(EventDetectorContract):
    limits: ClassVar = {"max_events": 20}

    def make(self, **changes: Any) -> RateDetector:
        params = {"min_samples": 5, "window_size": 20}
        return RateDetector(
            config={"data_use_training": self.training, "interval": "1min", "params": params, **changes}
        )

    def learned(self, detector: CoreDetector) -> Any:
        return contents_of(detector)["seen"]


class TestRule(EventDetectorContract):
    needs_training: ClassVar = False

    def make(self, **changes: Any) -> RuleDetector:
        rules = [
            {"name": "mallory", "conditions": [{"field": "user", "op": "equals", "value": "mallory"}]},
            {
                "name": "odd path",
                "conditions": [
                    {"field": "EventID", "op": "in", "value": ["get", "put"]},
                    {"field": "path", "op": "regex", "value": "[;%?]"},
                ],
            },
            {"name": "large", "conditions": [{"field": "size", "op": "above", "value": 1000}]},
        ]
        return RuleDetector(config={"rules": rules, **changes})
