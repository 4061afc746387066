"""The watch: one thread that decides what is begun, and hears what has ended."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING
from weakref import WeakSet

from tocsin.errors import ConfigError, TocsinError
from tocsin.runtime.config.monitors import BrokenMonitor
from tocsin.runtime.pipeline import note_on_clock
from tocsin.runtime.project_state import monitors_in_state
from tocsin.runtime.run_report import RunStatus
from tocsin.runtime.selection import select_monitors
from tocsin.runtime.watch.crew import Crew
from tocsin.runtime.watch.figures import Figures
from tocsin.runtime.watch.health import Health
from tocsin.runtime.watch.reload import merge_projects
from tocsin.runtime.watch.schedule import Moment, Schedule
from tocsin.runtime.watch.sending import Senders
from tocsin.runtime.watch.server import PageServer, json_page
from tocsin.runtime.watch.telling import Teller
from tocsin.runtime.watch.tending import Tender
from tocsin.runtime.watch.workers import Outcome, Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.abc import Clock
    from tocsin.database import BaseDatabaseManager
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.run_report import MonitorReport
    from tocsin.runtime.watch.listener import WatchListener
    from tocsin.runtime.watch.options import WatchOptions
    from tocsin.runtime.watch.server import Page

__all__ = ["Watch"]

_TICK = 1.0
_LAST_STEP = 2.0  # seconds for what is short, when all patience is used up
_WORTH_TELLING = (
    "points_loaded", "points_detected", "lines_read", "events_new", "events_duplicate", "events_rejected",
    "anomalies",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Reloaded:
    project: Project | None
    error: TocsinError | None


@dataclass(frozen=True, slots=True)
class _Asked:
    what: str  # `stop` or `reload`


class Watch:
    """One long-running process over one project.

    Telling, counting, pruning, each channel and each request for a page have a thread of their own, and
    monitors a bounded number of threads, so that what is slow delays nothing else.

    Args:
        load: Reads the project.
        memory: Its memory.
        options: What is asked for.
        clock: The present.
        listener: Who hears what is done.
    """

    def __init__(
        self,
        load: Callable[[], Project],
        memory: BaseDatabaseManager,
        options: WatchOptions,
        *,
        clock: Clock,
        listener: WatchListener,
    ) -> None:
        self._load, self._memory, self._options = load, memory, options
        self._clock, self._listener = clock, listener
        self._inbox: SimpleQueue[Outcome | _Reloaded | _Asked] = SimpleQueue()
        self._crews: WeakSet[Crew] = WeakSet()  # what a crew has in hand keeps it alive, and in here
        project = load()
        self._crew = self._crew_of(project)
        self._workers = Workers(options.threads, self._inbox.put)
        self._schedule = Schedule(self._moment())
        self._health = Health()
        self._figures = Figures(self._health.readings)
        self._senders = Senders(memory, clock, self._figures, listener, self._failed)
        self._teller = Teller(
            project, memory, clock, self._figures, listener, self._failed, self._senders.wake
        )
        self._tender = Tender(project, memory, clock, self._figures, listener, self._failed)
        self._health.look_after(self._workers, self._schedule, self._teller, self._senders, self._tender)
        self._page = self._open_page()
        self._reloading = self._asked_again = False

    def ask_to_stop(self) -> None:
        """Have the watch end; may be called by a signal handler."""
        self._inbox.put(_Asked("stop"))

    def ask_to_reload(self) -> None:
        """Have the project read again; may be called by a signal handler."""
        self._inbox.put(_Asked("reload"))

    def run(self) -> list[str]:
        """Work until asked to stop; give the names of what did not end in time."""
        self._begin()
        try:
            while self._turn():
                pass
        finally:
            unfinished = self._end()
        return unfinished

    # -- beginning and ending ---------------------------------------------------------------------------

    def _begin(self) -> None:
        listener, crew = self._listener, self._crew
        listener.said(
            "started",
            f"watching {_monitors(crew)} of {crew.project.config.name}",
            {"monitors": crew.size, "project": crew.project.config.name},
        )
        for note in crew.notes:
            listener.said("error", note)
        clock_is_behind = note_on_clock(self._memory, self._clock)
        if clock_is_behind is not None:
            listener.said("note", clock_is_behind)
        if self._page is not None:
            self._page.start()
            listener.said(
                "listening", f"metrics and health on {self._page.url}/metrics", {"url": self._page.url}
            )
        self._health.use(crew)
        self._schedule.replace(crew.timings(), self._moment())
        self._senders.use(crew.project)
        for routine in (self._teller.routine, self._tender.counting, self._tender.pruning):
            routine.start()

    def _end(self) -> list[str]:
        self._health.is_stopping = True
        self._listener.said("stopping", "asked to end: finishing what is in hand")
        self._workers.stop()
        unfinished = self._workers.join(self._options.patience)
        deadline = time.monotonic() + max(_LAST_STEP, self._options.patience)
        self._teller.routine.stop(after_another_step=True)  # what was found last is told, too
        self._tender.counting.stop()
        self._tender.pruning.stop()
        self._senders.stop()
        for routine in (self._teller.routine, self._tender.counting, self._tender.pruning):
            if not routine.join(max(0.0, deadline - time.monotonic())):
                unfinished.append(routine.name)
        hanging = self._senders.join(lambda: max(0.0, deadline - time.monotonic()))
        unfinished += [f"sending to {name}" for name in hanging]
        self._drain()
        try:
            if self._workers.running():
                for crew in self._crews:  # what hangs may have begun before a reload
                    crew.give_up()
            self._teller.release()
        except TocsinError as error:  # the memory; what a dead process had is free
            self._failed("stopping", error)
        if self._page is not None:
            self._page.close()
        if not unfinished:
            self._crew.retire()
        gone = f"; given up: {', '.join(unfinished)}" if unfinished else ""
        self._listener.said(
            "stopped", f"stopped; the next start goes on from here{gone}", {"given_up": unfinished}
        )
        return unfinished

    def _drain(self) -> None:
        """Hear of what ended at last."""
        while True:
            try:
                item = self._inbox.get_nowait()
            except Empty:
                return
            if isinstance(item, Outcome):
                self._hear(item)

    def _open_page(self) -> PageServer | None:
        if self._options.listen is None:
            return None
        host, port = self._options.listen

        def metrics(accept: str) -> Page:
            content, content_type = self._figures.page(accept)
            return 200, content_type, content

        pages = {
            "/metrics": metrics,
            "/healthz": lambda _: json_page(*self._health.alive()),
            "/readyz": lambda _: json_page(*self._health.ready()),
        }
        try:
            return PageServer(host, port, pages)
        except ConfigError as error:
            if self._options.must_listen:
                raise
            self._listener.said("error", f"no metrics and health: {error}")
            return None

    # -- a turn -----------------------------------------------------------------------------------------

    def _turn(self) -> bool:
        """Begin what is due, then wait for news; false: asked to stop."""
        now = self._moment()
        self._health.beat = now.monotonic
        for key in self._schedule.due(now):
            self._start(key)
        self._workers.replace_overdue()
        wait = self._schedule.wait(self._moment())
        try:
            item = self._inbox.get(timeout=_TICK if wait is None else min(wait, _TICK))
        except Empty:
            return True
        while True:
            if item == _Asked("stop"):
                return False
            self._take(item)
            try:
                item = self._inbox.get_nowait()
            except Empty:
                return True

    def _start(self, key: str) -> None:
        crew = self._crew
        if key not in crew.monitors or (key.startswith("events:") and self._teller.behind):
            self._schedule.done(key, self._moment())  # importing waits for telling
            return
        self._workers.submit(key, lambda: crew.run(key), urgent=crew.is_urgent(key))

    def _take(self, item: Outcome | _Reloaded | _Asked) -> None:
        if isinstance(item, Outcome):
            self._hear(item)
        elif isinstance(item, _Reloaded):
            self._reloading = False
            self._use(item)
            if self._asked_again:
                self._begin_to_read()
        elif self._reloading:  # what is being read may be older than this wish
            self._asked_again = True
        else:
            self._begin_to_read()

    def _hear(self, outcome: Outcome) -> None:
        now, key = self._moment(), outcome.name
        skipped = self._schedule.done(key, now)
        kind, _, name = key.partition(":")
        if not self._crew.is_urgent(key):
            self._figures.skipped(kind, name, skipped)
        if outcome.error is not None:
            self._failed(key, outcome.error)
        report: MonitorReport | None = outcome.result
        if report is None:
            return
        self._figures.ran(report, outcome.seconds, now.wall)
        self._health.ran(key, report)
        self._listener.ran(report, outcome.seconds)
        if report.status is not RunStatus.SKIPPED and any(getattr(report, count) for count in _WORTH_TELLING):
            self._teller.routine.wake()

    def _failed(self, part: str, error: BaseException | None) -> None:
        if error is None:
            self._listener.said("works", f"{part} works again", {"part": part})
            return
        self._figures.failed(part)
        text = str(error) if isinstance(error, TocsinError) else f"unexpected {type(error).__name__}: {error}"
        self._listener.said("error", f"{part} failed: {text}", {"part": part, "error": text})

    # -- reading the project again ----------------------------------------------------------------------

    def _begin_to_read(self) -> None:
        self._reloading, self._asked_again = True, False
        threading.Thread(target=self._read_again, name="tocsin-reload", daemon=True).start()

    def _read_again(self) -> None:
        try:
            self._inbox.put(_Reloaded(self._load(), None))
        except TocsinError as error:
            self._inbox.put(_Reloaded(None, error))
        except Exception as error:  # noqa: BLE001  # the border of a thread
            self._inbox.put(_Reloaded(None, ConfigError(f"unexpected {type(error).__name__}: {error}")))

    def _use(self, reloaded: _Reloaded) -> None:
        """Work with a project that was read again, unless something is wrong with it."""
        try:
            if reloaded.project is None:
                raise reloaded.error or ConfigError("the project cannot be read")
            project, kept = merge_projects(self._crew.project, reloaded.project)
            crew = self._crew_of(project)
        except TocsinError as error:
            self._figures.failed("reloading")
            self._listener.said("error", f"not reloaded, all goes on as before: {error}")
            return
        before, self._crew = self._crew, crew
        gone = before.monitors.keys() - crew.monitors.keys()
        for key in gone:
            kind, _, name = key.partition(":")
            self._figures.forget(kind, name)
        self._health.use(crew)
        self._schedule.replace(crew.timings(), self._moment())
        before.retire()
        self._teller.project = self._tender.project = project
        try:
            self._senders.use(project)
        except TocsinError as error:  # the memory: the next reload may have more luck
            self._figures.failed("reloading channels")
            self._listener.said("error", f"reloading channels failed: {error}")  # each time it was asked for
        self._teller.routine.wake()
        text = f"reloaded: {_monitors(crew)}"
        self._listener.said("reloaded", text, {"monitors": crew.size, "kept": [m.name for m in kept]})
        for monitor in kept:
            self._listener.said("error", f"{monitor.path.name} is broken, {monitor.name} goes on as before")
        for note in crew.notes:
            self._listener.said("error", note)

    def _crew_of(self, project: Project) -> Crew:
        monitors = select_monitors(
            project.monitors,
            self._options.select,
            self._options.exclude,
            in_state=lambda state: monitors_in_state(self._memory, state),
        )
        if all(isinstance(monitor, BrokenMonitor) for monitor in monitors):
            broken = next(monitor for monitor in monitors if isinstance(monitor, BrokenMonitor))
            raise broken.error
        crew = Crew(project, monitors, self._memory, self._clock)
        self._crews.add(crew)
        return crew

    def _moment(self) -> Moment:
        return Moment(self._clock.now().timestamp(), time.monotonic())


def _monitors(crew: Crew) -> str:
    return f"{crew.size:,} monitor{'' if crew.size == 1 else 's'}"
