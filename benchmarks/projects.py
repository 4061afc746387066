"""Writes projects to measure: the same metrics for us and for the peer."""

from __future__ import annotations

import sqlite3
import textwrap
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.data import START

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = [
    "DETECTION_LINES",
    "MEMORY",
    "MetricFile",
    "count_rows",
    "forget",
    "write_peer_project",
    "write_project",
]

MEMORY = "tocsin.db"
# The detector of all whole-process figures, with the defaults of both sides written out.
DETECTION_LINES = "detectors:\n  - type: mad\n    params: {threshold: 3.0, window_size: 100}\n"


@dataclass(frozen=True, slots=True)
class MetricFile:
    """One metric of a project.

    Attributes:
        name: Its name, and that of its file.
        source: What the query reads, e.g. `read_csv('data/cpu.csv')`.
        where: A further condition on the rows, or "".
        interval: The distance between points.
        dimension: A column whose values are series of their own, or "".
        more: Further lines of YAML.
    """

    name: str
    source: str
    where: str = ""
    interval: str = "10min"
    dimension: str = ""
    more: str = DETECTION_LINES

    def text(self, prefix: str) -> str:
        """Write the YAML; `prefix` is that of the variables with the bounds of the load."""
        columns = ", ".join(["timestamp", *([self.dimension] if self.dimension else []), "value"])
        conditions = [
            f"timestamp >= '{{{{ {prefix}_start_time }}}}'",
            f"timestamp < '{{{{ {prefix}_end_time }}}}'",
            *([self.where] if self.where else []),
        ]
        query = f"SELECT {columns} FROM {self.source}\nWHERE {' AND '.join(conditions)}\nORDER BY timestamp"
        lines = [f"name: {self.name}", "query: |", textwrap.indent(query, "  "), f"interval: {self.interval}"]
        if self.dimension:
            lines.append(f"dimension: {self.dimension}")
        return "\n".join([*lines, self.more])


def write_project(folder: Path, metrics: Iterable[MetricFile]) -> None:
    """Write a Tocsin project: DuckDB reads the files, SQLite is the memory."""
    _write(folder, "tocsin_project.yml", "name: bench\nversion: '1.0'\n")
    _write(folder, "profiles.yml", "default_profile: bench\nprofiles:\n  bench: {type: duckdb}\n")
    for metric in metrics:
        _write(folder / "metrics", f"{metric.name}.yml", metric.text("tocsin"))


def write_peer_project(folder: Path, metrics: Iterable[MetricFile]) -> None:
    """Write the same metrics as a project of the peer, with the store of its that needs no server."""
    start = str(START.astype("datetime64[s]")).replace("T", " ")
    _write(folder, "detectkit_project.yml", "name: bench\nversion: '1.0'\ndefault_profile: bench\n")
    _write(
        folder,
        "profiles.yml",
        "default_profile: bench\nprofiles:\n"
        "  bench: {type: duckdb, path: ./memory.duckdb, internal_schema: detectkit, data_schema: main}\n",
    )
    for metric in metrics:
        _write(
            folder / "metrics", f"{metric.name}.yml", f'{metric.text("dtk")}loading_start_time: "{start}"\n'
        )


def forget(folder: Path) -> None:
    """Empty a project's memory."""
    for suffix in ("", "-wal", "-shm"):
        (folder / f"{MEMORY}{suffix}").unlink(missing_ok=True)


def count_rows(folder: Path) -> tuple[int, int, int]:
    """Count the points, the verdicts and the anomalies in a project's memory."""
    with closing(sqlite3.connect(folder / MEMORY)) as memory:
        points = memory.execute("SELECT count(*) FROM _tocsin_datapoints").fetchone()[0]
        verdicts, anomalies = memory.execute(
            "SELECT count(*), coalesce(sum(is_anomaly), 0) FROM _tocsin_detections"
        ).fetchone()
    return int(points), int(verdicts), int(anomalies)


def _write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
