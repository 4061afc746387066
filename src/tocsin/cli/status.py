"""`tocsin status`: how far everything is, and what is going on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from tocsin.cli.console import (
    JsonOption,
    ProfileOption,
    ProjectDir,
    print_json,
    print_table,
    visible_lines,
)

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
    from tocsin.runtime.alerts.memory import memory_to_read
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.config.loader import load_project
    from tocsin.runtime.status import project_status

    project = load_project(project_dir.resolve(), profile, tells=False)
    with memory_to_read(project, SystemClock()) as memory:
        state = project_status(project, memory)
    if as_json:
        print_json({"schema_version": 1, **state})
    else:
        _show(state)


def _show(state: dict[str, Any]) -> None:
    typer.echo(f"project {state['project']}, memory {state['memory']}")
    shows = {"metric": _show_metrics, "log": _show_logs, "events": _show_events}
    by_kind = {kind: [row for row in state["monitors"] if row["kind"] == kind] for kind in shows}
    there = [kind for kind, rows in by_kind.items() if rows] or ["metric"]
    for kind in there:
        if kind != there[0]:
            typer.echo()
        shows[kind](by_kind[kind])
    for row in state["monitors"]:
        if row["error"] is not None:
            typer.echo(f"{row['name']}: {visible_lines(row['error'])}")
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


def _show_events(rows: list[dict[str, Any]]) -> None:
    print_table(
        None,
        ["events", "status", "#files waiting", "#events to look at", "last looked at (UTC)"],
        [
            (
                row["name"],
                row["status"],
                f"{row['files_waiting']:,}",
                f"{row['events_waiting']:,}",
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
