"""The part of a report that is about events monitors, as values for its template."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from tocsin.reporting.words import ABSENT, clean, time_text

if TYPE_CHECKING:
    from tocsin.reporting.events_view import EventsView

__all__ = ["events_section"]


def events_section(view: EventsView) -> dict[str, Any]:
    """Give the values of the table of events monitors; what comes from the project is text to be escaped."""
    return {
        "counted": _counted(view),
        "monitors": [
            {
                "name": clean(one.name),
                "description": clean(one.description),
                "status": clean(one.status),
                "error": None if one.error is None else clean(one.error),
                "last": ABSENT if one.last is None else time_text(one.last, UTC),
                "waiting": f"{one.waiting:,}",
                "found": f"{one.found:,}",
                "told": f"{one.told:,}",
                "held": f"{one.held:,}",
            }
            for one in view.monitors
        ],
    }


def _counted(view: EventsView) -> str:
    """Say of which time the numbers are."""
    start = None if view.start is None else time_text(view.start, UTC)
    end = None if view.end is None else time_text(view.end, UTC)
    match start, end:
        case None, None:
            return "as far as is remembered"
        case None, _:
            return f"before {end} UTC"
        case _, None:
            return f"from {start} UTC on"
    return f"from {start} to {end} UTC"
