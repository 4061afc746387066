"""`tocsin watch`: runs all monitors when they are due, until it is asked to end."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from queue import Full, Queue
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.console import (
    ExcludeOption,
    ProfileOption,
    ProjectDir,
    SelectOption,
    ThreadsOption,
    thread_count,
    visible_lines,
)
from tocsin.cli.run import NO_NEWS, report_line
from tocsin.threads import Asked, EndRequests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

    from tocsin.abc import Clock
    from tocsin.runtime.run_report import MonitorReport
    from tocsin.runtime.watch import Watch

__all__ = ["watch"]

_ALLOCATIONS = 50_000
_DEFAULT_LISTEN = "127.0.0.1:9187"
_MOST_LINES = 10_000
_LAST_WORDS = 2.0


def watch(
    *,
    project_dir: ProjectDir = Path(),
    select: SelectOption = None,
    exclude: ExcludeOption = None,
    profile: ProfileOption = None,
    threads: ThreadsOption = None,
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen",
            help=f"Where to show metrics and health; port 0: a free one [{_DEFAULT_LISTEN}].",
            metavar="HOST:PORT",
            show_default=False,
        ),
    ] = None,
    no_listen: Annotated[bool, typer.Option("--no-listen", help="Show no metrics and health.")] = False,
    patience: Annotated[
        float,
        typer.Option(
            "--patience",
            min=0,
            max=3600,
            help="Seconds that work in hand is waited for at the end.",
            metavar="SECONDS",
        ),
    ] = 20.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object a line for each piece of work.")
    ] = False,
) -> None:
    """Run everything when it is due, until stopped.

    Metrics by their interval, logs and folders of events as they grow; what is found is told and sent.
    SIGTERM or Ctrl-C ends it when what is in hand is finished, a second one at once. SIGHUP reads the project
    again. Exit code 0 when it was asked to end.
    """
    wishes: list[int] = []  # SIGHUP would end a process that has not begun
    signal.signal(signal.SIGHUP, lambda number, _: wishes.append(number))
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.config.loader import load_project
    from tocsin.runtime.databases import open_memory
    from tocsin.runtime.watch import Watch, WatchOptions

    clock = SystemClock()
    folder = project_dir.resolve()
    options = WatchOptions(
        select=select,
        exclude=exclude,
        threads=thread_count(threads),
        listen=None if no_listen else _address(listen or _DEFAULT_LISTEN),
        must_listen=listen is not None,
        patience=patience,
    )
    memory = open_memory(load_project(folder, profile), clock)
    lines = _Lines(clock, as_json=as_json)
    try:
        watching = Watch(lambda: load_project(folder, profile), memory, options, clock=clock, listener=lines)
        _listen_to_signals(watching)
        if wishes:
            watching.ask_to_reload()
        gc.set_threshold(_ALLOCATIONS)
        sys.setswitchinterval(0.001)  # a thread that computes lets the others in sooner
        unfinished = watching.run()
    except BaseException:
        memory.close()
        raise
    finally:
        heard = lines.close()
    if not unfinished:
        memory.close()
    if unfinished or not heard:  # a thread that hangs, in a driver or in writing, must not keep the process
        os._exit(0)


def _address(text: str) -> tuple[str, int]:
    from tocsin.errors import ConfigError

    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:  # noqa: PLR2004 - the last port
        raise ConfigError(f"--listen {text!r} is not an address", hint="write 127.0.0.1:9187 or [::1]:9187")
    return host, int(port)


def _listen_to_signals(watching: Watch) -> None:
    requests = EndRequests()

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # the signature of a handler
        asked = requests.take(number)
        if asked is Asked.AGAIN:
            os._exit(128 + number)  # leases of a dead process are free
        if asked is Asked.FIRST:
            watching.ask_to_stop()

    def reload(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        watching.ask_to_reload()

    handlers: Mapping[signal.Signals, Callable[[int, FrameType | None], None]] = {
        signal.SIGTERM: end,
        signal.SIGINT: end,
        signal.SIGHUP: reload,
    }
    for number, handler in handlers.items():
        signal.signal(number, handler)


class _Lines:
    """Writes a line for what was done: for people to standard error, as JSON to standard output.

    A thread of its own writes, so that a reader that does not read stops nothing: what is too much is left
    out, and that is said. An error of a monitor, or of another part of the watch, that stays the same is
    written once for people, until it is over.
    """

    def __init__(self, clock: Clock, *, as_json: bool) -> None:
        self._clock, self._as_json = clock, as_json
        self._lock = threading.Lock()
        self._errors: dict[str, str] = {}
        self._waiting: Queue[str | None] = Queue(_MOST_LINES)
        self._left_out = 0
        self._writer = threading.Thread(target=self._write_all, name="tocsin-lines", daemon=True)
        self._writer.start()

    def ran(self, report: MonitorReport, seconds: float) -> None:
        """See `WatchListener`."""
        if self._as_json:
            self._print(
                {"what": "run", "seconds": round(seconds, 4), **report.to_dict(), "notes": report.notes}
            )
            return
        before = self._replace_error(f"{report.kind}:{report.name}", report.error)
        if report.error is not None and report.error == before:
            return
        line = report_line(report)
        if line == NO_NEWS and not report.notes:
            if before is None:
                return
            line = "works again"
        self._print_lines(f"{report.name}: {line}", *(f"    {note}" for note in report.notes))

    def said(self, what: str, text: str, facts: Mapping[str, Any] | None = None) -> None:
        """See `WatchListener`."""
        facts = facts or {}
        if self._as_json:
            self._print({"what": what, "text": text, **facts})
            return
        if "part" in facts:
            error = facts.get("error")
            if self._replace_error(facts["part"], error) == error:
                return
        self._print_lines(f"error: {text}" if what == "error" else text)

    def close(self) -> bool:
        """Write what waits, as far as somebody reads it within a few seconds; false: nobody does."""
        with suppress(Full):
            self._waiting.put(None, timeout=_LAST_WORDS)
        self._writer.join(_LAST_WORDS)
        return not self._writer.is_alive()

    def _replace_error(self, key: str, error: str | None) -> str | None:
        """Keep what was said last of a monitor or a part; give what was before."""
        with self._lock:
            before = self._errors.pop(key, None)
            if error is not None:
                self._errors[key] = error
        return before

    def _print(self, facts: dict[str, Any]) -> None:
        self._put(json.dumps({"at": f"{self._clock.now():%Y-%m-%dT%H:%M:%S.%f}Z", **facts}, default=str))

    def _print_lines(self, *lines: str) -> None:
        said = "\n".join((f"{self._clock.now():%Y-%m-%d %H:%M:%S}Z {lines[0]}", *lines[1:]))
        self._put(visible_lines(said))

    def _put(self, text: str) -> None:
        try:
            self._waiting.put_nowait(text)
        except Full:
            with self._lock:
                self._left_out += 1

    def _write_all(self) -> None:
        while (text := self._waiting.get()) is not None:
            with suppress(OSError, ValueError):  # who reads along has gone: the work goes on
                typer.echo(text, err=not self._as_json)
            with self._lock:
                left_out, self._left_out = self._left_out, 0
            if left_out:
                self.said("note", f"lines that nobody read in time, left out: {left_out:,}")
