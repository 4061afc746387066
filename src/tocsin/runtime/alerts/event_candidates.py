"""Makes candidates of the events that a monitor selects: one for each of its rules."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tocsin.model import AlertCandidate, DecisionKind, MonitorKind, Severity
from tocsin.runtime.clock import whole_milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.eventstorage import Idea
    from tocsin.runtime.config.events import EventsAlertingConfig
    from tocsin.runtime.config.monitors import EventsMonitor

__all__ = ["EventCandidates", "is_finding"]

_NAMESPACE = uuid.UUID("2d1f8a52-5a0e-5d0b-8a3c-0c6a7c1f9e44")
_ENRICHMENT = b'"_Tocsin"'
_NODE = "tocsin"
_NONE_BEFORE = datetime(1970, 1, 1, tzinfo=UTC)


def is_finding(event: Idea) -> bool:
    """Tell whether a Tocsin wrote the event about what one of its monitors found.

    Others may fill in `_Tocsin` as well; what they send is theirs, and is to be told.
    """
    if _ENRICHMENT not in event.original or _NODE not in event.row.node_name:
        return False
    enrichment = event.get("_Tocsin")
    return isinstance(enrichment, dict) and isinstance(enrichment.get("Monitor"), str)


class EventCandidates:
    """Makes candidates of events.

    Args:
        project: The project's name: a part of the ids.
        monitor: Whose events they are.
    """

    def __init__(self, project: str, monitor: EventsMonitor) -> None:
        self._project = project
        self._monitor = monitor
        self._rules = monitor.config.rules()
        described = {"description": monitor.config.description} if monitor.config.description else {}
        self._messages = {name: {"timezone": rule.timezone, **described} for name, rule in self._rules}

    @property
    def any_rules(self) -> bool:
        """Whether anything is told of these events."""
        return bool(self._rules)

    def wants(self, event: Idea) -> bool:
        """Tell whether an event is one of the monitor's: what was found here is so on demand only."""
        return self._monitor.config.findings or not is_finding(event)

    def of(self, event: Idea, now: datetime) -> Iterator[tuple[AlertCandidate, str | None]]:
        """Give a candidate for each rule, with the reason why the rule does not want it told, if so.

        Args:
            event: An event of the store.
            now: The present: an event from the future counts as of now.
        """
        for name, rule in self._rules:
            severity = Severity.of(event.severity) if event.severity else rule.severity
            candidate = self._candidate(event, now, name, rule, severity)
            if severity.rank < rule.min_severity.rank:
                yield (
                    candidate,
                    f"its severity is {severity}; the rule is about {rule.min_severity} and worse",
                )
            else:
                yield candidate, None

    def _candidate(
        self, event: Idea, now: datetime, name: str, rule: EventsAlertingConfig, severity: Severity
    ) -> AlertCandidate:
        row, monitor = event.row, self._monitor
        return AlertCandidate(
            id=str(uuid.uuid5(_NAMESPACE, json.dumps([self._project, monitor.name, name, event.id]))),
            monitor=monitor.name,
            source=MonitorKind.EVENTS,
            series=monitor.name,
            rule=name,
            kind=DecisionKind.FIRST,
            reason=f"an event that {monitor.name} looks for",
            # An event from before the memory's calendar is at its beginning.
            at=max(whole_milliseconds(min(event.detecttime or now, now)), _NONE_BEFORE),
            severity=severity,
            condition="event",
            event_ids=(event.id,),
            sources=row.source_ip + row.source_host,
            targets=row.target_ip + row.target_host,
            tags=monitor.tags,
            channels=rule.channels,
            threshold=rule.threshold,
            side=rule.side,
            event=event,
            message=self._messages[name],
        )
