"""The band at each slot, from the window before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tocsin.detectors.series._kernels import rolling_summary
from tocsin.detectors.series.judge import Band, BandRule, verdict_of
from tocsin.detectors.series.rows import line_ends, summarize_rows
from tocsin.detectors.series.seasonality import combine
from tocsin.detectors.series.statistic import Statistic, Summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

__all__ = ["WindowRule", "bands_of"]

_CELLS_AT_ONCE = 1_000_000


@dataclass(frozen=True, slots=True)
class WindowRule:
    """How a window is summed up.

    Attributes:
        statistic: Which centre and spread.
        window: In slots.
        min_samples: The fewest valid slots for a verdict.
        min_samples_per_group: The fewest valid slots of a group that counts.
        multiplicative: Whether groups scale the centre instead of shifting it.
        weights: The weight of each slot of the window, oldest first; `None`: all the same.
        detrend: Whether a line is taken out of the window.
        stabilization: `none`, `clamp` or `skip`.
        max_protected: How many anomalies in a row are kept out of windows.
    """

    statistic: Statistic
    window: int
    min_samples: int
    min_samples_per_group: int
    multiplicative: bool
    weights: Floats | None
    detrend: bool
    stabilization: str
    max_protected: int

    @classmethod
    def from_params(cls, statistic: Statistic, params: Mapping[str, Any]) -> WindowRule:
        """Read the rule from the parameters of a detector."""
        return cls(
            statistic=statistic,
            window=params["window_size"],
            min_samples=params["min_samples"],
            min_samples_per_group=params["min_samples_per_group"],
            multiplicative=params["seasonality_mode"] == "multiplicative",
            weights=_weights(params),
            detrend=params["detrend"] == "linear",
            stabilization=params["stabilization"],
            max_protected=params["max_protected"],
        )

    def expectation(self, whole: Summary, groups: list[Summary]) -> Summary:
        """Combine window and groups; centre and spread are NaN where there are too few values."""
        combined = combine(
            whole, groups, multiplicative=self.multiplicative, least=self.min_samples_per_group
        )
        known = (whole.valid >= self.min_samples) & np.isfinite(combined.center)
        known &= ~np.isnan(combined.spread)
        center = np.where(known, combined.center, np.nan)
        return Summary(combined.valid, center, np.where(known, combined.spread, np.nan))

    def expectation_of_rows(self, rows: Floats, member: list[NDArray[np.bool_]]) -> Summary:
        """Sum up windows held as rows, shape (r, W), with the slots of each group marked."""
        end = np.zeros(len(rows))
        if self.detrend:
            line, end = line_ends(rows)
            rows = rows - line
        whole = summarize_rows(self.statistic, rows, self.weights)
        groups = [
            summarize_rows(self.statistic, np.where(marked, rows, np.nan), self.weights) for marked in member
        ]
        combined = self.expectation(whole, groups)
        return combined._replace(center=combined.center + end)


def _weights(params: Mapping[str, Any]) -> Floats | None:
    window = int(params["window_size"])
    age = range(window, 0, -1)
    if params["window_weights"] == "linear":
        return np.array([window + 1.0 - slots for slots in age])
    if params["window_weights"] == "exponential":
        half_life = params["half_life"] or window / 4
        return np.array([max(0.5 ** ((slots - 1) / half_life), 1e-100) for slots in age])
    return None


def bands_of(
    rule: WindowRule, width: BandRule, x: Floats, codes: Codes, quantum: Floats, first_slot: int
) -> Band:
    """Give the band at each slot.

    Args:
        rule: How windows are summed up.
        width: How wide bands are.
        x: The judged series, NaN where missing.
        codes: Groups of the slots, shape (components, n).
        quantum: The spread floor at each slot.
        first_slot: The absolute number of the first slot on its grid.
    """
    if rule.stabilization != "none":
        return _protected_bands(rule, width, x, codes, quantum, first_slot)
    if rule.weights is None and not rule.detrend:
        whole, groups = rolling_summary(rule.statistic, x, rule.window, codes, first_slot)
        expected = rule.expectation(whole, groups)
    else:
        expected = _by_rows(rule, x, codes)
    return width.band(expected.center, expected.spread, quantum)


def _by_rows(rule: WindowRule, x: Floats, codes: Codes) -> Summary:
    window = rule.window
    rows = sliding_window_view(np.concatenate((np.full(window, np.nan), x)), window)
    before = [
        sliding_window_view(np.concatenate((np.full(window, -1), component)), window) for component in codes
    ]
    at_once = max(_CELLS_AT_ONCE // window, 1)
    parts = []
    for start in range(0, max(len(x), 1), at_once):
        some = slice(start, min(start + at_once, len(x)))
        member = [past[some] == component[some, None] for past, component in zip(before, codes, strict=True)]
        parts.append(rule.expectation_of_rows(rows[some], member))
    return Summary(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _protected_bands(
    rule: WindowRule, width: BandRule, x: Floats, codes: Codes, quantum: Floats, first_slot: int
) -> Band:
    """Give bands from windows into which anomalies do not enter as they are.

    What enters a window depends on earlier verdicts, and these on still earlier ones, without end. So
    the chain begins anew for each block of the grid (as long as the window), one block earlier: two
    blocks before it values enter as they are, in the block before it anomalies are judged but only to
    protect. All blocks are walked through side by side.
    """
    window = rule.window
    first_block = first_slot // window
    blocks = (first_slot + max(len(x), 1) - 1) // window - first_block + 1
    lead = first_slot - (first_block - 2) * window  # slots of the table before the data

    def table(values: NDArray[Any], fill: float) -> NDArray[Any]:
        padded = np.full((blocks + 2) * window, fill, dtype=values.dtype)
        padded[lead : lead + len(values)] = values
        return np.array(sliding_window_view(padded, 3 * window)[::window])

    entered, seen, floor = table(x, np.nan), table(x, np.nan), table(quantum, 0.0)
    groups = [table(component, -1.0) for component in codes]
    run = np.zeros(blocks, dtype=np.int64)
    bands = []
    for place in range(window, 3 * window):
        past = slice(place - window, place)
        member = [group[:, past] == group[:, place, None] for group in groups]
        expected = rule.expectation_of_rows(entered[:, past], member)
        band = width.band(expected.center, expected.spread, floor[:, place])
        value = seen[:, place]
        outside = verdict_of(value, band).direction != 0
        protected = outside & (run < rule.max_protected)
        instead = np.nan if rule.stabilization == "skip" else np.clip(value, band.lower, band.upper)
        entered[:, place] = np.where(protected, instead, value)
        run = np.where(np.isnan(value), run, np.where(outside, run + 1, 0))
        if place >= 2 * window:
            bands.append(band)
    flat = [np.stack(columns, axis=1).ravel() for columns in zip(*bands, strict=True)]
    return Band(*(column[lead - 2 * window :][: len(x)] for column in flat))
