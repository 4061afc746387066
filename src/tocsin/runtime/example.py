"""The seeded example: a small shop's four weeks, with incidents in its series, its log and its events."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from tocsin.errors import ConfigError
from tocsin.reporting.view import TrueLabel
from tocsin.runtime.example_alerts import SCAN, alert_lines
from tocsin.runtime.example_log import BREAK_IN, log_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["read_labels", "write_example"]

_START = np.datetime64("2026-03-02T00:00", "m")
_DAYS = 28
# The shop is in Berlin; its summer time begins on the example's last day.
_SUMMER_TIME = np.datetime64("2026-03-29T01:00", "m")


def write_example(folder: Path, seed: int = 7) -> list[Path]:
    """Write the example's series, log and events, what watches them, and the labels of the incidents.

    `data/*.csv` hold `timestamp` (UTC) and `value`, `data/auth.log` holds syslog lines, `data/alerts.jsonl`
    IDEA messages; `metrics/*.yml`, `logs/*.yml` and `events/*.yml` watch them, `groups.yml` says who owns
    them; `labels.json` has for each a list of `{"kind", "start", "end", "note"}` (UTC, half-open). The same
    seed gives the same files.

    Args:
        folder: The project folder; it and the folders in it are made when missing, and files of the same
            names are replaced.
        seed: Another seed gives other noise, not other incidents.

    Returns:
        The files written: series, log, events, monitors, groups, labels.
    """
    for name in ("data", "metrics", "logs", "events"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    written = [_write_series(folder, series, seed) for series in _SERIES]
    log = folder / "data" / "auth.log"
    log.write_text("\n".join(log_lines(seed)) + "\n", encoding="utf-8", newline="\n")
    written.append(log)
    alerts = folder / "data" / "alerts.jsonl"
    alerts.write_text("\n".join(alert_lines(seed)) + "\n", encoding="utf-8", newline="\n")
    written.append(alerts)
    groups = folder / "groups.yml"
    text = files("tocsin.runtime").joinpath("example_groups.yml").read_text(encoding="utf-8")
    groups.write_text(text, encoding="utf-8", newline="\n")
    written.append(groups)
    for kind in ("metrics", "logs", "events"):
        sources = files("tocsin.runtime").joinpath(f"example_{kind}").iterdir()
        for source in sorted(sources, key=lambda file: file.name):
            if source.name.endswith(".yml"):
                target = folder / kind / source.name
                target.write_text(source.read_text(encoding="utf-8"), encoding="utf-8", newline="\n")
                written.append(target)
    labels = {series.name: [incident.to_dict() for incident in series.incidents] for series in _SERIES}
    break_in = _Incident("break_in", *BREAK_IN, "a stolen password, then an account with the rights of root")
    labels["auth"] = [break_in.to_dict()]
    scan = _Incident("scan", *SCAN, "one address looks for open ports, for days")
    labels["ids"] = [scan.to_dict(), break_in.to_dict()]
    target = folder / "labels.json"
    target.write_text(json.dumps(labels, indent=2) + "\n", encoding="utf-8", newline="\n")
    return [*written, target]


def read_labels(folder: Path) -> dict[str, tuple[TrueLabel, ...]]:
    """Read what is known to have happened, by series, from `labels.json`; nothing without that file.

    Raises:
        ConfigError: The file has another form.
    """
    path = folder / "labels.json"
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            series: tuple(
                TrueLabel(
                    label["kind"],
                    datetime.fromisoformat(label["start"]).astimezone(UTC),
                    datetime.fromisoformat(label["end"]).astimezone(UTC),
                    label.get("note", ""),
                )
                for label in labels
            )
            for series, labels in content.items()
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        hint = "write {series: [{kind, start, end, note}]} with ISO times that have an offset"
        raise ConfigError(f"the labels cannot be read ({error})", hint=hint, path=str(path)) from error


@dataclass(frozen=True, slots=True)
class _Incident:
    kind: str
    start: str
    end: str
    note: str

    def to_dict(self) -> dict[str, str]:
        return {
            "kind": self.kind,
            "start": f"{self.start}:00Z",
            "end": f"{self.end}:00Z",
            "note": self.note,
        }

    def covers(self, time: NDArray[np.datetime64]) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = (time >= np.datetime64(self.start)) & (time < np.datetime64(self.end))
        return inside

    def hours_in(self, time: NDArray[np.datetime64]) -> Floats:
        """Hours since the start; 0 before it."""
        since = (time - np.datetime64(self.start)) / np.timedelta64(1, "h")
        return np.maximum(since, 0.0)


@dataclass(frozen=True, slots=True)
class _Series:
    name: str
    minutes: int
    decimals: int
    make: Callable[[_Grid, np.random.Generator, tuple[_Incident, ...]], Floats]
    incidents: tuple[_Incident, ...] = ()


class _Grid:
    """The slots of a series, and what the clock on the shop's wall says in them."""

    def __init__(self, minutes: int) -> None:
        self.time = _START + np.arange(_DAYS * 1440 // minutes) * np.timedelta64(minutes, "m")
        offset = np.where(self.time >= _SUMMER_TIME, 2, 1) * np.timedelta64(1, "h")
        local = self.time + offset
        day = local.astype("datetime64[D]")
        self.hour = (local - day) / np.timedelta64(1, "h")
        self.weekend = (day.astype(np.int64) + 3) % 7 >= 5  # noqa: PLR2004 - Saturday and Sunday; 1970-01-01 was a Thursday

    def bump(self, centre: float, width: float) -> Floats:
        """A smooth daily hill: 1 at `centre` o'clock, falling off within `width` hours."""
        apart = np.abs(self.hour - centre)
        return np.asarray(np.exp(-0.5 * (np.minimum(apart, 24 - apart) / width) ** 2))

    def office(self) -> Floats:
        """How much of the office is at work, 0 to 1: a ramp from 7 to 9, back from 17 to 19."""
        ramp = np.minimum(np.clip((self.hour - 7) / 2, 0, 1), np.clip((19 - self.hour) / 2, 0, 1))
        return np.asarray(np.where(self.weekend, 0.08 * ramp, ramp))


def _checkout_requests(grid: _Grid, noise: np.random.Generator, incidents: tuple[_Incident, ...]) -> Floats:
    shopping = 60 + 300 * grid.bump(12.5, 2.8) + 420 * grid.bump(19.5, 2.4)
    rate = shopping * np.where(grid.weekend, 1.25, 1.0)
    rate[incidents[0].covers(grid.time)] *= 0.5
    return rate + np.sqrt(rate) * 1.3 * noise.standard_normal(rate.size)


def _api_latency_ms(grid: _Grid, noise: np.random.Generator, incidents: tuple[_Incident, ...]) -> Floats:
    load = 1.0 + 0.25 * grid.bump(19.5, 3.0) + 0.15 * grid.bump(12.5, 3.0)
    latency = 118 * load * np.exp(0.05 * noise.standard_normal(load.size))
    since = incidents[0].hours_in(grid.time)
    return np.asarray(latency + np.where(incidents[0].covers(grid.time), 620 * np.exp(-since / 0.6), 0.0))


def _db_disk_used_gb(grid: _Grid, noise: np.random.Generator, incidents: tuple[_Incident, ...]) -> Floats:
    # Temporary files grow by day and are purged at 3 in the night.
    since_purge = (grid.hour - 3) % 24
    used = 312 + 0.45 * since_purge + 0.6 * noise.standard_normal(since_purge.size)
    leak = np.where(incidents[0].covers(grid.time), 0.32 * incidents[0].hours_in(grid.time), 0.0)
    return np.asarray(used + leak)


def _worker_queue_depth(grid: _Grid, noise: np.random.Generator, incidents: tuple[_Incident, ...]) -> Floats:
    depth = 45 + 55 * grid.bump(20.0, 3.0) + 30 * grid.bump(10.0, 3.0)
    depth = depth + np.sqrt(depth) * 0.9 * noise.standard_normal(depth.size)
    silent = incidents[0].covers(grid.time)
    zeros = silent & (incidents[0].hours_in(grid.time) < 1.0)
    return np.where(zeros, 0.0, np.where(silent, np.nan, depth))


def _office_power_kw(grid: _Grid, noise: np.random.Generator, incidents: tuple[_Incident, ...]) -> Floats:
    at_work = grid.office()
    stuck = incidents[0].covers(grid.time)
    running = np.where(stuck, np.maximum(at_work, 0.62), at_work)
    power = 7.5 + 34 * running
    return power * np.exp(0.035 * noise.standard_normal(power.size))


def _login_failures(grid: _Grid, noise: np.random.Generator, _: tuple[_Incident, ...]) -> Floats:
    rate = 3.0 + 6.0 * grid.office() + 3.0 * grid.bump(20.5, 2.0)
    return noise.poisson(rate).astype(np.float64)


_SERIES = (
    _Series("checkout_requests", 10, 0, _checkout_requests, (
        _Incident("level_shift", "2026-03-19T09:00", "2026-03-20T21:00",
                  "a release broke one way to pay; rolled back the next evening"),
    )),
    _Series("api_latency_ms", 10, 1, _api_latency_ms, (
        _Incident("spike", "2026-03-24T13:20", "2026-03-24T14:20", "cold caches after a failover"),
    )),
    _Series("db_disk_used_gb", 60, 2, _db_disk_used_gb, (
        _Incident("drift", "2026-03-20T02:00", "2026-03-25T02:00", "the nightly purge of old logs failed"),
    )),
    _Series("worker_queue_depth", 10, 0, _worker_queue_depth, (
        _Incident("outage", "2026-03-22T15:00", "2026-03-22T21:00",
                  "workers down: an hour of zeros, then no data at all"),
    )),
    _Series("office_power_kw", 15, 2, _office_power_kw, (
        _Incident("broken_rhythm", "2026-03-17T18:00", "2026-03-20T05:00",
                  "heating stuck in day mode: the nights look like days"),
    )),
    _Series("login_failures", 10, 0, _login_failures),
)  # fmt: skip


def _write_series(folder: Path, series: _Series, seed: int) -> Path:
    grid = _Grid(series.minutes)
    # A generator of its own for each series: a new one leaves the others as they are.
    noise = np.random.Generator(np.random.PCG64([seed, *series.name.encode()]))
    value = np.maximum(series.make(grid, noise, series.incidents), 0.0)
    lines = ["timestamp,value"]
    for time, number in zip(grid.time, value, strict=True):
        if not np.isnan(number):
            lines.append(f"{str(time).replace('T', ' ')}:00,{number:.{series.decimals}f}")
    target = folder / "data" / f"{series.name}.csv"
    target.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return target
