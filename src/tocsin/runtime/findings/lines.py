"""The anomalous lines of a log as events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tocsin.alerting.log_reading import read_anomalous_lines
from tocsin.database import series_store as store
from tocsin.model import FindingFacts
from tocsin.runtime.findings.endpoints import EndpointReader
from tocsin.runtime.findings.events import FindingForm
from tocsin.runtime.metrics.load_position import from_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tocsin.abc import Transaction
    from tocsin.alerting.log_reading import AnomalousLines
    from tocsin.model import ParsedLog
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.config.monitors import LogMonitor
    from tocsin.runtime.findings.endpoints import Whom
    from tocsin.runtime.logs.detections import LineAlert

__all__ = ["LineFacts", "LogFindings"]

_LONGEST_LOG = 2000
_MOST_VARIABLES, _LONGEST_NAME = 50, 100


class LogFindings:
    """Makes events of the alerts about lines.

    What names a line in the id of an event is its place and its text: of a line without a date, or without a
    year, it depends on when it is read what time it has; and files that begin alike may change their places.

    The variables that `findings:` may map are those that detectors know: the named ones of the parser,
    `var_0`, `var_1`, … for the positional ones, and `$group` for a list of them.

    Args:
        project: The project.
        monitor: The log.

    Raises:
        ConfigError: Its `findings:` name a group that there is not.
    """

    def __init__(self, project: Project, monitor: LogMonitor) -> None:
        self._form = FindingForm(project, monitor)
        self._monitor = monitor.name
        self._endpoints = EndpointReader(monitor.config.findings, monitor.config.groups)
        self._types = {entry.name or entry.type: entry.type for entry in monitor.config.detectors}

    def notes(self) -> list[str]:
        """Say what could not be part of the events since the last call."""
        return self._endpoints.notes()

    def whom_of(self, event: ParsedLog) -> Whom:
        """Give whom a line names as source and target."""
        from tocsin.detectors.events.conditions import field_of
        from tocsin.detectors.events.expectation import MISSING

        def value_of(name: str) -> Any:
            value = field_of(event, name)
            return None if value is MISSING else value

        return self._endpoints.read(value_of)

    def events_of(self, alerts: Iterable[LineAlert]) -> list[dict[str, Any]]:
        """Make the events of alerts; of two by one detector about one line the last counts."""
        if not self._form.is_wanted:
            return []
        found = {(alert.detector.get_detector_id(), alert.log_id): alert for alert in alerts}
        return [self._event(alert) for alert in found.values()]

    def facts_of(self, said: Mapping[str, Mapping[str, Any]]) -> FindingFacts:
        """Give what alerting has to know of a line: of what its detectors say (id → metadata)."""
        ids = [
            self._id_of(identity, str(one.get("logID")), str(one.get("log")))
            for identity, one in said.items()
        ]
        sources, targets = (
            tuple(dict.fromkeys(str(name) for one in said.values() for name in one.get(side, ())))
            for side in ("sources", "targets")
        )
        return FindingFacts(tuple(ids) if self._form.is_wanted else (), sources, targets)

    def _id_of(self, detector_id: str, log_id: str, log: str) -> str:
        return self._form.id_of(detector_id, f"{log_id} {log[:_LONGEST_LOG]}", None)

    def _event(self, alert: LineAlert) -> dict[str, Any]:
        said, identity = alert.alert, alert.detector.get_detector_id()
        return self._form.event(
            self._id_of(identity, alert.log_id, alert.text),
            alert.at,
            since=alert.at,
            until=alert.at,
            description=said["description"],
            whom=alert.whom,
            details={
                "Series": self._monitor,
                "DetectorID": identity,
                "DetectorType": self._types.get(alert.detector.name),
                "DetectorName": alert.detector.name,
                "Severity": alert.severity,
                "LogEventID": said["EventID"],
                "LogID": alert.log_id,
                "File": alert.source,
                "Line": alert.number,
                "Log": alert.text[:_LONGEST_LOG],
                "Summary": said.get("summary"),
                "Variables": [name[:_LONGEST_NAME] for name in list(said["alertsObtain"])[:_MOST_VARIABLES]],
            },
        )


class LineFacts:
    """What an evaluation of a log reads, and what it has to know of the findings among it.

    Args:
        findings: Makes the ids.
        tx: The transaction that the evaluation works in.
        monitor: The log's name.
        detector_ids: The current detectors.
        until: The instant (ms) up to which lines were read.
        quiet_ms: After how much time without a further line each rule stops firing.
    """

    def __init__(
        self,
        findings: LogFindings,
        tx: Transaction,
        monitor: str,
        detector_ids: list[str],
        *,
        until: int,
        quiet_ms: list[int],
    ) -> None:
        self._findings, self._tx, self._monitor, self._detector_ids = findings, tx, monitor, detector_ids
        self._until, self._quiet_ms = until, quiet_ms
        self._lines: dict[int, Mapping[str, Mapping[str, Any]]] = {}

    def read(self, since: int | None) -> AnomalousLines:
        """Read the anomalous lines from an instant (ms) on."""
        found = read_anomalous_lines(
            self._tx,
            self._monitor,
            self._detector_ids,
            since=since,
            until=self._until,
            quiet_ms=self._quiet_ms,
        )
        self._lines = dict(found.lines)
        return found

    def at(self, instant: int) -> FindingFacts:
        """Give the findings of the line at an instant (ms); one that was not read is looked for."""
        if instant not in self._lines:
            only = from_ms(instant), from_ms(instant + 1)
            found = store.read_detections(self._tx, self._monitor, self._detector_ids, *only)
            said = zip(found["detector_id"], found["detection_metadata"], strict=True)
            self._lines[instant] = {str(name): json.loads(metadata) for name, metadata in said}
        return self._findings.facts_of(self._lines[instant])
