"""Finds and deletes what the memory has of monitors and detectors that are gone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tocsin.database.tables import (
    TABLE_DATAPOINTS,
    TABLE_DETECTIONS,
    TABLE_POSITIONS,
    TABLE_STATE,
    TABLE_TASKS,
)
from tocsin.errors import ConfigError
from tocsin.runtime.config.monitors import BrokenMonitor, LogMonitor, MetricMonitor
from tocsin.runtime.events.facts import events_position_name
from tocsin.runtime.logs.memory import forget_log_state, log_position_name
from tocsin.runtime.metrics.load_position import position_name, rejudge_name
from tocsin.runtime.project_state import metric_of

if TYPE_CHECKING:
    from tocsin.database import BaseDatabaseManager
    from tocsin.runtime.config.loader import Project

__all__ = ["Leftover", "delete_leftovers", "find_leftovers"]


@dataclass(frozen=True, slots=True)
class Leftover:
    """A series, log or events whose monitor is gone, or the verdicts of a detector that is gone.

    Attributes:
        series: The series, or the monitor.
        detector_id: The detector, or `None` when all of it goes.
        points: Slots that go.
        verdicts: Verdicts that go.
        state_bytes: What a log has learned that goes.
        kind: `series`, `log` for the state and the position of a log that is gone, or `events` for the
            position of an events monitor that is gone.
    """

    series: str
    detector_id: str | None
    points: int
    verdicts: int
    state_bytes: int = 0
    kind: str = "series"

    @property
    def what(self) -> str:
        """What goes, in words."""
        if self.kind == "log":
            return "what the log has learned, and how far it was read"
        if self.kind == "events":
            return "how far the events were read"
        return "the whole series" if self.detector_id is None else f"verdicts of detector {self.detector_id}"

    def to_dict(self) -> dict[str, Any]:
        """Give the fields."""
        return {
            "series": self.series,
            "detector_id": self.detector_id,
            "points": self.points,
            "verdicts": self.verdicts,
            "kind": self.kind,
            "state_bytes": self.state_bytes,
        }


def find_leftovers(project: Project, memory: BaseDatabaseManager) -> list[Leftover]:
    """Find what the configuration no longer has.

    Raises:
        ConfigError: A monitor's file is broken: its series must not be taken for leftovers.
    """
    for monitor in project.monitors:
        if isinstance(monitor, BrokenMonitor):
            raise ConfigError(
                f"{monitor.path.name} is broken, so it is not known what is left over",
                hint=str(monitor.error),
            )
    detectors = {
        monitor.name: {detector.get_detector_id() for detector in monitor.detectors}
        for monitor in project.monitors
        if isinstance(monitor, MetricMonitor | LogMonitor)
    }
    points = {row["metric_name"]: row["n"] for row in _count(memory, TABLE_DATAPOINTS, "metric_name")}
    verdicts = _count(memory, TABLE_DETECTIONS, "metric_name, detector_id")
    gone = {series for series in points if metric_of(series) not in detectors}
    gone |= {row["metric_name"] for row in verdicts if metric_of(row["metric_name"]) not in detectors}
    judged: Counter[str] = Counter()
    for row in verdicts:
        judged[row["metric_name"]] += row["n"]
    whole = [Leftover(series, None, points.get(series, 0), judged[series]) for series in sorted(gone)]
    parts = [
        Leftover(row["metric_name"], row["detector_id"], 0, row["n"])
        for row in verdicts
        if row["metric_name"] not in gone
        and row["detector_id"] not in detectors[metric_of(row["metric_name"])]
    ]
    return whole + parts + _logs_gone(project, memory) + _events_gone(project, memory)


def _logs_gone(project: Project, memory: BaseDatabaseManager) -> list[Leftover]:
    """Find state and positions of logs that are gone; a metric may have taken the name of one."""
    there = {monitor.name for monitor in project.monitors if monitor.kind == "log"}
    state = {
        row["owner"]: int(row["size"])
        for row in memory.execute_query(
            f"SELECT owner, sum(length(content)) AS size FROM {memory.get_full_table_name(TABLE_STATE)}"
            " GROUP BY owner"
        )
    }
    positions = _positions(memory, log_position_name(""))
    return [
        Leftover(name, None, 0, 0, state.get(name, 0), "log")
        for name in sorted((positions | state.keys()) - there)
    ]


def _events_gone(project: Project, memory: BaseDatabaseManager) -> list[Leftover]:
    """Find positions of events monitors that are gone; the events themselves are not theirs alone."""
    there = {monitor.name for monitor in project.monitors if monitor.kind == "events"}
    gone = _positions(memory, events_position_name("")) - there
    return [Leftover(name, None, 0, 0, kind="events") for name in sorted(gone)]


def _positions(memory: BaseDatabaseManager, prefix: str) -> set[str]:
    """Give what follows a prefix in the names of positions."""
    rows = memory.execute_query(
        f"SELECT name FROM {memory.get_full_table_name(TABLE_POSITIONS)} WHERE name LIKE %(pattern)s",
        {"pattern": f"{prefix}%"},
    )
    return {row["name"].removeprefix(prefix) for row in rows}


def delete_leftovers(memory: BaseDatabaseManager, leftovers: list[Leftover]) -> None:
    """Delete them, all or none. Incidents and messages stay: they are history."""
    with memory.transaction() as tx:
        for leftover in leftovers:
            if leftover.kind == "log":
                forget_log_state(tx, leftover.series)
                continue
            if leftover.kind == "events":
                tx.execute_query(
                    f"DELETE FROM {tx.get_full_table_name(TABLE_POSITIONS)} WHERE name = %(name)s",
                    {"name": events_position_name(leftover.series)},
                )
                continue
            where = "metric_name = %(series)s"
            if leftover.detector_id is not None:
                where += " AND detector_id = %(detector)s"
            params = {"series": leftover.series, "detector": leftover.detector_id}
            tables = [TABLE_DETECTIONS, TABLE_TASKS]
            if leftover.detector_id is None:
                tables.append(TABLE_DATAPOINTS)
                names = {
                    "load": position_name(metric_of(leftover.series)),
                    "rejudge": rejudge_name(leftover.series),
                }
                tx.execute_query(
                    f"DELETE FROM {tx.get_full_table_name(TABLE_POSITIONS)}"
                    " WHERE name IN (%(load)s, %(rejudge)s)",
                    names,
                )
            for table in tables:
                tx.execute_query(f"DELETE FROM {tx.get_full_table_name(table)} WHERE {where}", params)


def _count(memory: BaseDatabaseManager, table: str, columns: str) -> list[dict[str, Any]]:
    return memory.execute_query(
        f"SELECT {columns}, count(*) AS n FROM {memory.get_full_table_name(table)} GROUP BY {columns}"
        f" ORDER BY {columns}"
    )
