"""Checks of `groups.yml` that need the rest of the project: channels, monitors and tags that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.alerting.inhibit import TAG_PREFIX
from tocsin.runtime.config.groups import GROUPS_FILE
from tocsin.runtime.config.monitors import BrokenMonitor
from tocsin.runtime.config.yaml_file import error_at, is_there, read_text, suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.errors import ConfigError
    from tocsin.runtime.config.loader import Project

__all__ = ["group_errors"]

_WILDCARDS = "*?"


def group_errors(project: Project) -> list[ConfigError]:
    """Find what `groups.yml` names and the project does not have, each with its line."""
    path = project.folder / GROUPS_FILE
    if not is_there(path):
        return []
    text = read_text(path)
    return [error_at(message, text, path, where, hint) for message, where, hint in _wrong(project)]


_Wrong = tuple[str, tuple[str | int, ...], str | None]


def _wrong(project: Project) -> Iterator[_Wrong]:
    monitors = {monitor.name for monitor in project.monitors}
    tags = {tag for monitor in project.monitors for tag in monitor.tags}
    # Which tags a monitor has that cannot be read, nobody knows.
    knows_tags = not any(isinstance(monitor, BrokenMonitor) for monitor in project.monitors)
    for number, group in enumerate(project.groups.groups):
        where = ("groups", number)
        yield from _missing(
            "alert channel",
            group.channels,
            project.channels,
            (*where, "channels"),
            "define it in profiles.yml",
        )
        yield from _missing("monitor", _plain(group.monitors), monitors, (*where, "monitors"))
        if knows_tags:
            yield from _missing("monitor with the tag", group.tags, tags, (*where, "tags"))
    if "fallback" in project.groups.model_fields_set:
        groups = {group.name for group in project.groups.groups}
        yield from _missing("group", [project.groups.fallback], groups, ("fallback",))
    for number, inhibition in enumerate(project.groups.inhibitions):
        for key, names in (("when", inhibition.when), ("mutes", inhibition.mutes)):
            place = ("inhibitions", number, key)
            named = [name for name in names if not name.startswith(TAG_PREFIX)]
            tagged = [name.removeprefix(TAG_PREFIX) for name in names if name.startswith(TAG_PREFIX)]
            yield from _missing("monitor", _plain(named), monitors, place)
            if knows_tags:
                yield from _missing("monitor with the tag", _plain(tagged), tags, place)


def _plain(patterns: Iterable[str]) -> list[str]:
    """Give the names among patterns: what has wildcards may match something one day."""
    return [name for name in patterns if not any(character in name for character in _WILDCARDS)]


def _missing(
    what: str,
    names: Iterable[str],
    there: Iterable[str],
    where: tuple[str | int, ...],
    otherwise: str | None = None,
) -> Iterator[_Wrong]:
    known = sorted(there)
    for name in names:
        if name not in known:
            yield f"there is no {what} {name!r}", where, suggest(name, known) or otherwise
