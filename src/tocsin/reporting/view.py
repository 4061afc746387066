"""What is drawn: one series with its bands, anomalies and incidents, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from numpy.typing import NDArray

    from tocsin.model import Detections, Incident, Interval

__all__ = ["Band", "SeriesView", "TrueLabel"]


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """What one detector said about a series; all arrays have the length of the series.

    Attributes:
        label: The detector as people know it, e.g. `mad`.
        lower: float64, NaN without a verdict or without a lower bound.
        upper: float64, likewise.
        is_anomaly: bool.
        severity: float64, distance beyond the bound in spreads.
        direction: int8, -1 below the band, 1 above it, 0 inside.
    """

    label: str
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    is_anomaly: NDArray[np.bool_]
    severity: NDArray[np.float64]
    direction: NDArray[np.int8]

    @classmethod
    def from_detections(cls, label: str, detections: Detections) -> Band:
        """Take over the columns of a detector's verdicts."""
        return cls(
            label,
            detections.confidence_lower,
            detections.confidence_upper,
            detections.is_anomaly,
            detections.severity,
            detections.direction,
        )

    def columns(self) -> Iterator[NDArray[np.generic]]:
        """Give the arrays one by one."""
        yield from (self.lower, self.upper, self.is_anomaly, self.severity, self.direction)


@dataclass(frozen=True, slots=True)
class TrueLabel:
    """A stretch of which a person said what it was; half-open, aware times."""

    kind: str
    start: datetime
    end: datetime
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class SeriesView:
    """A series as it is drawn and reported.

    Attributes:
        name: The series' name (`metric` or `metric{dimension=value}`).
        interval: The distance between two slots.
        timestamp: datetime64[ms], UTC, rising; every slot is there.
        value: float64, NaN where the slot is missing; infinities count as missing.
        unit: What the value axis says; empty: the name.
        description: One line for people.
        timezone: IANA zone in which times are shown.
        bands: The detectors' verdicts; the first band is drawn unless another is asked for.
        incidents: What became of the anomalies.
        labels: What is known to have happened.
        status: `ok`, or a word for what is wrong with the monitor.
        error: The sentence that goes with it.

    Raises:
        ValueError: Arrays have different lengths, times do not rise, or the zone does not exist.
    """

    name: str
    interval: Interval
    timestamp: NDArray[np.datetime64]
    value: NDArray[np.float64]
    unit: str = ""
    description: str = ""
    timezone: str = "UTC"
    bands: tuple[Band, ...] = ()
    incidents: tuple[Incident, ...] = ()
    labels: tuple[TrueLabel, ...] = ()
    status: str = "ok"
    error: str | None = None
    _zone: ZoneInfo = field(init=False, repr=False)

    def __post_init__(self) -> None:
        try:
            zone = ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError) as error:
            message = f"{self.name}: {self.timezone!r} is not a time zone: write one as Europe/Berlin"
            raise ValueError(message) from error
        timestamp = np.asarray(self.timestamp).astype("datetime64[ms]")
        value = np.asarray(self.value, dtype=np.float64)
        for column in (value, *(column for band in self.bands for column in band.columns())):
            if column.shape != timestamp.shape or timestamp.ndim != 1:
                message = f"{self.name}: {timestamp.shape} times and {column.shape} values do not fit"
                raise ValueError(message)
        if timestamp.size and not np.all(timestamp[1:] > timestamp[:-1]):
            message = f"{self.name}: the times do not rise"
            raise ValueError(message)
        object.__setattr__(self, "timestamp", timestamp)
        object.__setattr__(self, "value", np.where(np.isfinite(value), value, np.nan))
        object.__setattr__(self, "_zone", zone)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which times are shown."""
        return self._zone

    @property
    def shown_labels(self) -> tuple[TrueLabel, ...]:
        """What is known to have happened between the first and the last slot."""
        if not self.labels or not self.timestamp.size:
            return ()
        first = self.timestamp[0].item().replace(tzinfo=UTC)
        end = self.timestamp[-1].item().replace(tzinfo=UTC) + timedelta(seconds=self.interval.seconds)
        return tuple(label for label in self.labels if label.start < end and label.end >= first)

    @property
    def is_anomaly(self) -> NDArray[np.bool_]:
        """Where at least one detector found an anomaly."""
        found = np.zeros(self.timestamp.shape, dtype=np.bool_)
        for band in self.bands:
            found |= band.is_anomaly
        return found

    @property
    def severity(self) -> NDArray[np.float64]:
        """The largest severity that a detector gave to an anomaly, 0.0 elsewhere."""
        largest = np.zeros(self.timestamp.shape)
        for band in self.bands:
            largest = np.fmax(largest, np.where(band.is_anomaly, band.severity, 0.0))
        return largest

    @property
    def direction(self) -> NDArray[np.int8]:
        """The direction that the detector with the largest severity saw: 1 up, -1 down, 0 no anomaly."""
        direction = np.zeros(self.timestamp.shape, dtype=np.int8)
        largest = np.full(self.timestamp.shape, -1.0)
        for band in self.bands:
            severity = np.where(np.isfinite(band.severity), band.severity, 0.0)
            wins = band.is_anomaly & (severity > largest)
            direction = np.where(wins, band.direction, direction)
            largest = np.where(wins, severity, largest)
        return direction
