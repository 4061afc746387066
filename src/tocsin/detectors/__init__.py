"""What judges points, lines and events."""

from tocsin.detectors.base import BaseDetector
from tocsin.detectors.metadata import metadata_json
from tocsin.detectors.series import IQRDetector, MADDetector, ManualBoundsDetector, ZScoreDetector
from tocsin.model import DetectionResult, Detections

__all__ = [
    "BaseDetector",
    "DetectionResult",
    "Detections",
    "IQRDetector",
    "MADDetector",
    "ManualBoundsDetector",
    "ZScoreDetector",
    "metadata_json",
]
