"""The configuration of who owns what, and how they are told: `groups.yml` in the project folder."""

from __future__ import annotations

import ipaddress
import re
from datetime import time, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tocsin.alerting.patterns import read_network
from tocsin.alerting.plan import AlertingPlan
from tocsin.errors import ConfigError
from tocsin.model import Group, Inhibition, Schedule, Severity
from tocsin.runtime.config.fields import Duration, TimeZone
from tocsin.runtime.config.yaml_file import StrictModel, is_there, read_text, validate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "GROUPS_FILE",
    "GroupConfig",
    "GroupsConfig",
    "InhibitionConfig",
    "ScheduleConfig",
    "ThresholdConfig",
    "load_groups",
]

GROUPS_FILE = "groups.yml"
_Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[_Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NotNegative = Annotated[Duration, Field(ge=timedelta(0))]
_HOST = re.compile(r"\.?[^\W_]([\w-]*[^\W_])?(\.[^\W_]([\w-]*[^\W_])?)*\.?")
_OneOrMany = BeforeValidator(
    lambda value: [value] if isinstance(value, str) else value,
    json_schema_input_type=str | tuple[str, ...],
)


def _check_network(text: str) -> str:
    try:
        read_network(text)
    except ConfigError as error:
        message = f"{error.message}: {error.hint}"
        raise ValueError(message) from None
    return text.strip()


def _check_host(text: str) -> str:
    name = text.strip()
    try:
        ipaddress.ip_network(name, strict=False)
    except ValueError:
        if _HOST.fullmatch(name):
            return name
        message = f"{text!r} is no host name: write www.example.org, or .example.org for all below it"
    else:
        message = f"{text!r} is an address: it belongs to networks"
    raise ValueError(message)


_Names = Annotated[tuple[str, ...], _OneOrMany]
_Networks = Annotated[tuple[Annotated[str, AfterValidator(_check_network)], ...], _OneOrMany]
_Hosts = Annotated[tuple[Annotated[str, AfterValidator(_check_host)], ...], _OneOrMany]
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,63}$")]


_HOUR = 60  # the first time of day that YAML takes for a number: 0:30 is none
_CLOCK = re.compile(r"\d\d:\d\d(?::\d\d)?")


def _time_of_day(value: Any) -> Any:
    """Undo what YAML makes of an unquoted 18:00, a number of minutes; take nothing but hours and minutes.

    A zone is the schedule's; a number such as 8.30 would be taken for seconds.
    """
    if isinstance(value, int) and _HOUR <= value < 24 * _HOUR:
        return f"{value // 60:02}:{value % 60:02}"
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        message = "this is no time of day: write '18:00', in quotes"
        raise ValueError(message)
    return value


_Time = Annotated[time, BeforeValidator(_time_of_day)]


class ScheduleConfig(StrictModel):
    """When a group wants to be told."""

    timezone: TimeZone = "UTC"
    days: tuple[_Day, ...] = _DAYS
    from_: Annotated[_Time | None, Field(alias="from")] = None
    to: _Time | None = None
    always: Severity | None = Severity.CRITICAL

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if (self.from_ is None) != (self.to is None):
            message = "from and to go together: give both, or neither"
            raise ValueError(message)
        if not self.days:
            message = "a schedule without days tells nobody: name some"
            raise ValueError(message)
        return self

    def schedule(self) -> Schedule:
        """Give what alerting works with."""
        days = frozenset(_DAYS.index(day) for day in self.days)
        return Schedule(self.timezone, days, self.from_, self.to, self.always)


class GroupConfig(StrictModel):
    """People who own something, and how they are told."""

    name: _Name
    networks: _Networks = ()
    hosts: _Hosts = ()
    monitors: _Names = ()
    tags: _Names = ()
    channels: _Names = ()
    min_severity: Severity = Severity.INFO
    group_by: tuple[Literal["monitor", "series", "rule", "severity"], ...] = ()
    group_wait: _NotNegative = timedelta(0)
    group_interval: _NotNegative = timedelta(minutes=5)
    schedule: ScheduleConfig | None = None

    def group(self) -> Group:
        """Give what alerting works with."""
        return Group(
            name=self.name,
            networks=self.networks,
            hosts=self.hosts,
            monitors=self.monitors,
            tags=self.tags,
            channels=self.channels,
            min_severity=self.min_severity,
            group_by=self.group_by,
            group_wait=self.group_wait,
            group_interval=self.group_interval,
            schedule=None if self.schedule is None else self.schedule.schedule(),
        )


class InhibitionConfig(StrictModel):
    """Monitors that mute others while one of their incidents is open."""

    when: Annotated[_Names, Field(min_length=1)]
    mutes: Annotated[_Names, Field(min_length=1)]


class ThresholdConfig(StrictModel):
    """For how long what was told stays silent."""

    silence: _NotNegative
    relapse: _NotNegative = timedelta(0)

    @model_validator(mode="after")
    def _relapse_is_a_part(self) -> Self:
        if self.relapse > self.silence:
            message = "relapse is the last part of silence, and cannot be longer"
            raise ValueError(message)
        return self


class GroupsConfig(StrictModel):
    """`groups.yml`."""

    groups: tuple[GroupConfig, ...] = ()
    fallback: _Name = "everyone"
    inhibitions: tuple[InhibitionConfig, ...] = ()
    thresholds: dict[Severity, ThresholdConfig] = Field(default_factory=dict)
    longest_silence: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(days=30)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [group.name for group in self.groups]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            message = f"two groups are called {twice!r}"
            raise ValueError(message)
        return self

    def plan(
        self,
        project: str,
        monitor_tags: Mapping[str, tuple[str, ...]],
        monitor_rules: Mapping[str, frozenset[str]] | None = None,
    ) -> AlertingPlan:
        """Give what alerting works with."""
        return AlertingPlan(
            project=project,
            groups=tuple(group.group() for group in self.groups),
            fallback=self.fallback,
            inhibitions=tuple(Inhibition(one.when, one.mutes) for one in self.inhibitions),
            monitor_tags=dict(monitor_tags),
            monitor_rules=dict(monitor_rules or {}),
            longest_silence=self.longest_silence,
        )


def load_groups(folder: Path) -> GroupsConfig:
    """Read `groups.yml` of a project; without the file nobody owns anything.

    Raises:
        ConfigError: The file is wrong.
    """
    path = folder / GROUPS_FILE
    return validate(GroupsConfig, read_text(path), path) if is_there(path) else GroupsConfig()
