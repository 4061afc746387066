"""Says what the events were that decisions are about: their kind, and whom they are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.runtime.alerts.memory import events_to_read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.database import BaseDatabaseManager
    from tocsin.runtime.alerts.history import DecisionRow
    from tocsin.runtime.config.loader import Project

__all__ = ["About", "read_about"]


@dataclass(frozen=True, slots=True)
class About:
    """What an event was, and whom it is about.

    Attributes:
        categories: What kind of thing it is.
        sources: Addresses, networks and host names of its sources.
        targets: The same of its targets.
        stored: Whether it is in the store; of one that is not nothing is known.
    """

    categories: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    stored: bool = True


def read_about(
    project: Project, memory: BaseDatabaseManager, decisions: Iterable[DecisionRow]
) -> dict[str, About]:
    """Read what decisions of events monitors are about, in one query: the id of each event → what it was.

    Args:
        project: The project.
        memory: Its memory.
        decisions: The decisions; those about metrics and logs say it in their reason.
    """
    ids = {row.event_id for row in decisions if row.condition == "event" and row.event_id is not None}
    found = dict.fromkeys(ids, About(stored=False))
    if not ids:
        return found
    with events_to_read(project, memory) as service:
        if service is None:
            return found
        _, events = service.search_events({"ids": sorted(ids)})
    for event in events:
        row = event.row
        sources, targets = row.source_ip + row.source_host, row.target_ip + row.target_host
        found[event.id] = About(row.category, sources, targets)
    return found
