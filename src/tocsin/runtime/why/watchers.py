"""When no rule looked at something: the monitors that could have, and why they did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.database.series_store import read_position
from tocsin.errors import DataError
from tocsin.runtime.alerts.event_candidates import is_finding
from tocsin.runtime.config.monitors import EventsMonitor, LogMonitor, MetricMonitor
from tocsin.runtime.events.facts import events_position_name
from tocsin.runtime.project_state import task_positions
from tocsin.runtime.why.facts import Watcher

if TYPE_CHECKING:
    from tocsin.database import BaseDatabaseManager
    from tocsin.eventstorage import EventStorageService
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.why.found import Found

__all__ = ["watchers_of"]


def watchers_of(
    project: Project, memory: BaseDatabaseManager, events: EventStorageService | None, found: Found
) -> tuple[Watcher, ...]:
    """Say of each monitor that has to do with something found why nothing was decided about it.

    Those are the one that found it, and every events monitor.

    Args:
        project: The project.
        memory: Its memory.
        events: Its events.
        found: What was found.
    """
    watchers = []
    for monitor in project.monitors:
        if isinstance(monitor, EventsMonitor) and found.event is not None and events is not None:
            watchers.append(_events_watcher(memory, events, monitor, found))
        elif isinstance(monitor, MetricMonitor | LogMonitor) and monitor.name == found.monitor:
            watchers.append(_own_watcher(memory, monitor, found))
    return tuple(watchers)


def _own_watcher(memory: BaseDatabaseManager, monitor: MetricMonitor | LogMonitor, found: Found) -> Watcher:
    rules = tuple(rule.name for rule in monitor.config.rules())
    series = found.series or monitor.name
    positions = task_positions(memory, monitor.name, "alert").get(series, {})
    passed = [name for name in rules if name in positions and found.at and positions[name] >= found.at]
    reason = None
    if not rules:
        reason = "it has no alerting rule"
    elif not monitor.config.enabled:
        reason = "it is not enabled"
    return Watcher(monitor.name, monitor.kind, rules, matches=True, passed=bool(passed), reason=reason)


def _events_watcher(
    memory: BaseDatabaseManager, events: EventStorageService, monitor: EventsMonitor, found: Found
) -> Watcher:
    rules = tuple(name for name, _ in monitor.config.rules())
    cursor = (read_position(memory, events_position_name(monitor.name)) or {}).get("cursor", 0)
    passed = found.seq is not None and found.seq <= cursor
    matches, reason = _matches(events, monitor, found)
    if reason is None and not rules:
        reason = "it has no alerting rule"
    elif reason is None and not monitor.config.enabled:
        reason = "it is not enabled"
    return Watcher(monitor.name, monitor.kind, rules, matches=matches, passed=passed, reason=reason)


def _matches(events: EventStorageService, monitor: EventsMonitor, found: Found) -> tuple[bool, str | None]:
    if found.event is not None and is_finding(found.event) and not monitor.config.findings:
        return False, "it leaves out what monitors of Tocsin found (findings: false)"
    try:
        number = events.count_events({**monitor.config.filter, "ids": [found.event_id]})
    except DataError as error:
        return False, f"its filter cannot be used: {error}"
    return (True, None) if number else (False, "its filter does not match")
