"""Detectors of anomalies in log events."""

from tocsin.detectors.events.config import Allowance, CoreDetectorConfig, PersistConfig
from tocsin.detectors.events.core import CoreDetector
from tocsin.detectors.events.life_cycle import Phase
from tocsin.detectors.events.new_event import NewEventDetector
from tocsin.detectors.events.new_value import NewValueConfig, NewValueDetector

__all__ = [
    "Allowance",
    "CoreDetector",
    "CoreDetectorConfig",
    "NewEventDetector",
    "NewValueConfig",
    "NewValueDetector",
    "PersistConfig",
    "Phase",
]
