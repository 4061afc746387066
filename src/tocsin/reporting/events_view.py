"""What is reported of events monitors: how far each is, and what it told, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["EventsView", "ReportedEvents"]


@dataclass(frozen=True, slots=True)
class ReportedEvents:
    """An events monitor as it is reported.

    Attributes:
        name: The monitor's name.
        description: One line for people.
        status: `ok`, or a word for what is wrong with the monitor.
        error: The sentence that goes with it.
        last: The time of the last event that was looked at, aware, `None` when there was none.
        waiting: How many stored events are not looked at yet.
        found: How many events it selected in the time of the report.
        told: How often people were told of them: once a group and channel.
        held: How often they were not, as the same was told before.
    """

    name: str
    description: str = ""
    status: str = "ok"
    error: str | None = None
    last: datetime | None = None
    waiting: int = 0
    found: int = 0
    told: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class EventsView:
    """All events monitors of a report.

    Attributes:
        monitors: The monitors.
        start: Events from this time on are counted, aware; `None`: from the first.
        end: Events before this time are counted, aware; `None`: to the last.
    """

    monitors: tuple[ReportedEvents, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
