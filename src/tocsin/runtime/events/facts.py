"""Says how far the events of a monitor are: for `tocsin status`, and for who tidies up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.database.series_store import read_position
from tocsin.errors import LoadError
from tocsin.runtime.metrics.load_position import from_ms

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.database import BaseDatabaseManager
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.config.monitors import EventsMonitor

__all__ = [
    "NO_EVENTS",
    "events_facts",
    "events_position_name",
    "events_waiting",
    "last_looked_at",
    "newest_event",
]

NO_EVENTS = {"files_waiting": 0, "events_waiting": 0}
"""The facts of a monitor of which nothing is known."""

_STORE = "event_store"  # the event storage's own table: which number was given last


def events_position_name(monitor: str) -> str:
    """Name the position up to which a monitor has looked at the store's events.

    >>> events_position_name("ids")
    'events:ids'
    """
    return f"events:{monitor}"


def events_facts(project: Project, memory: BaseDatabaseManager, monitor: EventsMonitor) -> dict[str, Any]:
    """Give how many files wait in its folder, and how many stored events are not looked at yet.

    Events that its filter does not want are among them until it has passed by.
    """
    at = last_looked_at(memory, monitor)
    return {
        "files_waiting": _files(project, monitor),
        "events_waiting": events_waiting(memory, monitor),
        "last_point": None if at is None else f"{at:%Y-%m-%d %H:%M}",
    }


def last_looked_at(memory: BaseDatabaseManager, monitor: EventsMonitor) -> datetime | None:
    """Give the time of the last event that a monitor looked at, `None` before the first."""
    at = _position(memory, monitor).get("at")
    return None if at is None else from_ms(at)


def _files(project: Project, monitor: EventsMonitor) -> int:
    if monitor.config.source is None:
        return 0
    from tocsin.sources.idea_files import FolderQueue

    try:
        return len(FolderQueue(project.folder / monitor.config.source.folder).names())
    except LoadError:  # a run says what is wrong with the folder
        return 0


def events_waiting(memory: BaseDatabaseManager, monitor: EventsMonitor) -> int:
    """Give how many stored events the rules of a monitor have not looked at, also those it filters out."""
    if not monitor.config.rules() or not memory.table_exists(_STORE):
        return 0
    return max(0, newest_event(memory) - int(_position(memory, monitor).get("cursor", 0)))


def _position(memory: BaseDatabaseManager, monitor: EventsMonitor) -> dict[str, Any]:
    return read_position(memory, events_position_name(monitor.name)) or {}


def newest_event(memory: Transaction | BaseDatabaseManager) -> int:
    """Give the number of the newest event of the store, 0 without any; its tables are there."""
    rows = memory.execute_query(f"SELECT last_seq FROM {memory.get_full_table_name(_STORE)}")
    return int(rows[0]["last_seq"]) if rows else 0
