"""Views that the tests draw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest

from tocsin.model import Incident, IncidentState, Interval
from tocsin.reporting import Band, SeriesView, TrueLabel

if TYPE_CHECKING:
    from numpy.typing import NDArray

START = datetime(2026, 3, 2, tzinfo=UTC)


class MakeView(Protocol):
    """Makes a view of hourly values with a band around 10, in which values beyond 8 to 12 are anomalies."""

    def __call__(self, values: list[float] | NDArray[np.float64], **fields: Any) -> SeriesView: ...


def make_band(value: NDArray[np.float64], label: str = "mad") -> Band:
    direction = np.where(value > 12, 1, np.where(value < 8, -1, 0)).astype(np.int8)
    severity = np.where(direction == 0, 0.0, np.abs(np.nan_to_num(value, posinf=0, neginf=0) - 10) - 2)
    lower, upper = np.full(value.size, 8.0), np.full(value.size, 12.0)
    return Band(label, lower, upper, direction != 0, severity, direction)


def make_view(values: list[float] | NDArray[np.float64], **fields: Any) -> SeriesView:
    value = np.asarray(values, dtype=np.float64)
    hours = np.datetime64("2026-03-02T00", "ms") + np.arange(value.size) * np.timedelta64(3_600_000, "ms")
    usual: dict[str, Any] = {"name": "checkout_requests", "bands": (make_band(value),)}
    return SeriesView(interval=Interval(3600), timestamp=hours, value=value, **{**usual, **fields})


def make_incident(hour: int, hours: int, **fields: Any) -> Incident:
    usual: dict[str, Any] = {
        "rule": "default",
        "series": "checkout_requests",
        "opened_at": START + timedelta(hours=hour),
        "state": IncidentState.RESOLVED,
        "last_anomaly_at": START + timedelta(hours=hour + hours - 1),
        "anomalies": hours,
        "direction": "up",
        "severity": 3.25,
    }
    return Incident(**{**usual, **fields})


@pytest.fixture
def new_view() -> MakeView:
    return make_view


@pytest.fixture
def full_view() -> SeriesView:
    """Give a view with everything in it: two bands, gaps, anomalies both ways, incidents, labels."""
    value = 10 + np.sin(np.arange(300) / 4)
    value[100:106] = 15.5
    value[150] = 3.0
    value[200:210] = np.nan
    return make_view(
        value,
        bands=(make_band(value), make_band(value, "iqr")),
        unit="requests in an hour",
        description="Checkouts of the shop",
        timezone="Europe/Berlin",
        incidents=(
            make_incident(100, 6),
            make_incident(200, 10, direction=None, severity=0.0),
        ),
        labels=(
            TrueLabel("level_shift", START + timedelta(hours=99), START + timedelta(hours=107), "a release"),
        ),
    )
