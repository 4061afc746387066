"""A service from a configuration, and one for the whole process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tocsin.errors import DataError, EventStorageException
from tocsin.eventstorage.service import EventStorageService

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EventStorageServiceManager", "close", "init", "manager", "service", "set_manager"]

_SECTION, _PART = "__core__database", "eventstorage"


class EventStorageServiceManager:
    """Builds a service from configuration when it is first asked for.

    Args:
        core_config: Its `["__core__database"]["eventstorage"]` is what `EventStorageService` takes.
        updates: A configuration of the same form that is merged over it.

    Raises:
        DataError: The configuration has no such part.
    """

    def __init__(self, core_config: Mapping[str, Any], updates: Mapping[str, Any] | None = None) -> None:
        self._conncfg = {**_part(core_config), **_part(updates or {})}
        if not self._conncfg:
            raise DataError(f'the configuration has no ["{_SECTION}"]["{_PART}"]')
        self._service: EventStorageService | None = None
        self._lock = threading.Lock()

    def service(self) -> EventStorageService:
        """Give the service, the same one until `close()`."""
        with self._lock:
            if self._service is None:
                self._service = EventStorageService(**self._conncfg)
            return self._service

    def close(self) -> None:
        """Close the service; the next `service()` gives a new one."""
        with self._lock:
            if self._service is not None:
                self._service.close()
                self._service = None


def _part(config: Mapping[str, Any]) -> dict[str, Any]:
    section = config.get(_SECTION, {})
    part = section.get(_PART, {}) if isinstance(section, dict) else None
    if not isinstance(part, dict):
        raise DataError(f'["{_SECTION}"]["{_PART}"] of the configuration is a mapping')
    return part


_managers: list[EventStorageServiceManager] = []


def init(core_config: Mapping[str, Any], updates: Mapping[str, Any] | None = None) -> None:
    """Make the manager of this process; one that was there is closed.

    Raises:
        DataError: The configuration has no part for the event storage.
    """
    set_manager(EventStorageServiceManager(core_config, updates))


def set_manager(man: EventStorageServiceManager) -> None:
    """Use a manager in this process; one that was there is closed."""
    close()
    _managers[:] = [man]


def manager() -> EventStorageServiceManager:
    """Give the manager of this process.

    Raises:
        EventStorageException: `init()` was not called.
    """
    if not _managers:
        raise EventStorageException("the event storage is not set up", hint="call eventstorage.init() first")
    return _managers[0]


def service() -> EventStorageService:
    """Give the service of this process's manager.

    Raises:
        EventStorageException: `init()` was not called.
    """
    return manager().service()


def close() -> None:
    """Close the manager of this process; nothing happens when there is none."""
    for man in _managers:
        man.close()
    _managers.clear()
