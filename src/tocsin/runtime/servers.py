"""From a profile of a database server to the arguments that reach it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.errors import ConfigError

if TYPE_CHECKING:
    from tocsin.runtime.config.project import ProfileConfig

__all__ = ["MEMORY_SERVERS", "memory_arguments", "source_arguments"]

MEMORY_SERVERS = ("postgres",)  # types of profiles whose server can hold a project's memory


def memory_arguments(name: str, profile: ProfileConfig) -> dict[str, Any]:
    """Give what opens the memory on the server of a profile: an address and a schema.

    Args:
        name: The profile's name, for messages.
        profile: The profile.

    Raises:
        ConfigError: Its type cannot hold a memory, or it has keys that servers do not have.
    """
    if profile.type not in MEMORY_SERVERS:
        raise ConfigError(
            f"profile {name!r}: a {profile.type} database cannot be the memory of a project",
            hint=f"name a profile of type {' or '.join(MEMORY_SERVERS)}, or a file",
        )
    return _address(name, profile, profile.internal_database) | {"internal_schema": profile.internal_schema}


def source_arguments(name: str, profile: ProfileConfig) -> dict[str, Any]:
    """Give what opens the database that series are read from; see `memory_arguments`.

    Raises:
        ConfigError: The profile has keys that servers do not have.
    """
    return _address(name, profile, profile.data_database) | {
        "data_schema": profile.data_schema,
        "read_only": True,
    }


def _address(name: str, profile: ProfileConfig, database: str | None) -> dict[str, Any]:
    if profile.path is not None:
        raise ConfigError(f"profile {name!r}: a {profile.type} profile has no path", hint="name its dbname")
    return {
        "conninfo": "" if profile.url is None else profile.url.get_secret_value(),
        "host": profile.host,
        "port": profile.port,
        "dbname": database or profile.dbname,
        "user": profile.user,
        "password": None if profile.password is None else profile.password.get_secret_value(),
        "sslmode": profile.sslmode,
    }
