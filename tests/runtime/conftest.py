"""A project in a temporary folder, run in this process or as the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

from tocsin.database.tables import TABLE_DATAPOINTS, TABLE_DETECTIONS
from tocsin.runtime.config.loader import Project, load_project
from tocsin.runtime.databases import open_memory
from tocsin.runtime.pipeline import RunOptions, run_monitors
from tocsin.runtime.selection import select_monitors

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tocsin.abc import Clock
    from tocsin.runtime.run_report import MonitorReport, RunReport

QUERY = """\
SELECT timestamp, value FROM read_csv('{path}')
WHERE timestamp >= '{{{{ tocsin_start_time }}}}' AND timestamp < '{{{{ tocsin_end_time }}}}'
"""
START = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass
class Workspace:
    """A project folder and what a test does with it."""

    folder: Path
    clock: Clock

    def __post_init__(self) -> None:
        (self.folder / "metrics").mkdir(parents=True, exist_ok=True)
        self.write("tocsin_project.yml", {"name": "test"})
        self.write("profiles.yml", {"profiles": {"files": {"type": "duckdb"}}, "default_profile": "files"})

    def write(self, name: str, content: dict[str, Any]) -> Path:
        path = self.folder / name
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return path

    def csv(self, name: str, rows: Iterable[tuple[object, ...]], header: str = "timestamp,value") -> Path:
        path = self.folder / f"{name}.csv"
        lines = [header, *(",".join("" if cell is None else str(cell) for cell in row) for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def metric(self, name: str, **keys: Any) -> Path:
        content: dict[str, Any] = {
            "name": name,
            "query": QUERY.format(path=f"{name}.csv"),
            "interval": "10min",
            "detectors": [{"type": "mad", "params": {"window_size": 50, "min_samples": 10}}],
        }
        return self.write(f"metrics/{name}.yml", {**content, **keys})

    def load(self) -> Project:
        return load_project(self.folder, home=self.folder)

    def run(self, select: str | None = None, **options: Any) -> RunReport:
        project = self.load()
        with open_memory(project, self.clock) as memory:
            monitors = select_monitors(project.monitors, select, None, in_state=lambda _: set())
            return run_monitors(project, monitors, memory, replace(RunOptions(), **options), clock=self.clock)

    def run_one(self, **options: Any) -> MonitorReport:
        (report,) = self.run(**options).monitors
        return report

    def query(self, query: str, **params: Any) -> list[dict[str, Any]]:
        with open_memory(self.load(), self.clock) as memory:
            return memory.execute_query(query, params or None)

    def slots(self) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self.query(_ALL_SLOTS)]

    def verdicts(self) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self.query(_ALL_VERDICTS)]

    def command(self, *arguments: str, check: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run the command as a user does, in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "tocsin", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={**os.environ, "HOME": str(self.folder)},
        )
        if check is not None:
            assert done.returncode == check, done.stderr + done.stdout
        assert "Traceback" not in done.stderr
        return done

    def command_json(self, *arguments: str, check: int = 0) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.command(*arguments, "--json", check=check).stdout)
        return answer


# Everything but created_at: two ways to the same memory must agree in all of it, bit for bit.
_ALL_SLOTS = (
    f"SELECT metric_name, timestamp, value, seasonality_data, interval_seconds, seasonality_columns"
    f" FROM {TABLE_DATAPOINTS} ORDER BY metric_name, timestamp"
)
_ALL_VERDICTS = (
    f"SELECT metric_name, detector_id, timestamp, is_anomaly, confidence_lower, confidence_upper, value,"
    f" detector_params, detection_metadata FROM {TABLE_DETECTIONS}"
    " ORDER BY metric_name, detector_id, timestamp"
)


@pytest.fixture
def workspace(tmp_path: Path, clock: Clock) -> Workspace:
    return Workspace(tmp_path, clock)


def at(slot: float, interval: timedelta = timedelta(minutes=10)) -> str:
    """Write the time of a slot as a CSV file has it."""
    return (START + slot * interval).strftime("%Y-%m-%d %H:%M:%S")


def noisy(count: int, seed: int = 1, jumps: dict[int, float] | None = None) -> list[tuple[str, float]]:
    """Make rows of a noisy series, with jumps at some slots."""
    values = 100 + np.random.default_rng(seed).normal(0, 2, count).round(3)
    for slot, height in (jumps or {}).items():
        values[slot] += height
    return [(at(slot), float(value)) for slot, value in enumerate(values)]
