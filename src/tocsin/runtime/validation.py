"""Finds everything that is wrong in a project's files, without asking a database or a receiver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.errors import ConfigError
from tocsin.runtime.alerts.delivery import build_channels
from tocsin.runtime.config.checks import check_holidays, check_query
from tocsin.runtime.config.group_checks import group_errors
from tocsin.runtime.config.monitors import BrokenMonitor, MetricMonitor
from tocsin.runtime.config.yaml_file import error_at, parse_yaml, read_text
from tocsin.runtime.registry import find_part

if TYPE_CHECKING:
    from tocsin.abc import Clock
    from tocsin.runtime.config.loader import Project

__all__ = ["project_errors"]


def project_errors(project: Project, clock: Clock) -> list[ConfigError]:
    """Check what `load_project` leaves to the run: queries, holidays, groups, profiles, unused channels.

    Args:
        project: A project that could be read.
        clock: For the channels.

    Returns:
        First those of monitors, then those of the groups' and the profiles' files; empty when all is right.
    """
    errors: list[ConfigError] = []
    for monitor in project.monitors:
        if isinstance(monitor, BrokenMonitor):
            errors.append(monitor.error)
        elif isinstance(monitor, MetricMonitor):
            text = read_text(monitor.path)
            found = (
                check_query(monitor.config, monitor.query, text, monitor.path),
                check_holidays(monitor.config, text, monitor.path),
            )
            errors.extend(error for error in found if error is not None)
    errors += group_errors(project)
    for name, profile in project.profiles.items():
        try:
            find_part("tocsin.databases", profile.type)
        except ConfigError as error:
            errors.append(_placed(project, "profiles", name, error))
    _, wrong = build_channels(project, clock)
    errors.extend(_placed(project, "alert_channels", name, error) for name, error in wrong.items())
    return errors


def _placed(project: Project, section: str, name: str, error: ConfigError) -> ConfigError:
    """Add file and line of a profile or channel; of the same name, that of the later file counts."""
    for path in reversed(project.profile_files):
        text = read_text(path)
        if name in (parse_yaml(text, path).get(section) or {}):
            return error_at(error.message, text, path, (section, name), error.hint)
    return error
