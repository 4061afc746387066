"""The configuration of a log monitor: one YAML file."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tocsin.errors import ConfigError
from tocsin.model import AlertRule, DirectionRule, Severity, Subject
from tocsin.runtime.config.fields import (
    Duration,
    MonitorName,
    RuleName,
    Tags,
    TimeZone,
    enabled_rules,
    one_or_many,
)
from tocsin.runtime.config.metric import FindingsConfig
from tocsin.runtime.config.yaml_file import StrictModel

__all__ = [
    "EventDetectorConfig",
    "LogAlertingConfig",
    "LogConfig",
    "LogSourceConfig",
    "ParserConfig",
    "StateConfig",
    "TrainConfig",
]

_Positive = Annotated[Duration, Field(gt=timedelta(0))]
_Group = Annotated[tuple[str, ...], Field(min_length=1)]


def _check_encoding(encoding: str) -> str:
    from tocsin.sources.log_files.lines import known_encoding

    try:
        known_encoding(encoding)
    except ConfigError as error:
        raise ValueError(str(error)) from error
    return encoding


class LogSourceConfig(StrictModel):
    """Where the lines come from."""

    files: tuple[str, ...] = ()
    stdin: bool = False
    encoding: Annotated[str, AfterValidator(_check_encoding)] = "utf-8"
    unfinished_line_after: Duration = timedelta(seconds=5)

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if bool(self.files) == self.stdin:
            message = "give either files (paths or globs) or `stdin: true`"
            raise ValueError(message)
        return self


class ParserConfig(StrictModel):
    """What makes events of lines."""

    type: str
    params: dict[str, Any] = Field(default_factory=dict)


class TrainConfig(StrictModel):
    """When detectors stop learning and begin to judge: what holds first."""

    events: Annotated[int, Field(ge=1)] | None = None
    duration: _Positive | None = None
    quiet: _Positive | None = None

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.events is None and self.duration is None and self.quiet is None:
            message = "give events, duration or quiet: without any of them, detectors learn for ever"
            raise ValueError(message)
        return self


class EventDetectorConfig(StrictModel):
    """One detector and its parameters; the name tells two of one type apart."""

    type: str
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")] | None = None
    params: dict[str, Any] = Field(default_factory=dict)


class LogAlertingConfig(StrictModel):
    """When to tell whom about anomalous lines."""

    name: RuleName | None = None
    enabled: bool = True
    timezone: TimeZone | None = None
    channels: tuple[str, ...] = ()
    keep_firing_for: Duration = timedelta(minutes=10)
    renotify_every: _Positive | None = None
    recovery: bool = True
    threshold: bool = False
    template_single: str | None = None
    template_consecutive: str | None = None

    def rule(self, name: str, timezone: str, severity: Severity) -> AlertRule:
        """Make the rule that alerting works with: one anomalous line opens an incident."""
        return AlertRule(
            name=name,
            channels=self.channels,
            timezone=self.timezone or timezone,
            direction=DirectionRule.ANY,
            consecutive_anomalies=1,
            keep_firing_for=self.keep_firing_for,
            renotify_every=self.renotify_every,
            recovery=self.recovery,
            template_single=self.template_single,
            template_consecutive=self.template_consecutive,
            subject=Subject.LINES,
            severity=severity,
            threshold=self.threshold,
        )


class StateConfig(StrictModel):
    """How much of the past of learned state is kept."""

    keep_generations: Annotated[int, Field(ge=1, le=1000)] = 3
    keep_days: Annotated[int, Field(ge=0, le=3660)] = 7


class LogConfig(StrictModel):
    """A log: where its lines are, how they are read, what watches them, and when to alert."""

    name: MonitorName
    description: str = ""
    tags: Tags = ()
    enabled: bool = True
    source: LogSourceConfig
    parser: ParserConfig
    train: Annotated[
        TrainConfig,
        BeforeValidator(
            lambda value: {"events": value} if isinstance(value, int) else value,
            json_schema_input_type=int | TrainConfig,
        ),
    ] = TrainConfig(events=10_000)
    learn: Literal["training", "always"] = "training"
    forget_after: _Positive | None = None
    groups: dict[str, _Group] = Field(default_factory=dict)
    detectors: Annotated[tuple[EventDetectorConfig, ...], Field(min_length=1)]
    timezone: TimeZone = "UTC"
    findings: FindingsConfig = FindingsConfig()
    alerting: Annotated[
        tuple[LogAlertingConfig, ...], one_or_many(LogAlertingConfig | tuple[LogAlertingConfig, ...])
    ] = ()
    state: StateConfig = StateConfig()

    @model_validator(mode="after")
    def _forgets_what_it_learns(self) -> Self:
        if self.forget_after is not None and self.learn != "always":
            message = "forget_after needs `learn: always`: what learns no more would forget everything"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        for what, names in (
            ("detectors", [detector.name or detector.type for detector in self.detectors]),
            ("alerting rules", [rule.name for rule in self.rules()]),
        ):
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                message = f"two {what} are called {twice!r}: give each a name"
                raise ValueError(message)
        return self

    def rules(self) -> tuple[AlertRule, ...]:
        """Give the enabled alerting rules, each with a name of its own."""
        return tuple(
            config.rule(name, self.timezone, self.findings.severity)
            for name, config in enabled_rules(self.alerting)
        )
