"""Opens the storage of a project's events, or one that an address names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.errors import ConfigError, DataError
from tocsin.eventstorage.service import EventStorageService
from tocsin.runtime.servers import memory_arguments

if TYPE_CHECKING:
    from tocsin.runtime.config.loader import Project

__all__ = ["event_service", "open_event_store", "open_project_events"]

_CONNECTION_STRING = re.compile(r"\s*(?:host|hostaddr|port|dbname|user|password|service)\s*=")
_POSTGRES = ("postgresql:", "postgres:")  # without the // too: no file with a password in its name


def open_project_events(project: Project, **options: Any) -> EventStorageService:
    """Open the events of a project: they are in its memory. Tables are made or migrated when needed.

    Args:
        project: The project.
        options: Further arguments of `EventStorageService`.

    Raises:
        ConfigError: The profile of its memory is wrong.
        EventStorageException: It cannot be opened, or a newer Tocsin made it.
    """
    return _prepared(event_service(project, **options))


def event_service(project: Project, **options: Any) -> EventStorageService:
    """Give access to the events of a project as they are: no table is made or migrated."""
    return EventStorageService(**_place(project), **options)


def _place(project: Project) -> dict[str, Any]:
    server = project.memory_server
    if server is None:
        return {"path": str(project.memory_path), **project.memory.event_settings()}
    arguments = memory_arguments(server, project.profiles[server])
    arguments["schema"] = arguments.pop("internal_schema")
    return {name: value for name, value in arguments.items() if value not in (None, "")}


def open_event_store(address: str, *, create: bool, **options: Any) -> EventStorageService:
    """Open the event storage at an address.

    Args:
        address: A file of SQLite, `sqlite:///…` or `postgresql://…`.
        create: Make the file when there is none.
        options: Further arguments of `EventStorageService`.

    Raises:
        ConfigError: There is no such file, or nothing can be at this address.
        EventStorageException: It cannot be opened, or a newer Tocsin made it.
    """
    if "://" in address or address.startswith(_POSTGRES):
        try:
            service = EventStorageService(url=address, **options)
        except DataError as error:
            raise ConfigError(error.message, hint=error.hint) from error
        return _prepared(service)
    if _CONNECTION_STRING.match(address):  # it may have a password, which is no name for a file
        raise ConfigError(
            "a connection string is no place of events", hint="write postgresql://user@host/name"
        )
    path = Path(address)
    if not create and not path.is_file():
        raise ConfigError(f"there is no event storage at {address}", hint="`tocsin events import` makes one")
    return _prepared(EventStorageService(path=str(path), **options))


def _prepared(service: EventStorageService) -> EventStorageService:
    try:
        service.database_create()
    except BaseException:
        service.close()
        raise
    return service
