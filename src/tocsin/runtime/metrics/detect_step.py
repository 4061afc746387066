"""The detect and alert steps of a metric: judges what is new or changed and decides what to tell.

Verdicts, positions, incidents, candidates and findings of a series commit in one transaction; long series
go in batches, each of which can be the last before a kill.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.alerting.evaluate import evaluate
from tocsin.database import series_store as store
from tocsin.database.tables import TABLE_TASKS
from tocsin.detectors import metadata_json
from tocsin.runtime.findings.points import MetricFindings, PointFacts
from tocsin.runtime.findings.store import store_findings
from tocsin.runtime.metrics.load_position import (
    Rejudge,
    from_ms,
    loaded_position,
    merge_ranges,
    read_rejudge,
    to_ms,
    write_rejudge,
)
from tocsin.runtime.project_state import positions_of_series, task_positions
from tocsin.runtime.run_findings import worst_of

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.abc import Detector, Transaction
    from tocsin.model import Detections
    from tocsin.runtime.config.monitors import MetricMonitor
    from tocsin.runtime.job import Job

__all__ = ["judge_metric"]

_BATCH_SLOTS = 100_000
_LONG_SLOTS = 10_000  # judging that many takes longer than handing over to another thread


@dataclass(frozen=True, slots=True)
class _Work:
    """What a detector has to judge: from the first to the last slot, both included, in ms."""

    detector: Detector
    ranges: tuple[tuple[int, int], ...]


def judge_metric(job: Job[MetricMonitor]) -> None:
    """Run the steps `detect` and `alert` over all series of a metric, as far as it is loaded.

    Raises:
        TocsinError: The memory or a detector failed; what was committed before is kept.
    """
    monitor, memory = job.monitor, job.memory
    position = loaded_position(memory, monitor)
    if position.until is None:
        return
    last_slot = position.until - monitor.config.interval.milliseconds
    judged = task_positions(memory, monitor.name, "detect")
    evaluated = task_positions(memory, monitor.name, "alert")
    changed = positions_of_series(memory, "rejudge", monitor.name)
    step = _JudgeStep(job)
    for series in position.first:
        rejudge = read_rejudge(changed.get(series))
        step.judge_series(series, last_slot, rejudge, judged.get(series, {}), evaluated.get(series, {}))
    step.finish()


class _JudgeStep:
    def __init__(self, job: Job[MetricMonitor]) -> None:
        monitor, steps = job.monitor, job.options.steps
        self._monitor, self._memory, self._lease, self._gate = monitor, job.memory, job.lease, job.gate
        self._options, self._report, self._now = job.options, job.report, job.now
        self._step = monitor.config.interval.milliseconds
        rules = monitor.config.rules() if monitor.detectors else ()
        self._rules = rules if "alert" in steps else ()
        self._evaluates_later = bool(rules) and not self._rules
        self._detecting = "detect" in steps
        self._project, self._findings = job.project, MetricFindings(job.project, monitor)

    def finish(self) -> None:
        """Say what there is to say about all series."""
        self._report.notes.extend(self._findings.notes())

    def judge_series(
        self,
        series: str,
        last_slot: int,
        rejudge: Rejudge,
        judged: dict[str, datetime],
        evaluated: dict[str, datetime],
    ) -> None:
        """Judge one series, then decide what to tell about it."""
        changed = rejudge.ranges
        work = [
            item
            for detector in self._monitor.detectors
            if self._detecting
            and (item := self._work_for(series, detector, last_slot, changed, judged)).ranges
        ]
        behind = any(
            rejudge.evaluate_from is not None
            or rule.name not in evaluated
            or to_ms(evaluated[rule.name]) < last_slot
            for rule in self._rules
        )
        if not work and not behind:
            return
        batches = [
            (item.detector, first, min(first + (_BATCH_SLOTS - 1) * self._step, end))
            for item in work
            for start, end in item.ranges
            for first in range(start, end + 1, _BATCH_SLOTS * self._step)
        ]
        anomalous: set[int] = set()
        results = (
            (detector, self._judge(detector, series, first, last)) for detector, first, last in batches
        )
        if len(batches) > len(self._monitor.detectors):
            # Long work is committed in between; the last transaction closes the books.
            for detector, detections in results:
                with self._report.counting(), self._memory.transaction(lease=self._lease) as tx:
                    events = self._keep(tx, series, detector, detections, anomalous, advance=not changed)
                    self._store(tx, events)
            self._close(series, last_slot, [], rejudge, anomalous)
        else:
            self._close(series, last_slot, list(results), rejudge, anomalous)

    def _close(
        self,
        series: str,
        last_slot: int,
        results: list[tuple[Detector, Detections]],
        rejudge: Rejudge,
        anomalous: set[int],
    ) -> None:
        again = [] if rejudge.evaluate_from is None else [rejudge.evaluate_from]
        again += [first for first, _ in rejudge.ranges] if self._detecting else []
        rejudged_from = min(again, default=None)
        left = Rejudge(
            () if self._detecting else rejudge.ranges, rejudged_from if self._evaluates_later else None
        )
        with self._report.counting(), self._memory.transaction(lease=self._lease) as tx:
            events: list[dict[str, Any]] = []
            for detector, detections in results:
                events += self._keep(tx, series, detector, detections, anomalous, advance=False)
            if self._detecting:
                for detector in self._monitor.detectors:
                    self._finish(series, detector, last_slot)
                if rejudge.ranges:
                    self._forget_absent(tx, series)
            if left != rejudge:
                write_rejudge(tx, series, left, self._now)
            if self._rules:
                self._evaluate(tx, series, rejudged_from)
            self._store(tx, events)

    def _evaluate(self, tx: Transaction, series: str, rejudged_from: int | None) -> None:
        detector_ids = [detector.get_detector_id() for detector in self._monitor.detectors]
        points = PointFacts(self._findings, tx, series, detector_ids)
        evaluate(
            tx,
            monitor=self._monitor.name,
            series=series,
            rules=self._rules,
            detector_ids=detector_ids,
            interval_ms=self._step,
            rejudged_from=None if rejudged_from is None else np.datetime64(rejudged_from, "ms"),
            now=self._now,
            context={
                "project": self._options.project,
                "description": self._monitor.config.description,
                "tags": list(self._monitor.config.tags),
            },
            read=points.read,
            findings=points.at,
            tags=self._monitor.tags,
        )

    def _store(self, tx: Transaction, events: list[dict[str, Any]]) -> None:
        """Store findings: the last thing in a transaction, as others wait for it who store some."""
        notes = store_findings(tx, self._project, self._memory.clock, events)
        self._report.notes.extend(notes)

    def _forget_absent(self, tx: Transaction, series: str) -> None:
        """Forget how far other detectors came: one that comes back has missed the change, and starts anew."""
        present = {f"d{n}": detector.get_detector_id() for n, detector in enumerate(self._monitor.detectors)}
        names = ", ".join(f"%({name})s" for name in present)
        tx.execute_query(
            f"DELETE FROM {tx.get_full_table_name(TABLE_TASKS)} WHERE metric_name = %(series)s"
            f" AND process_type = 'detect' AND detector_id NOT IN ({names})",
            {"series": series, **present},
        )

    def _work_for(
        self,
        series: str,
        detector: Detector,
        last_slot: int,
        changed: tuple[tuple[int, int], ...],
        judged: dict[str, datetime],
    ) -> _Work:
        """Find the slots whose verdicts are missing, or can be reached by a changed value."""
        done = judged.get(detector.get_detector_id())
        if done is None:
            start = store.first_slot(self._memory, series)
            return _Work(detector, () if start is None else ((to_ms(start), last_slot),))
        position = min(to_ms(done), last_slot)
        reach = detector.context_slots * self._step
        ranges = [(a, min(b + reach, position)) for a, b in changed if a <= position]
        if self._options.start is not None:
            start = store.first_slot(self._memory, series)
            if start is not None:
                first = to_ms(start)
                skipped = max(0, to_ms(self._options.start) - first) // self._step
                ranges.append((first + skipped * self._step, position))
        ranges.append((position + self._step, last_slot))
        return _Work(detector, merge_ranges([r for r in ranges if r[0] <= r[1]], self._step))

    def _judge(self, detector: Detector, series: str, first: int, last: int) -> Detections:
        """Judge the slots from first to last with as much context in front as the detector needs."""
        start = from_ms(first - detector.context_slots * self._step)
        data = store.read_datapoints(self._memory, series, start, from_ms(last + 1))
        if len(data["timestamp"]) < _LONG_SLOTS:
            detections = detector.detect_arrays(data)
        else:
            with self._gate.outside():
                detections = detector.detect_arrays(data)
        return detections.select(data["timestamp"].astype(np.int64) >= first)

    def _keep(
        self,
        tx: Transaction,
        series: str,
        detector: Detector,
        detections: Detections,
        anomalous: set[int],
        *,
        advance: bool,
    ) -> list[dict[str, Any]]:
        """Write verdicts; give what was found among them, as events to be stored."""
        identity, params = detector.get_detector_id(), detector.get_detector_params()
        store.write_detections(tx, series, identity, params, detections, metadata_json(detections), self._now)
        self._report.points_detected += len(detections)
        times = detections.timestamp.astype(np.int64)
        found = set(times[detections.is_anomaly].tolist()) - anomalous
        self._report.anomalies += len(found)
        anomalous |= found
        self._report.worst.extend(worst_of(series, detections))
        if advance and len(times):
            self._finish(series, detector, int(times[-1]), status="running")
        return self._findings.events_of(tx, series, detector, detections)

    def _finish(self, series: str, detector: Detector, last: int, status: str = "completed") -> None:
        self._memory.upsert_task_status(
            series,
            detector.get_detector_id(),
            "detect",
            status,
            from_ms(last),
            timeout_seconds=int(self._options.timeouts["detect"].total_seconds()),
        )
