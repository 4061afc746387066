"""Turns what was found in files into metrics: for `tocsin init --from`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.errors import ConfigError, TocsinError
from tocsin.runtime.config.loader import load_project
from tocsin.runtime.create_project import is_project, write_metric
from tocsin.runtime.propose.paths import written_path
from tocsin.runtime.propose.seasonality import CANDIDATES, Seasonality, find_seasonality
from tocsin.sources import LoadSpec, MetricLoader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.abc import ColumnSource
    from tocsin.runtime.propose.logs import LogProposal
    from tocsin.sources.inspect_files import FileProposal, MetricProposal

__all__ = ["Proposal", "propose_metrics", "propose_monitors"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400
# The window holds some days where that is affordable, so that it knows the daily rhythm's spread.
_WINDOW_DAYS, _SMALLEST_WINDOW, _LARGEST_WINDOW = 3, 100, 1000
_THRESHOLD = 5.0
_MOST_ROWS = 1_000_000
_ALIGN = {
    "floor": "rows between two slots go to the slot before; of several in a slot one value is made",
    "nearest": "rows go to the nearest slot; of several in a slot one value is made",
    "error": "every row falls on a slot",
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A metric to be written, why it looks as it does, and what to check in it."""

    path: Path
    metric: dict[str, Any]
    comments: dict[str, str]
    reason: str
    notes: tuple[str, ...]

    def write(self) -> None:
        """Write the metric's YAML.

        Raises:
            ConfigError: The file cannot be written.
        """
        write_metric(self.path, self.metric, self.comments)


def propose_monitors(
    names: Sequence[str], folder: Path, *, train: int | None = None
) -> list[Proposal | LogProposal]:
    """Look at files and propose a monitor for each log, and a metric for each column of values.

    Args:
        names: The files; those of logs may be patterns.
        folder: The project's folder.
        train: From how many lines of a log to learn.

    Raises:
        ConfigError: A file is missing or cannot be understood, or a monitor's file is there already.
    """
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.propose.logs import is_log, propose_logs

    logs = [name for name in names if is_log(name)]
    tables = [Path(name) for name in names if name not in logs]
    if train is not None and not logs:
        raise ConfigError("--train is for logs", hint="leave it out: metrics learn from a window")
    return [
        *(propose_metrics(tables, folder) if tables else []),
        *(propose_logs(logs, folder, train=train, now=SystemClock().now()) if logs else []),
    ]


def propose_metrics(files: Sequence[Path], folder: Path) -> list[Proposal]:
    """Look at files and propose a metric for each column of values.

    Args:
        files: The files.
        folder: The project's folder.

    Raises:
        ConfigError: A file is missing or cannot be understood, or a metric's file is there already.
    """
    from tocsin.database.duckdb import DuckDBManager
    from tocsin.runtime.clock import SystemClock
    from tocsin.runtime.propose.logs import holds_idea
    from tocsin.sources.inspect_files import inspect_files

    for file in files:
        if not file.is_file():
            raise ConfigError(
                f"{file} is not a file", hint="after --from all names up to the next option are files"
            )
        if holds_idea(file):
            raise ConfigError(
                f"{file} holds security events (IDEA), and no series",
                hint="leave it out; `tocsin events import` keeps them, see docs/events.md",
            )
    target, profile = _where_to_add(folder)
    try:
        with DuckDBManager(clock=SystemClock()) as source:
            found = inspect_files(files, source, locate=lambda file: written_path(file, folder))
            rhythms = {
                metric.name: _seasonality(source, file, metric) for file in found for metric in file.metrics
            }
    except ConfigError:
        raise
    except TocsinError as error:  # of the file, not of our own doing: a matter of what was asked for
        raise ConfigError(error.message, hint=error.hint) from error
    proposals = [
        _proposal(target, profile, file, metric, rhythms[metric.name])
        for file in found
        for metric in file.metrics
    ]
    for proposal in proposals:
        if proposal.path.exists():
            raise ConfigError(
                f"{proposal.path} is there already", hint="delete it first, or leave the file out"
            )
    return proposals


def _where_to_add(folder: Path) -> tuple[Path, str | None]:
    """Give the folder for metrics, and the profile to name when the default one does not read files."""
    if not is_project(folder):
        return folder / "metrics", None
    project = load_project(folder)
    readers = [name for name, profile in project.profiles.items() if profile.type == "duckdb"]
    named = None if project.default_profile in readers or not readers else readers[0]
    return folder / project.config.paths.metrics, named


def _seasonality(source: ColumnSource, file: FileProposal, metric: MetricProposal) -> Seasonality | None:
    """Look for a rhythm in the longest series of a metric; not in files that are slow to read whole."""
    if file.rows > _MOST_ROWS:
        return None
    spec = LoadSpec(
        name=metric.name,
        query=metric.query,
        interval=metric.interval,
        dimension=metric.dimension,
        anchor=metric.anchor,
        align=metric.align,
        aggregate=metric.aggregate,
        seasonality_columns=tuple(sorted({column for columns in CANDIDATES for column in columns})),
    )
    series = MetricLoader(source, spec).read(metric.loading_start_time, None).series
    longest = max(series, key=lambda one: int(one.rows.sum()), default=None)
    return None if longest is None else find_seasonality(longest.data, metric.interval.seconds)


def _proposal(
    folder: Path,
    profile: str | None,
    file: FileProposal,
    found: MetricProposal,
    seasonality: Seasonality | None,
) -> Proposal:
    window = max(_SMALLEST_WINDOW, min(_LARGEST_WINDOW, _WINDOW_DAYS * _DAY // found.interval.seconds))
    metric: dict[str, Any] = {
        "name": found.name,
        "description": f"{found.column} of {file.path.name}",
        **({} if profile is None else {"profile": profile}),
        "query": found.located_query,
        "interval": str(found.interval),
    }
    matters = not file.has_zone and found.interval.seconds < _DAY  # a day of another zone has the same name
    zone = "times without a zone are taken as UTC" if matters else ""
    comments = {
        "query": "; ".join(filter(None, (zone, found.reading))),
        "interval": "; ".join(file.notes) if file.notes else "",
    }
    if found.dimension is not None:
        metric["dimension"] = found.dimension
        comments["dimension"] = "each value of this column is a series of its own"
    if found.anchor != _EPOCH:
        metric["anchor"] = _written(found.anchor)
        comments["anchor"] = "an instant on the grid: where most rows fall"
    if found.loading_start_time is not None:
        metric["loading_start_time"] = _written(found.loading_start_time)
    metric |= {"align": found.align, "aggregate": found.aggregate}
    comments["align"] = _ALIGN[found.align]
    params: dict[str, Any] = {"threshold": _THRESHOLD, "window_size": window}
    comments["detectors"] = "median ± threshold · spread of the slots before; see docs/detectors.md"
    if seasonality is not None:
        columns = list(seasonality.columns)
        metric["seasonality_columns"] = columns
        comments["seasonality_columns"] = "the series has this rhythm: a point is compared with those like it"
        params |= {"window_size": seasonality.window_size, "seasonality_components": [columns]}
    metric["detectors"] = [{"type": "mad", "params": params}]
    metric["alerting"] = {"consecutive_anomalies": 3, "channels": []}
    comments["alerting"] = "name channels of profiles.yml here to be told"
    series = f"{file.series} series, " if found.dimension is not None else ""
    reason = (
        f"{series}{file.rows:,} rows from {file.first:%Y-%m-%d %H:%M} to {file.last:%Y-%m-%d %H:%M}, "
        f"every {found.interval}"
    )
    if seasonality is not None:
        reason += f", a rhythm by {' and '.join(seasonality.columns)}"
    said = filter(None, (*file.notes, zone, *file.readings))
    notes = tuple(f"{file.path.name}: {note}" for note in said)
    return Proposal(folder / f"{found.name}.yml", metric, comments, reason, notes)


def _written(instant: datetime) -> str:
    """Write an instant for YAML, with milliseconds only where there are any."""
    precision = "milliseconds" if instant.microsecond else "seconds"
    return instant.replace(tzinfo=None).isoformat(sep=" ", timespec=precision)
