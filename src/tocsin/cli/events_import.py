"""`tocsin events import`: takes events in from files, a queue or standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.console import JsonOption, console, count, print_json, visible, warn
from tocsin.cli.event_places import ProfileOption, ProjectDir, StoreOption, open_store
from tocsin.errors import ConfigError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from rich.progress import TaskID

    from tocsin.runtime.events.importing import ImportReport

__all__ = ["import_events"]

_SHOWN = 5


def import_events(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Files of events; - is standard input.", metavar="FILE", show_default=False),
    ] = None,
    *,
    mapping: Annotated[
        Path | None,
        typer.Option("--mapping", help="What the columns of CSV files are, a YAML file.", metavar="FILE"),
    ] = None,
    queue: Annotated[
        Path | None,
        typer.Option(
            "--queue", help="Work through the files of a folder; they are moved to done.", metavar="FOLDER"
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="With --queue: remove what is done.")] = False,
    ntp_times: Annotated[
        bool, typer.Option("--ntp-times", help="Read NTP timestamps, like 0xbc71f4f5.0xef449129.")
    ] = False,
    no_text_index: Annotated[
        bool,
        typer.Option("--no-text-index", help="When this makes the storage: faster, but without --text."),
    ] = False,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import events from files, a queue or standard input.

    IDEA as JSON, JSON lines or arrays, and CSV; compressed or not. Done again, after an interruption too, it
    finds what is there already as duplicates. What is no event is kept with the reason. Exit code 1 when a
    file could not be read to its end.
    """
    from tocsin.runtime.events.importing import import_files, import_queue
    from tocsin.sources.idea_files import STDIN, FolderQueue

    paths = files or []
    if bool(paths) == (queue is not None):
        raise ConfigError("say what to import", hint="name files, - for standard input, or --queue FOLDER")
    if "" in paths:  # an empty variable of a shell, and no folder
        raise ConfigError("the name of a file is empty", hint="name files, or - for standard input")
    if paths.count(STDIN) > 1:
        raise ConfigError("standard input can be read once", hint="give one -")
    if remove and queue is None:
        raise ConfigError("--remove is for queues", hint="give --queue FOLDER with it")
    columns = None
    if mapping is not None:
        from tocsin.runtime.config.event_mapping import load_mapping

        columns = load_mapping(mapping)
    with (
        open_store(project_dir, profile, store, create=True, text_index=not no_text_index) as service,
        _Progress(quiet=as_json) as progress,
    ):
        if queue is not None:
            waiting = FolderQueue(queue, remove=remove)
            report = import_queue(service, waiting, columns, listener=progress, ntp_times=ntp_times)
        else:
            report = import_files(
                service, paths, columns, stdin=sys.stdin.buffer, listener=progress, ntp_times=ntp_times
            )
    _say(report, as_json=as_json)
    failed = [*report.failed, *report.stuck]
    if failed:
        sys.exit(2 if all(isinstance(one.error, ConfigError) for one in failed) else 1)


def _say(report: ImportReport, *, as_json: bool) -> None:
    for one in report.rejections[:_SHOWN]:
        warn(visible(f"{one.place}: rejected: {one.reason}"))
    if report.rejected > _SHOWN:
        warn(f"{report.rejected - _SHOWN:,} more were rejected")
    if report.flawed:
        (flaw, number), *others = report.flaws.most_common(2)
        more = ", among others" if others else ""
        have = "has something wrong in it" if report.flawed == 1 else "have something wrong in them"
        warn(
            f"{report.flawed:,} of {count(report.new, 'new event')} {have}, which"
            f" `tocsin events top --by inspection-error` counts: {visible(flaw)} ({number:,}){more}"
        )
    for failed in (*report.failed, *report.stuck):
        typer.echo(f"error: {visible(str(failed.error))}", err=True)
    if as_json:
        print_json({"schema_version": 1, **report.to_dict()})
    else:
        typer.echo(_summary(report))


def _summary(report: ImportReport) -> str:
    """Say what became of the events.

    >>> from tocsin.runtime.events.importing import ImportReport
    >>> _summary(ImportReport(new=1200, duplicate=3, files=1))
    '1 file: 1,200 new events, 3 duplicates, 0 rejected'
    """
    return (
        f"{count(report.files, 'file')}: {count(report.new, 'new event')},"
        f" {count(report.duplicate, 'duplicate')}, {report.rejected:,} rejected"
    )


class _Progress:
    """A bar on a terminal, nothing elsewhere; says what was done when the import ends early."""

    def __init__(self, *, quiet: bool) -> None:
        self._report: ImportReport | None = None
        self._bar = None
        self._task: TaskID | None = None
        if not quiet and sys.stderr.isatty():
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f}%"),
                TimeElapsedColumn(),
                console=console(stderr=True),
                transient=True,
            )

    def started(self, name: str, size: int | None) -> None:
        if self._bar is not None:
            from rich.markup import escape

            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(escape(visible(name)), total=size or None)

    def progressed(self, bytes_read: int, report: ImportReport) -> None:
        self._report = report
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=bytes_read)

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
        if exc is not None and self._report is not None:
            warn(f"ended early; stored before: {_summary(self._report)}; import again to go on")
