"""What is reported of a log: its anomalous lines with why, and its incidents, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.model import Incident

__all__ = ["LogView", "ReportedLine"]


@dataclass(frozen=True, slots=True)
class ReportedLine:
    """An anomalous line.

    Attributes:
        timestamp: When it happened, aware.
        place: File and line.
        event: Its EventID.
        severity: The largest score of its detectors.
        explanations: What each detector says, by detector name.
        text: The line.
    """

    timestamp: datetime
    place: str
    event: str
    severity: float
    explanations: tuple[tuple[str, str], ...]
    text: str


@dataclass(frozen=True, slots=True)
class LogView:
    """A log as it is reported.

    Attributes:
        name: The log's name.
        lines: Its anomalous lines in the order of their times; the last ones when there are many.
        found: How many there are in all.
        read: How many lines were read.
        rejected: How many of them the parser could not read.
        description: One line for people.
        timezone: IANA zone in which times are shown.
        last: The time of the last line, aware, `None` when nothing was read.
        incidents: What became of the anomalies.
        status: `ok`, or a word for what is wrong with the monitor.
        error: The sentence that goes with it.
    """

    name: str
    lines: tuple[ReportedLine, ...] = ()
    found: int = 0
    read: int = 0
    rejected: int = 0
    description: str = ""
    timezone: str = "UTC"
    last: datetime | None = None
    incidents: tuple[Incident, ...] = ()
    status: str = "ok"
    error: str | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which times are shown."""
        return ZoneInfo(self.timezone)
