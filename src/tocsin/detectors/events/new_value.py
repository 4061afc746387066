"""Values that a variable never had in training."""

from __future__ import annotations

from typing import ClassVar

from tocsin.detectors.events.tracked_values import TrackedValuesConfig, TrackedValuesDetector

__all__ = ["NewValueConfig", "NewValueDetector"]


class NewValueConfig(TrackedValuesConfig):
    """The configuration of `NewValueDetector`."""


class NewValueDetector(TrackedValuesDetector):
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

    type_name: ClassVar[str] = "new_value"
    config_class: ClassVar[type[NewValueConfig]] = NewValueConfig
    config: NewValueConfig
