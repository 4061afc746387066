"""Chooses monitors: by name, glob, path, `tag:x`, `kind:x`, `state:failed`; space is or, comma is and."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Protocol, TypeVar

from tocsin.errors import ConfigError
from tocsin.runtime.config.yaml_file import suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["Selectable", "select_monitors"]

_STATES = ("failed", "completed", "running")
_M = TypeVar("_M", bound="Selectable")


class Selectable(Protocol):
    """What a selector can look at."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def path(self) -> Path: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def tags(self) -> tuple[str, ...]: ...  # noqa: D102


def select_monitors(
    monitors: Sequence[_M],
    select: str | None,
    exclude: str | None,
    *,
    in_state: Callable[[str], set[str]],
) -> list[_M]:
    """Choose monitors, in their order.

    Args:
        monitors: All there are.
        select: A selector expression, or `None` for all.
        exclude: A selector expression of what to leave out.
        in_state: Gives the names of the monitors in a state, asked only when a selector needs it.

    Raises:
        ConfigError: A selector is not understood, or nothing was selected.
    """
    chosen = [m for m in monitors if select is None or _matches(m, select, in_state)]
    if exclude is not None:
        chosen = [m for m in chosen if not _matches(m, exclude, in_state)]
    if not chosen:
        if not monitors:
            raise ConfigError(
                "the project has no monitors", hint="write one under metrics/, or run `tocsin init --from`"
            )
        by = f"{select!r}" if exclude is None else f"{select or 'all'!r} without {exclude!r}"
        hint = suggest(select or "", [m.name for m in monitors]) or "`tocsin ls` shows what there is"
        raise ConfigError(f"nothing is selected by {by}", hint=hint)
    return chosen


def _matches(monitor: Selectable, expression: str, in_state: Callable[[str], set[str]]) -> bool:
    alternatives = [[term for term in part.split(",") if term] for part in expression.split()]
    return any(
        all(_matches_one(monitor, term, in_state) for term in terms) for terms in alternatives if terms
    )


def _matches_one(monitor: Selectable, term: str, in_state: Callable[[str], set[str]]) -> bool:
    prefix, colon, value = term.partition(":")
    if colon and prefix == "tag":
        return any(fnmatchcase(tag, value) for tag in monitor.tags)
    if colon and prefix == "kind":
        return fnmatchcase(monitor.kind, value)
    if colon and prefix == "state":
        if value not in _STATES:
            raise ConfigError(f"there is no state {value!r}", hint=f"states are {', '.join(_STATES)}")
        return monitor.name in in_state(value)
    if "/" in term or term.endswith((".yml", ".yaml")):
        pattern = term.removeprefix("./")
        return monitor.path.match(pattern + "*" if pattern.endswith("/") else pattern)
    return fnmatchcase(monitor.name, term)
