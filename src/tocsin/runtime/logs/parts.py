"""Makes the parser and the detectors of a log monitor from its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.errors import ConfigError
from tocsin.runtime.registry import find_part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.abc import LogParser
    from tocsin.detectors.events import CoreDetector
    from tocsin.runtime.config.log import EventDetectorConfig, LogConfig

__all__ = ["create_log_detector", "create_log_parser"]


def create_log_parser(config: LogConfig) -> LogParser:
    """Make a parser that has seen nothing yet.

    Raises:
        ConfigError: There is no such type, or its parameters are wrong.
    """
    from tocsin.sources.parsers import create_parser

    return create_parser(config.parser.type, config.parser.params)


def create_log_detector(config: LogConfig, entry: EventDetectorConfig) -> CoreDetector:
    """Make a detector that has learned nothing yet.

    What the monitor says about learning holds for each detector that says nothing else. `$name` in the
    parameters stands for a group of variables.

    Raises:
        ConfigError: There is no such type or group.
        DetectorError: The parameters are wrong.
    """
    detector_class = find_part("tocsin.event_detectors", entry.type)
    common: dict[str, Any] = {
        "data_use_training": config.train.events,
        "training_duration": config.train.duration,
        "training_quiet": config.train.quiet,
        "learn": config.learn,
        "forget_after": config.forget_after,
    }
    known = detector_class.config_class.model_fields
    given = {name: value for name, value in common.items() if value is not None and name in known}
    params = {name: _with_groups(value, config.groups) for name, value in entry.params.items()}
    detector: CoreDetector = detector_class(entry.name or entry.type, {**given, **params})
    return detector


def _with_groups(value: Any, groups: Mapping[str, tuple[str, ...]]) -> Any:
    """Put the variables of a group where its name stands, in a list one after the other."""
    if isinstance(value, dict):
        return {name: _with_groups(item, groups) for name, item in value.items()}
    if isinstance(value, list):
        found: list[Any] = []
        for item in value:
            is_group = isinstance(item, str) and item.startswith("$")
            found.extend(_group(item, groups) if is_group else [_with_groups(item, groups)])
        return found
    if isinstance(value, str) and value.startswith("$"):
        return list(_group(value, groups))
    return value


def _group(name: str, groups: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    if name[1:] not in groups:
        known = ", ".join(f"${group}" for group in groups) or "none: name them under groups:"
        raise ConfigError(f"there is no group {name}", hint=f"known are {known}")
    return groups[name[1:]]
