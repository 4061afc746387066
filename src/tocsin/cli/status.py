"""`tocsin status`: how far everything is, and what is going on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from tocsin.cli.console import JsonOption, ProfileOption, ProjectDir, print_json, print_table

__all__ = ["status"]


def status(
    *,
    project_dir: ProjectDir = Path(),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how far every monitor is.

    Also: open incidents, who works on what, and messages that wait.
    """
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.config.loader import load_project
    from tocsin.runtime.databases import open_memory
    from tocsin.runtime.status import project_status

    project = load_project(project_dir.resolve(), profile)
    with open_memory(project, SystemClock()) as memory:
        state = project_status(project, memory)
    if as_json:
        print_json({"schema_version": 1, **state})
    else:
        _show(state)


def _show(state: dict[str, Any]) -> None:
    typer.echo(f"project {state['project']}, memory {state['memory']}")
    print_table(
        None,
        [
            "monitor",
            "status",
            "#series",
            "#points",
            "#gaps",
            "#anomalies",
            "#open",
            "last point (UTC)",
        ],
        [
            (
                row["name"],
                row["status"],
                f"{row['series']:,}",
                f"{row['points']:,}",
                f"{row['gaps']:,}",
                f"{row['anomalies']:,}",
                row["open_incidents"],
                row["last_point"] or "-",
            )
            for row in state["monitors"]
        ],
    )
    for row in state["monitors"]:
        if row["error"] is not None:
            typer.echo(f"{row['name']}: {row['error']}")
    for lock in state["locks"]:
        typer.echo(f"{lock['name']} is being worked on by {lock['owner']}")
    outbox = state["outbox"]
    if any(outbox.values()):
        typer.echo(f"messages: {outbox['pending']} waiting, {outbox['sent']} sent, {outbox['dead']} given up")
