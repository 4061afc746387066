"""Makes what is drawn and reported from what the memory holds."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import numpy as np

from tocsin.database import series_store as store
from tocsin.errors import ConfigError
from tocsin.model import Interval
from tocsin.reporting import Band, SeriesView, TrueLabel
from tocsin.runtime.config.monitors import BrokenMonitor, EventsMonitor, LogMonitor, MetricMonitor
from tocsin.runtime.config.yaml_file import suggest
from tocsin.runtime.example import read_labels
from tocsin.runtime.metrics.load_position import loaded_position
from tocsin.runtime.project_state import errors_of_monitors, metric_of
from tocsin.runtime.run_findings import read_incidents

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from tocsin.abc import Detector
    from tocsin.database import BaseDatabaseManager
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.config.monitors import Monitor

_MOST_NAMED = 10

__all__ = ["find_series", "project_views", "series_view"]


def find_series(project: Project, memory: BaseDatabaseManager, name: str) -> tuple[MetricMonitor, str]:
    """Find a series, and the metric that it belongs to.

    Args:
        project: The project.
        memory: Its memory.
        name: A series, or a metric that has one series only.

    Raises:
        ConfigError: There is no such series, or the metric has several.
    """
    monitors = {monitor.name: monitor for monitor in project.monitors}
    monitor = monitors.get(name) or monitors.get(metric_of(name))
    if monitor is None:
        raise ConfigError(
            f"there is no metric {name!r}", hint=suggest(name, monitors) or "`tocsin ls` shows what there is"
        )
    if isinstance(monitor, BrokenMonitor):
        raise monitor.error
    if isinstance(monitor, LogMonitor):
        raise ConfigError(
            f"{name} is a log: it has no series to draw", hint="`tocsin report` shows its anomalous lines"
        )
    if isinstance(monitor, EventsMonitor):
        raise ConfigError(
            f"{name} is about events: it has no series to draw", hint="`tocsin events timeline` counts them"
        )
    series = sorted(loaded_position(memory, monitor).first) or [monitor.name]
    if name in series:
        return monitor, name
    if name == monitor.name and len(series) == 1:
        return monitor, series[0]
    if name == monitor.name:
        some = ", ".join(map(repr, series[:_MOST_NAMED])) + (", …" if len(series) > _MOST_NAMED else "")
        raise ConfigError(f"{name} has {len(series)} series", hint=f"name one of them: {some}")
    hint = suggest(name, series) or f"for example {series[0]!r}"
    raise ConfigError(f"there is no series {name!r}", hint=hint)


def project_views(
    project: Project,
    memory: BaseDatabaseManager,
    monitors: Sequence[Monitor],
    *,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[SeriesView]:
    """Read every series of the metrics among some monitors; a broken one is a view without points."""
    views: list[SeriesView] = []
    labels, errors = read_labels(project.folder), errors_of_monitors(memory)
    for monitor in monitors:
        if isinstance(monitor, LogMonitor | EventsMonitor) or monitor.kind != "metric":
            continue
        try:
            if isinstance(monitor, BrokenMonitor):
                raise monitor.error
            names = sorted(loaded_position(memory, monitor).first) or [monitor.name]
        except ConfigError as error:
            empty = np.array([], dtype="datetime64[ms]"), np.array([], dtype=np.float64)
            views.append(SeriesView(monitor.name, Interval(60), *empty, status="broken", error=str(error)))
            continue
        views.extend(
            series_view(
                memory,
                monitor,
                series,
                start=start,
                end=end,
                labels=labels.get(series, ()),
                error=errors.get(monitor.name),
            )
            for series in names
        )
    return views


def series_view(
    memory: BaseDatabaseManager,
    monitor: MetricMonitor,
    series: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    labels: tuple[TrueLabel, ...] = (),
    error: str | None = None,
) -> SeriesView:
    """Read a series with its verdicts and incidents.

    Args:
        memory: The project's memory.
        monitor: The metric that the series belongs to.
        series: Its name.
        start: The first slot to read, or `None` for all.
        end: The end, exclusive, or `None`.
        labels: What is known to have happened.
        error: What failed in the metric's last run.
    """
    data = store.read_datapoints(memory, series, start, end)
    bands = [
        _band(memory, series, entry.type, detector, data["timestamp"], start, end)
        for entry, detector in zip(monitor.config.detectors, monitor.detectors, strict=True)
    ]
    first, last = start, end
    if len(data["timestamp"]):
        first, last = (data["timestamp"][place].item().replace(tzinfo=UTC) for place in (0, -1))
    incidents = [
        incident
        for incident in read_incidents(memory, series=series)
        if (last is None or incident.opened_at <= last)
        and (first is None or incident.last_anomaly_at >= first)
    ]
    return SeriesView(
        name=series,
        interval=monitor.config.interval,
        timestamp=data["timestamp"],
        value=data["value"],
        unit=monitor.config.unit,
        description=monitor.config.description,
        timezone=monitor.config.timezone,
        bands=tuple(bands),
        incidents=tuple(incidents),
        labels=labels,
        status="ok" if error is None else "failed",
        error=error,
    )


def _band(
    memory: BaseDatabaseManager,
    series: str,
    label: str,
    detector: Detector,
    timestamp: NDArray[np.datetime64],
    start: datetime | None,
    end: datetime | None,
) -> Band:
    """Put a detector's verdicts beside the slots; a slot without one has no band."""
    found = store.read_detections(memory, series, [detector.get_detector_id()], start, end)
    lower, upper = np.full(len(timestamp), np.nan), np.full(len(timestamp), np.nan)
    anomaly = np.zeros(len(timestamp), dtype=np.bool_)
    severity, direction = np.zeros(len(timestamp)), np.zeros(len(timestamp), dtype=np.int8)
    if len(timestamp):
        at = np.minimum(np.searchsorted(timestamp, found["timestamp"]), len(timestamp) - 1)
        there = timestamp[at] == found["timestamp"]
        at = at[there]
        lower[at], upper[at] = found["confidence_lower"][there], found["confidence_upper"][there]
        anomaly[at] = found["is_anomaly"][there].astype(np.bool_)
        severity[at], direction[at] = found["severity"][there], found["direction"][there]
    return Band(label, lower, upper, anomaly, severity, direction)
