"""Detectors of anomalies in log events."""

from tocsin.detectors.events.allowances import ANY
from tocsin.detectors.events.bigram_frequency import BigramFrequencyConfig, BigramFrequencyDetector
from tocsin.detectors.events.character_set import CharacterSetConfig, CharacterSetDetector
from tocsin.detectors.events.conditions import Condition
from tocsin.detectors.events.config import Allowance, CoreDetectorConfig, PersistConfig
from tocsin.detectors.events.core import CoreDetector
from tocsin.detectors.events.event_sequence import EventSequenceConfig, EventSequenceDetector
from tocsin.detectors.events.life_cycle import Phase
from tocsin.detectors.events.new_event import NewEventDetector
from tocsin.detectors.events.new_value import NewValueConfig, NewValueDetector
from tocsin.detectors.events.new_value_combination import (
    NewValueCombinationConfig,
    NewValueCombinationDetector,
    VariableGroup,
)
from tocsin.detectors.events.rate import RateConfig, RateDetector
from tocsin.detectors.events.rule import Rule, RuleConfig, RuleDetector
from tocsin.detectors.events.value_range import ValueRangeConfig, ValueRangeDetector

__all__ = [
    "ANY",
    "Allowance",
    "BigramFrequencyConfig",
    "BigramFrequencyDetector",
    "CharacterSetConfig",
    "CharacterSetDetector",
    "Condition",
    "CoreDetector",
    "CoreDetectorConfig",
    "EventSequenceConfig",
    "EventSequenceDetector",
    "NewEventDetector",
    "NewValueCombinationConfig",
    "NewValueCombinationDetector",
    "NewValueConfig",
    "NewValueDetector",
    "PersistConfig",
    "Phase",
    "RateConfig",
    "RateDetector",
    "Rule",
    "RuleConfig",
    "RuleDetector",
    "ValueRangeConfig",
    "ValueRangeDetector",
    "VariableGroup",
]
