"""`tocsin validate`: is the configuration right, without running anything."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from tocsin.cli.console import JsonOption, ProfileOption, ProjectDir, count, print_json, visible_lines

__all__ = ["validate"]


def validate(
    *,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every file of the project.

    It asks no database and sends nothing. Exit code 2 when something is wrong.
    """
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.config.loader import load_project
    from tocsin.runtime.validation import project_errors

    project = load_project(project_dir.resolve(), profile)
    errors = project_errors(project, SystemClock())
    if as_json:
        found = [{"path": e.path, "line": e.line, "error": e.message, "hint": e.hint} for e in errors]
        print_json(
            {"schema_version": 1, "valid": not errors, "monitors": len(project.monitors), "errors": found}
        )
    else:
        for error in errors:
            typer.echo(f"error: {visible_lines(str(error))}", err=True)
        wrong = {error.path for error in errors}
        right = sum(str(monitor.path) not in wrong for monitor in project.monitors)
        typer.echo(f"{right} of {count(len(project.monitors), 'monitor')} valid")
    sys.exit(2 if errors else 0)
