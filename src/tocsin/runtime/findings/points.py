"""The anomalous points of a metric as events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.alerting.reading import read_verdicts
from tocsin.database import series_store as store
from tocsin.model import FindingFacts, number_text
from tocsin.runtime.findings.endpoints import EndpointReader, Whom
from tocsin.runtime.findings.events import FindingForm, finite
from tocsin.runtime.metrics.load_position import from_ms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.abc import Detector, Transaction
    from tocsin.alerting.reading import Verdicts
    from tocsin.model import Detections
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.config.monitors import MetricMonitor

__all__ = ["MetricFindings", "PointFacts"]

_LONGEST_RUN = 10_000  # slots: how far back the beginning of a run is looked for
_FEW = 50


class MetricFindings:
    """Makes events of the anomalies of a metric, each the same however the series is cut into runs.

    The variable that `findings:` may map is the metric's dimension.

    Args:
        project: The project.
        monitor: The metric.
    """

    def __init__(self, project: Project, monitor: MetricMonitor) -> None:
        self._form = FindingForm(project, monitor)
        self._config = monitor.config
        self._step = monitor.config.interval.milliseconds
        self._endpoints = EndpointReader(monitor.config.findings)
        self._types = {
            detector.get_detector_id(): entry.type
            for detector, entry in zip(monitor.detectors, monitor.config.detectors, strict=True)
        }
        self._whom: dict[str, Whom] = {}

    def notes(self) -> list[str]:
        """Say what could not be part of the events since the last call."""
        unknown = [name for name in self._endpoints.variables if name != self._config.dimension]
        note = f"findings: a metric has no other variable than its dimension, not {', '.join(unknown)}"
        return self._endpoints.notes() + ([note] if unknown and self._whom else [])

    def events_of(
        self, tx: Transaction, series: str, detector: Detector, detections: Detections
    ) -> list[dict[str, Any]]:
        """Make the events of verdicts on consecutive slots; verdicts on slots before are in the memory."""
        if not (self._form.is_wanted and detections.is_anomaly.any()):
            return []
        identity = detector.get_detector_id()
        return [
            self._event(series, identity, detections, place, start)
            for place, start in self._with_starts(tx, series, identity, detections)
        ]

    def facts_of(self, series: str, at: int, detector_ids: list[str]) -> FindingFacts:
        """Give what alerting has to know of the findings of some detectors at a point (ms)."""
        ids = [self._form.id_of(identity, series, at) for identity in detector_ids]
        whom = self._whom_of(series)
        return FindingFacts(tuple(ids) if self._form.is_wanted else (), whom.source.names, whom.target.names)

    def _with_starts(
        self, tx: Transaction, series: str, identity: str, detections: Detections
    ) -> Iterator[tuple[int, int]]:
        """Give the place of each anomaly, and the instant (ms) that its run began at."""
        times, before, start = detections.timestamp.astype(np.int64), None, 0
        for place in np.flatnonzero(detections.is_anomaly).tolist():
            at, direction = int(times[place]), int(detections.direction[place])
            if before != (at - self._step, direction):
                is_first = place == 0
                start = self._stored_start(tx, series, identity, at, direction) if is_first else at
            before = at, direction
            yield place, max(start, at - (_LONGEST_RUN - 1) * self._step)

    def _stored_start(self, tx: Transaction, series: str, identity: str, at: int, direction: int) -> int:
        """Follow the run that leads to an instant back through the verdicts of the memory."""
        start = at
        for slots in (_FEW, _LONGEST_RUN):
            first, end = from_ms(at - slots * self._step), from_ms(start)
            found = store.read_detections(tx, series, [identity], first, end)
            times = found["timestamp"].astype(np.int64)
            alike = found["is_anomaly"] & (found["direction"] == direction)
            for time, is_alike in zip(times[::-1].tolist(), alike[::-1].tolist(), strict=True):
                if not is_alike or time != start - self._step:
                    return start
                start = time
        return start

    def _event(
        self, series: str, identity: str, detections: Detections, place: int, start: int
    ) -> dict[str, Any]:
        at = int(detections.timestamp[place].astype(np.int64))
        value, lower, upper = (
            finite(column[place])
            for column in (detections.value, detections.confidence_lower, detections.confidence_upper)
        )
        is_above = bool(detections.direction[place] > 0)
        points = (at - start) // self._step + 1
        unit = f" {self._config.unit}" if self._config.unit else ""
        return self._form.event(
            self._form.id_of(identity, series, at),
            at,
            since=start,
            until=at + self._step,
            description=(
                f"{series} is {_number(value, lower, upper)}{unit}, {'above' if is_above else 'below'} the"
                f" expected {_band(value, lower, upper)}"
                + (f", {points:,} points in a row" if points > 1 else "")
            ),
            whom=self._whom_of(series),
            details={
                "Series": series,
                "DetectorID": identity,
                "DetectorType": self._types.get(identity),
                "Value": value,
                "Bounds": [lower, upper],
                "Severity": finite(detections.severity[place]),
                "Direction": "up" if is_above else "down",
            },
        )

    def _whom_of(self, series: str) -> Whom:
        if series not in self._whom:
            dimension = self._config.dimension
            prefix = f"{self._config.name}{{{dimension}="
            value = series[len(prefix) : -1] if series.startswith(prefix) else None
            self._whom[series] = self._endpoints.read(lambda name: value if name == dimension else None)
        return self._whom[series]


class PointFacts:
    """What an evaluation of a series reads, and what it has to know of the findings among it.

    Args:
        findings: Makes the ids.
        tx: The transaction that the evaluation works in.
        series: The series.
        detector_ids: The current detectors.
    """

    def __init__(
        self, findings: MetricFindings, tx: Transaction, series: str, detector_ids: list[str]
    ) -> None:
        self._findings, self._tx, self._series, self._detector_ids = findings, tx, series, detector_ids
        self._found: dict[int, list[str]] = {}

    def read(self, since: int | None) -> Verdicts | None:
        """Read the verdicts from an instant (ms) on."""
        verdicts = read_verdicts(self._tx, self._series, self._detector_ids, since)
        self._found = {}
        if verdicts is not None:
            rows = np.flatnonzero(verdicts.up)
            times, names = verdicts.timestamp[rows].tolist(), verdicts.detector_id[rows].tolist()
            for at, name in zip(times, names, strict=True):
                self._found.setdefault(at, []).append(str(name))
        return verdicts

    def at(self, instant: int) -> FindingFacts:
        """Give the findings at a point (ms); one that was not read is looked for."""
        if instant not in self._found:
            only = from_ms(instant), from_ms(instant + 1)
            found = store.read_detections(self._tx, self._series, self._detector_ids, *only)
            self._found[instant] = found["detector_id"][found["is_anomaly"]].tolist()
        return self._findings.facts_of(self._series, instant, self._found[instant])


def _number(value: float | None, *beside: float | None) -> str:
    return "no number" if value is None else number_text(value, *beside)


def _band(value: float | None, lower: float | None, upper: float | None) -> str:
    low, high = _number(lower, value, upper), _number(upper, value, lower)
    if lower is None:
        return f"at most {high}"
    return f"at least {low}" if upper is None else f"{low} to {high}"
