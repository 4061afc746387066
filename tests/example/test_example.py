"""The seeded example: what it writes, and that its metrics find what is in it."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml

from tocsin.errors import ConfigError
from tocsin.runtime.config.loader import load_project
from tocsin.runtime.config.metric import MetricConfig
from tocsin.runtime.create_project import create_project
from tocsin.runtime.databases import open_memory
from tocsin.runtime.example import read_labels, write_example
from tocsin.runtime.pipeline import RunOptions, run_monitors
from tocsin.runtime.registry import create_detector
from tocsin.sources.seasonality import seasonality_json, seasonality_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tocsin.abc import Clock
    from tocsin.model import SeriesData

SERIES = (
    "api_latency_ms",
    "checkout_requests",
    "db_disk_used_gb",
    "login_failures",
    "office_power_kw",
    "worker_queue_depth",
)
KINDS = {"level_shift", "spike", "drift", "outage", "broken_rhythm"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example")
    write_example(folder)
    return folder


def metric_of(folder: Path, name: str) -> MetricConfig:
    return MetricConfig.model_validate(
        yaml.safe_load((folder / f"metrics/{name}.yml").read_text(encoding="utf-8"))
    )


def series_of(folder: Path, config: MetricConfig) -> SeriesData:
    """Lay the rows of a file on the metric's grid."""
    with (folder / f"data/{config.name}.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    times = np.array([row["timestamp"] for row in rows], dtype="datetime64[ms]")
    step = np.timedelta64(config.interval.milliseconds, "ms")
    slots = (times - times[0]) // step
    value = np.full(int(slots[-1]) + 1, np.nan)
    value[slots] = [float(row["value"]) for row in rows]
    timestamp = times[0] + np.arange(value.size) * step
    seasons = seasonality_of(
        timestamp.astype(np.int64), config.seasonality_columns, timezone=config.timezone, holidays=None
    )
    return {
        "timestamp": timestamp,
        "value": value,
        "seasonality_data": seasonality_json(seasons, value.size),
        "seasonality_columns": list(config.seasonality_columns),
    }


def alarms_of(data: SeriesData, config: MetricConfig) -> tuple[list[tuple[datetime, datetime]], int]:
    """Give the stretches that would be told (first and last point), and how many points were flagged."""
    side: NDArray[np.int8] = np.zeros(data["value"].size, dtype=np.int8)
    (rule,) = config.rules()
    for entry in config.detectors:
        found = create_detector(entry.type, entry.params).detect_arrays(data)
        side = np.where(found.is_anomaly, found.direction, side)
    if rule.direction == "up":
        side = np.maximum(side, 0)
    runs = [list(run) for direction, run in groupby(range(side.size), key=lambda i: side[i]) if direction]
    times = data["timestamp"].tolist()
    told = [run for run in runs if len(run) >= rule.consecutive_anomalies]
    spans = [(times[run[0]].replace(tzinfo=UTC), times[run[-1]].replace(tzinfo=UTC)) for run in told]
    return spans, int(np.count_nonzero(side))


def test_the_example_has_series_metrics_and_labels(folder: Path) -> None:
    assert sorted(file.stem for file in (folder / "data").glob("*.csv")) == list(SERIES)
    assert sorted(file.name for file in (folder / "metrics").iterdir()) == [f"{name}.yml" for name in SERIES]
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    assert set(labels) == {*SERIES, "auth", "ids"}
    kinds = {label["kind"] for of_series in labels.values() for label in of_series}
    assert kinds == KINDS | {"break_in", "scan"}
    assert labels["login_failures"] == []


def test_what_was_written_is_returned(tmp_path: Path) -> None:
    written = write_example(tmp_path / "new" / "project")
    assert sorted(written) == sorted(file for file in tmp_path.rglob("*") if file.is_file())


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for file in write_example(tmp_path):
        assert file.read_bytes() == (folder / file.relative_to(tmp_path)).read_bytes()


def test_another_seed_gives_other_noise_and_the_same_incidents(folder: Path, tmp_path: Path) -> None:
    write_example(tmp_path, seed=8)
    for name in SERIES:
        other = (tmp_path / f"data/{name}.csv").read_bytes()
        assert other != (folder / f"data/{name}.csv").read_bytes()
    assert (tmp_path / "data/auth.log").read_bytes() != (folder / "data/auth.log").read_bytes()
    assert read_labels(tmp_path) == read_labels(folder)


@pytest.mark.parametrize("name", SERIES)
def test_a_metric_reads_its_file_on_an_even_grid_of_four_weeks(folder: Path, name: str) -> None:
    config = metric_of(folder, name)
    assert config.name == name
    assert f"data/{name}.csv" in (config.query or "")
    data = series_of(folder, config)
    assert data["timestamp"][0] == np.datetime64("2026-03-02")
    assert data["timestamp"].size == timedelta(days=28) // timedelta(seconds=config.interval.seconds)
    assert np.nanmin(data["value"]) >= 0
    gaps = int(np.count_nonzero(np.isnan(data["value"])))
    assert gaps == (30 if name == "worker_queue_depth" else 0)


@pytest.mark.parametrize("seed", [7, 1])
@pytest.mark.parametrize("name", SERIES)
def test_the_metrics_find_every_incident_and_nothing_else(tmp_path: Path, name: str, seed: int) -> None:
    write_example(tmp_path, seed)
    config = metric_of(tmp_path, name)
    labels = read_labels(tmp_path)[name]
    data = series_of(tmp_path, config)

    alarms, flagged = alarms_of(data, config)

    for label in labels:
        assert any(start < label.end and end >= label.start for start, end in alarms), label
    for start, end in alarms:
        assert any(start < label.end and end >= label.start for label in labels), start
    if not labels:
        assert flagged <= 5


@pytest.mark.parametrize("seed", [7, 1, 2])
def test_the_log_is_quiet_but_for_the_break_in(tmp_path: Path, seed: int, clock: Clock) -> None:
    create_project(tmp_path, "example", example=False)
    write_example(tmp_path, seed)
    project = load_project(tmp_path, home=tmp_path)
    monitors = [monitor for monitor in project.monitors if monitor.name == "auth"]

    with open_memory(project, clock) as memory:
        (report,) = run_monitors(project, monitors, memory, RunOptions(), clock=clock).monitors

    (label,) = read_labels(tmp_path)["auth"]
    assert report.error is None
    assert report.lines
    assert [line for line in report.lines if not label.start <= line.timestamp < label.end] == []
    found = "\n".join(line.log for line in report.lines)
    assert all(word in found for word in ("Accepted password", "useradd", "shadow"))


def test_a_project_without_labels_has_none(tmp_path: Path) -> None:
    assert read_labels(tmp_path) == {}


@pytest.mark.parametrize("text", ["{", "[]", '{"a": [{"kind": "spike"}]}', '{"a": 1}'])
def test_labels_of_another_form_are_refused_with_a_hint(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.json").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"labels\.json: .*write \{series"):
        read_labels(tmp_path)
