"""Opens the memory, and the events in it, for looking only: nothing is written."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tocsin.alerting.route import may_leave, next_open
from tocsin.errors import DatabaseError
from tocsin.runtime.databases import open_memory
from tocsin.runtime.events.clock import EventClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tocsin.abc import Clock
    from tocsin.alerting.plan import AlertingPlan
    from tocsin.database import BaseDatabaseManager
    from tocsin.eventstorage import EventStorageService
    from tocsin.eventstorage.thresholds import Thresholder
    from tocsin.model import Severity
    from tocsin.runtime.config.loader import Project

__all__ = ["event_time", "events_to_read", "leaves_at", "memory_to_read", "thresholder_of"]


@contextmanager
def memory_to_read(project: Project, clock: Clock) -> Iterator[BaseDatabaseManager]:
    """Open the project's memory for reading; one that is not there yet, or is of an older version, is made.

    Raises:
        DatabaseError: It cannot be opened, or a newer Tocsin wrote it.
    """
    memory = _read_only(project, clock) or open_memory(project, clock)
    with memory:
        yield memory


def _read_only(project: Project, clock: Clock) -> BaseDatabaseManager | None:
    from tocsin.database.migrations import MIGRATIONS, schema_version

    if project.memory_server is None and not project.memory_path.is_file():
        return None
    memory = open_memory(project, clock, read_only=True)
    try:
        if schema_version(memory) == MIGRATIONS[-1].version:
            return memory
    except DatabaseError:
        memory.close()
        raise
    memory.close()
    return None


@contextmanager
def events_to_read(project: Project, memory: BaseDatabaseManager) -> Iterator[EventStorageService | None]:
    """Open the events of a project as they are; `None` when it has none yet.

    Raises:
        EventStorageException: They cannot be opened.
    """
    from tocsin.runtime.events.store import event_service

    if not memory.table_exists("event_store"):
        yield None
        return
    with event_service(project) as service:
        yield service


def thresholder_of(project: Project, service: EventStorageService) -> Thresholder:
    """Give what knows what is silent, by the times of the project's `groups.yml`."""
    from tocsin.eventstorage.thresholds import Thresholder
    from tocsin.runtime.alerts.threshold_book import threshold_rules

    return Thresholder(service, threshold_rules(project.groups))


def event_time(memory: BaseDatabaseManager, now: datetime) -> datetime:
    """Tell what time it is for thresholds, which go by the times of events."""
    clock = EventClock.read(memory)
    return now if clock is None else clock.now(now)


def leaves_at(
    plan: AlertingPlan, group: str, severity: Severity, due_at: datetime, now: datetime
) -> datetime | None:
    """Say when a notice leaves: when its batch is due, and its group wants to hear of it; `None`: never."""
    owner = next((one for one in plan.groups if one.name == group), None)
    then = max(due_at, now)
    if owner is None or owner.schedule is None or may_leave(owner, severity, then):
        return due_at
    return next_open(owner.schedule, then)
