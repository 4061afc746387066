"""Small series for tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.model import SeriesData

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def series_of(values: Iterable[float], seasonality: Sequence[dict[str, Any]] = ()) -> SeriesData:
    """Give an hourly series; of the seasonality, the first slots' dicts are repeated."""
    value = np.array(list(values), dtype=np.float64)
    start = np.datetime64("2026-03-01T00:00:00.000", "ms")
    cycle = [json.dumps(row) for row in seasonality] or ["{}"]
    return SeriesData(
        timestamp=start + np.arange(len(value)) * np.timedelta64(3_600_000, "ms"),
        value=value,
        seasonality_data=np.array([cycle[slot % len(cycle)] for slot in range(len(value))], dtype=object),
        seasonality_columns=sorted({name for row in seasonality for name in row}),
    )
