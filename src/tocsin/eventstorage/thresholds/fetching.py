"""From ids to events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.eventstorage.idea import record_to_idea
from tocsin.eventstorage.query.parameters import read_parameters
from tocsin.eventstorage.query.planning import plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.eventstorage.idea import Idea
    from tocsin.eventstorage.session import Session

__all__ = ["events_with"]

_AT_A_TIME = 500


def events_with(session: Session, ids: Sequence[str]) -> list[Idea]:
    """Give the events with some ids, in the order of these; ids without an event are passed over."""
    found: dict[str, Idea] = {}
    for start in range(0, len(ids), _AT_A_TIME):
        parameters = read_parameters({"ids": list(ids[start : start + _AT_A_TIME])})
        for row in session.execute(*plan(session, parameters, ordered=False).write("select")):
            event = record_to_idea(row)
            found[event.id] = event
    return [found[one] for one in ids if one in found]
