"""Runs monitors: each under its lease, each step resumable, one failing monitor never stops the others."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

from tocsin.database.leases import LONGEST_LEASE_SECONDS, this_process
from tocsin.errors import (
    ConfigError,
    LeaseLostError,
    StoreFullError,
    StoreLockedError,
    StoreReadOnlyError,
    TocsinError,
)
from tocsin.runtime.alerts.delivery import Delivery
from tocsin.runtime.alerts.waiting import anything_waits
from tocsin.runtime.clock import whole_milliseconds
from tocsin.runtime.config.monitors import BrokenMonitor, EventsMonitor, LogMonitor, MetricMonitor
from tocsin.runtime.databases import Sources
from tocsin.runtime.gate import Gate, GatedSource
from tocsin.runtime.job import Job
from tocsin.runtime.metrics.detect_step import judge_metric
from tocsin.runtime.metrics.load_position import forget_verdicts
from tocsin.runtime.metrics.load_step import load_metric
from tocsin.runtime.project_state import break_leases, last_update, lease_holder
from tocsin.runtime.run_report import MonitorReport, RunReport, RunStatus
from tocsin.threads import map_in_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from tocsin.abc import Clock
    from tocsin.database import BaseDatabaseManager
    from tocsin.model import Lease
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.config.monitors import Monitor

    Sound: TypeAlias = MetricMonitor | LogMonitor | EventsMonitor

__all__ = [
    "STEPS",
    "MonitorRunner",
    "RunListener",
    "RunOptions",
    "lease_name",
    "note_on_clock",
    "run_monitors",
]

STEPS = ("load", "detect", "alert")
_CLOCK_TOLERANCE = timedelta(minutes=2)
_STOPPED = "the run was stopped"
_M = TypeVar("_M", MetricMonitor, LogMonitor, EventsMonitor)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run is asked to do.

    Attributes:
        steps: Which of `load`, `detect`, `alert`.
        start: Load and judge again from this instant on (`--from`), or go on where the last run ended.
        end: Load up to this instant (`--to`), exclusive.
        full_refresh: Forget series and verdicts first; what was told stays known.
        force: Take a lease over, whoever holds it.
        threads: How many monitors are worked on at once.
        project: The project's name; it is part of what makes a message's id its own.
        timeouts: How long each step may take; a monitor's lease lasts for the sum of those of its steps.
        events_limit: Take no further file of a folder of events after so many; `None` takes all.
    """

    steps: tuple[str, ...] = STEPS
    start: datetime | None = None
    end: datetime | None = None
    full_refresh: bool = False
    force: bool = False
    threads: int = 1
    project: str = ""
    timeouts: Mapping[str, timedelta] = field(
        default_factory=lambda: dict.fromkeys(STEPS, timedelta(hours=1))
    )
    events_limit: int | None = None


class RunListener(Protocol):
    """Hears how a run goes on; called from the threads of the run."""

    def started(self, monitor: str) -> None:
        """A monitor is being worked on."""

    def progressed(self, monitor: str, done: int, total: int) -> None:
        """So many bytes of a log, of so many, were read."""

    def decided(self, done: int, total: int) -> None:
        """So many stored events, of so many, were looked at to decide who is told."""

    def finished(self, report: MonitorReport) -> None:
        """A monitor is done."""


def lease_name(monitor: Monitor) -> str:
    """Name the lease of a monitor."""
    return f"{monitor.kind}:{monitor.name}"


def run_monitors(
    project: Project,
    monitors: Sequence[Monitor],
    memory: BaseDatabaseManager,
    options: RunOptions,
    *,
    clock: Clock,
    listener: RunListener | None = None,
) -> RunReport:
    """Run the steps over monitors, then decide who is told, and deliver what is in the outbox.

    Errors of a monitor are in its report; nothing is raised for them.
    """
    report = RunReport()
    note = note_on_clock(memory, clock)
    if note is not None:
        report.notes.append(note)
    with Sources(project, clock) as sources:
        runner = MonitorRunner(memory, sources, project, options, clock, listener)
        # What metrics count is to be there before they count it.
        events = [monitor for monitor in monitors if monitor.kind == "events"]
        others = [monitor for monitor in monitors if monitor.kind != "events"]
        done = _run_all(runner, events, options.threads) + _run_all(runner, others, options.threads)
    reports = dict(zip(map(id, [*events, *others]), done, strict=True))
    report.monitors.extend(reports[id(monitor)] for monitor in monitors)
    if "alert" in options.steps:
        delivery = Delivery(project, memory, clock)

        def between(done: int, total: int) -> None:
            if listener is not None:
                listener.decided(done, total)
            delivery.send_in_between()

        try:
            _notify(project, memory, clock, report, between)
            delivery.send_all()
        except TocsinError as error:  # what was found is kept, and sent by a later run
            report.failed = True
            report.notes.append(f"messages could not be sent: {error}")
        delivery.add_to(report)
    return report


def _notify(
    project: Project,
    memory: BaseDatabaseManager,
    clock: Clock,
    report: RunReport,
    between: Callable[[int, int], None],
) -> None:
    """Decide who is told of what was found; nobody may come back soon, so that nothing waits for others."""
    if not anything_waits(project, memory):
        return
    from tocsin.runtime.alerts.notify_step import notify

    told = notify(project, memory, clock=clock, close_all=True, between=between)
    report.notes.extend(told.notes)
    report.decisions.update({name: getattr(told, name) for name in report.decisions})


def _run_all(runner: MonitorRunner, monitors: Sequence[Monitor], threads: int) -> list[MonitorReport]:
    if threads == 1 or len(monitors) < 2:  # noqa: PLR2004
        return [runner.run_one(monitor) for monitor in monitors]
    return map_in_threads(runner.run_one, monitors, threads, stop=runner.stop)


def note_on_clock(memory: BaseDatabaseManager, clock: Clock) -> str | None:
    """Say when the clock is behind what the memory has seen: `now` decides which intervals are complete."""
    last, now = last_update(memory), clock.now()
    if last is None or now >= last - _CLOCK_TOLERANCE:
        return None
    minutes = (last - now).total_seconds() / 60
    return (
        f"the clock is {minutes:.0f} min behind the last run ({last:%Y-%m-%d %H:%M:%S} UTC): nothing is "
        "lost, but sources without an end of their own give no new points until it has caught up"
    )


class MonitorRunner:
    """Runs one monitor after the other, each under its lease; its methods may be called by many threads.

    Args:
        memory: The project's memory.
        sources: What series are read from.
        project: The project.
        options: What is asked for.
        clock: The present.
        listener: Who hears of it.
        gate: What a thread has to pass to work; by default a gate of its own.
    """

    def __init__(
        self,
        memory: BaseDatabaseManager,
        sources: Sources,
        project: Project,
        options: RunOptions,
        clock: Clock,
        listener: RunListener | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._memory, self._sources, self._project = memory, sources, project
        self._options, self._clock, self._listener = options, clock, listener
        self._owner = this_process()
        self._leases: set[Lease] = set()
        self._gate = Gate() if gate is None else gate
        self._is_stopped = False

    def stop(self) -> None:
        """Begin no further monitor, and give all leases back: what is under way ends at its next write."""
        self._is_stopped = True
        for lease in tuple(self._leases):
            self._release(lease)

    def run_one(self, monitor: Monitor) -> MonitorReport:
        """Run one monitor; whatever goes wrong is in its report."""
        with self._gate.inside():
            return self._run_one(monitor)

    def _run_one(self, monitor: Monitor) -> MonitorReport:
        report = MonitorReport(monitor.name, monitor.kind)
        if self._is_stopped:  # since this thread has taken it, or waits for the gate
            report.status, report.error = RunStatus.SKIPPED, _STOPPED
            return report
        if self._listener is not None:
            self._listener.started(monitor.name)
        if isinstance(monitor, BrokenMonitor):
            _fail(report, monitor.error)
        elif not monitor.config.enabled:
            report.status, report.error = RunStatus.SKIPPED, "it is not enabled"
        else:
            self._run_leased(monitor, report)
        if self._listener is not None:
            self._listener.finished(report)
        return report

    def _run_leased(self, monitor: Sound, report: MonitorReport) -> None:
        try:
            lease = self._acquire(monitor, report)
            if lease is None:
                return
            try:
                self._leases.add(lease)
                if self._is_stopped:  # since this thread has waited for the gate, or for the lease
                    report.status, report.error = RunStatus.SKIPPED, _STOPPED
                    return
                self._run_steps(monitor, lease, report)
            except LeaseLostError:
                raise
            except Exception as error:
                self._record_failure(monitor, lease, error)
                raise
            finally:
                self._release(lease)
                self._leases.discard(lease)
        except LeaseLostError as error:
            report.status, report.error = RunStatus.SKIPPED, f"another run took over: {error}"
        except TocsinError as error:
            _fail(report, error)
        except Exception as error:  # noqa: BLE001  # the border between a monitor and the run: the others go on
            _log.debug("monitor %s failed", monitor.name, exc_info=True)
            report.status, report.error = RunStatus.FAILED, _sentence(error)

    def _acquire(self, monitor: Sound, report: MonitorReport) -> Lease | None:
        name = lease_name(monitor)
        if self._options.force:
            break_leases(self._memory, [name])
        timeout = sum(self._options.timeouts[step].total_seconds() for step in self._options.steps)
        timeout = min(timeout, LONGEST_LEASE_SECONDS)
        lease = self._memory.acquire_lease(name, self._owner, timeout)
        if lease is None:
            report.status = RunStatus.SKIPPED
            report.error = f"another run works on it ({lease_holder(self._memory, name)})"
        return lease

    def _run_steps(self, monitor: Sound, lease: Lease, report: MonitorReport) -> None:
        now = whole_milliseconds(self._clock.now().astimezone(UTC))
        if isinstance(monitor, LogMonitor):
            from tocsin.runtime.logs.step import run_log

            run_log(self._job(monitor, lease, report, now))
            return
        if isinstance(monitor, EventsMonitor):
            if "load" in self._options.steps:
                from tocsin.runtime.events.step import run_events

                limit = self._options.events_limit
                run_events(self._job(monitor, lease, report, now), self._sources.events(), limit=limit)
            return
        job = self._job(monitor, lease, report, now)
        if "load" in self._options.steps:
            with self._gate.outside():  # who is connected to may take a long time
                source = self._sources.of_metric(monitor)
            load_metric(job, GatedSource(source, self._gate))
        elif self._options.full_refresh:
            with self._memory.transaction(lease=lease) as tx:
                forget_verdicts(tx, monitor.name)
        if "detect" in self._options.steps or "alert" in self._options.steps:
            judge_metric(job)

    def _job(self, monitor: _M, lease: Lease, report: MonitorReport, now: datetime) -> Job[_M]:
        listener = self._listener

        def progress(done: int, total: int) -> None:
            if listener is not None:
                listener.progressed(report.name, done, total)

        return Job(
            monitor, self._project, self._memory, lease, self._options, report, now, self._gate, progress
        )

    def _release(self, lease: Lease) -> None:
        try:
            self._memory.release(lease)
        except TocsinError as error:  # the store has failed; when this process has ended, the lease is free
            _log.warning("the lease %s could not be released: %s", lease.name, error)

    def _record_failure(self, monitor: Sound, lease: Lease, error: Exception) -> None:
        if isinstance(error, StoreFullError | StoreLockedError | StoreReadOnlyError):
            return  # the store itself is what failed
        try:
            with self._memory.transaction(lease=lease):
                self._memory.upsert_task_status(
                    monitor.name, "load", "load", "failed", error_message=_sentence(error)
                )
        except TocsinError as further:
            _log.warning("the failure of %s could not be recorded: %s", monitor.name, further)


def _sentence(error: Exception) -> str:
    if isinstance(error, TocsinError):
        return str(error)
    return f"unexpected error, please report it: {type(error).__name__}: {error}"


def _fail(report: MonitorReport, error: TocsinError) -> None:
    report.status, report.error = RunStatus.FAILED, str(error)
    report.bad_configuration = isinstance(error, ConfigError)
