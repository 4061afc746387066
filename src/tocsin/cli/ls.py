"""`tocsin ls`: the monitors of a project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tocsin.cli.console import (
    ExcludeOption,
    JsonOption,
    ProfileOption,
    ProjectDir,
    SelectOption,
    print_json,
    print_table,
)

__all__ = ["ls"]


def ls(
    *,
    project_dir: ProjectDir = Path(),
    select: SelectOption = None,
    exclude: ExcludeOption = None,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the monitors of the project."""
    from tocsin.runtime.alerts.memory import memory_to_read
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.config.loader import load_project
    from tocsin.runtime.config.monitors import BrokenMonitor, EventsMonitor, MetricMonitor
    from tocsin.runtime.project_state import monitors_in_state
    from tocsin.runtime.selection import select_monitors

    project = load_project(project_dir.resolve(), profile, tells=False)

    def in_state(state: str) -> set[str]:
        with memory_to_read(project, SystemClock()) as memory:
            return monitors_in_state(memory, state)

    chosen = select_monitors(project.monitors, select, exclude, in_state=in_state)
    rows = []
    for monitor in chosen:
        row: dict[str, Any] = {
            "name": monitor.name,
            "kind": monitor.kind,
            "path": str(monitor.path.relative_to(project.folder)),
            "tags": list(monitor.tags),
        }
        if isinstance(monitor, BrokenMonitor):
            row |= {"enabled": False, "interval": None, "detectors": [], "error": str(monitor.error)}
        else:
            detectors = () if isinstance(monitor, EventsMonitor) else monitor.config.detectors
            row |= {
                "enabled": monitor.config.enabled,
                "interval": str(monitor.config.interval) if isinstance(monitor, MetricMonitor) else None,
                "detectors": [detector.type for detector in detectors],
                "error": None,
            }
        rows.append(row)
    if as_json:
        print_json({"schema_version": 1, "monitors": rows})
        return
    print_table(
        None,
        ["name", "kind", "interval", "detectors", "tags", "file"],
        [
            (
                row["name"],
                row["kind"],
                "broken" if row["error"] else row["interval"] or "",
                " ".join(row["detectors"]) + ("" if row["enabled"] or row["error"] else " (not enabled)"),
                " ".join(row["tags"]),
                row["path"],
            )
            for row in rows
        ],
    )
