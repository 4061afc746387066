"""Detectors of anomalies in series."""

from tocsin.detectors.series.iqr import IQRDetector
from tocsin.detectors.series.mad import MADDetector
from tocsin.detectors.series.manual_bounds import ManualBoundsDetector
from tocsin.detectors.series.zscore import ZScoreDetector

__all__ = ["IQRDetector", "MADDetector", "ManualBoundsDetector", "ZScoreDetector"]
