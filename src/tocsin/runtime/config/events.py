"""The configuration of an events monitor: one YAML file under `events/`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tocsin.model import Severity
from tocsin.runtime.config.fields import MonitorName, RuleName, Tags, TimeZone, enabled_rules, one_or_many
from tocsin.runtime.config.yaml_file import StrictModel

__all__ = ["EventsAlertingConfig", "EventsConfig", "EventsSourceConfig"]


class EventsSourceConfig(StrictModel):
    """Where events come from, besides those that are in the store."""

    folder: Annotated[str, Field(min_length=1)]
    mapping: str | None = None


class EventsAlertingConfig(StrictModel):
    """When to tell whom about events."""

    name: RuleName | None = None
    enabled: bool = True
    timezone: TimeZone = "UTC"
    channels: tuple[str, ...] = ()
    severity: Severity = Severity.MEDIUM
    min_severity: Severity = Severity.INFO
    side: Literal["source", "target"] = "source"
    threshold: bool = True


class EventsConfig(StrictModel):
    """Security events: a folder that they arrive in, which of the store's are meant, and when to alert."""

    name: MonitorName
    description: str = ""
    tags: Tags = ()
    enabled: bool = True
    source: EventsSourceConfig | None = None
    filter: dict[str, Any] = Field(default_factory=dict)
    findings: bool = False
    alerting: Annotated[
        tuple[EventsAlertingConfig, ...], one_or_many(EventsAlertingConfig | tuple[EventsAlertingConfig, ...])
    ] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> EventsConfig:
        names = [name for name, _ in self.rules()]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            message = f"two alerting rules are called {twice!r}: give each a name"
            raise ValueError(message)
        return self

    def rules(self) -> tuple[tuple[str, EventsAlertingConfig], ...]:
        """Give the enabled alerting rules, each with a name of its own."""
        return enabled_rules(self.alerting)
