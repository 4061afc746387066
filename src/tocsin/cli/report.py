"""`tocsin report`: one HTML page with everything that was found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.console import (
    ExcludeOption,
    FromOption,
    JsonOption,
    ProfileOption,
    ProjectDir,
    SelectOption,
    ToOption,
    check_window,
    parse_time,
    print_written,
    unwritable,
)

__all__ = ["report"]


def report(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.", metavar="FILE")] = Path(
        "report.html"
    ),
    select: SelectOption = None,
    exclude: ExcludeOption = None,
    start: FromOption = None,
    end: ToOption = None,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write one HTML page of what was found.

    It has the monitors, their incidents, a chart of every series, the anomalous lines of every log, and
    how many events were told.
    """
    from tocsin.reporting import report_html
    from tocsin.runtime.alerts.memory import memory_to_read
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.config.loader import load_project
    from tocsin.runtime.events.views import events_view
    from tocsin.runtime.logs.views import log_views
    from tocsin.runtime.project_state import monitors_in_state
    from tocsin.runtime.selection import select_monitors
    from tocsin.runtime.views import project_views

    window = {"start": parse_time(start, "--from"), "end": parse_time(end, "--to")}
    check_window(window["start"], window["end"])
    project = load_project(project_dir.resolve(), profile, tells=False)
    clock = SystemClock()
    with memory_to_read(project, clock) as memory:
        monitors = select_monitors(
            project.monitors, select, exclude, in_state=lambda state: monitors_in_state(memory, state)
        )
        views = project_views(project, memory, monitors, **window)
        logs = log_views(memory, monitors, **window)
        events = events_view(memory, monitors, **window)
    name, now = project.config.name, clock.now()
    try:
        report_html(views, output, project=name, generated_at=now, logs=logs, events=events)
    except OSError as error:
        raise unwritable(output, error) from error
    print_written([output], as_json=as_json)
