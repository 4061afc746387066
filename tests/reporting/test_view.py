from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tocsin.model import Detections, Interval
from tocsin.reporting import Band, SeriesView

if TYPE_CHECKING:
    from tests.reporting.conftest import MakeView

HOUR = Interval(3600)


def test_columns_of_another_length_are_refused(new_view: MakeView) -> None:
    short = new_view([1.0, 2.0]).bands
    with pytest.raises(ValueError, match="do not fit"):
        new_view([1.0, 2.0, 3.0], bands=short)


def test_times_that_do_not_rise_are_refused() -> None:
    times = np.array(["2026-01-02", "2026-01-01"], dtype="datetime64[ms]")
    with pytest.raises(ValueError, match="do not rise"):
        SeriesView("a", HOUR, times, np.zeros(2))


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "Europe"])
def test_a_zone_that_does_not_exist_is_refused(new_view: MakeView, zone: str) -> None:
    with pytest.raises(ValueError, match="not a time zone"):
        new_view([1.0], timezone=zone)


def test_infinities_count_as_missing(new_view: MakeView) -> None:
    view = new_view([1.0, np.inf, -np.inf])
    assert np.isnan(view.value).tolist() == [False, True, True]


def test_the_detector_with_the_largest_severity_gives_the_direction(new_view: MakeView) -> None:
    def band(label: str, severity: float, direction: int) -> Band:
        return Band(
            label,
            np.zeros(1),
            np.ones(1),
            np.array([direction != 0]),
            np.array([severity]),
            np.array([direction], dtype=np.int8),
        )

    view = new_view([5.0], bands=(band("a", 1.0, 1), band("b", 4.0, -1), band("c", 9.0, 0)))
    assert view.is_anomaly.tolist() == [True]
    assert view.direction.tolist() == [-1]
    assert view.severity.tolist() == [4.0]


def test_a_band_takes_over_what_a_detector_said() -> None:
    n = 3
    found = Detections(
        timestamp=np.arange(n).astype("datetime64[ms]"),
        value=np.zeros(n),
        is_anomaly=np.array([False, True, False]),
        confidence_lower=np.full(n, 1.0),
        confidence_upper=np.full(n, 2.0),
        score=np.zeros(n),
        severity=np.array([0.0, 3.0, 0.0]),
        direction=np.array([0, -1, 0], dtype=np.int8),
        reason=np.zeros(n, dtype=np.uint8),
    )
    band = Band.from_detections("mad", found)
    assert band.label == "mad"
    assert band.lower is found.confidence_lower
    assert band.upper is found.confidence_upper
    assert band.direction.tolist() == [0, -1, 0]
