"""Makes what is reported of events monitors from what the memory holds."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tocsin.alerting.message import TOLD_KINDS
from tocsin.alerting.rows import named
from tocsin.database.tables import TABLE_DECISIONS
from tocsin.model import DecisionKind
from tocsin.reporting import EventsView, ReportedEvents
from tocsin.runtime.config.monitors import BrokenMonitor, EventsMonitor
from tocsin.runtime.events.facts import events_waiting, last_looked_at
from tocsin.runtime.project_state import errors_of_monitors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tocsin.database import BaseDatabaseManager
    from tocsin.runtime.config.monitors import Monitor

__all__ = ["events_view"]

_PERIOD = timedelta(days=7)


def events_view(
    memory: BaseDatabaseManager,
    monitors: Sequence[Monitor],
    *,
    start: datetime | None = None,
    end: datetime | None = None,
) -> EventsView:
    """Read how far the events monitors among some monitors are, and what they told.

    Without a time, what they told of the last seven days is counted, up to the last event that one of them
    looked at. A broken monitor has its error, and no numbers.

    Args:
        memory: The project's memory.
        monitors: The monitors.
        start: Events from this time on are counted, or `None`.
        end: Events before this time are counted, or `None`.
    """
    of_events = [one for one in monitors if one.kind == "events"]
    last = {one.name: last_looked_at(memory, one) for one in of_events if isinstance(one, EventsMonitor)}
    latest = max((at for at in last.values() if at is not None), default=None)
    if start is None and end is None and latest is not None:
        start = latest - _PERIOD
    counts = _counts(memory, start, end) if last else {}
    errors = errors_of_monitors(memory) if last else {}
    found: list[ReportedEvents] = []
    for one in of_events:
        if isinstance(one, BrokenMonitor):
            found.append(ReportedEvents(one.name, status="broken", error=str(one.error)))
        elif isinstance(one, EventsMonitor):
            error = errors.get(one.name)
            found.append(
                ReportedEvents(
                    name=one.name,
                    description=one.config.description,
                    status=_status(one, error),
                    error=error,
                    last=last[one.name],
                    waiting=events_waiting(memory, one),
                    **counts.get(one.name, {}),
                )
            )
    return EventsView(tuple(found), start, end)


def _status(monitor: EventsMonitor, error: str | None) -> str:
    if not monitor.config.enabled:
        return "not enabled"
    return "ok" if error is None else "failed"


def _counts(
    memory: BaseDatabaseManager, start: datetime | None, end: datetime | None
) -> dict[str, dict[str, Any]]:
    """Count the events that each monitor selected, how often people were told, and how often not.

    An event that was looked at has a decision, also when nobody was told of it.
    """
    told, kinds = named(sorted(kind.value for kind in TOLD_KINDS), "kind")
    period = ("" if start is None else " AND event_at >= %(start)s") + (
        "" if end is None else " AND event_at < %(end)s"
    )
    times = {name: at for name, at in (("start", start), ("end", end)) if at is not None}
    rows = memory.execute_query(
        "SELECT monitor, count(DISTINCT event_id) AS found,"
        f" sum(CASE WHEN kind IN ({told}) THEN 1 ELSE 0 END) AS told,"
        " sum(CASE WHEN kind = %(held)s THEN 1 ELSE 0 END) AS held"
        f" FROM {memory.get_full_table_name(TABLE_DECISIONS)}"
        f" WHERE condition = 'event'{period} GROUP BY monitor",
        {**kinds, **times, "held": DecisionKind.HELD.value},
    )
    return {row.pop("monitor"): {name: int(number) for name, number in row.items()} for row in rows}
