"""`tocsin validate`: is the configuration right, without running anything."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from tocsin.cli.console import JsonOption, ProfileOption, ProjectDir, print_json

__all__ = ["validate"]


def validate(
    *,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every file of the project; exit code 2 when something is wrong."""
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.config.loader import BrokenMonitor, load_project
    from tocsin.runtime.delivery import build_channels

    project = load_project(project_dir.resolve(), profile)
    errors = [monitor.error for monitor in project.monitors if isinstance(monitor, BrokenMonitor)]
    errors.extend(build_channels(project, SystemClock())[1])
    if as_json:
        found = [{"path": e.path, "line": e.line, "error": e.message, "hint": e.hint} for e in errors]
        print_json(
            {"schema_version": 1, "valid": not errors, "monitors": len(project.monitors), "errors": found}
        )
    else:
        for error in errors:
            typer.echo(f"error: {error}", err=True)
        right = len(project.monitors) - sum(isinstance(m, BrokenMonitor) for m in project.monitors)
        typer.echo(f"{right} of {len(project.monitors)} monitors are valid")
    sys.exit(2 if errors else 0)
