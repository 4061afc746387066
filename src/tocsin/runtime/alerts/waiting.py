"""Whether a notify step would find something to do, told without loading what it works with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.database.tables import TABLE_CANDIDATES, TABLE_NOTICES, TABLE_POSITIONS, TABLE_SILENCES
from tocsin.runtime.config.monitors import EventsMonitor
from tocsin.runtime.events.clock import CLOCK_POSITION

if TYPE_CHECKING:
    from tocsin.database import BaseDatabaseManager
    from tocsin.runtime.config.loader import Project

__all__ = ["anything_waits"]


def anything_waits(project: Project, memory: BaseDatabaseManager) -> bool:
    """Say whether something may wait for a decision.

    A run with nothing new takes half a second, most of it imports; the event storage would be a sixth more.

    Args:
        project: The project.
        memory: Its memory.
    """
    if any(isinstance(monitor, EventsMonitor) and monitor.config.rules() for monitor in project.monitors):
        return True
    names = (TABLE_CANDIDATES, TABLE_NOTICES, TABLE_SILENCES, TABLE_POSITIONS)
    candidates, notices, silences, positions = map(memory.get_full_table_name, names)
    return bool(
        memory.execute_query(
            f"SELECT 1 WHERE EXISTS (SELECT 1 FROM {candidates}) OR EXISTS (SELECT 1 FROM {notices})"
            f" OR EXISTS (SELECT 1 FROM {silences} WHERE closed_at IS NULL)"
            f" OR EXISTS (SELECT 1 FROM {positions} WHERE name = %(clock)s)",
            {"clock": CLOCK_POSITION},
        )
    )
