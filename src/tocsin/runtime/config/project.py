"""The configuration of a project and of its profiles."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from tocsin.runtime.config.fields import Duration
from tocsin.runtime.config.yaml_file import StrictModel
from tocsin.runtime.servers import MEMORY_SERVERS

__all__ = [
    "MemoryConfig",
    "PathsConfig",
    "ProfileConfig",
    "ProfilesConfig",
    "ProjectConfig",
    "RetentionConfig",
    "TablesConfig",
    "TimeoutsConfig",
]

_Timeout = Annotated[Duration, Field(gt=timedelta(0))]
_TABLE_NAME = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]


class PathsConfig(StrictModel):
    """Where the parts of a project are, relative to its folder."""

    metrics: str = "metrics"
    logs: str = "logs"
    events: str = "events"
    sql: str = "sql"
    templates: str = "templates"


class TablesConfig(StrictModel):
    """What the internal tables are called; a name that is given wins over the prefix."""

    prefix: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,30}$")] = "_tocsin_"
    datapoints: _TABLE_NAME | None = None
    detections: _TABLE_NAME | None = None
    tasks: _TABLE_NAME | None = None
    leases: _TABLE_NAME | None = None
    incidents: _TABLE_NAME | None = None
    outbox: _TABLE_NAME | None = None
    positions: _TABLE_NAME | None = None
    state: _TABLE_NAME | None = None
    candidates: _TABLE_NAME | None = None
    decisions: _TABLE_NAME | None = None
    notices: _TABLE_NAME | None = None
    batches: _TABLE_NAME | None = None
    silences: _TABLE_NAME | None = None
    acknowledgements: _TABLE_NAME | None = None
    migrations: _TABLE_NAME | None = None

    @model_validator(mode="after")
    def _each_has_a_name_of_its_own(self) -> Self:
        names = [name.lower() for name in self._all_names().values()]
        if len(set(names)) != len(names):
            message = "two tables have the same name"
            raise ValueError(message)
        return self

    def names(self) -> dict[str, str]:
        """Give what each internal table is called, for those that differ from the default."""
        return {table: name for table, name in self._all_names().items() if name != table}

    def _all_names(self) -> dict[str, str]:
        parts = [part for part in type(self).model_fields if part != "prefix"]
        return {f"_tocsin_{part}": getattr(self, part) or f"{self.prefix}{part}" for part in parts}


class TimeoutsConfig(StrictModel):
    """How long each step may take; a monitor's lease lasts for the sum of those of its steps."""

    load: _Timeout = timedelta(hours=1)
    detect: _Timeout = timedelta(hours=1)
    alert: _Timeout = timedelta(minutes=10)


_Kept = Annotated[
    Annotated[Duration, Field(ge=timedelta(hours=1))] | None,
    BeforeValidator(
        lambda value: None if value == "forever" else value,
        json_schema_input_type=Duration | Literal["forever"],
    ),
]


class RetentionConfig(StrictModel):
    """For how long what is done with is kept; `None` (`forever`): without an end."""

    datapoints: _Kept = None
    detections: _Kept = None
    decisions: _Kept = timedelta(days=90)
    outbox: _Kept = timedelta(days=30)
    events: _Kept = None


class ProjectConfig(StrictModel):
    """`tocsin_project.yml`."""

    name: Annotated[str, Field(min_length=1, max_length=128)]
    version: str = "1.0"
    paths: PathsConfig = PathsConfig()
    tables: TablesConfig = TablesConfig()
    timeouts: TimeoutsConfig = TimeoutsConfig()
    retention: RetentionConfig = RetentionConfig()
    default_profile: str | None = None


class MemoryConfig(StrictModel):
    """Where the project's memory is; the settings are those of `tocsin.database.sqlite.SQLiteSettings`.

    With a `profile` it is on the server of that profile, and the others do not count.
    """

    profile: str | None = None
    path: Annotated[str, Field(min_length=1, pattern=r"^[^:]")] = "tocsin.db"
    synchronous: Literal["OFF", "NORMAL", "FULL", "EXTRA"] = "NORMAL"
    busy_timeout_seconds: Annotated[float, Field(ge=0, le=86_400)] = 10.0
    cache_mib: Annotated[float, Field(ge=0.1, le=2**20)] = 16.0
    max_size_mib: Annotated[float, Field(ge=0.1, le=2**20)] | None = None

    def settings(self) -> dict[str, Any]:
        """Give what the database manager takes as settings."""
        return self.model_dump(exclude={"path", "profile"})

    def event_settings(self) -> dict[str, Any]:
        """Give what the event storage in the same file takes as settings: what somebody wrote, no defaults.

        It has its own: who searches events reads more pages than who runs monitors, and what was acknowledged
        to a sender of events is not to be lost in a power cut.
        """
        return self.model_dump(exclude={"path", "profile"}, exclude_unset=True)


class ProfileConfig(StrictModel):
    """A database that series are read from."""

    type: str
    host: str | None = None
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    dbname: str | None = None
    user: str | None = None
    password: SecretStr | None = None
    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = None
    url: SecretStr | None = None
    path: str | None = None
    memory: Annotated[
        MemoryConfig,
        BeforeValidator(
            lambda value: {"path": value} if isinstance(value, str) else value,
            json_schema_input_type=str | MemoryConfig,
        ),
    ] = MemoryConfig()
    internal_database: str | None = None
    internal_schema: str | None = None
    data_database: str | None = None
    data_schema: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)

    def memory_server(self, name: str) -> str | None:
        """Give the profile whose server holds the memory, `None` when it is a file.

        A server's profile that says nothing about the memory holds it itself.

        Args:
            name: The name of this profile.
        """
        if self.memory.profile is not None:
            return self.memory.profile
        return name if self.type in MEMORY_SERVERS and "memory" not in self.model_fields_set else None


class ProfilesConfig(StrictModel):
    """`profiles.yml`, in the home folder and in the project; the project's wins."""

    profiles: dict[str, ProfileConfig] = Field(default_factory=dict)
    default_profile: str | None = None
    alert_channels: dict[str, dict[str, Any]] = Field(default_factory=dict)
