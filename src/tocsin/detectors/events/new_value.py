"""Values that a variable never had in training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from tocsin.detectors.events.expected_values import expected_values, stable_variables
from tocsin.detectors.events.watching import WatchingConfig, WatchingDetector
from tocsin.persistency import EventPersistency, EventStabilityTracker

if TYPE_CHECKING:
    from tocsin.detectors.events.expectation import Expectation
    from tocsin.persistency.values import EventID

__all__ = ["NewValueConfig", "NewValueDetector"]


class NewValueConfig(WatchingConfig):
    """The configuration of `NewValueDetector`.

    Attributes:
        max_distinct: How many values of a variable are kept exactly; more are kept as hashes, then in a
            filter.
        false_positive_rate: How often the filter may take a new value for a known one.
        min_samples: From how many values on a variable is classified.
    """

    max_distinct: int = Field(default=10_000, ge=1)
    false_positive_rate: float = Field(default=0.001, gt=0, lt=1)
    min_samples: int = Field(default=3, ge=1)


class NewValueDetector(WatchingDetector):
    """Alerts when a watched variable has a value that it never had for this event.

    It remembers, in an `EventStabilityTracker`, the values of each variable of each event with count, first
    and last time.

    Args:
        name: What people call it.
        config: A `NewValueConfig`, or a mapping of its keys.

    >>> detector = NewValueDetector(config={"data_use_training": 40})
    >>> for number in range(40):
    ...     variables = {"user": "ada" if number % 4 else "bob", "pid": str(number)}
    ...     _ = detector.process({"EventID": "login", "logFormatVariables": variables})
    >>> alert = detector.process({"EventID": "login", "logFormatVariables": {"user": "eve", "pid": "77"}})
    >>> print(alert["description"])
    user 'eve' was never seen for event 'login' in 40 events; expected one of 'ada' (30×), 'bob' (10×)
    """

    type: ClassVar[str] = "new_value"
    config_class: ClassVar[type[NewValueConfig]] = NewValueConfig
    config: NewValueConfig

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

    def _expectation(
        self, backend: EventStabilityTracker, event_id: EventID, name: str, *, frozen: bool
    ) -> Expectation:
        return expected_values(backend.get_data()[name], event_id, name, frozen=frozen)

    def _stable_variables(self, backend: EventStabilityTracker) -> list[str]:
        return stable_variables(backend)

    def _novelty(self, backend: EventStabilityTracker, name: str) -> int:
        return backend.get_data()[name].change_series.ones

    def _describe_variable(self, backend: EventStabilityTracker, name: str) -> dict[str, Any]:
        variable = backend.get_data()[name]
        return {
            "type": variable.classify().type.value,
            "reason": variable.classify().reason,
            "values": variable.distinct_count,
            "total": variable.total,
            "kept_as": variable.stage,
            "false_positive_rate": variable.false_positive_rate,
        }
