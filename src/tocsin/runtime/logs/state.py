"""What a log monitor has learned, to be looked at, corrected and taken back: `tocsin state`."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tocsin.database import series_store as store
from tocsin.database.leases import this_process
from tocsin.errors import ConfigError, PersistencyLoadError
from tocsin.runtime.config.monitors import BrokenMonitor, LogMonitor
from tocsin.runtime.config.yaml_file import suggest
from tocsin.runtime.logs.detections import forget_lines
from tocsin.runtime.logs.memory import LogMemory, log_position_name, open_snapshots
from tocsin.runtime.logs.parts import create_log_detector, create_log_parser
from tocsin.runtime.pipeline import lease_name
from tocsin.runtime.project_state import lease_holder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tocsin.abc import Clock
    from tocsin.database import BaseDatabaseManager
    from tocsin.detectors.events import CoreDetector
    from tocsin.model import Lease
    from tocsin.persistency.snapshots import GenerationInfo
    from tocsin.runtime.config.loader import Project

__all__ = ["LearnedState", "change_state", "find_log", "generations", "load_state", "revert_state"]

_LEASE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class LearnedState:
    """What a monitor has learned.

    Attributes:
        monitor: The monitor.
        detectors: Its detectors by name, as they were saved; those that never ran as they begin.
        generation: The generation that was read, `None` when nothing was saved yet.
        notes: What there is to know, e.g. about a detector whose parameters changed.
    """

    monitor: LogMonitor
    detectors: Mapping[str, CoreDetector]
    generation: int | None
    notes: tuple[str, ...]


def find_log(project: Project, name: str | None) -> LogMonitor:
    """Find a log monitor by name; without a name the only one there is.

    Raises:
        ConfigError: There is none of that name, it is a metric or broken, or there are several.
    """
    logs = [monitor for monitor in project.monitors if monitor.kind == "log"]
    if name is None:
        if len(logs) != 1:
            known = ", ".join(monitor.name for monitor in logs)
            raise ConfigError(
                "say which log" if logs else "the project has no logs",
                hint=f"there are {known}" if logs else "`tocsin init --from x.log` adds one",
            )
        chosen = logs[0]
    else:
        found = next((monitor for monitor in project.monitors if monitor.name == name), None)
        if found is None or found.kind != "log":
            names = [monitor.name for monitor in logs]
            what = "is a metric" if found is not None else "is not there"
            hint = suggest(name, names) or (f"logs are {', '.join(names)}" if names else "there are no logs")
            raise ConfigError(f"the log {name!r} {what}", hint=hint)
        chosen = found
    if isinstance(chosen, BrokenMonitor):
        raise chosen.error
    assert isinstance(chosen, LogMonitor)  # noqa: S101  # its kind says so
    return chosen


def load_state(monitor: LogMonitor, memory: BaseDatabaseManager) -> LearnedState:
    """Read what a monitor has learned.

    Raises:
        PersistencyLoadError: It is damaged, or a newer Tocsin wrote it.
    """
    state, _ = _open(monitor, memory)
    return state


def generations(monitor: LogMonitor, memory: BaseDatabaseManager) -> list[GenerationInfo]:
    """Give the generations that are kept, oldest first."""
    return open_snapshots(memory, monitor.name, monitor.config.state).generations()


def change_state(
    monitor: LogMonitor,
    memory: BaseDatabaseManager,
    clock: Clock,
    change: Callable[[LearnedState], None],
) -> GenerationInfo | None:
    """Change what a monitor has learned, and save it as a new generation; reading goes on where it was.

    Raises:
        ConfigError: Another run works on the monitor, or nothing was learned yet.
        PersistencyLoadError: What is saved cannot be read.
    """
    with _leased(monitor, memory) as lease:
        state, log_memory = _open(monitor, memory)
        if state.generation is None:
            raise ConfigError(f"{monitor.name} has learned nothing yet", hint="run `tocsin run` first")
        change(state)
        with memory.transaction(lease=lease) as tx:
            position = store.read_position(tx, log_position_name(monitor.name)) or {}
            log_memory.write(position, clock.now())
    return next(iter(generations(monitor, memory)[-1:]), None)


def revert_state(
    monitor: LogMonitor,
    memory: BaseDatabaseManager,
    clock: Clock,
    generation: int,
    *,
    keep_position: bool,
) -> GenerationInfo:
    """Go back to an old generation: model, phase, counters, and where reading goes on.

    Args:
        monitor: The monitor.
        memory: The project's memory.
        clock: The clock.
        generation: Which one.
        keep_position: Go on reading where the last run ended: lines since that generation are not read
            again.

    Raises:
        ConfigError: Another run works on the monitor.
        PersistencyLoadError: That generation is not there, or damaged.
    """
    with _leased(monitor, memory) as lease, memory.transaction(lease=lease) as tx:
        snapshots = open_snapshots(memory, monitor.name, monitor.config.state)
        if generation not in (there := [info.generation for info in snapshots.generations()]):
            hint = f"it has {', '.join(map(str, there))}" if there else "run `tocsin run` first"
            raise PersistencyLoadError(f"{monitor.name} has no generation {generation}", hint=hint)
        found = snapshots.load(generation)
        info = snapshots.revert(generation, now=clock.now())
        if not keep_position:
            old: dict[str, Any] = {} if found is None else dict(found.positions)
            old.pop("parts", None)
            new = store.read_position(tx, log_position_name(monitor.name)) or {}
            forget_lines(tx, monitor.name, _read_again(old, new))
            store.write_position(tx, log_position_name(monitor.name), old, clock.now())
    return info


def _read_again(old: Mapping[str, Any], new: Mapping[str, Any]) -> Callable[[str], bool]:
    """Give a function that tells from its log id whether a line lies between two positions."""
    before, after = (
        {key: int(entry["offset"]) for key, entry in position.get("sources", {}).get("files", {}).items()}
        for position in (old, new)
    )

    def is_read_again(log_id: str) -> bool:
        file_id, _, offset = log_id.rpartition(":")
        return offset.isdecimal() and before.get(file_id, 0) <= int(offset) < after.get(file_id, 0)

    return is_read_again


@contextmanager
def _leased(monitor: LogMonitor, memory: BaseDatabaseManager) -> Iterator[Lease]:
    name = lease_name(monitor)
    lease = memory.acquire_lease(name, this_process(), _LEASE_SECONDS)
    if lease is None:
        raise ConfigError(
            f"another run works on {monitor.name} ({lease_holder(memory, name)})", hint="try again later"
        )
    try:
        yield lease
    finally:
        memory.release(lease)


def _open(monitor: LogMonitor, memory: BaseDatabaseManager) -> tuple[LearnedState, LogMemory]:
    config = monitor.config
    made = [create_log_detector(config, entry) for entry in config.detectors]
    detectors = {detector.name: detector for detector in made}
    log_memory = LogMemory(memory, monitor, create_log_parser(config), detectors)
    notes = log_memory.restore()
    return LearnedState(monitor, detectors, log_memory.generation, tuple(notes)), log_memory
