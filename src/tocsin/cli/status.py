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
    metrics = [row for row in state["monitors"] if row["kind"] == "metric"]
    logs = [row for row in state["monitors"] if row["kind"] == "log"]
    if metrics or not logs:
        _show_metrics(metrics)
    if metrics and logs:
        typer.echo()
    if logs:
        _show_logs(logs)
    for row in state["monitors"]:
        if row["error"] is not None:
            typer.echo(f"{row['name']}: {row['error']}")
    for lock in state["locks"]:
        typer.echo(f"{lock['name']} is being worked on by {lock['owner']}")
    outbox = state["outbox"]
    if any(outbox.values()):
        typer.echo(f"messages: {outbox['pending']} waiting, {outbox['sent']} sent, {outbox['dead']} given up")


def _show_metrics(rows: list[dict[str, Any]]) -> None:
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
            for row in rows
        ],
    )


def _show_logs(rows: list[dict[str, Any]]) -> None:
    print_table(
        None,
        ["log", "status", "detectors", "#lines", "#rejected", "#anomalies", "#open", "last line (UTC)"],
        [
            (
                row["name"],
                row["status"],
                _phase(row["phases"]),
                f"{row['lines']:,}",
                f"{row['lines_rejected']:,}",
                f"{row['anomalies']:,}",
                row["open_incidents"],
                row["last_point"] or "-",
            )
            for row in rows
        ],
    )


def _phase(phases: dict[str, str]) -> str:
    """Say in a word or two whether detectors learn or judge."""
    if not phases:
        return "-"
    judging = sum(phase == "detect" for phase in phases.values())
    if judging in {0, len(phases)}:
        return "judging" if judging else "learning"
    return f"{judging} of {len(phases)} judging"
