"""Where the events are that a command works on."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.console import ProfileOption, ProjectDir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.eventstorage.service import EventStorageService

__all__ = [
    "NameOption",
    "ProfileOption",
    "ProjectDir",
    "StoreOption",
    "TimeoutOption",
    "open_store",
    "query_name",
]

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="Events that are in no project: a file, or postgresql://….",
        envvar="TOCSIN_EVENT_STORE",
        metavar="PLACE",
    ),
]
NameOption = Annotated[
    str | None,
    typer.Option("--name", help="What `events queries` calls it.", metavar="NAME", show_default=False),
]
TimeoutOption = Annotated[
    str | None, typer.Option("--timeout", help="Give up after this time: 30s.", metavar="TIME")
]


@contextmanager
def open_store(
    project_dir: Path, profile: str | None, store: str | None, *, create: bool = False, **options: Any
) -> Iterator[EventStorageService]:
    """Open the events of a project, or those at a place.

    Args:
        project_dir: The project's folder; it plays no part when a place is given.
        profile: The profile to use in place of the default one.
        store: A place: a file or an address.
        create: Make the place's file when there is none.
        options: Further arguments of `EventStorageService`.

    Raises:
        ConfigError: There is no such project or file.
        EventStorageException: The storage cannot be opened.
    """
    from tocsin.runtime.events.store import open_event_store, open_project_events

    if store is not None:
        service = open_event_store(store, create=create, **options)
    else:
        from tocsin.runtime.config.loader import load_project

        service = open_project_events(load_project(project_dir.resolve(), profile, tells=False), **options)
    with service:
        yield service


def query_name(name: str | None, command: str) -> str:
    """Give the name of a command's query: the user's, or one with the number of this process."""
    import os

    return name or f"tocsin.{command}.{os.getpid()}"
