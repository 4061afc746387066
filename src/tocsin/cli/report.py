"""`tocsin report`: one HTML page with everything that was found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.console import ExcludeOption, ProfileOption, ProjectDir, SelectOption, parse_time
from tocsin.errors import ConfigError

__all__ = ["report"]


def report(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = Path("report.html"),
    select: SelectOption = None,
    exclude: ExcludeOption = None,
    start: Annotated[str | None, typer.Option("--from", help="The first time to show (UTC).")] = None,
    end: Annotated[str | None, typer.Option("--to", help="The end of what is shown (UTC).")] = None,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
) -> None:
    """Write one HTML page: monitors, incidents, and a chart of every series."""
    from tocsin.reporting import report_html
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.config.loader import load_project
    from tocsin.runtime.databases import open_memory
    from tocsin.runtime.project_state import monitors_in_state
    from tocsin.runtime.selection import select_monitors
    from tocsin.runtime.views import project_views

    project = load_project(project_dir.resolve(), profile)
    clock = SystemClock()
    with open_memory(project, clock) as memory:
        monitors = select_monitors(
            project.monitors, select, exclude, in_state=lambda state: monitors_in_state(memory, state)
        )
        views = project_views(
            project, memory, monitors, start=parse_time(start, "--from"), end=parse_time(end, "--to")
        )
    try:
        report_html(views, output, project=project.config.name, generated_at=clock.now())
    except OSError as error:
        raise ConfigError(f"{output} cannot be written ({error.strerror})") from error
    typer.echo(f"wrote {output}")
