"""Reads what is new in a log, judges it, and commits state, position and detections as one."""

from __future__ import annotations

import sys
import time
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.alerting.evaluate import evaluate
from tocsin.alerting.log_reading import read_anomalous_lines
from tocsin.database import series_store as store
from tocsin.runtime.load_position import from_ms
from tocsin.runtime.log_detections import LineAlert, write_line_alerts
from tocsin.runtime.log_memory import LogMemory, forget_log, log_position_name
from tocsin.runtime.log_parts import create_log_detector, create_log_parser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.abc import Transaction
    from tocsin.model import ParsedBatch, RawLines, RejectedLine
    from tocsin.runtime.config.monitors import LogMonitor
    from tocsin.runtime.job import Job
    from tocsin.sources.log_files import LogChunk

__all__ = ["run_log"]

_FAR = 2**62
_COMMIT_SECONDS = 2.0  # how much work a kill can cost; each commit costs some, too
_MOST_LINES = 200_000  # what is read between two commits is held in memory


def run_log(job: Job[LogMonitor]) -> None:
    """Read, judge and decide, from the saved position to the end of the files.

    Raises:
        TocsinError: The files, the memory or what was learned cannot be used; what was committed before
            is kept.
    """
    if job.options.full_refresh:
        with job.memory.transaction(lease=job.lease) as tx:
            forget_log(tx, job.monitor.name)
    run = _LogRun(job)
    if "detect" in job.options.steps:
        run.read()
    elif "alert" in job.options.steps:
        run.decide()


class _LogRun:
    def __init__(self, job: Job[LogMonitor]) -> None:
        self._job, self._config, self._report = job, job.monitor.config, job.report
        self._position: dict[str, Any] = (
            store.read_position(job.memory, log_position_name(job.monitor.name)) or {}
        )
        self._alerts: list[LineAlert] = []
        self._rejected: list[RejectedLine] = []
        self._late_from: int | None = None  # the earliest anomaly before what was evaluated
        self._uncommitted = 0
        self._cut_lines = 0

    def read(self) -> None:
        """Read what is new; commit every few seconds, and at the end."""
        self._parser = create_log_parser(self._config)
        self._detectors = {
            detector.name: detector
            for detector in (create_log_detector(self._config, entry) for entry in self._config.detectors)
        }
        self._memory: LogMemory | None = None
        committed_at = time.monotonic()
        for chunk in self._chunks():
            if self._memory is None:
                self._memory = self._restored()
            self._judge(chunk.lines)
            self._position["sources"] = chunk.position
            self._uncommitted += len(chunk.lines.texts)
            self._job.progress(chunk.consumed, chunk.total)
            self._cut_lines += chunk.cut_lines
            if self._uncommitted >= _MOST_LINES or time.monotonic() - committed_at >= _COMMIT_SECONDS:
                self._commit()
                committed_at = time.monotonic()
        if self._memory is not None:
            self._commit()
        elif "alert" in self._job.options.steps:
            self.decide()

    def decide(self) -> None:
        """Decide about what was found by runs that did not."""
        if self._config.rules() and self._position.get("undecided"):
            with self._job.memory.transaction(lease=self._job.lease) as tx:
                self._evaluate(tx)
                store.write_position(
                    tx, log_position_name(self._job.monitor.name), self._position, self._job.now
                )

    def _chunks(self) -> Iterator[LogChunk]:
        from tocsin.sources.log_files import LogFiles, LogStream

        source = self._config.source
        reader: LogFiles | LogStream
        if source.stdin:
            if sys.stdin.isatty():
                self._report.notes.append("it reads standard input, and that is a terminal: nothing is read")
                return
            reader = LogStream(sys.stdin.buffer, encoding=source.encoding)
        else:
            reader = LogFiles(
                source.files,
                self._job.project.folder,
                encoding=source.encoding,
                unfinished_line_after=source.unfinished_line_after.total_seconds(),
            )
        yield from reader.read(self._position.get("sources"), now=self._job.now)
        self._report.notes.extend(reader.notes)
        if self._cut_lines:
            self._report.notes.append(f"lines longer than 1 MiB, cut there: {self._cut_lines}")

    def _restored(self) -> LogMemory:
        memory = LogMemory(self._job.memory, self._job.monitor, self._parser, self._detectors)
        self._report.notes.extend(memory.restore())
        return memory

    def _judge(self, lines: RawLines) -> None:
        batch = self._parser.parse(lines)
        self._report.lines_read += len(lines.texts)
        self._report.lines_rejected += len(batch.rejected)
        self._rejected.extend(batch.rejected)
        if not batch.events:
            return
        self._note_time(batch)
        found: list[tuple[int, LineAlert]] = []
        for detector in self._detectors.values():
            for alert in detector.process_batch(batch.events):
                offset = int(alert["logIDs"][-1].rpartition(":")[2])
                place = bisect_left(lines.offsets, offset)
                line = LineAlert(detector, alert, lines.source, lines.numbers[place], lines.texts[place])
                found.append((place, line))
        found.sort(key=lambda item: item[0])
        self._alerts.extend(line for _, line in found)
        for _, line in found:
            at = int(line.alert["detectionTimestamp"] * 1000)
            if at <= self._position.get("until", -1):
                self._late_from = at if self._late_from is None else min(self._late_from, at)

    def _note_time(self, batch: ParsedBatch) -> None:
        """Move on to the latest time of the lines; one from the future cannot hurry the others on."""
        last = max(
            event["receivedTimestamp"] if event["parsedTimestamp"] is None else event["parsedTimestamp"]
            for event in batch.events
        )
        now = self._job.now.timestamp()
        self._position["latest"] = max(self._position.get("latest", 0), int(min(last, now) * 1000))

    def _commit(self) -> None:
        if self._memory is None:
            return
        if self._rejected:
            self._position["dead_letters"] = self._write_dead_letters()
        name = log_position_name(self._job.monitor.name)
        with self._report.counting(), self._job.memory.transaction(lease=self._job.lease) as tx:
            lines, last = write_line_alerts(tx, self._job.monitor.name, self._alerts, self._job.now)
            self._report.anomalies += len(lines)
            self._report.add_lines(lines)
            self._note_alerts(last)
            if "alert" in self._job.options.steps:
                self._evaluate(tx)
            self._memory.write(self._position, self._job.now)
            store.write_position(tx, name, self._position, self._job.now)
            self._job.memory.upsert_task_status(
                self._job.monitor.name,
                "log",
                "detect",
                "completed",
                from_ms(self._position.get("latest", 0)),
                timeout_seconds=int(self._job.options.timeouts["detect"].total_seconds()),
            )
        self._alerts, self._rejected, self._late_from, self._uncommitted = [], [], None, 0

    def _note_alerts(self, last: int) -> None:
        """Note, for an evaluation now or later, what there is to decide, and what comes late for it."""
        if last:
            self._position["undecided"] = True
            self._position["last_alert"] = max(last, self._position.get("last_alert", 0))
        if self._late_from is not None:
            self._position["late_from"] = min(self._late_from, self._position.get("late_from", _FAR))

    def _evaluate(self, tx: Transaction) -> None:
        rules = self._config.rules()
        until = self._position.get("latest", 0)
        self._position["until"] = max(until, self._position.get("last_alert", 0))
        self._position.pop("undecided", None)
        late = self._position.pop("late_from", None)
        if not rules:
            return
        ids = [detector.get_detector_id() for detector in self._job.monitor.detectors]
        monitor = self._job.monitor.name
        quiet = [int(rule.keep_firing_for.total_seconds() * 1000) for rule in rules if rule.keep_firing_for]
        evaluate(
            tx,
            monitor=monitor,
            series=monitor,
            rules=rules,
            detector_ids=ids,
            interval_ms=1,
            rejudged_from=None if late is None else np.datetime64(late, "ms"),
            now=self._job.now,
            context={
                "project": self._job.options.project,
                "description": self._config.description,
                "tags": list(self._config.tags),
            },
            read=lambda since: read_anomalous_lines(
                tx, monitor, ids, since=since, until=until, quiet_ms=quiet
            ),
        )

    def _write_dead_letters(self) -> Any:
        from tocsin.sources.log_files import DeadLetters

        folder = self._job.project.dead_letters
        letters = DeadLetters(folder / f"{self._job.monitor.name}.jsonl")
        return letters.append(self._rejected, self._position.get("dead_letters"), now=self._job.now)
