"""Opens the storage of a project's events, or one that an address names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tocsin.errors import ConfigError, DataError, StorageIntegrityError
from tocsin.eventstorage.service import EventStorageService
from tocsin.runtime.servers import memory_arguments

if TYPE_CHECKING:
    from tocsin.runtime.config.loader import Project

__all__ = ["event_service", "open_event_store", "open_project_events"]

_CONNECTION_STRING = re.compile(r"\s*(?:host|hostaddr|port|dbname|user|password|service)\s*=")
_SQLITE = "sqlite:///"
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
        create: Make the file, and the tables, when there are none.
        options: Further arguments of `EventStorageService`.

    Raises:
        ConfigError: There is no event storage at this address, or can be none.
        EventStorageException: It cannot be opened, or a newer Tocsin made it.
    """
    place, file = _place_at(address)
    if file is not None and not create and not _is_there(file):
        raise _nothing_at(address)
    try:
        service = EventStorageService(**place, **options)
    except DataError as error:
        raise ConfigError(error.message, hint=error.hint) from error
    return _prepared(service, create=create)


def _prepared(service: EventStorageService, *, create: bool = True) -> EventStorageService:
    try:
        if not create:
            _check_tables(service)
        service.database_create()
    except BaseException:
        service.close()
        raise
    return service


def _check_tables(service: EventStorageService) -> None:
    """Make sure that the tables are there, in whichever version: who only looks makes none."""
    try:
        service.fetch_event("any")
    except StorageIntegrityError as error:
        if error.__cause__ is None:  # the tables are there, and something is wrong with them
            raise
        raise _nothing_at(service.where) from error


def _place_at(address: str) -> tuple[dict[str, Any], Path | None]:
    """Give an address as arguments of a service, and the file that it names, if it is one."""
    if address.startswith(_SQLITE):
        return {"url": address}, Path(unquote(address.removeprefix(_SQLITE), errors="surrogateescape"))
    if "://" in address or address.startswith(_POSTGRES):
        return {"url": address}, None
    if _CONNECTION_STRING.match(address):  # it may have a password, which is no name for a file
        raise ConfigError(
            "a connection string is no place of events", hint="write postgresql://user@host/name"
        )
    return {"path": str(Path(address))}, Path(address)


def _is_there(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # a name that is too long, a folder that nobody lets us look into
        return False


def _nothing_at(where: str) -> ConfigError:
    return ConfigError(f"there is no event storage at {where}", hint="`tocsin events import` makes one")
