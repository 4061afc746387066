"""`tocsin clean`: forgets what the configuration no longer has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.console import JsonOption, ProfileOption, ProjectDir, print_json, print_table

__all__ = ["clean"]


def clean(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it, only show what would go.")] = False,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget what the configuration no longer has.

    That is: series, verdicts and learned state of monitors that are gone, and verdicts of detectors that are.
    Without --yes nothing is deleted. Incidents and messages are history, and stay.
    """
    from tocsin.runtime.clean import delete_leftovers, find_leftovers
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.config.loader import load_project
    from tocsin.runtime.databases import open_memory

    project = load_project(project_dir.resolve(), profile, tells=False)
    with open_memory(project, SystemClock()) as memory:
        leftovers = find_leftovers(project, memory)
        if yes:
            delete_leftovers(memory, leftovers)
    if as_json:
        found = [leftover.to_dict() for leftover in leftovers]
        print_json({"schema_version": 1, "deleted": yes, "leftovers": found})
        return
    if not leftovers:
        typer.echo("nothing to clean")
        return
    print_table(
        None,
        ["monitor", "what", "#points", "#verdicts", "#bytes"],
        [
            (item.series, item.what, f"{item.points:,}", f"{item.verdicts:,}", f"{item.state_bytes:,}")
            for item in leftovers
        ],
    )
    typer.echo("deleted" if yes else "nothing was deleted: `tocsin clean --yes` does it")
