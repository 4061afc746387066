"""What a monitor found, as an IDEA event: what all findings have in common.

A finding has no `Confidence`. Detectors give how far a value is beyond its bound, which is no probability
that they are right: a number made of it would be read as one.
"""

from __future__ import annotations

import json
import math
import uuid
from typing import TYPE_CHECKING, Any

from tocsin.alerting.group import compile_owners
from tocsin.alerting.message import iso
from tocsin.model import AlertCandidate, DecisionKind, MonitorKind
from tocsin.runtime.metrics.load_position import from_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.config.monitors import LogMonitor, MetricMonitor
    from tocsin.runtime.findings.endpoints import Whom

__all__ = ["FindingForm", "finite"]

_NAMESPACE = uuid.UUID("3c0f2a54-9a0e-5f6b-8f0b-0d1c6c5f7b52")
_LONGEST_DESCRIPTION = 2000
_LAST_MS = 253_402_300_799_000  # the year 9999: what a time in an event can be


def finite(value: float) -> float | None:
    """Give a number that JSON can hold, or `None`."""
    return float(value) if math.isfinite(value) else None


class FindingForm:
    """Makes the events of one monitor.

    Args:
        project: The project, whose name is part of the ids.
        monitor: The monitor.
    """

    def __init__(self, project: Project, monitor: MetricMonitor | LogMonitor) -> None:
        self._project, self._monitor = project, monitor
        self._config = monitor.config.findings
        self._owners: dict[Whom, tuple[str, ...]] = {}

    @property
    def is_wanted(self) -> bool:
        """Whether what is found becomes events at all."""
        return self._config.enabled

    def id_of(self, detector_id: str, key: str, instant: int | None) -> str:
        """Give the id of a finding: the same each time that it is found.

        Args:
            detector_id: Who found it.
            key: In what: a series, or the line of a log.
            instant: When (ms), `None` where the key says it.
        """
        at = None if instant is None else iso(from_ms(instant))
        parts = [self._project.config.name, self._monitor.name, detector_id, key, at]
        return str(uuid.uuid5(_NAMESPACE, json.dumps(parts)))

    def event(
        self,
        ident: str,
        at: int,
        *,
        since: int,
        until: int,
        description: str,
        whom: Whom,
        details: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Make an event.

        Args:
            ident: Its id.
            at: When it was detected (ms), the time of what was found and not of the run.
            since: From when on it is so (ms).
            until: Until when it was so, as far as is known then (ms).
            description: A sentence.
            whom: Its sources and targets.
            details: What only this kind of finding has.
        """
        event: dict[str, Any] = {
            "Format": "IDEA0",
            "ID": ident,
            "DetectTime": iso(from_ms(at)),
            "EventTime": iso(from_ms(since)),
            "CeaseTime": iso(from_ms(min(until, _LAST_MS))),
            "Category": [self._config.category],
            "Description": description[:_LONGEST_DESCRIPTION],
            "Source": whom.source.to_idea(),
            "Target": whom.target.to_idea(),
            "Node": [{"Name": "tocsin", "Type": ["Statistical"]}],
            "_Tocsin": {
                "Monitor": self._monitor.name,
                "Kind": self._monitor.kind,
                **details,
                "SourceUsers": list(whom.source.users),
                "TargetUsers": list(whom.target.users),
                "EventClass": self._config.class_ or self._monitor.name,
                "EventSeverity": str(self._config.severity),
                "ResolvedAbuses": list(self._owners_of(whom)),
            },
        }
        event["_Tocsin"] = {key: value for key, value in event["_Tocsin"].items() if value not in ([], None)}
        return {key: value for key, value in event.items() if value != []}

    def _owners_of(self, whom: Whom) -> tuple[str, ...]:
        """Give the groups that own it; a fallback that is nobody's is none."""
        if whom not in self._owners:
            config, monitor = self._project.groups, self._monitor
            groups = tuple(group.group() for group in config.groups)
            about = AlertCandidate(
                id="",
                monitor=monitor.name,
                source=MonitorKind(monitor.kind),
                series=monitor.name,
                rule="",
                kind=DecisionKind.FIRST,
                reason="",
                at=from_ms(0),
                sources=whom.source.names,
                targets=whom.target.names,
                tags=monitor.tags,
            )
            owning = [owner.group for owner in compile_owners(groups, config.fallback).of(about)]
            self._owners[whom] = tuple(group.name for group in owning if group in groups)
        return self._owners[whom]
