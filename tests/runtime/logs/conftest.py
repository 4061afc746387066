"""A project with logs in a temporary folder: lines are written, runs are made, what is kept is read."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.conftest import Workspace
from tocsin.runtime.databases import open_memory
from tocsin.runtime.logs import step as log_step
from tocsin.runtime.logs.memory import open_snapshots
from tocsin.runtime.logs.state import find_log, load_state

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.conftest import SteppingClock
    from tocsin.abc import Clock

START = datetime(2026, 2, 1, tzinfo=UTC)
TRAIN = 60
_EVENTS = ("login", "read", "logout")
_USERS = ("ann", "bob", "cem")


def entry(second: float, event: str = "login", user: str = "ann", **more: Any) -> str:
    """Write a line: an object with time, event and user."""
    time = (START + timedelta(seconds=second)).isoformat(timespec="milliseconds")
    return json.dumps({"time": time, "event": event, "user": user, **more})


def quiet(count: int, first: int = 0, step: float = 1) -> list[str]:
    """Write lines of which none is news, once the first few dozens are known."""
    return [
        entry((first + number) * step, _EVENTS[number % 3], _USERS[number // 3 % 3])
        for number in range(count)
    ]


def write_lines(path: Path, lines: Iterable[str], *, append: bool = False) -> Path:
    """Write a log as if that was done long ago, so that its last line counts, and times of files agree."""
    with path.open("a" if append else "w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
    os.utime(path, (START.timestamp(), START.timestamp()))
    return path


@dataclass
class LogWorkspace(Workspace):
    """A project folder with logs."""

    def __post_init__(self) -> None:
        super().__post_init__()
        (self.folder / "logs").mkdir(exist_ok=True)

    @classmethod
    def there(cls, folder: Path, clock: Clock) -> LogWorkspace:
        """Give a project as it is."""
        workspace = cls.__new__(cls)
        workspace.folder, workspace.clock = folder, clock
        return workspace

    def log(self, name: str = "app", **keys: Any) -> Path:
        """Write a log monitor: JSON lines, two detectors, trained on 60 lines."""
        content: dict[str, Any] = {
            "name": name,
            "source": {"files": [f"{name}.log"]},
            "parser": {"type": "json", "params": {"event_id": ["event"]}},
            "train": TRAIN,
            "detectors": [{"type": "new_event"}, {"type": "new_value"}],
        }
        return self.write(f"logs/{name}.yml", {**content, **keys})

    def lines(self, lines: Iterable[str], name: str = "app.log") -> Path:
        """Write a log file."""
        return write_lines(self.folder / name, lines)

    def append(self, lines: Iterable[str], name: str = "app.log") -> Path:
        """Add lines to a log file."""
        return write_lines(self.folder / name, lines, append=True)

    def found(self) -> list[tuple[Any, ...]]:
        """Give file, line, EventID and detector of every anomaly that is kept, by time."""
        rows = self.query("SELECT detection_metadata FROM _tocsin_detections ORDER BY timestamp, detector_id")
        facts = [json.loads(row["detection_metadata"]) for row in rows]
        return [
            (one["file"].rpartition("/")[2], one["line"], one["EventID"], one["detector"])
            for one in facts
            if "file" in one
        ]

    def anomalous(self) -> list[int]:
        """Give the numbers of the anomalous lines that are kept, each once, in the order of their times."""
        return list(dict.fromkeys(line for _, line, _, _ in self.found()))

    def learned(self, name: str | None = None) -> dict[str, Any]:
        """Give all that is known of the state of a log, apart from numbers of generations."""
        project = self.load()
        with open_memory(project, self.clock) as memory:
            monitor = find_log(project, name)
            state = load_state(monitor, memory)
            snapshot = open_snapshots(memory, monitor.name, monitor.config.state).load()
            parser = None if snapshot is None else snapshot.parts.get("parser")
            return {
                "detectors": [detector.describe() for detector in state.detectors.values()],
                "values": [detector.export() for detector in state.detectors.values()],
                "parser": None if parser is None else parser.contents["tree"].hex(),
                "positions": {} if snapshot is None else snapshot.positions,
            }

    def position(self, name: str = "app") -> dict[str, Any]:
        """Give the read position of a log."""
        rows = self.query("SELECT position FROM _tocsin_positions WHERE name = %(n)s", n=f"log:{name}")
        return json.loads(rows[0]["position"]) if rows else {}

    def told(self) -> list[tuple[str, str]]:
        """Give kind and state of every message, in the order they were made for."""
        rows = self.query("SELECT kind, state FROM _tocsin_outbox ORDER BY payload")
        return [(row["kind"], row["state"]) for row in rows]

    def incidents(self) -> list[dict[str, Any]]:
        """Give all incidents."""
        return self.query("SELECT * FROM _tocsin_incidents ORDER BY opened_at, rule")


@pytest.fixture
def logs(tmp_path: Path, clock: SteppingClock) -> LogWorkspace:
    return LogWorkspace(tmp_path, clock)


@pytest.fixture
def other(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> LogWorkspace:
    """Give a second project, to compare with."""
    return LogWorkspace(tmp_path_factory.mktemp("other"), clock)


@pytest.fixture
def small_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commit after every ten lines."""
    monkeypatch.setattr(log_step, "_CHUNK_LINES", 10)
    monkeypatch.setattr(log_step, "_MOST_LINES", 1)
