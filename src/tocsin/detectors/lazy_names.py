"""Public names whose modules are imported when they are first asked for: series need no log detectors."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__: list[str] = []

_HOMES = {
    "BigramFrequencyDetector": "tocsin.detectors.events.bigram_frequency",
    "CharacterSetDetector": "tocsin.detectors.events.character_set",
    "CoreDetector": "tocsin.detectors.events.core",
    "CoreDetectorConfig": "tocsin.detectors.events.config",
    "RateDetector": "tocsin.detectors.events.rate",
    "EventSequenceDetector": "tocsin.detectors.events.event_sequence",
    "NewEventDetector": "tocsin.detectors.events.new_event",
    "NewValueCombinationDetector": "tocsin.detectors.events.new_value_combination",
    "NewValueDetector": "tocsin.detectors.events.new_value",
    "RuleDetector": "tocsin.detectors.events.rule",
    "ValueRangeDetector": "tocsin.detectors.events.value_range",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        message = f"module 'tocsin.detectors' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(home), name)
