"""A project folder whose files a test writes as text, so that lines can be counted."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from tocsin.runtime.config.loader import load_project
from tocsin.runtime.config.monitors import BrokenMonitor, MetricMonitor, Monitor

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.errors import ConfigError
    from tocsin.runtime.config.loader import Project


@dataclass(frozen=True)
class Files:
    """Writes a project's files and reads them."""

    folder: Path
    home: Path

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path

    def load(self, profile: str | None = None) -> Project:
        return load_project(self.folder, profile, home=self.home)

    def metric(self, text: str) -> MetricMonitor:
        """Write a metric with its smallest keys and some more, and read it."""
        (monitor,) = self._monitors(text)
        assert isinstance(monitor, MetricMonitor), getattr(monitor, "error", None)
        return monitor

    def metric_error(self, text: str) -> ConfigError:
        (monitor,) = self._monitors(text)
        assert isinstance(monitor, BrokenMonitor)
        assert monitor.error.path == str(self.folder / "metrics" / "m.yml")
        return monitor.error

    def _monitors(self, text: str) -> tuple[Monitor, ...]:
        text = dedent(text)
        smallest = {"name": "m", "query": "SELECT 1", "interval": "1h"}
        missing = [
            f"{key}: {value}\n"
            for key, value in smallest.items()
            if f"\n{key}:" not in f"\n{text}"
            and not (key == "query" and ("query_file:" in text or "source: events" in text))
        ]
        self.write("metrics/m.yml", text + "".join(missing))
        return self.load().monitors


@pytest.fixture
def files(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Files:
    files = Files(tmp_path, tmp_path_factory.mktemp("home"))
    files.write("tocsin_project.yml", "name: test\n")
    return files
