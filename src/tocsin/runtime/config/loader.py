"""Reads a project folder: its settings, its profiles, its monitors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.errors import ConfigError, TocsinError
from tocsin.runtime.config.checks import check_channels, check_seasonality, check_templates
from tocsin.runtime.config.metric import MetricConfig
from tocsin.runtime.config.project import MemoryConfig, ProfileConfig, ProfilesConfig, ProjectConfig
from tocsin.runtime.config.yaml_file import error_at, read_text, suggest, validate
from tocsin.runtime.registry import create_detector

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.abc import Detector

__all__ = ["PROFILES_FILE", "PROJECT_FILE", "BrokenMonitor", "MetricMonitor", "Project", "load_project"]

PROJECT_FILE = "tocsin_project.yml"
PROFILES_FILE = "profiles.yml"
# These hold languages of their own, in which ${…} and {{ … }} mean something else.
_OTHER_LANGUAGES = frozenset({"query", "template_single", "template_consecutive"})


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


@dataclass(frozen=True, slots=True)
class BrokenMonitor:
    """A monitor whose configuration is wrong; the others run without it."""

    path: Path
    name: str
    error: ConfigError
    kind: str = "metric"
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Project:
    """A project folder, read and checked."""

    folder: Path
    config: ProjectConfig
    profiles: Mapping[str, ProfileConfig]
    default_profile: str
    channels: Mapping[str, Mapping[str, Any]]
    profile_files: tuple[Path, ...] = ()
    monitors: tuple[MetricMonitor | BrokenMonitor, ...] = ()

    @property
    def memory_path(self) -> Path:
        """The file of the project's memory."""
        return self.folder / self.memory.path

    @property
    def memory(self) -> MemoryConfig:
        """Where the project's memory is, and its settings."""
        return self.profiles[self.default_profile].memory

    def profile_of(self, monitor: MetricMonitor) -> str:
        """Give the name of the profile that a monitor's query runs on."""
        return monitor.config.profile or self.default_profile


def load_project(folder: Path, profile: str | None = None, *, home: Path | None = None) -> Project:
    """Read a project.

    Args:
        folder: The folder with `tocsin_project.yml`.
        profile: The profile to use in place of the default one.
        home: The folder whose `.tocsin/profiles.yml` comes before the project's (default: the user's).

    Raises:
        ConfigError: The project's or the profiles' file is wrong. A wrong monitor does not raise: it
            is a `BrokenMonitor` of the result.
    """
    path = folder / PROJECT_FILE
    if not path.is_file():
        raise ConfigError(
            f"{folder} is not a Tocsin project: it has no {PROJECT_FILE}",
            hint="run `tocsin init NAME`, or point to a project with -p",
        )
    config = validate(ProjectConfig, read_text(path), path)
    home_file = (Path.home() if home is None else home) / ".tocsin" / PROFILES_FILE
    files = tuple(path for path in (home_file, folder / PROFILES_FILE) if path.is_file())
    profiles = _load_profiles(files)
    chosen = profile or config.default_profile or profiles.default_profile or next(iter(profiles.profiles))
    _require_profile(chosen, profiles.profiles, folder / PROFILES_FILE)
    project = Project(
        folder=folder,
        config=config,
        profiles=profiles.profiles,
        default_profile=chosen,
        channels=profiles.alert_channels,
        profile_files=files,
    )
    return replace(project, monitors=_load_metrics(project))


def _load_profiles(files: tuple[Path, ...]) -> ProfilesConfig:
    """Read profiles and channels; of the same name, that of the later file counts.

    The profile for files is there in any case, and comes last: it is the default when there is no other.
    """
    merged = ProfilesConfig()
    for path in files:
        found = validate(ProfilesConfig, read_text(path), path)
        merged = ProfilesConfig(
            profiles={**merged.profiles, **found.profiles},
            default_profile=found.default_profile or merged.default_profile,
            alert_channels={**merged.alert_channels, **found.alert_channels},
        )
    profiles = dict(merged.profiles)
    profiles.setdefault("files", ProfileConfig(type="duckdb"))
    return merged.model_copy(update={"profiles": profiles})


def _require_profile(name: str, profiles: Mapping[str, ProfileConfig], path: Path) -> None:
    if name not in profiles:
        hint = suggest(name, profiles) or f"known profiles are {', '.join(sorted(profiles))}"
        raise ConfigError(f"there is no profile {name!r}", path=str(path), hint=hint)


def _load_metrics(project: Project) -> tuple[MetricMonitor | BrokenMonitor, ...]:
    folder = project.folder / project.config.paths.metrics
    paths = sorted(path for path in folder.rglob("*") if path.suffix in {".yml", ".yaml"})
    monitors: list[MetricMonitor | BrokenMonitor] = []
    first_with: dict[str, Path] = {}
    for path in paths:
        try:
            monitor = _load_metric(project, path)
        except ConfigError as error:
            monitors.append(BrokenMonitor(path, path.stem, error))
            continue
        taken = first_with.setdefault(monitor.name, path)
        if taken is path:
            monitors.append(monitor)
        else:
            twice = ConfigError(f"the name {monitor.name!r} is taken by {taken.name}", path=str(path))
            monitors.append(BrokenMonitor(path, path.stem, twice))
    return tuple(monitors)


def _load_metric(project: Project, path: Path) -> MetricMonitor:
    text = read_text(path)
    config = validate(MetricConfig, text, path, keep=_OTHER_LANGUAGES)
    if config.profile is not None and config.profile not in project.profiles:
        hint = suggest(config.profile, project.profiles)
        raise error_at(f"there is no profile {config.profile!r}", text, path, ("profile",), hint)
    query, detectors = _query_of(project, config, text, path), _detectors_of(config, text, path)
    check_seasonality(config, detectors, text, path)
    check_channels(config, project.channels, text, path)
    check_templates(config, text, path)
    return MetricMonitor(path, config, query, detectors)


def _query_of(project: Project, config: MetricConfig, text: str, path: Path) -> str:
    if config.query is not None:
        return config.query
    name = config.query_file or ""
    for folder in (project.folder / project.config.paths.sql, path.parent, project.folder):
        if (folder / name).is_file():
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
