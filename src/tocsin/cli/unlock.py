"""`tocsin unlock`: gives back what a run that cannot do so itself still holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.console import JsonOption, ProfileOption, ProjectDir, print_json

__all__ = ["unlock"]


def unlock(
    names: Annotated[
        list[str] | None, typer.Argument(help="Monitors; all when none is named.", metavar="MONITOR")
    ] = None,
    *,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Break the leases of runs that hang.

    A run whose lease is broken writes nothing more. After a kill this is not needed: the lease of a
    process that is dead on this machine is taken over by the next run.
    """
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.config.loader import load_project
    from tocsin.runtime.databases import open_memory
    from tocsin.runtime.project_state import break_leases

    project = load_project(project_dir.resolve(), profile, tells=False)
    with open_memory(project, SystemClock()) as memory:
        broken = break_leases(memory, names or None)
    if as_json:
        print_json({"schema_version": 1, "unlocked": broken})
        return
    for lease in broken:
        typer.echo(f"unlocked {lease['name']} (was held by {lease['owner']})")
    ended = {name for lease in broken for name in (lease["name"], lease["name"].partition(":")[2])}
    for name in names or ():
        if name not in ended:
            typer.echo(f"{name} is not locked")
    if not (broken or names):
        typer.echo("nothing is locked")
