"""Reads what is new in a log, judges it, and commits state, position and detections as one."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tocsin.alerting.evaluate import evaluate
from tocsin.database import series_store as store
from tocsin.database.leases import LONGEST_LEASE_SECONDS
from tocsin.errors import LoadError
from tocsin.runtime.findings.lines import LineFacts, LogFindings
from tocsin.runtime.findings.store import store_findings
from tocsin.runtime.logs.detections import LineAlert, write_line_alerts
from tocsin.runtime.logs.memory import LogMemory, forget_log, log_position_name
from tocsin.runtime.logs.parts import create_log_detector, create_log_parser
from tocsin.runtime.metrics.load_position import from_ms, to_ms
from tocsin.runtime.project_state import task_positions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import BufferedIOBase

    from tocsin.abc import Transaction
    from tocsin.model import LogAlert, ParsedLog, RawLines, RejectedLine
    from tocsin.runtime.config.monitors import LogMonitor
    from tocsin.runtime.job import Job
    from tocsin.sources.log_files import LogChunk

__all__ = ["run_log"]

_COMMIT_SECONDS = 2.0  # how much work a kill can cost; each commit costs some, too
_CHUNK_LINES = 10_000
_MOST_LINES = 200_000  # what is read between two commits is held in memory
_MOST_NAMED = 3
_FILES, _STREAM = "sources", "stream"  # where in the position each kind of source keeps its own


def run_log(job: Job[LogMonitor]) -> None:
    """Read, judge and decide, from the saved position to the end of the files.

    Reading and judging are one step (`detect`): what is read without being judged would have to be kept.

    Raises:
        LoadError: Some of the files cannot be read; all was done for the others.
        TocsinError: The files, the memory or what was learned cannot be used; what was committed before
            is kept.
    """
    if job.options.start is not None or job.options.end is not None:
        job.report.notes.append("--from and --to are for metrics: of a log all that is new is read")
    if job.options.full_refresh:
        with job.memory.transaction(lease=job.lease) as tx:
            forget_log(tx, job.monitor.name)
    run = _LogRun(job)
    if "detect" in job.options.steps:
        run.read()
    if "alert" in job.options.steps:
        run.decide()
    run.check_all_was_read()


class _LogRun:
    def __init__(self, job: Job[LogMonitor]) -> None:
        self._job, self._config, self._report = job, job.monitor.config, job.report
        self._rules = self._config.rules()
        self._position: dict[str, Any] = (
            store.read_position(job.memory, log_position_name(job.monitor.name)) or {}
        )
        evaluated = task_positions(job.memory, job.monitor.name, "alert").get(job.monitor.name, {})
        self._evaluated = {name: to_ms(instant) for name, instant in evaluated.items()}
        self._alerts: list[LineAlert] = []
        self._rejected: list[RejectedLine] = []
        self._lines = 0
        self._cut_lines = 0
        self._continued = 0
        self._unreadable: list[str] = []
        self._findings = LogFindings(job.project, job.monitor)
        self._lease, self._renewed_at = job.lease, time.monotonic()

    # -- reading ----------------------------------------------------------------------------------------

    def read(self) -> None:
        """Read what is new; commit every few seconds, and at the end."""
        memory: LogMemory | None = None
        committed_at = time.monotonic()
        for chunk in self._chunks():
            if memory is None:
                memory = self._restored()
            self._judge(chunk.lines)
            self._position[_STREAM if self._config.source.stdin else _FILES] = chunk.position
            self._cut_lines += chunk.cut_lines
            self._job.progress(chunk.consumed, chunk.total)
            if self._lines >= _MOST_LINES or time.monotonic() - committed_at >= _COMMIT_SECONDS:
                self._commit(memory)
                committed_at = time.monotonic()
        if memory is None and not self._unreadable:
            self._note_success()
        elif memory is not None:
            self._commit(memory)
            self._report.notes.extend(self._findings.notes())
            if self._continued:
                self._report.notes.append(
                    f"lines that continue the one before (stack traces), not judged: {self._continued:,}"
                )
            self._note_warnings()

    def check_all_was_read(self) -> None:
        """Have the run of this monitor fail if it saw less than it was asked to watch."""
        named, more = self._unreadable[:_MOST_NAMED], len(self._unreadable) - _MOST_NAMED
        if named:
            raise LoadError(
                "; ".join(named) + (f"; and {more:,} more" if more > 0 else ""),
                hint="let this user read it, or write narrower patterns; all else was read",
            )

    def _chunks(self) -> Iterator[LogChunk]:
        source = self._config.source
        if source.stdin:
            yield from self._stream()
            return
        from tocsin.sources.log_files import LogFiles

        reader = LogFiles(
            source.files,
            self._job.project.folder,
            encoding=source.encoding,
            unfinished_line_after=source.unfinished_line_after.total_seconds(),
        )
        yield from reader.read(self._position.get(_FILES), now=self._job.now, max_lines=_CHUNK_LINES)
        self._report.notes.extend(reader.notes)
        self._unreadable = reader.unreadable
        if self._cut_lines:
            self._report.notes.append(f"lines longer than 1 MiB, cut there: {self._cut_lines}")

    def _stream(self) -> Iterator[LogChunk]:
        from tocsin.sources.log_files import LogStream

        if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
            self._report.notes.append("it reads standard input, and nothing is piped into it")
            return
        reader = LogStream(cast("BufferedIOBase", sys.stdin.buffer), encoding=self._config.source.encoding)
        chunks = iter(reader.read(now=self._job.now, max_lines=_CHUNK_LINES))
        while True:
            with self._job.gate.outside():  # who writes to the pipe may take a long time
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk

    def _restored(self) -> LogMemory:
        self._parser = create_log_parser(self._config)
        made = [create_log_detector(self._config, entry) for entry in self._config.detectors]
        self._detectors = {detector.name: detector for detector in made}
        memory = LogMemory(self._job.memory, self._job.monitor, self._parser, self._detectors)
        self._report.notes.extend(memory.restore())
        self._warned = {name: len(detector.warnings) for name, detector in self._detectors.items()}
        return memory

    def _judge(self, lines: RawLines) -> None:
        batch = self._parser.parse(lines)
        self._lines += len(lines.texts)
        self._rejected.extend(batch.rejected)
        self._continued += batch.continued
        if not batch.events:
            return
        self._note_time(batch.events)
        found = [
            (detector, alert)
            for detector in self._detectors.values()
            for alert in detector.process_batch(batch.events)
        ]
        if not found:
            return
        place_of = {event["logID"]: at for event, at in zip(batch.events, batch.indexes, strict=True)}
        event_at = dict(zip(batch.indexes, batch.events, strict=True))
        last = batch.indexes[-1]

        def place(alert: LogAlert) -> int:
            """Find the line; where a detector names one of an earlier chunk, take the last that was read."""
            return place_of.get(alert["logIDs"][-1], last) if alert["logIDs"] else last

        placed = sorted(
            ((place(alert), detector, alert) for detector, alert in found), key=lambda one: one[0]
        )
        whom_at = {at: self._findings.whom_of(event_at[at]) for at in {at for at, _, _ in placed}}
        self._alerts.extend(
            LineAlert(detector, alert, lines.source, lines.numbers[at], lines.texts[at], whom_at[at])
            for at, detector, alert in placed
        )

    def _note_time(self, events: Sequence[ParsedLog]) -> None:
        """Move on to the latest time of the lines; one from the future cannot hurry the others on."""
        last = max(
            event["receivedTimestamp"] if event["parsedTimestamp"] is None else event["parsedTimestamp"]
            for event in events
        )
        latest = int(min(last, self._job.now.timestamp()) * 1000)
        self._position["latest"] = max(self._position.get("latest", 0), latest)

    def _note_warnings(self) -> None:
        """Say once what detectors found wrong: one that watches nothing would be silent for ever."""
        found = [
            f"{name}: {warning}"
            for name, detector in self._detectors.items()
            for warning in detector.warnings[self._warned[name] :]
        ]
        self._report.notes.extend(found[:_MOST_NAMED])
        if len(found) > _MOST_NAMED:
            self._report.notes.append(
                f"and {len(found) - _MOST_NAMED:,} more: `tocsin state show` has all of them"
            )

    # -- keeping ----------------------------------------------------------------------------------------

    def _commit(self, memory: LogMemory) -> None:
        self._renew()
        if self._rejected:
            self._position["dead_letters"] = self._write_dead_letters()
        for key, number in (("lines", self._lines), ("rejected", len(self._rejected))):
            self._position[key] = self._position.get(key, 0) + number
        name = self._job.monitor.name
        with self._report.counting(), self._job.memory.transaction(lease=self._lease) as tx:
            self._report.lines_read += self._lines
            self._report.lines_rejected += len(self._rejected)
            written = write_line_alerts(tx, name, self._alerts, self._job.now)
            self._report.anomalies += len(written.lines)
            self._report.add_lines(written.lines)
            self._note_late(written.first)
            self._position["phases"] = {each.name: str(each.phase) for each in self._detectors.values()}
            if "alert" in self._job.options.steps:
                self._evaluate(tx)
            memory.write(self._position, self._job.now)
            store.write_position(tx, log_position_name(name), self._position, self._job.now)
            self._job.memory.upsert_task_status(name, "load", "load", "completed")
            self._job.memory.upsert_task_status(
                name, "log", "detect", "completed", from_ms(self._position.get("latest", 0))
            )
            events = self._findings.events_of(self._alerts)
            notes = store_findings(tx, self._job.project, self._job.memory.clock, events)
        self._report.notes.extend(notes)
        self._alerts, self._rejected, self._lines = [], [], 0

    def _renew(self) -> None:
        """Keep the lease while reading goes on, however long that takes."""
        seconds = sum(self._job.options.timeouts[step].total_seconds() for step in self._job.options.steps)
        seconds = min(seconds, LONGEST_LEASE_SECONDS)
        if time.monotonic() - self._renewed_at > seconds / 4:
            self._lease = self._job.memory.renew(self._lease, seconds)
            self._renewed_at = time.monotonic()

    def _write_dead_letters(self) -> Any:
        from tocsin.sources.log_files import DeadLetters

        path = self._job.project.dead_letters / f"{self._job.monitor.name}.jsonl"
        position = DeadLetters(path).append(
            self._rejected, self._position.get("dead_letters"), now=self._job.now
        )
        note = f"rejected lines are kept in {path}, each with the reason"
        if position["lost"]:
            note += f"; there was no space for {position['lost']:,} of them"
        if note not in self._report.notes:
            self._report.notes.append(note)
        return position

    def _note_success(self) -> None:
        """Forget an old failure when there was nothing to read."""
        tasks = self._job.memory.execute_query(
            f"SELECT status FROM {self._job.memory.get_full_table_name('_tocsin_tasks')}"
            " WHERE metric_name = %(monitor)s AND process_type = 'load' AND status <> 'completed'",
            {"monitor": self._job.monitor.name},
        )
        if tasks:
            with self._job.memory.transaction(lease=self._lease):
                self._job.memory.upsert_task_status(self._job.monitor.name, "load", "load", "completed")

    # -- deciding ---------------------------------------------------------------------------------------

    def decide(self) -> None:
        """Decide about what is not decided yet: by a rule that is new, or since runs without this step."""
        latest = self._position.get("latest")
        if latest is None or not self._rules:
            return
        positions = [self._evaluated.get(rule.name, -1) for rule in self._rules]
        if min(positions) >= latest - 1 and "late_from" not in self._position:
            return
        with self._job.memory.transaction(lease=self._lease) as tx:
            self._evaluate(tx)
            store.write_position(tx, log_position_name(self._job.monitor.name), self._position, self._job.now)

    def _note_late(self, first: int | None) -> None:
        """Note from where to decide again: an anomaly may be older than what was evaluated."""
        if first is not None and first <= max(self._evaluated.values(), default=-1):
            self._position["late_from"] = min(first, self._position.get("late_from", first))

    def _evaluate(self, tx: Transaction) -> None:
        late = self._position.pop("late_from", None)
        if not self._rules:
            return
        monitor = self._job.monitor.name
        # What was evaluated stays so, also when the position went back.
        until = max([self._position.get("latest", 0), *(at + 1 for at in self._evaluated.values())])
        ids = [detector.get_detector_id() for detector in self._job.monitor.detectors]
        quiet = [round((rule.keep_firing_for or timedelta(0)).total_seconds() * 1000) for rule in self._rules]
        lines = LineFacts(self._findings, tx, monitor, ids, until=until, quiet_ms=quiet)
        evaluate(
            tx,
            monitor=monitor,
            series=monitor,
            rules=self._rules,
            detector_ids=ids,
            interval_ms=1,
            rejudged_from=None if late is None else np.datetime64(late, "ms"),
            now=self._job.now,
            context={
                "project": self._job.options.project,
                "description": self._config.description,
                "tags": list(self._config.tags),
            },
            read=lines.read,
            findings=lines.at,
            tags=self._config.tags,
        )
        evaluated = task_positions(tx, monitor, "alert").get(monitor, {})
        self._evaluated = {name: to_ms(instant) for name, instant in evaluated.items()}
