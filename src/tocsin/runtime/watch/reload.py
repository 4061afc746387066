"""Takes a project over that was read again: what is broken in it stays as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tocsin.errors import ConfigError
from tocsin.runtime.config.monitors import BrokenMonitor

if TYPE_CHECKING:
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.config.monitors import Monitor

__all__ = ["merge_projects"]


def merge_projects(before: Project, after: Project) -> tuple[Project, list[Monitor]]:
    """Give the project to go on with, and those of its monitors that stay as they were, broken since.

    Raises:
        ConfigError: Its memory is another one, or is called otherwise: that needs a new start.
    """
    if _memory_of(before) != _memory_of(after):
        raise ConfigError(
            "the project's name, its memory or the names of its tables changed",
            hint="stop and start the watch",
        )
    sound = {monitor.path: monitor for monitor in before.monitors if not isinstance(monitor, BrokenMonitor)}
    kept: list[Monitor] = []
    monitors: list[Monitor] = []
    for monitor in after.monitors:
        old = sound.get(monitor.path) if isinstance(monitor, BrokenMonitor) else None
        if old is not None:
            kept.append(old)
        monitors.append(monitor if old is None else old)
    return replace(after, monitors=tuple(monitors)), kept


def _memory_of(project: Project) -> tuple[object, ...]:
    server = project.memory_server
    place = (project.memory_path, project.memory) if server is None else project.profiles[server]
    return project.config.name, project.config.tables, server, place
