"""What a run did, as values; `to_dict` is the documented JSON."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tocsin.runtime.logs.detections import AnomalousLine
    from tocsin.runtime.run_findings import Anomaly

__all__ = ["EXIT_CONFIG", "EXIT_FAILED", "EXIT_OK", "MOST_LINES", "MonitorReport", "RunReport", "RunStatus"]

EXIT_OK = 0
MOST_LINES = 1000
"""How many anomalous lines a report holds; the memory has them all."""

EXIT_FAILED = 1
EXIT_CONFIG = 2
_COUNTS = (
    "points_loaded",
    "points_detected",
    "rows_merged",
    "rows_rejected",
    "lines_read",
    "lines_rejected",
    "events_new",
    "events_duplicate",
    "events_rejected",
    "anomalies",
    "alerts_sent",
)


_DECISIONS = ("told", "held", "silenced", "inhibited", "silent")


class RunStatus(StrEnum):
    """How the run of one monitor ended."""

    COMPLETED = "completed"
    SKIPPED = "skipped"  # another run works on it, or it is not enabled
    FAILED = "failed"


@dataclass(slots=True)
class MonitorReport:
    """What was done for one monitor.

    Attributes:
        name: The monitor.
        kind: `metric`, `log` or `events`.
        status: How it ended.
        points_loaded: Slots written, gaps included.
        points_detected: Slots judged, times detectors.
        rows_merged: Source rows that fell into a slot that had one already.
        rows_rejected: Source rows without a timestamp, or whose value is not a number.
        lines_read: Lines of a log.
        lines_rejected: Lines that the parser could not read.
        events_new: Events that were taken from a folder and stored.
        events_duplicate: Events of a folder that were there already.
        events_rejected: Messages of a folder that are no events.
        events_waiting: Stored events that an events monitor has not looked at; the notify step at the end of
            the run does.
        anomalies: Distinct anomalous points (or lines) among those judged.
        alerts_sent: Messages delivered.
        error: The error in one sentence, or why it was skipped, or `None`.
        bad_configuration: Whether the error is in the configuration (exit code 2).
        notes: Further things to know, e.g. the first rejected rows.
        worst: A few of the anomalies of each series, for the screen.
        lines: The anomalous lines of a log, the first thousand.
    """

    name: str
    kind: str = "metric"
    status: RunStatus = RunStatus.COMPLETED
    points_loaded: int = 0
    points_detected: int = 0
    rows_merged: int = 0
    rows_rejected: int = 0
    lines_read: int = 0
    lines_rejected: int = 0
    events_new: int = 0
    events_duplicate: int = 0
    events_rejected: int = 0
    events_waiting: int = 0
    anomalies: int = 0
    alerts_sent: int = 0
    error: str | None = None
    bad_configuration: bool = False
    notes: list[str] = field(default_factory=list)
    worst: list[Anomaly] = field(default_factory=list)
    lines: list[AnomalousLine] = field(default_factory=list)

    def add_lines(self, lines: Sequence[AnomalousLine]) -> None:
        """Keep anomalous lines, as long as there is room."""
        self.lines.extend(lines[: max(0, MOST_LINES - len(self.lines))])

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Take the counts back when the block raises: what was undone was not done."""
        before, kept = {count: getattr(self, count) for count in _COUNTS}, (len(self.worst), len(self.lines))
        try:
            yield
        except BaseException:
            for count, number in before.items():
                setattr(self, count, number)
            del self.worst[kept[0] :], self.lines[kept[1] :]
            raise

    def to_dict(self) -> dict[str, Any]:
        """Give the documented fields."""
        counts = {count: getattr(self, count) for count in _COUNTS}
        return {
            "name": self.name,
            "kind": self.kind,
            "status": str(self.status),
            **counts,
            "error": self.error,
            **({"events_waiting": self.events_waiting} if self.kind == "events" else {}),
            **({"lines": [line.to_dict() for line in self.lines]} if self.kind == "log" else {}),
        }


@dataclass(slots=True)
class RunReport:
    """What a run did for all monitors.

    Attributes:
        monitors: One report each, in the order of the project.
        notes: What concerns the run as a whole, e.g. a clock that went back or a message not delivered.
        failed: Whether something failed that belongs to no monitor.
        decisions: How often was decided to tell, to hold back, and so on, for each group and channel.
    """

    monitors: list[MonitorReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failed: bool = False
    decisions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_DECISIONS, 0))

    @property
    def totals(self) -> dict[str, int]:
        """The sums over all monitors."""
        return {count: sum(getattr(monitor, count) for monitor in self.monitors) for count in _COUNTS}

    @property
    def exit_code(self) -> int:
        """0 when all went well, 2 for bad configuration, else 1 when a monitor failed."""
        if any(monitor.bad_configuration for monitor in self.monitors):
            return EXIT_CONFIG
        failed = self.failed or any(m.status is RunStatus.FAILED for m in self.monitors)
        return EXIT_FAILED if failed else EXIT_OK

    def to_dict(self) -> dict[str, Any]:
        """Give the documented JSON object."""
        return {
            "schema_version": 1,
            "monitors": [monitor.to_dict() for monitor in self.monitors],
            "totals": self.totals,
            "decisions": self.decisions,
            "exit_code": self.exit_code,
        }
