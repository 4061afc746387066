"""Reads a project folder: its settings, its profiles, its monitors."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.errors import ConfigError
from tocsin.runtime.config.groups import GroupsConfig, load_groups
from tocsin.runtime.config.monitors import LogMonitor, MetricMonitor, load_monitors
from tocsin.runtime.config.project import MemoryConfig, ProfileConfig, ProfilesConfig, ProjectConfig
from tocsin.runtime.config.yaml_file import is_there, read_text, substitute_environment, suggest, validate
from tocsin.runtime.servers import memory_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.alerting.plan import AlertingPlan
    from tocsin.model import AlertRule
    from tocsin.runtime.config.monitors import Monitor

__all__ = ["PROFILES_FILE", "PROJECT_FILE", "Project", "load_project"]

PROJECT_FILE = "tocsin_project.yml"
PROFILES_FILE = "profiles.yml"
_CHANNELS = frozenset({"alert_channels"})


@dataclass(frozen=True, slots=True)
class Project:
    """A project folder, read and checked."""

    folder: Path
    config: ProjectConfig
    profiles: Mapping[str, ProfileConfig]
    default_profile: str
    channels: Mapping[str, Mapping[str, Any]]
    profile_files: tuple[Path, ...] = ()
    monitors: tuple[Monitor, ...] = ()
    groups: GroupsConfig = field(default_factory=GroupsConfig)
    unset_channels: frozenset[str] = frozenset()
    """Channels that lack a variable of the environment: see `load_project`."""

    @property
    def alert_rules(self) -> dict[tuple[str, str], AlertRule]:
        """The rules of metrics and logs: (monitor, rule) → rule."""
        return {
            (monitor.name, rule.name): rule
            for monitor in self.monitors
            if isinstance(monitor, MetricMonitor | LogMonitor)
            for rule in monitor.config.rules()
        }

    @property
    def plan(self) -> AlertingPlan:
        """How the project alerts."""
        tags = {monitor.name: monitor.tags for monitor in self.monitors}
        rules = {
            monitor.name: frozenset(rule.name for rule in monitor.config.rules())
            if monitor.config.enabled
            else frozenset[str]()
            for monitor in self.monitors
            if isinstance(monitor, MetricMonitor | LogMonitor)
        }
        return replace(self.groups.plan(self.config.name, tags, rules), channels=frozenset(self.channels))

    @property
    def memory_path(self) -> Path:
        """The file of the project's memory, when it is one."""
        return self.folder / self.memory.path

    @property
    def memory(self) -> MemoryConfig:
        """Where the project's memory is when it is a file, and its settings."""
        return self.profiles[self.default_profile].memory

    @property
    def memory_server(self) -> str | None:
        """The profile whose server holds the project's memory, `None` when that is the file."""
        return self.profiles[self.default_profile].memory_server(self.default_profile)

    @property
    def dead_letters(self) -> Path:
        """The folder of the lines that could not be read, beside the memory's file."""
        return self.memory_path.parent / "dead_letters"


def load_project(
    folder: Path, profile: str | None = None, *, home: Path | None = None, tells: bool = True
) -> Project:
    """Read a project.

    Args:
        folder: The folder with `tocsin_project.yml`.
        profile: The profile to use in place of the default one.
        home: The folder whose `.tocsin/profiles.yml` comes before the project's (default: the user's).
        tells: Whether messages may be sent. Who only looks need not have the secrets of all channels: those
            that lack a variable of the environment are left as they are written.

    Raises:
        ConfigError: The project's or the profiles' file is wrong. A wrong monitor does not raise: it
            is a `BrokenMonitor` of the result.
    """
    path = folder / PROJECT_FILE
    if not is_there(path):
        raise ConfigError(
            f"{folder} is not a Tocsin project: it has no {PROJECT_FILE}",
            hint="run `tocsin init NAME`, or point to a project with -p",
        )
    config = validate(ProjectConfig, read_text(path), path)
    own = folder / PROFILES_FILE
    files = (*_profiles_at_home(home), *([own] if is_there(own) else []))
    profiles, unset = _load_profiles(files, tells=tells)
    chosen = profile or config.default_profile or profiles.default_profile or next(iter(profiles.profiles))
    _require_profile(chosen, profiles.profiles, folder / PROFILES_FILE)
    server = profiles.profiles[chosen].memory_server(chosen)
    if server is not None:
        _require_profile(server, profiles.profiles, folder / PROFILES_FILE)
        memory_arguments(server, profiles.profiles[server])
    project = Project(
        folder=folder,
        config=config,
        profiles=profiles.profiles,
        default_profile=chosen,
        channels=profiles.alert_channels,
        profile_files=files,
        groups=load_groups(folder),
        unset_channels=unset,
    )
    return replace(project, monitors=load_monitors(project))


def _profiles_at_home(home: Path | None) -> tuple[Path, ...]:
    """Find the user's profiles; a service may have no home, or one that it may not look into."""
    try:
        path = (Path.home() if home is None else home) / ".tocsin" / PROFILES_FILE
        return (path,) if path.is_file() else ()
    except (OSError, RuntimeError):
        return ()


def _load_profiles(files: tuple[Path, ...], *, tells: bool) -> tuple[ProfilesConfig, frozenset[str]]:
    """Read profiles and channels; of the same name, that of the later file counts.

    The profile for files is there in any case, and comes last: it is the default when there is no other.
    """
    merged = ProfilesConfig()
    unset: set[str] = set()
    for path in files:
        found = validate(ProfilesConfig, read_text(path), path, keep=frozenset() if tells else _CHANNELS)
        channels, lacking = (found.alert_channels, set[str]()) if tells else _filled(found.alert_channels)
        unset = unset - channels.keys() | lacking
        merged = ProfilesConfig(
            profiles={**merged.profiles, **found.profiles},
            default_profile=found.default_profile or merged.default_profile,
            alert_channels={**merged.alert_channels, **channels},
        )
    profiles = dict(merged.profiles)
    profiles.setdefault("files", ProfileConfig(type="duckdb"))
    return merged.model_copy(update={"profiles": profiles}), frozenset(unset)


def _filled(channels: Mapping[str, dict[str, Any]]) -> tuple[dict[str, dict[str, Any]], set[str]]:
    """Put the environment into the settings of channels; give the names of those that lack a variable."""
    found, lacking = dict(channels), set[str]()
    for name, settings in channels.items():
        try:
            found[name] = substitute_environment(settings)
        except KeyError:
            lacking.add(name)
    return found, lacking


def _require_profile(name: str, profiles: Mapping[str, ProfileConfig], path: Path) -> None:
    if name not in profiles:
        hint = suggest(name, profiles) or f"known profiles are {', '.join(sorted(profiles))}"
        raise ConfigError(f"there is no profile {name!r}", path=str(path), hint=hint)
