"""`tocsin init --from` proposes a rhythm where there is one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml

from tests.runtime.conftest import START, at
from tocsin.runtime.propose.metrics import propose_metrics
from tocsin.runtime.propose.seasonality import find_seasonality

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tocsin.model import SeriesData

HOUR = 3600


def series(value: NDArray[np.float64], interval: int) -> SeriesData:
    """Make a series from START on (a Monday) with all columns that a rhythm may follow."""
    first = np.datetime64(START.replace(tzinfo=None), "ms")
    times = [START + timedelta(seconds=interval) * slot for slot in range(len(value))]
    texts = [
        f'{{"day_of_week": {t.weekday()}, "hour": {t.hour}, "is_weekend": {str(t.weekday() >= 5).lower()}}}'
        for t in times
    ]
    return {
        "timestamp": first + np.arange(len(value)) * np.timedelta64(interval * 1000, "ms"),
        "value": value,
        "seasonality_data": np.array(texts, dtype=object),
        "seasonality_columns": ["day_of_week", "hour", "is_weekend"],
    }


def hours(days: int) -> NDArray[np.float64]:
    return np.arange(days * 24, dtype=np.float64)


def noise(count: int) -> NDArray[np.float64]:
    return np.random.default_rng(3).normal(0, 1, count)


def test_a_daily_rhythm_is_found() -> None:
    value = 10 * np.sin(hours(40) * 2 * np.pi / 24) + noise(40 * 24)

    found = find_seasonality(series(value, HOUR), HOUR)

    assert found is not None
    assert (found.columns, found.window_size) == (("hour",), 14 * 24)


def test_weekends_that_differ_are_found_when_there_are_enough_of_them() -> None:
    slot = hours(120)
    weekend = (slot // 24) % 7 >= 5
    value = np.where(weekend, -10.0, 10.0) * np.sin(slot * 2 * np.pi / 24) + noise(len(slot))

    found = find_seasonality(series(value, HOUR), HOUR)

    # 28 days hold 8 weekend days: too few for an hour of a weekend, so that hours alone must do.
    assert found is None or found.columns == ("hour",)
    finer = find_seasonality(series(np.repeat(value, 2), HOUR // 2), HOUR // 2)
    assert finer is not None
    assert finer.columns == ("hour", "is_weekend")


def test_noise_has_no_rhythm() -> None:
    assert find_seasonality(series(noise(60 * 24), HOUR), HOUR) is None


def test_a_series_too_short_to_learn_a_rhythm_is_left_alone() -> None:
    value = 10 * np.sin(hours(20) * 2 * np.pi / 24)

    assert find_seasonality(series(value, HOUR), HOUR) is None


def test_days_follow_the_week() -> None:
    day = np.arange(400)
    value = np.where(day % 7 >= 5, 0.0, 50.0) + noise(400) + 3.0 * (day % 7)

    found = find_seasonality(series(value, 86_400), 86_400)

    assert found is not None
    assert found.columns == ("day_of_week",)


@pytest.mark.parametrize("value", [np.full(2000, np.nan), np.full(2000, 5.0), np.array([])])
def test_a_series_without_spread_or_values_is_no_problem(value: NDArray[np.float64]) -> None:
    assert find_seasonality(series(value, HOUR), HOUR) is None


def test_the_proposal_has_the_rhythm_in_its_columns_and_in_its_detector(tmp_path: Path) -> None:
    value = 10 * np.sin(hours(40) * 2 * np.pi / 24) + noise(40 * 24)
    rows = [f"{at(slot, timedelta(hours=1))},{v:.3f}" for slot, v in enumerate(value)]
    (tmp_path / "load.csv").write_text("\n".join(["timestamp,value", *rows]), encoding="utf-8")
    (tmp_path / "metrics").mkdir()

    (proposal,) = propose_metrics([tmp_path / "load.csv"], tmp_path)
    proposal.write()

    written = yaml.safe_load((tmp_path / "metrics" / "load.yml").read_text(encoding="utf-8"))
    assert written["seasonality_columns"] == ["hour"]
    assert written["detectors"][0]["params"]["seasonality_components"] == [["hour"]]
    assert "rhythm by hour" in proposal.reason
