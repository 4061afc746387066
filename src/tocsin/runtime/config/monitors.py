"""The monitors of a project: one YAML file each, under `metrics/`, `logs/` or `events/`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.errors import ConfigError, TocsinError
from tocsin.runtime.config.checks import (
    check_channels,
    check_event_parameters,
    check_search_parameters,
    check_seasonality,
    check_templates,
)
from tocsin.runtime.config.events import EventsConfig
from tocsin.runtime.config.log import LogConfig
from tocsin.runtime.config.metric import EVENT_WINDOW, MetricConfig
from tocsin.runtime.config.yaml_file import error_at, is_there, read_text, suggest, validate
from tocsin.runtime.logs.parts import create_log_detector, create_log_parser
from tocsin.runtime.registry import create_detector

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.abc import Detector
    from tocsin.detectors.events import CoreDetector
    from tocsin.runtime.config.loader import Project
    from tocsin.sources.idea_files import CsvMapping

__all__ = ["BrokenMonitor", "EventsMonitor", "LogMonitor", "MetricMonitor", "Monitor", "load_monitors"]

# These hold languages of their own, in which ${…} and {{ … }} mean something else.
_OTHER_LANGUAGES = frozenset(
    {"query", "template_single", "template_consecutive", "pattern", "header", "templates", "conditions"}
)

_MAPPING = ".map"  # `firewall.map.yml` beside a monitor says what the columns of its CSV files are


@dataclass(frozen=True, slots=True)
class MetricMonitor:
    """A metric whose configuration is right: the file, its content, its query and its detectors."""

    path: Path
    config: MetricConfig
    query: str
    detectors: tuple[Detector, ...]
    kind: str = "metric"

    @property
    def name(self) -> str:
        """The monitor's name."""
        return self.config.name

    @property
    def tags(self) -> tuple[str, ...]:
        """The monitor's tags."""
        return self.config.tags

    def profile_in(self, project: Project) -> str:
        """Give the name of the profile that the query runs on."""
        return self.config.profile or project.default_profile


@dataclass(frozen=True, slots=True)
class LogMonitor:
    """A log whose configuration is right: the file, its content, and its detectors as they begin."""

    path: Path
    config: LogConfig
    detectors: tuple[CoreDetector, ...]
    kind: str = "log"

    @property
    def name(self) -> str:
        """The monitor's name."""
        return self.config.name

    @property
    def tags(self) -> tuple[str, ...]:
        """The monitor's tags."""
        return self.config.tags


@dataclass(frozen=True, slots=True)
class EventsMonitor:
    """Security events whose configuration is right: the file, its content, and the columns of its CSV files.

    Nothing is judged: the events are what was found.
    """

    path: Path
    config: EventsConfig
    mapping: CsvMapping | None = None
    kind: str = "events"

    @property
    def name(self) -> str:
        """The monitor's name."""
        return self.config.name

    @property
    def tags(self) -> tuple[str, ...]:
        """The monitor's tags."""
        return self.config.tags


@dataclass(frozen=True, slots=True)
class BrokenMonitor:
    """A monitor whose configuration is wrong; the others run without it."""

    path: Path
    name: str
    error: ConfigError
    kind: str = "metric"
    tags: tuple[str, ...] = ()


Monitor = MetricMonitor | LogMonitor | EventsMonitor | BrokenMonitor


def load_monitors(project: Project) -> tuple[Monitor, ...]:
    """Read the monitors of a project: metrics, then logs, then events, each in the order of their files.

    A monitor whose file is wrong, or whose name is taken, is a `BrokenMonitor`.
    """
    paths = project.config.paths
    monitors: list[Monitor] = []
    first_with: dict[str, Path] = {}
    stdin: Path | None = None
    kinds: tuple[
        tuple[str, str, Callable[[Project, Path], MetricMonitor | LogMonitor | EventsMonitor]], ...
    ] = (
        ("metric", paths.metrics, _load_metric),
        ("log", paths.logs, _load_log),
        ("events", paths.events, _load_events),
    )
    for kind, folder, load in kinds:
        for path in _files_in(project.folder / folder):
            if path.stem.endswith(_MAPPING) and kind == "events":
                continue
            try:
                monitor = load(project, path)
            except ConfigError as error:
                monitors.append(BrokenMonitor(path, path.stem, error, kind))
                continue
            taken = first_with.setdefault(monitor.name, path)
            if taken is not path:
                twice = ConfigError(f"the name {monitor.name!r} is taken by {taken.name}", path=str(path))
                monitors.append(BrokenMonitor(path, path.stem, twice, kind))
                continue
            if isinstance(monitor, LogMonitor) and monitor.config.source.stdin and monitor.config.enabled:
                if stdin is not None:
                    both = ConfigError(f"standard input is read by {stdin.name} already", path=str(path))
                    monitors.append(BrokenMonitor(path, monitor.name, both, kind))
                    continue
                stdin = path
            monitors.append(monitor)
    return tuple(monitors)


def _files_in(folder: Path) -> list[Path]:
    """Find the YAML files of a folder and those below it; without the folder there are none.

    Raises:
        ConfigError: One of the folders cannot be read: what is in it must not be taken for deleted.
    """
    found: list[Path] = []
    for base, folders, files in os.walk(folder, onerror=_refuse):
        found += [Path(base, name) for name in (*folders, *files)]
    return sorted(path for path in found if path.suffix in {".yml", ".yaml"})


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise ConfigError(f"cannot be read ({error.strerror})", path=str(error.filename)) from error


def _load_log(project: Project, path: Path) -> LogMonitor:
    text = read_text(path)
    config = validate(LogConfig, text, path, keep=_OTHER_LANGUAGES)
    try:
        create_log_parser(config)
    except TocsinError as error:
        raise error_at(error.message, text, path, ("parser",), error.hint) from error
    detectors: list[CoreDetector] = []
    for index, entry in enumerate(config.detectors):
        try:
            detector = create_log_detector(config, entry)
        except TocsinError as error:
            raise error_at(error.message, text, path, ("detectors", index), error.hint) from error
        if detector.get_detector_id() in {other.get_detector_id() for other in detectors}:
            raise error_at("the same detector stands twice", text, path, ("detectors", index))
        detectors.append(detector)
    check_channels(config, project, text, path)
    check_templates(config, text, path)
    return LogMonitor(path, config, tuple(detectors))


def _load_events(project: Project, path: Path) -> EventsMonitor:
    text = read_text(path)
    config = validate(EventsConfig, text, path)
    check_search_parameters(
        config.filter, "filter", "each event is looked at once, when it is stored", text, path
    )
    check_channels(config, project, text, path)
    return EventsMonitor(path, config, _mapping_of(project, config, text, path))


def _mapping_of(project: Project, config: EventsConfig, text: str, path: Path) -> CsvMapping | None:
    name = None if config.source is None else config.source.mapping
    if name is None:
        return None
    from tocsin.runtime.config.event_mapping import load_mapping

    for folder in (path.parent, project.folder):
        if is_there(folder / name):
            return load_mapping(folder / name)
    raise error_at(
        f"the mapping file {name!r} is not there",
        text,
        path,
        ("source", "mapping"),
        "it is looked for beside the monitor, or in the project folder",
    )


def _load_metric(project: Project, path: Path) -> MetricMonitor:
    text = read_text(path)
    config = validate(MetricConfig, text, path, keep=_OTHER_LANGUAGES)
    if config.profile is not None and config.profile not in project.profiles:
        hint = suggest(config.profile, project.profiles)
        raise error_at(f"there is no profile {config.profile!r}", text, path, ("profile",), hint)
    if config.source == "events":
        check_event_parameters(config, text, path)
        query = EVENT_WINDOW
    else:
        query = _query_of(project, config, text, path)
    detectors = _detectors_of(config, text, path)
    check_seasonality(config, detectors, text, path)
    check_channels(config, project, text, path)
    check_templates(config, text, path)
    return MetricMonitor(path, config, query, detectors)


def _query_of(project: Project, config: MetricConfig, text: str, path: Path) -> str:
    if config.query is not None:
        return config.query
    name = config.query_file or ""
    for folder in (project.folder / project.config.paths.sql, path.parent, project.folder):
        if is_there(folder / name):
            return read_text(folder / name)
    where = f"in {project.config.paths.sql}/, beside the metric, or in the project folder"
    raise error_at(
        f"the query file {name!r} is not there", text, path, ("query_file",), f"it is looked for {where}"
    )


def _detectors_of(config: MetricConfig, text: str, path: Path) -> tuple[Detector, ...]:
    detectors: list[Detector] = []
    for index, entry in enumerate(config.detectors):
        try:
            detector = create_detector(entry.type, entry.params)
        except TocsinError as error:
            raise error_at(error.message, text, path, ("detectors", index), error.hint) from error
        if detector.get_detector_id() in {other.get_detector_id() for other in detectors}:
            raise error_at("the same detector stands twice", text, path, ("detectors", index))
        detectors.append(detector)
    return tuple(detectors)
