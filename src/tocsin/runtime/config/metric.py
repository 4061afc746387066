"""The configuration of a metric: one YAML file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from tocsin.model import AlertRule, DirectionRule, Severity
from tocsin.runtime.config.fields import (
    Duration,
    Instant,
    IntervalField,
    MonitorName,
    RuleName,
    Tags,
    TimeZone,
    enabled_rules,
    one_or_many,
)
from tocsin.runtime.config.yaml_file import StrictModel

__all__ = [
    "EVENT_WINDOW",
    "AlertingConfig",
    "DetectorConfig",
    "EndpointMap",
    "FindingsConfig",
    "MetricConfig",
    "NoDataConfig",
    "QueryColumns",
]


def _country(value: Any) -> Any:
    """Undo what YAML makes of Norway: an unquoted NO is false."""
    return "NO" if value is False else value


SeasonalityColumn = Literal[
    "minute", "hour", "day_of_week", "day_of_month", "week_of_month", "month", "is_weekend", "is_holiday"
]  # fmt: skip


EVENT_WINDOW = "{{ tocsin_start_time }} to {{ tocsin_end_time }}"
"""What stands for the query of a metric that counts events: nothing but the window."""


class QueryColumns(StrictModel):
    """Which columns of the query are what."""

    timestamp: str = "timestamp"
    metric: str = "value"
    seasonality: tuple[str, ...] = ()


class DetectorConfig(StrictModel):
    """One detector and its parameters."""

    type: str
    params: dict[str, Any] = Field(default_factory=dict)


class NoDataConfig(StrictModel):
    """When missing data is told."""

    for_: Annotated[Duration, Field(alias="for")]


class AlertingConfig(StrictModel):
    """When to tell whom; see `tocsin.model.AlertRule` for the meaning of each key."""

    name: RuleName | None = None
    enabled: bool = True
    timezone: TimeZone | None = None
    channels: tuple[str, ...] = ()
    min_detectors: Annotated[int, Field(ge=1)] = 1
    direction: DirectionRule = DirectionRule.SAME
    consecutive_anomalies: Annotated[int, Field(ge=1, le=100_000)] = 3
    anomaly_window: Annotated[int, Field(ge=1, le=100_000)] | None = None
    min_anomaly_share: Annotated[float, Field(gt=0, le=1)] | None = None
    keep_firing_for: Duration | None = None
    renotify_every: Duration | None = None
    recovery: bool = True
    no_data: NoDataConfig | None = None
    threshold: bool = False
    template_single: str | None = None
    template_consecutive: str | None = None

    @model_validator(mode="after")
    def _share_has_a_window(self) -> Self:
        if (self.anomaly_window is None) != (self.min_anomaly_share is None):
            message = "anomaly_window and min_anomaly_share go together: give both, or neither"
            raise ValueError(message)
        if self.anomaly_window is not None and "consecutive_anomalies" in self.model_fields_set:
            message = "consecutive_anomalies and anomaly_window exclude each other: keep one"
            raise ValueError(message)
        return self

    def rule(self, name: str, timezone: str, severity: Severity) -> AlertRule:
        """Make the rule that alerting works with."""
        return AlertRule(
            name=name,
            channels=self.channels,
            timezone=self.timezone or timezone,
            min_detectors=self.min_detectors,
            direction=self.direction,
            consecutive_anomalies=self.consecutive_anomalies,
            anomaly_window=self.anomaly_window,
            min_anomaly_share=self.min_anomaly_share,
            keep_firing_for=self.keep_firing_for,
            renotify_every=self.renotify_every,
            recovery=self.recovery,
            no_data_for=None if self.no_data is None else self.no_data.for_,
            template_single=self.template_single,
            template_consecutive=self.template_consecutive,
            severity=severity,
            threshold=self.threshold,
        )


_EventClass = Annotated[str, Field(min_length=1, max_length=200)]


class EndpointMap(StrictModel):
    """Which variables of a finding say who was its source, or its target."""

    ip: tuple[str, ...] = ()
    host: tuple[str, ...] = ()
    port: tuple[str, ...] = ()
    user: tuple[str, ...] = ()


class FindingsConfig(StrictModel):
    """How what a monitor finds looks as an event."""

    enabled: bool = True
    category: Annotated[str, Field(min_length=1, max_length=200)] = "Anomaly.Behaviour"
    class_: Annotated[_EventClass | None, Field(alias="class")] = None
    severity: Severity = Severity.MEDIUM
    source: EndpointMap = EndpointMap()
    target: EndpointMap = EndpointMap()


class MetricConfig(StrictModel):
    """A metric: a query that gives one or many series, detectors, and when to alert."""

    name: MonitorName
    description: str = ""
    unit: str = ""
    tags: Tags = ()
    enabled: bool = True
    profile: str | None = None
    source: Literal["sql", "events"] = "sql"
    events: dict[str, Any] = Field(default_factory=dict)
    query: str | None = None
    query_file: str | None = None
    query_columns: QueryColumns = QueryColumns()
    variables: dict[str, Any] = Field(default_factory=dict)
    dimension: str | None = None
    interval: IntervalField
    anchor: Instant = datetime(1970, 1, 1, tzinfo=UTC)
    align: Literal["floor", "nearest", "error"] = "floor"
    aggregate: Literal["last", "mean", "sum", "min", "max", "count"] = "last"
    loading_start_time: Instant | None = None
    loading_end: Literal["data", "now"] | None = None
    loading_delay: Duration = timedelta(0)
    lookback: Duration = timedelta(0)
    loading_batch_size: Annotated[int, Field(ge=1)] = 100_000
    seasonality_columns: tuple[SeasonalityColumn, ...] = ()
    holidays: Annotated[
        Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")] | None, BeforeValidator(_country)
    ] = None
    timezone: TimeZone = "UTC"
    detectors: tuple[DetectorConfig, ...] = ()
    findings: FindingsConfig = FindingsConfig()
    alerting: Annotated[
        tuple[AlertingConfig, ...], one_or_many(AlertingConfig | tuple[AlertingConfig, ...])
    ] = ()

    @model_validator(mode="after")
    def _keys_fit_together(self) -> Self:
        if self.source == "events":
            self._counts_events()
        elif (self.query is None) == (self.query_file is None):
            message = "give either query or query_file"
            raise ValueError(message)
        elif self.events:
            message = "events (search parameters) go with source: events"
            raise ValueError(message)
        if ("is_holiday" in self.seasonality_columns) != (self.holidays is not None):
            message = "is_holiday and holidays (a country such as DE or US-CA) go together"
            raise ValueError(message)
        for rule in self.alerting:
            if self.detectors and rule.min_detectors > len(self.detectors):
                message = (
                    f"min_detectors is {rule.min_detectors}, but there are {len(self.detectors)} detectors:"
                    " the rule would never fire"
                )
                raise ValueError(message)
        names = [rule.name for rule in self.rules()]
        if len(set(names)) != len(names):
            message = "two alerting rules have the same name"
            raise ValueError(message)
        return self

    def _counts_events(self) -> None:
        """Refuse the keys that make no sense for a count of events."""
        useless = {"query", "query_file", "query_columns", "variables", "profile", "aggregate"}
        given = sorted(useless & self.model_fields_set)
        if given:
            message = f"a metric with source: events counts events: it takes no {' or '.join(given)}"
            raise ValueError(message)

    def rules(self) -> tuple[AlertRule, ...]:
        """Give the enabled alerting rules, each with a name of its own."""
        return tuple(
            config.rule(name, self.timezone, self.findings.severity)
            for name, config in enabled_rules(self.alerting)
        )
