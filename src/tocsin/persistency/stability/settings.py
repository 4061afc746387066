"""What a stability tracker is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tocsin.persistency.distinct import DistinctSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Segmentation", "TrackerSettings"]

Segmentation = Literal["count", "time", "both"]


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """The parameters of a tracker, checked; see `EventStabilityTracker`.

    Raises:
        ValueError: One is out of its range.
    """

    min_samples: int = 3
    segmentation: Segmentation = "count"
    distinct: DistinctSettings = field(default_factory=DistinctSettings)
    converter: str | None = None
    converter_parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.segmentation not in {"count", "time", "both"}:
            message = f"segmentation is 'count', 'time' or 'both', not {self.segmentation!r}"
            raise ValueError(message)
        if type(self.min_samples) is not int or self.min_samples < 1:
            message = f"min_samples is an integer of at least 1, not {self.min_samples!r}"
            raise ValueError(message)

    @property
    def keeps_times(self) -> bool:
        """Whether the change series is kept by time, too."""
        return self.segmentation != "count"
