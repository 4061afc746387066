"""What flows from a source to a detector, and from a detector to the memory: columns, not rows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, NotRequired, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DetectionResult", "Detections", "Direction", "Reason", "SeriesData"]


class SeriesData(TypedDict):
    """A gap-filled series, as the loader gives it and the detectors take it; all arrays have length n.

    `timestamp` is datetime64[ms] (UTC), rising by one interval from slot to slot. `value` is float64,
    NaN where the slot is missing. `seasonality_data` holds one JSON object a slot (object array of
    str), with the keys of `seasonality_columns`; detectors that group by nothing need neither.
    """

    timestamp: NDArray[np.datetime64]
    value: NDArray[np.float64]
    seasonality_data: NotRequired[NDArray[np.object_]]
    seasonality_columns: NotRequired[list[str]]


class Reason(IntEnum):
    """Why there is no verdict for a slot (`NONE`: there is one)."""

    NONE = 0
    INSUFFICIENT_DATA = 1
    MISSING_DATA = 2


class Direction(StrEnum):
    """On which side of the band an anomaly lies."""

    UP = "up"
    DOWN = "down"


class DetectionResult(NamedTuple):
    """The verdict of one detector on one point.

    A named tuple: a list of results has one for every point, and a frozen dataclass takes four times as
    long to make.

    Attributes:
        timestamp: The start of the slot, UTC.
        value: The value as loaded, `None` when missing.
        is_anomaly: Whether the value lies outside the band.
        confidence_lower: The lower end of the band, in units of the value; `None` without a verdict.
        confidence_upper: The upper end.
        detection_metadata: Direction, severity, score, reason and whatever the detector adds.
    """

    timestamp: datetime | np.datetime64
    value: float | None
    is_anomaly: bool
    confidence_lower: float | None = None
    confidence_upper: float | None = None
    detection_metadata: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as a dict, with the metadata as a JSON string with sorted keys."""
        metadata = self.detection_metadata
        return {
            "timestamp": self.timestamp,
            "value": self.value,
            "is_anomaly": self.is_anomaly,
            "confidence_lower": self.confidence_lower,
            "confidence_upper": self.confidence_upper,
            "detection_metadata": "{}" if metadata is None else json.dumps(metadata, sort_keys=True),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The verdicts of one detector on a series, as a struct of arrays of one length n.

    Attributes:
        timestamp: datetime64[ms], UTC.
        value: float64, the value as loaded, NaN when missing.
        is_anomaly: bool.
        confidence_lower: float64, NaN where there is no verdict or no lower bound.
        confidence_upper: float64, likewise.
        score: float64, distance from the centre in half bands: 1.0 is the bound. NaN without a verdict.
        severity: float64, distance beyond the bound in spreads; 0.0 for a point inside; always finite.
        direction: int8, -1 below the band, 1 above it, 0 inside.
        reason: uint8, a `Reason`.
        extra: Further columns of the detector for the metadata (name → array of length n).
    """

    timestamp: NDArray[np.datetime64]
    value: NDArray[np.float64]
    is_anomaly: NDArray[np.bool_]
    confidence_lower: NDArray[np.float64]
    confidence_upper: NDArray[np.float64]
    score: NDArray[np.float64]
    severity: NDArray[np.float64]
    direction: NDArray[np.int8]
    reason: NDArray[np.uint8]
    extra: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.timestamp)

    def select(self, rows: slice | NDArray[np.bool_]) -> Detections:
        """Give the verdicts of some rows."""
        arrays = {name: getattr(self, name)[rows] for name in self.__dataclass_fields__ if name != "extra"}
        return Detections(**arrays, extra={name: column[rows] for name, column in self.extra.items()})
