"""Checks of a metric that need more than its own keys: channels, templates, seasonality, query, holidays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.errors import ConfigError, TocsinError
from tocsin.runtime.config.yaml_file import error_at, suggest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tocsin.abc import Detector
    from tocsin.runtime.config.events import EventsAlertingConfig, EventsConfig
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.config.log import LogAlertingConfig, LogConfig
    from tocsin.runtime.config.metric import AlertingConfig, MetricConfig

__all__ = [
    "check_channels",
    "check_event_parameters",
    "check_holidays",
    "check_query",
    "check_search_parameters",
    "check_seasonality",
    "check_templates",
]


def check_channels(
    config: MetricConfig | LogConfig | EventsConfig,
    project: Project,
    text: str,
    path: Path,
) -> None:
    """Check that the channels of a monitor's rules are there, and are of a known type with right keys.

    Raises:
        ConfigError: With the line of the rule's `channels`.
    """
    rules: Sequence[AlertingConfig | LogAlertingConfig | EventsAlertingConfig] = config.alerting
    for index, rule in enumerate(rules):
        for name in rule.channels:
            where = ("alerting", index, "channels")
            if name not in project.channels:
                hint = suggest(name, project.channels) or "define it under alert_channels in profiles.yml"
                raise error_at(f"there is no alert channel {name!r}", text, path, where, hint)
            if rule.enabled and config.enabled and name not in project.unset_channels:
                _check_channel(name, project.channels[name], text, path, where)


def _check_channel(
    name: str, settings: Mapping[str, Any], text: str, path: Path, where: tuple[str | int, ...]
) -> None:
    from tocsin.alerting.channels import build_channel
    from tocsin.runtime.clock import SystemClock

    rest = dict(settings)
    try:
        build_channel(name, str(rest.pop("type", "")), rest, clock=SystemClock())
    except ConfigError as error:
        raise error_at(error.message, text, path, where, error.hint) from error


def check_templates(config: MetricConfig | LogConfig, text: str, path: Path) -> None:
    """Try the message templates of a monitor's rules on an example.

    Raises:
        ConfigError: With the line of the template's key.
    """
    rules: Sequence[AlertingConfig | LogAlertingConfig] = config.alerting
    for index, rule in enumerate(rules):
        for key in ("template_single", "template_consecutive"):
            template = getattr(rule, key)
            if template is None:
                continue
            from tocsin.alerting.render import validate_template

            try:
                validate_template(template, name=key)
            except ConfigError as error:
                raise error_at(error.message, text, path, ("alerting", index, key), error.hint) from error


def check_seasonality(config: MetricConfig, detectors: Sequence[Detector], text: str, path: Path) -> None:
    """Check that what detectors group by is a seasonality column of the metric.

    Raises:
        ConfigError: With the line of the detector.
    """
    columns = (*config.seasonality_columns, *config.query_columns.seasonality)
    for index, detector in enumerate(detectors):
        params: Mapping[str, Any] = getattr(detector, "params", {})
        for name in (name for group in params.get("seasonality_components", ()) for name in group):
            if name not in columns:
                hint = suggest(name, columns) or "add it to seasonality_columns"
                message = f"detector {config.detectors[index].type} groups by {name!r}, which the series lack"
                raise error_at(message, text, path, ("detectors", index), hint)


def check_event_parameters(config: MetricConfig, text: str, path: Path) -> None:
    """Check what a metric that counts events searches for, and counts by.

    Raises:
        ConfigError: With the line of the parameter.
    """
    check_search_parameters(
        config.events, "events", "the metric's interval and loading keys say which time", text, path
    )
    if config.dimension is not None:
        from tocsin.errors import DataError
        from tocsin.eventstorage.query.columns import counted_column

        try:
            counted_column(config.dimension, "dimension")
        except DataError as error:
            raise error_at(error.message, text, path, ("dimension",), error.hint) from error


def check_search_parameters(
    parameters: Mapping[str, Any], key: str, instead: str, text: str, path: Path
) -> None:
    """Check the search parameters of a key; those for times and pages are refused.

    Args:
        parameters: What the key holds.
        key: Its name.
        instead: What says which time, in words.
        text: The file's text.
        path: The file.

    Raises:
        ConfigError: With the line of the parameter.
    """
    if not parameters:
        return
    from tocsin.errors import DataError
    from tocsin.eventstorage.query import build_query

    for name in ("dt_from", "dt_to", "limit", "page", "sortby", "after"):
        if name in parameters:
            raise error_at(f"{key} takes no {name}: {instead}", text, path, (key, name))
    try:
        build_query(parameters, "count")
    except DataError as error:
        where = (key,) if error.parameter is None else (key, error.parameter)
        raise error_at(error.message, text, path, where, error.hint) from error


def check_query(config: MetricConfig, query: str, text: str, path: Path) -> ConfigError | None:
    """Fill in the query's template as a run does, without asking a database; give what is wrong."""
    from tocsin.sources import render_query

    try:
        render_query(
            query,
            start=None,
            end=None,
            interval_seconds=config.interval.seconds,
            variables=config.variables,
        )
    except TocsinError as error:
        key = "query" if config.query_file is None else "query_file"
        return error_at(error.message, text, path, (key,), error.hint)
    return None


def check_holidays(config: MetricConfig, text: str, path: Path) -> ConfigError | None:
    """Look the country of a metric's holidays up, as a run does; give what is wrong."""
    if config.holidays is None:
        return None
    from tocsin.sources import holiday

    try:
        holiday.check_holidays(config.holidays)
    except ConfigError as error:
        return error_at(error.message, text, path, ("holidays",), error.hint)
    return None
