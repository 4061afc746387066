"""Looks whether a series has a daily or weekly rhythm, and how long a window has to be to learn it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tocsin.model import SeriesData

__all__ = ["CANDIDATES", "Seasonality", "find_seasonality"]

_DAY = 86_400
# Finer ones are taken only when they explain clearly more, and when the series is long enough for them.
CANDIDATES: tuple[tuple[str, ...], ...] = (("hour",), ("hour", "is_weekend"), ("day_of_week",))
_WINDOW_DAYS = {("hour",): 14, ("hour", "is_weekend"): 28, ("day_of_week",): 84}
_CLEARLY_LESS = 0.8  # of the spread that is left without it
_LEAST_IN_GROUP = 10  # what detectors need of a group, see `min_samples_per_group`
_MOST_SLOTS = 20_000  # a longer window makes every new point read more than it is worth


@dataclass(frozen=True, slots=True)
class Seasonality:
    """A rhythm that explains a series.

    Attributes:
        columns: What of a slot's time it follows; one group of `seasonality_components`.
        window_size: Slots that a detector has to look back for it.
    """

    columns: tuple[str, ...]
    window_size: int


def find_seasonality(data: SeriesData, interval_seconds: int) -> Seasonality | None:
    """Find the rhythm that leaves the least spread, `None` when there is none worth its window.

    For each candidate the median absolute deviation from the median of the slot's group is compared with
    that from the median of all. At least half of the series must remain to be judged.

    Args:
        data: A series with all columns of `CANDIDATES` in its seasonality data.
        interval_seconds: The distance between slots.
    """
    value = data["value"]
    valid = np.isfinite(value)
    best: Seasonality | None = None
    spread = _deviation(value[valid], np.zeros(int(valid.sum()), dtype=np.int64))
    for columns in CANDIDATES:
        window = _WINDOW_DAYS[columns] * _DAY // interval_seconds
        fits = "hour" not in columns if interval_seconds >= _DAY else "hour" in columns
        if not fits or not _LEAST_IN_GROUP <= window <= min(len(value) // 2, _MOST_SLOTS):
            continue
        groups = _groups(data, columns)
        if _smallest_group(groups[:window]) < _LEAST_IN_GROUP:
            continue
        left = _deviation(value[valid], groups[valid])
        if left < _CLEARLY_LESS * spread:
            best, spread = Seasonality(columns, window), left
    return best


def _groups(data: SeriesData, columns: tuple[str, ...]) -> NDArray[np.int64]:
    """Number the slots by what their seasonality data say of some columns."""
    import json

    texts, codes = np.unique(data["seasonality_data"].astype(str), return_inverse=True)
    keys = [tuple(json.loads(text).get(column) for column in columns) for text in texts.tolist()]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    result: NDArray[np.int64] = np.array([numbers[key] for key in keys], dtype=np.int64)[codes]
    return result


def _smallest_group(groups: NDArray[np.int64]) -> int:
    counts = np.bincount(groups)
    return int(counts[counts > 0].min(initial=len(groups)))


def _deviation(value: NDArray[np.float64], groups: NDArray[np.int64]) -> float:
    """Give the median distance of values from the median of their group; infinite without values."""
    if not len(value):
        return np.inf
    distance = np.empty(len(value))
    for group in np.unique(groups).tolist():
        chosen = groups == group
        distance[chosen] = np.abs(value[chosen] - np.median(value[chosen]))
    return float(np.median(distance))
