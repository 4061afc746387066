"""`tocsin run`: loads what is new, judges it, tells what is to be told."""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.console import (
    ExcludeOption,
    JsonOption,
    ProfileOption,
    ProjectDir,
    SelectOption,
    ThreadsOption,
    check_window,
    console,
    count,
    parse_time,
    print_json,
    thread_count,
    visible_lines,
    warn,
)
from tocsin.cli.findings import print_findings
from tocsin.threads import Asked, EndRequests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from rich.progress import TaskID

    from tocsin.runtime.run_report import MonitorReport, RunReport

__all__ = ["NO_NEWS", "report_line", "run"]

NO_NEWS = "nothing new"
"""What is said of a monitor for which there was nothing to do."""

_ALLOCATIONS = 200_000
_ASKED_TO_END = b"asked to end: finishing what is in hand; once more ends it at once\n"


def run(
    *,
    project_dir: ProjectDir = Path(),
    select: SelectOption = None,
    exclude: ExcludeOption = None,
    steps: Annotated[
        str, typer.Option("--steps", help="Which steps, with commas.", metavar="STEPS")
    ] = "load,detect,alert",
    start: Annotated[
        str | None,
        typer.Option("--from", help="Load and judge again from this time on (UTC).", metavar="TIME"),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Load up to this time (UTC), exclusive.", metavar="TIME")
    ] = None,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Forget series, verdicts and what logs have learned first.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Take over from another run.")] = False,
    profile: ProfileOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load what is new, detect anomalies, send alerts.

    Run again, it does only what is new; killed at any point, the next run goes on from there. One failing
    monitor does not stop the others. Exit code 1 when one failed, 2 when its configuration is wrong.
    """
    from tocsin.errors import ConfigError
    from tocsin.runtime.clock import SystemClock, whole_milliseconds
    from tocsin.runtime.config.loader import load_project
    from tocsin.runtime.databases import open_memory
    from tocsin.runtime.pipeline import STEPS, RunOptions, run_monitors
    from tocsin.runtime.project_state import monitors_in_state
    from tocsin.runtime.selection import select_monitors

    chosen_steps = tuple(step.strip() for step in steps.split(",") if step.strip())
    unknown = [step for step in chosen_steps if step not in STEPS]
    if unknown or not chosen_steps:
        raise ConfigError(f"--steps {steps!r} is not understood", hint=f"steps are {', '.join(STEPS)}")
    project = load_project(project_dir.resolve(), profile)
    clock = SystemClock()
    with open_memory(project, clock) as memory:
        monitors = select_monitors(
            project.monitors, select, exclude, in_state=lambda state: monitors_in_state(memory, state)
        )
        options = RunOptions(
            steps=tuple(step for step in STEPS if step in chosen_steps),
            start=parse_time(start, "--from"),
            end=parse_time(end, "--to"),
            full_refresh=full_refresh,
            force=force,
            threads=thread_count(threads),
            project=project.config.name,
            timeouts={step: getattr(project.config.timeouts, step) for step in STEPS},
        )
        check_window(options.start, options.end)
        with _Progress(len(monitors), quiet=as_json) as progress, _ended_by_signals(), _rare_collections():
            began = whole_milliseconds(clock.now())
            report = run_monitors(project, monitors, memory, options, clock=clock, listener=progress)
        if as_json:
            print_json(report.to_dict())
        else:
            print_findings(memory, (began, clock.now()), report)
            _print_summary(report)
    for note in report.notes:
        warn(note)
    sys.exit(report.exit_code)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End when asked to: transactions undone, leases given back, and the exit code says by which signal.

    A query in another thread is waited for. Whoever asks twice does not want to: the process ends at once.
    """
    requests = EndRequests()

    def end(number: int, frame: object) -> None:  # noqa: ARG001  # the signature of a handler
        asked = requests.take(number)
        if asked is Asked.AGAIN:
            os._exit(128 + number)  # leases of a dead process are free
        if asked is Asked.SAME:
            return
        with suppress(OSError):  # not by a stream, which may be at writing just now
            os.write(2, _ASKED_TO_END)
        raise KeyboardInterrupt

    chosen = (signal.SIGINT, signal.SIGTERM) if current_thread() is main_thread() else ()
    before = [(number, signal.signal(number, end)) for number in chosen]
    try:
        yield
    except KeyboardInterrupt:
        warn("stopped; the next run goes on from here")
        sys.exit(128 + (requests.number or signal.SIGINT))
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Look for cycles of garbage rarely: the events of a log are many objects, and none is in a cycle."""
    before = gc.get_threshold()
    gc.set_threshold(_ALLOCATIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _Progress:
    """A bar on a terminal, a line a monitor in a pipe, nothing beside `--json`."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        self._total, self._done, self._quiet = total, 0, quiet
        self._bar = None
        self._task: TaskID | None = None
        if not quiet and sys.stderr.isatty():
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("run", total=total)

    def started(self, monitor: str) -> None:
        if self._bar is not None and self._task is not None:
            from rich.markup import escape

            self._bar.update(self._task, description=escape(monitor))

    def progressed(self, monitor: str, done: int, total: int) -> None:
        if self._bar is not None and self._task is not None and total:
            from rich.markup import escape

            self._bar.update(self._task, description=f"{escape(monitor)} {done / total:.0%}")

    def decided(self, done: int, total: int) -> None:
        if self._bar is not None and self._task is not None and total:
            self._bar.update(self._task, description=f"who is told: {done:,} of {total:,} events")

    def finished(self, report: MonitorReport) -> None:
        self._done += 1
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done)
        if not self._quiet:
            line = f"[{self._done}/{self._total}] {report.name}: {report_line(report)}"
            if self._bar is not None:
                self._bar.console.print(line, markup=False)
            else:
                typer.echo(line, err=True)
            for note in report.notes:
                text = f"    {visible_lines(note)}"
                if self._bar is not None:  # above the bar, and not behind it; the terminal wraps it
                    self._bar.console.print(text, markup=False, soft_wrap=True)
                else:
                    typer.echo(text, err=True)
        else:  # standard output belongs to the one JSON object
            for note in report.notes:
                warn(f"{report.name}: {note}")

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def report_line(report: MonitorReport) -> str:
    """Say in a line what was done for a monitor."""
    if report.error is not None:
        return f"{report.status}: {visible_lines(report.error)}"
    read = report.points_loaded or report.points_detected or report.rows_rejected or report.lines_read
    taken = report.events_new or report.events_duplicate or report.events_rejected or report.events_waiting
    if not (read or taken or report.alerts_sent):
        return NO_NEWS
    parts = [f"{count(report.points_loaded, 'point')} loaded", f"{report.points_detected:,} judged"]
    if report.kind == "log":
        parts = [f"{count(report.lines_read, 'line')} read"]
    if report.kind == "events":
        parts = [count(report.events_new, "new event")] if report.events_new else []
    else:
        parts.append(count(report.anomalies, "anomaly", "anomalies"))
    for number, noun, done in (
        (report.rows_merged, "row", "merged"),
        (report.rows_rejected, "row", "rejected"),
        (report.lines_rejected, "line", "rejected"),
        (report.events_duplicate, "event", "there already"),
        (report.events_rejected, "event", "rejected"),
        (report.events_waiting, "event", "to look at"),
        (report.alerts_sent, "alert", "sent"),
    ):
        if number:
            parts.append(f"{count(number, noun)} {done}")
    return ", ".join(parts)


def _print_summary(report: RunReport) -> None:
    totals = report.totals
    failed = sum(monitor.status == "failed" for monitor in report.monitors)
    skipped = sum(monitor.status == "skipped" for monitor in report.monitors)
    text = (
        f"{count(len(report.monitors), 'monitor')}: "
        + (f"{count(totals['lines_read'], 'line')} read, " if totals["lines_read"] else "")
        + (f"{count(totals['events_new'], 'new event')}, " if totals["events_new"] else "")
        + (
            f"{count(totals['points_loaded'], 'point')} loaded, {totals['points_detected']:,} judged, "
            if any(monitor.kind == "metric" for monitor in report.monitors)
            else ""
        )
        + (
            f"{count(totals['anomalies'], 'anomaly', 'anomalies')}, "
            if any(monitor.kind != "events" for monitor in report.monitors)
            else ""
        )
        + f"{count(totals['alerts_sent'], 'alert')} sent"
    )
    for kind, words in (("held", "held back"), ("silenced", "silenced"), ("inhibited", "inhibited")):
        if report.decisions[kind]:
            text += f", {report.decisions[kind]:,} {words}"
    if failed:
        text += f"; {failed} failed"
    if skipped:
        text += f"; {skipped} skipped"
    typer.echo(text)
