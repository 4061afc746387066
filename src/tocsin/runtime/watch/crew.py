"""The monitors of a project as it was read: when each is due, and how it is run."""

from __future__ import annotations

import threading
import time
import zlib
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tocsin.runtime.config.monitors import BrokenMonitor, EventsMonitor, LogMonitor, MetricMonitor
from tocsin.runtime.databases import Sources
from tocsin.runtime.gate import Gate
from tocsin.runtime.pipeline import STEPS, MonitorRunner, RunOptions, lease_name
from tocsin.runtime.watch.heap import free_cache
from tocsin.runtime.watch.look import FolderLook, LogLook
from tocsin.runtime.watch.schedule import Timing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tocsin.abc import Clock
    from tocsin.database import BaseDatabaseManager
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.config.monitors import Monitor
    from tocsin.runtime.run_report import MonitorReport
    from tocsin.runtime.watch.look import Look

__all__ = ["Crew"]

LOOK_EVERY = 1.0
"""Seconds between two looks at a log, or at a folder of events."""

_SHORTEST_INTERVAL = 1.0
_SPREAD, _LONGEST_SPREAD = 0.1, 30.0
_EVENTS_AT_ONCE = 20_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Crew:
    """What a watch works with until the project is read again.

    Args:
        project: The project.
        monitors: Those of its monitors that were chosen.
        memory: The project's memory.
        clock: The present.

    Attributes:
        project: See above.
        monitors: Those that are worked on, by the names of their leases.
        told_only: How many there are besides: their events are in the store, and are told of from there.
        notes: What there is to say about those that are not.
    """

    def __init__(
        self, project: Project, monitors: Sequence[Monitor], memory: BaseDatabaseManager, clock: Clock
    ) -> None:
        self.project = project
        self.monitors: dict[str, MetricMonitor | LogMonitor | EventsMonitor] = {}
        self.told_only = 0
        self.notes: list[str] = []
        self._memory, self._clock = memory, clock
        self._looks: dict[str, Look] = {}
        timeouts = {step: getattr(project.config.timeouts, step) for step in STEPS}
        self._options = RunOptions(
            project=project.config.name, timeouts=timeouts, events_limit=_EVENTS_AT_ONCE
        )
        self._sources = Sources(project, clock)
        self._gate = Gate()
        self._lock = threading.Lock()
        self._runners: set[MonitorRunner] = set()
        self._in_hand = 0
        self._retired = False
        for monitor in monitors:
            self._admit(monitor)

    def _admit(self, monitor: Monitor) -> None:
        if isinstance(monitor, BrokenMonitor):
            self.notes.append(f"{monitor.name} is not run: {monitor.error}")
            return
        if not monitor.config.enabled:
            return
        key = lease_name(monitor)
        if isinstance(monitor, LogMonitor):
            if monitor.config.source.stdin:
                self.notes.append(
                    f"{monitor.name} is not followed: it reads standard input, which `tocsin run` does"
                )
                return
            self._looks[key] = LogLook(monitor.config.source, self.project.folder)
        elif isinstance(monitor, EventsMonitor):
            if monitor.config.source is None:
                self.told_only += 1
                return
            self._looks[key] = FolderLook(monitor.config.source, self.project.folder)
        self.monitors[key] = monitor

    @property
    def size(self) -> int:
        """How many monitors are watched: those that are worked on, and those that are told of only."""
        return len(self.monitors) + self.told_only

    def timings(self) -> dict[str, Timing]:
        """Say when each monitor is due."""
        return {key: _timing(key, monitor) for key, monitor in self.monitors.items()}

    def is_urgent(self, key: str) -> bool:
        """Say whether a monitor comes first: a look costs next to nothing."""
        return key in self._looks

    def run(self, key: str) -> MonitorReport | None:
        """Run a monitor, or give `None` when there is nothing new for it; whatever fails is in the report."""
        monitor, look = self.monitors[key], self._looks.get(key)
        with self._at_work():
            if look is not None and not look.is_due(time.monotonic()):
                return None
            with self._runner(monitor) as runner:
                report = runner.run_one(monitor)
            free_cache(self._memory)
            if look is not None:
                look.ran(report.status, time.monotonic())
            return report

    def give_up(self) -> None:
        """Give all leases back: what is under way ends at its next write."""
        with self._lock:
            runners = list(self._runners)
        for runner in runners:
            runner.stop()

    def retire(self) -> None:
        """Close the sources once nothing is under way; there is another crew."""
        with self._lock:
            self._retired = True
            is_free = not self._in_hand
        if is_free:
            self._sources.close()

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        with self._lock:
            self._in_hand += 1
        try:
            yield
        finally:
            with self._lock:
                self._in_hand -= 1
                is_last = self._retired and not self._in_hand
            if is_last:
                self._sources.close()

    @contextmanager
    def _runner(self, monitor: MetricMonitor | LogMonitor | EventsMonitor) -> Iterator[MonitorRunner]:
        """Give what runs a monitor.

        Metrics pass one gate. A log or a folder of events has a gate to itself, since it keeps it while
        a file system may hang.
        """
        own = self._own_sources(monitor)
        gate = self._gate if isinstance(monitor, MetricMonitor) else Gate()
        runner = MonitorRunner(
            self._memory, own or self._sources, self.project, self._options, self._clock, gate=gate
        )
        with self._lock:
            self._runners.add(runner)
        try:
            yield runner
        finally:
            with self._lock:
                self._runners.discard(runner)
            if own is not None:
                own.close()

    def _own_sources(self, monitor: MetricMonitor | LogMonitor | EventsMonitor) -> Sources | None:
        """Open a database that is a file for one run only.

        While we hold a DuckDB file open nobody can write it, and a file may be replaced by another. Events
        are imported over a connection with a large cache, which goes with it.
        """
        if isinstance(monitor, EventsMonitor):
            return Sources(self.project, self._clock) if self.project.memory_server is None else None
        if not isinstance(monitor, MetricMonitor) or monitor.config.source == "events":
            return None
        profile = self.project.profiles[monitor.profile_in(self.project)]
        is_file = profile.type == "sqlite" or (
            profile.type == "duckdb" and profile.path not in (None, ":memory:")
        )
        return Sources(self.project, self._clock) if is_file else None


def _timing(key: str, monitor: MetricMonitor | LogMonitor | EventsMonitor) -> Timing:
    place = zlib.crc32(key.encode()) / 2**32  # the same after every start
    if not isinstance(monitor, MetricMonitor):
        return Timing(LOOK_EVERY, place * LOOK_EVERY)
    config = monitor.config
    interval = max(config.interval.milliseconds / 1000, _SHORTEST_INTERVAL)
    spread = place * min(interval * _SPREAD, _LONGEST_SPREAD)
    phase = (config.anchor - _EPOCH).total_seconds() + config.loading_delay.total_seconds()
    return Timing(interval, (phase + spread) % interval)
