"""What the detectors on stability trackers have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from tocsin.detectors.events.expected_values import expected_values, stable_variables
from tocsin.detectors.events.watching import WatchingConfig, WatchingDetector
from tocsin.persistency import EventPersistency, EventStabilityTracker

if TYPE_CHECKING:
    from tocsin.detectors.events.expectation import Expectation
    from tocsin.persistency.values import EventID

__all__ = ["TrackedValuesConfig", "TrackedValuesDetector"]


class TrackedValuesConfig(WatchingConfig):
    """The configuration of a detector on stability trackers.

    Attributes:
        max_distinct: How many values of a variable are kept exactly; more are kept as hashes, then in a
            filter.
        false_positive_rate: How often the filter may take a new value for a known one.
        min_samples: From how many values on a variable is classified.
    """

    max_distinct: int = Field(default=10_000, ge=1)
    false_positive_rate: float = Field(default=0.001, gt=0, lt=1)
    min_samples: int = Field(default=3, ge=1)


class TrackedValuesDetector(WatchingDetector):
    """The frame of the detectors that know values from an `EventStabilityTracker`."""

    config_class: ClassVar[type[TrackedValuesConfig]] = TrackedValuesConfig
    config: TrackedValuesConfig

    def _make_memory(self) -> EventPersistency:
        config = self.config
        return EventPersistency(
            EventStabilityTracker,
            (),
            event_data_kwargs={
                "min_samples": config.min_samples,
                "max_distinct": config.max_distinct,
                "false_positive_rate": config.false_positive_rate,
                "forget_after": config.forget_after,
            },
        )

    @property
    def _expectations_follow(self) -> bool:
        return self.config.forget_after is None

    def _expectation(self, backend: EventStabilityTracker, event_id: EventID, name: str) -> Expectation:
        return expected_values(
            backend.get_data()[name],
            event_id,
            name,
            frozen=not self._learns_always,
            forgets=self.config.forget_after is not None,
        )

    def _stable_variables(self, backend: EventStabilityTracker) -> list[str]:
        return stable_variables(backend)

    def _novelty(self, backend: EventStabilityTracker, name: str) -> int:
        return backend.get_data()[name].change_series.ones

    def _describe_variable(self, backend: EventStabilityTracker, name: str) -> dict[str, Any]:
        variable = backend.get_data()[name]
        verdict = variable.classify()
        return {
            "type": verdict.type.value,
            "reason": verdict.reason,
            "values": variable.distinct_count,
            "total": variable.total,
            "kept_as": variable.stage,
            "false_positive_rate": variable.false_positive_rate,
        }
