"""Seeded synthetic inputs: nothing here depends on files that are not generated on the fly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["START", "make_timestamps", "make_values", "seasonality_json", "write_csv", "write_parquet"]

START = np.datetime64("2026-01-05T00:00:00", "ms")  # a Monday
_DAY_SECONDS = 86_400


def make_timestamps(points: int, interval_seconds: int = 600) -> NDArray[np.datetime64]:
    """Give the slots of a series, datetime64[ms], UTC."""
    return START + np.arange(points) * np.timedelta64(interval_seconds * 1000, "ms")


def make_values(
    points: int, seed: int, *, interval_seconds: int = 600, missing_share: float = 0.005
) -> NDArray[np.float64]:
    """Make a series with a daily and a weekly rhythm, noise, spikes, a level shift and missing values.

    Args:
        points: How many slots.
        seed: Equal seeds give equal series.
        interval_seconds: The distance between slots.
        missing_share: The share of slots that are NaN.
    """
    random = np.random.default_rng(seed)
    phase = 2 * np.pi * np.arange(points) * interval_seconds / _DAY_SECONDS
    values: NDArray[np.float64] = (
        100 + 10 * np.sin(phase) + 4 * np.sin(phase / 7) + random.normal(0, 1, points)
    )
    spikes = random.random(points) < 0.002  # noqa: PLR2004
    values[spikes] += random.choice([-25.0, 25.0], int(spikes.sum()))
    values[points // 2 : points // 2 + points // 50] += 15
    values[random.random(points) < missing_share] = np.nan
    return values


def seasonality_json(timestamps: NDArray[np.datetime64]) -> NDArray[np.str_]:
    """Give one JSON object a slot with `minute`, `hour` and `day_of_week` (Monday is 0)."""
    seconds = timestamps.astype("datetime64[s]").astype(np.int64)
    minutes, hours, days = seconds // 60 % 60, seconds // 3600 % 24, (seconds // _DAY_SECONDS + 3) % 7
    return np.array(
        [
            f'{{"day_of_week": {day}, "hour": {hour}, "minute": {minute}}}'
            for minute, hour, day in zip(minutes, hours, days, strict=True)
        ]
    )


def write_csv(path: Path, timestamps: NDArray[np.datetime64], values: NDArray[np.float64]) -> None:
    """Write a series as `timestamp,value`; a missing value is an empty field."""
    texts = np.datetime_as_string(timestamps, unit="s")
    rows = (
        f"{text.replace('T', ' ')},{'' if np.isnan(value) else repr(float(value))}\n"
        for text, value in zip(texts, values, strict=True)
    )
    path.write_text("timestamp,value\n" + "".join(rows), encoding="utf-8")


def write_parquet(path: Path, columns: dict[str, NDArray[np.generic]]) -> None:
    """Write columns of one length as one Parquet file."""
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({name: pa.array(column) for name, column in columns.items()}), path)
