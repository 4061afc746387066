"""The life of an event detector: configure, train, detect; and when training ends."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.detectors.events.config import CoreDetectorConfig

__all__ = ["Phase", "event_time", "first_phase", "new_record", "time_is_up"]

_LATEST = 253_402_300_799.0  # the end of the year 9999
_CHECKS_PER_QUIET_PERIOD = 8
_CLOCK_WAS_SET = 366 * 86_400.0  # seconds from one event to the next that nobody waited for


class Phase(StrEnum):
    """Where a detector stands in its life."""

    CONFIGURE = "configure"
    TRAIN = "train"
    DETECT = "detect"


def event_time(input_: Mapping[str, Any]) -> float | None:
    """Give the time that the event itself states, in Unix seconds; `None` when it has none.

    The time of receipt is none: a line without a time in a file of last year would else move a
    detector's clock to the present.

    >>> event_time({"parsedTimestamp": 1767225600}), event_time({"parsedTimestamp": float("nan")})
    (1767225600.0, None)
    """
    time = input_.get("parsedTimestamp")
    if type(time) is float or type(time) is int:
        return float(time) if math.isfinite(time) and 0 <= time <= _LATEST else None
    return None


def first_phase(config: CoreDetectorConfig, *, judges_at_once: bool) -> Phase:
    """Give the phase in which a detector without a past begins."""
    if judges_at_once:
        return Phase.DETECT
    if config.data_use_configure:
        return Phase.CONFIGURE
    return Phase.DETECT if config.data_use_training == 0 else Phase.TRAIN


def new_record(config: CoreDetectorConfig, *, judges_at_once: bool) -> dict[str, Any]:
    """Give what is kept of the life of a detector that begins now; JSON.

    `trained_before` is where the present training began to count; `first` and `latest` are times of its
    events in Unix seconds; `quiet` is what the quiet rule compares.
    """
    return {
        "phase": first_phase(config, judges_at_once=judges_at_once).value,
        "configured": 0,
        "trained": 0,
        "trained_before": 0,
        "judged": 0,
        "alerts": 0,
        "first": None,
        "latest": None,
        "quiet": None,
    }


def time_is_up(record: dict[str, Any], config: CoreDetectorConfig, time: float, mark: Any) -> bool:
    """Tell whether an event at this time is after the end of training, and keep the time.

    The quiet rule looks eight times a period whether anything was learned since it looked last. When the
    time of events jumps by more than a year, to or fro, a clock was set (a device began in 1970, a line was
    damaged), and the jump is no time of training.

    Args:
        record: The detector's record, changed.
        config: Its rules.
        time: The event's time.
        mark: Gives a JSON value that changes when something new has been learned.
    """
    if record["first"] is None:
        record["first"] = record["latest"] = time
    jump = time - record["latest"]
    if abs(jump) > _CLOCK_WAS_SET:
        record["first"] += jump
        if record["quiet"] is not None:
            record["quiet"]["since"] += jump
        record["latest"] = time
    record["latest"] = max(record["latest"], time)
    duration = config.training_duration
    if duration is not None and record["latest"] - record["first"] >= duration.total_seconds():
        return True
    if config.training_quiet is None:
        return False
    period = config.training_quiet.total_seconds()
    look = math.floor(record["latest"] / period * _CHECKS_PER_QUIET_PERIOD)
    quiet = record["quiet"]
    if quiet is not None and quiet["look"] == look:
        return False
    found = mark()
    if quiet is None or quiet["mark"] != found:
        record["quiet"] = {"look": look, "mark": found, "since": record["latest"]}
        return False
    quiet["look"] = look
    return bool(record["latest"] - quiet["since"] >= period)
