"""Reads what is new in the event store, for all events monitors together, in the order of its commits."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tocsin.database.series_store import write_position
from tocsin.database.tables import TABLE_POSITIONS
from tocsin.runtime.alerts.event_candidates import EventCandidates
from tocsin.runtime.config.monitors import EventsMonitor
from tocsin.runtime.events.facts import events_position_name, newest_event
from tocsin.runtime.metrics.load_position import to_ms

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.database import BaseDatabaseManager
    from tocsin.eventstorage import EventStorageService
    from tocsin.model import AlertCandidate
    from tocsin.runtime.config.loader import Project

__all__ = ["EventReading", "Found", "Window"]


@dataclass(frozen=True, slots=True)
class Found:
    """An event that a monitor selects, as a candidate of one of its rules.

    Attributes:
        seq: The event's number in the store.
        candidate: The candidate.
        unwanted: Why the rule does not want it told; `None` when it does.
    """

    seq: int
    candidate: AlertCandidate
    unwanted: str | None


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the store that some monitors have not looked at yet.

    Attributes:
        found: What they select, in the order of the events, then of the monitors.
        end: The number of the last event of the part, selected or not.
        behind: The monitors that begin before it, and where.
    """

    found: Sequence[Found]
    end: int
    behind: dict[str, dict[str, Any]]

    def is_next(self, tx: Transaction) -> bool:
        """Tell whether nobody has looked at it since it was read."""
        now = _positions(tx)
        return all(now.get(name, {}).get("cursor", 0) == one["read"] for name, one in self.behind.items())

    def keep(self, tx: Transaction, now: datetime, *, until: int | None, at: datetime | None) -> None:
        """Note how far the monitors are.

        Args:
            tx: The transaction that decides about what was found.
            now: The present.
            until: The number of the last event that was decided about, `None` for all.
            at: The latest event time.
        """
        end = self.end if until is None else until
        for name, before in self.behind.items():
            if before["cursor"] < end:
                after = {"cursor": end}
                times = [before["at"]] if "at" in before else []
                times += [] if at is None else [to_ms(at)]
                if times:
                    after["at"] = max(times)
                write_position(tx, events_position_name(name), after, now)


class EventReading:
    """The events monitors of a project, and how far each is; all of them go through the store together.

    Args:
        project: The project.
    """

    def __init__(self, project: Project) -> None:
        self._monitors = {
            monitor.name: (monitor, EventCandidates(project.config.name, monitor))
            for monitor in project.monitors
            if isinstance(monitor, EventsMonitor) and monitor.config.enabled
        }

    def waiting(self, memory: BaseDatabaseManager) -> int:
        """Give how many events are left to look at, for the monitor that has most of them before it."""
        if not self._monitors:
            return 0
        newest, behind = self._behind(memory)
        return max((newest - position["cursor"] for position in behind.values()), default=0)

    def read(
        self, memory: BaseDatabaseManager, events: EventStorageService, *, now: datetime, limit: int
    ) -> Window | None:
        """Read the next part of the store; `None` when everybody is at its end.

        It is read before the transaction in which it is decided about, so that others may write meanwhile.

        Args:
            memory: Where the positions are.
            events: The store.
            now: The present.
            limit: How many events a monitor is given at most.
        """
        end, behind = self._behind(memory)
        if not behind:
            return None
        found: list[Found] = []
        for name in sorted(behind, key=lambda name: behind[name]["cursor"]):
            if behind[name]["cursor"] >= end:
                break
            monitor, candidates = self._monitors[name]
            if not candidates.any_rules:
                continue
            parameters = monitor.config.filter
            ideas, reached = events.read_since(behind[name]["cursor"], limit=limit, parameters=parameters)
            end = min(end, reached)
            for event in ideas:
                if (event.seq or 0) > end:
                    break
                if candidates.wants(event):
                    found += [Found(event.seq or 0, *one) for one in candidates.of(event, now)]
        order = {name: number for number, name in enumerate(self._monitors)}
        inside = [one for one in found if one.seq <= end]
        inside.sort(key=lambda one: (one.seq, order[one.candidate.monitor]))
        return Window(inside, end, behind)

    def _behind(self, memory: BaseDatabaseManager) -> tuple[int, dict[str, dict[str, Any]]]:
        """Give the number of the newest event, and the positions of those that are not there yet."""
        kept = _positions(memory)
        newest = newest_event(memory)
        behind = {}
        for name in self._monitors:
            position = {"cursor": 0} | kept.get(name, {})
            position["read"] = position["cursor"]
            if position["cursor"] > newest:  # these are not the events that it was reading
                position["cursor"] = 0
            if position["cursor"] < newest:
                behind[name] = position
        return newest, behind


def _positions(memory: Transaction | BaseDatabaseManager) -> dict[str, dict[str, Any]]:
    prefix = events_position_name("")
    rows = memory.execute_query(
        f"SELECT name, position FROM {memory.get_full_table_name(TABLE_POSITIONS)} WHERE name LIKE %(any)s",
        {"any": f"{prefix}%"},
    )
    return {row["name"].removeprefix(prefix): json.loads(row["position"]) for row in rows}
