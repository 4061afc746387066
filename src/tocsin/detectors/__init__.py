"""What judges points, lines and events."""

from typing import TYPE_CHECKING

from tocsin.detectors.base import BaseDetector
from tocsin.detectors.lazy_names import (
    __getattr__ as __getattr__,
)  # detectors of events would import pydantic
from tocsin.detectors.metadata import metadata_json
from tocsin.detectors.series import IQRDetector, MADDetector, ManualBoundsDetector, ZScoreDetector
from tocsin.model import DetectionResult, Detections

if TYPE_CHECKING:
    from tocsin.detectors.events import (
        BigramFrequencyDetector,
        CharacterSetDetector,
        CoreDetector,
        CoreDetectorConfig,
        EventSequenceDetector,
        NewEventDetector,
        NewValueCombinationDetector,
        NewValueDetector,
        RateDetector,
        RuleDetector,
        ValueRangeDetector,
    )

__all__ = [
    "BaseDetector",
    "BigramFrequencyDetector",
    "CharacterSetDetector",
    "CoreDetector",
    "CoreDetectorConfig",
    "DetectionResult",
    "Detections",
    "EventSequenceDetector",
    "IQRDetector",
    "MADDetector",
    "ManualBoundsDetector",
    "NewEventDetector",
    "NewValueCombinationDetector",
    "NewValueDetector",
    "RateDetector",
    "RuleDetector",
    "ValueRangeDetector",
    "ZScoreDetector",
    "metadata_json",
]
