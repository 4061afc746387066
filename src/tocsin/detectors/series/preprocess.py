"""What is judged instead of the value itself: changes, and smoothed series."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["EMA_SPANS", "Judged", "judged_series", "slots_before", "to_value_units"]

_LARGEST = 2.0**1020  # leaves room for sums and differences of two values
EMA_SPANS = 8
"""An exponential average reaches back this many windows; the rest would weigh less than 1e-6."""


class Judged(NamedTuple):
    """The series that is judged.

    Attributes:
        x: float64, NaN where nothing can be judged.
        scale: By how much a step of the value is a step of `x` (the quantum is measured in values).
        before: The value of the slot before, for changes; else `None`.
    """

    x: Floats
    scale: Floats
    before: Floats | None


def slots_before(params: Mapping[str, Any]) -> int:
    """Count the slots before a point that its judged value depends on."""
    change = 0 if params["input_type"] == "values" else 1
    window = int(params["smoothing_window"])
    return change + {"none": 0, "sma": window - 1, "ema": EMA_SPANS * window - 1}[params["smoothing"]]


def judged_series(value: Floats, params: Mapping[str, Any]) -> Judged:
    """Make the series that is judged from the values as loaded; infinite values count as missing."""
    values = np.where(np.isfinite(value), np.clip(value, -_LARGEST, _LARGEST), np.nan) + 0.0
    kind = params["input_type"]
    scale = np.ones(len(values))
    before = None
    x = values
    if kind != "values":
        before = np.concatenate(([np.nan], values[:-1]))[: len(values)]
        if kind == "log_changes":
            logarithms = _each(math.log, np.where(values > 0.0, values, np.nan))
            x = logarithms - np.concatenate(([np.nan], logarithms[:-1]))[: len(values)]
            with np.errstate(divide="ignore", over="ignore"):
                scale = np.where(before > 0.0, 1.0 / before, 0.0)
        else:
            x = values - before
            x = np.abs(x) if kind == "absolute_changes" else x
    if params["smoothing"] != "none":
        x = _smooth(x, _weights(params))
    return Judged(np.clip(x, -_LARGEST, _LARGEST) + 0.0, scale, before)


def to_value_units(
    lower: Floats, upper: Floats, before: Floats | None, input_type: str
) -> tuple[Floats, Floats]:
    """Give the band around changes as a band around values."""
    if before is None:
        return lower, upper
    with np.errstate(over="ignore", invalid="ignore"):
        if input_type == "log_changes":
            return before * _each(_bounded_exp, lower), before * _each(_bounded_exp, upper)
        if input_type == "absolute_changes":
            return before - upper, before + upper
        return before + lower, before + upper


def _weights(params: Mapping[str, Any]) -> Floats:
    """Give the weight of a slot by its age, the newest first."""
    window = int(params["smoothing_window"])
    if params["smoothing"] == "sma":
        return np.ones(window)
    rest = 1.0 - 2.0 / (window + 1.0)
    return np.array([rest**age for age in range(EMA_SPANS * window)])


def _smooth(x: Floats, weights: Floats) -> Floats:
    """Average each slot with those before it; missing ones are left out, a missing slot stays so."""
    valid = ~np.isnan(x)
    filled = np.where(valid, x, 0.0)
    total, mass = np.zeros(len(x)), np.zeros(len(x))
    for age, weight in enumerate(weights.tolist()[: len(x)]):
        with np.errstate(over="ignore", invalid="ignore"):  # near the largest numbers; clipped later
            total[age:] += weight * filled[: len(x) - age]
        mass[age:] += weight * valid[: len(x) - age]
    return np.where(valid, total / np.where(valid, mass, 1.0), np.nan)


def _bounded_exp(power: float) -> float:
    return math.exp(min(power, 700.0))


def _each(function: Callable[[float], float], values: Floats) -> Floats:
    """Apply a function of `math`: unlike numpy's, it gives the same bits at every place of an array."""
    valid = ~np.isnan(values)
    result = np.full(len(values), np.nan)
    result[valid] = [function(value) for value in values[valid].tolist()]
    return result
