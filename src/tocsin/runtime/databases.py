"""Opens the project's memory and its sources."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

from tocsin.errors import ConfigError
from tocsin.runtime.findings.store import as_database_errors, make_event_tables
from tocsin.runtime.registry import find_part
from tocsin.runtime.servers import MEMORY_SERVERS, memory_arguments, source_arguments

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from tocsin.abc import Clock
    from tocsin.database import BaseDatabaseManager
    from tocsin.eventstorage import EventStorageService
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.config.monitors import MetricMonitor
    from tocsin.runtime.config.project import ProfileConfig
    from tocsin.runtime.events.rates import EventRates

    MetricSource: TypeAlias = BaseDatabaseManager | EventRates

__all__ = ["Sources", "open_memory"]


def open_memory(project: Project, clock: Clock, *, read_only: bool = False) -> BaseDatabaseManager:
    """Open the project's memory, made and brought up to date when needed.

    Raises:
        DatabaseError: It cannot be opened, or a newer Tocsin wrote it.
    """
    from tocsin.database.migrations import migrate

    memory = _memory_manager(project, clock, read_only=read_only)
    if not read_only:
        try:
            migrate(memory)
            make_event_tables(memory, project)
        except BaseException:
            memory.close()
            raise
    return memory


def _memory_manager(project: Project, clock: Clock, *, read_only: bool) -> BaseDatabaseManager:
    server = project.memory_server
    if server is not None:
        profile = project.profiles[server]
        return _made(
            server,
            profile,
            {
                "clock": clock,
                "tables": project.config.tables.names(),
                "settings": profile.settings,
                "read_only": read_only,
                **memory_arguments(server, profile),
            },
        )
    from tocsin.database.sqlite import SQLiteManager

    return SQLiteManager(
        project.memory_path,
        clock=clock,
        tables=project.config.tables.names(),
        settings=project.memory.settings(),
        read_only=read_only,
    )


def _made(name: str, profile: ProfileConfig, arguments: dict[str, Any]) -> BaseDatabaseManager:
    try:
        manager: BaseDatabaseManager = find_part("tocsin.databases", profile.type)(**arguments)
    except ValueError as error:
        raise ConfigError(f"profile {name!r}: {error}") from error
    return manager


class Sources:
    """The databases that series are read from, opened when first asked for; also a context manager."""

    def __init__(self, project: Project, clock: Clock) -> None:
        self._project = project
        self._clock = clock
        self._lock = Lock()
        self._locks: dict[str, Lock] = {}
        self._open: dict[str, BaseDatabaseManager] = {}
        self._events: EventStorageService | None = None

    def of_metric(self, monitor: MetricMonitor) -> MetricSource:
        """Give what answers the query of a metric.

        Raises:
            ConfigError: Its profile names a database type that is not installed.
            DatabaseError: It cannot be opened.
        """
        if monitor.config.source == "events":
            from tocsin.runtime.events.rates import EventRates

            return EventRates(self.events(), monitor.config)
        return self.get(monitor.profile_in(self._project))

    def events(self) -> EventStorageService:
        """Give the project's events.

        Raises:
            DatabaseError: They cannot be opened.
        """
        from tocsin.runtime.events.store import open_project_events

        with self._lock:
            if self._events is None:
                with as_database_errors():
                    self._events = open_project_events(self._project)
            return self._events

    def get(self, profile: str) -> BaseDatabaseManager:
        """Give the database of a profile.

        Raises:
            ConfigError: The profile names a database type that is not installed.
            DatabaseError: The database cannot be opened.
        """
        with self._lock:
            lock = self._locks.setdefault(profile, Lock())
        with lock:  # a server that does not answer delays no other database
            if profile not in self._open:
                self._open[profile] = self._connect(profile, self._project.profiles[profile])
            return self._open[profile]

    def _connect(self, name: str, profile: ProfileConfig) -> BaseDatabaseManager:
        arguments: dict[str, Any] = {"clock": self._clock, "settings": profile.settings}
        if profile.type == "duckdb":
            path = profile.path or ":memory:"
            in_memory = path == ":memory:"
            arguments["path"] = path if in_memory else str(self._project.folder / path)
            arguments["base_folder"] = str(self._project.folder)
            arguments["read_only"] = not in_memory
        elif profile.type == "sqlite":
            if profile.path is None:
                raise ConfigError(f"profile {name!r}: a sqlite profile needs a path")
            arguments["path"] = self._project.folder / profile.path
            arguments["read_only"] = True
        elif profile.type in MEMORY_SERVERS:
            arguments |= source_arguments(name, profile)
        return _made(name, profile, arguments)

    def close(self) -> None:
        """Close all that were opened."""
        with self._lock:
            for manager in self._open.values():
                manager.close()
            self._open.clear()
            if self._events is not None:
                self._events.close()
                self._events = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
