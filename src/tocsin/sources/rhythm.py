"""How often a series has points, and where on the clock they fall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tocsin.sources.grid import Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tocsin.sources.spec import Aggregate, Align

__all__ = ["Rhythm", "find_rhythm"]

_MINUTES = (1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440, 10_080)
_USUAL_SECONDS = np.array([1, 2, 5, 10, 15, 20, 30, *(60 * minutes for minutes in _MINUTES)])
_STEADY = 0.9  # the share of steps from which the commonest one is the interval without further thought
_REGULAR = 0.5
_NEAR, _WITHIN = 0.02, 0.25  # how far a usual interval may be from the mean and the median step
_COMMON_PHASE = 0.1  # the share of rows from which the commonest phase is more than chance
_PARTS_OF_INTERVAL = 60
_FEW_MERGED = 0.01
_DAY, _MEAN_MONTH = 86_400, 2_629_746  # seconds; 400 years have 4,800 months and 146,097 days
_CALENDAR = (
    ("month", 1, 28, 31),
    ("quarter", 3, 90, 92),
    ("year", 12, 365, 366),
)  # months; shortest, longest days


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The grid that suits a series.

    Attributes:
        interval_seconds: The distance between its points.
        phase: Where on it they fall, in milliseconds after a multiple of the interval since 1970.
        align: `nearest` when points jitter around the grid, else `floor`.
        aggregate: `mean` when several points fall into one slot, else `last`.
        regular: The share of the steps that are the interval.
        filled: The share of the slots that have a point.
        calendar: `month`, `quarter` or `year` when the points follow the calendar; the interval is the mean
            length of one then, and a point is never far from the slot that it goes to.
    """

    interval_seconds: int
    phase: int
    align: Align
    aggregate: Aggregate
    regular: float
    filled: float
    calendar: str | None = None


def find_rhythm(times: NDArray[np.int64], codes: NDArray[np.int64]) -> Rhythm | None:
    """Find the grid of one or many series.

    The interval is the commonest step; when steps jitter it is the usual interval (`5min`, `1h`, …) that
    they jitter around. The phase is the commonest one; when points jitter, the one they crowd around.

    Months have no one length: those of the calendar get slots of a mean month, one each.

    Args:
        times: int64 milliseconds since the epoch, in any order.
        codes: int64, which series each belongs to.

    Returns:
        The grid, or `None` when no series has two different times.
    """
    order = np.lexsort((times, codes))
    times, codes = times[order], codes[order]
    steps = np.diff(times)[np.diff(codes) == 0]
    steps = np.maximum(np.rint(steps[steps > 0] / 1000).astype(np.int64), 1)
    if not len(steps):
        return None
    calendar, months, usual = _calendar(steps)
    interval = months * _MEAN_MONTH if calendar else _interval(steps)
    phase = _calendar_phase(times, interval * 1000) if calendar else _phase(times, interval * 1000)
    filled: dict[Align, int] = {"floor": 0, "nearest": 0}
    for align in filled:
        slots = Grid(phase, interval * 1000, align).slots(times)
        filled[align] = 1 + int(((np.diff(slots) != 0) | (np.diff(codes) != 0)).sum())
    jitters = calendar is not None or filled["nearest"] > filled["floor"] * (1 + _FEW_MERGED)
    align = "nearest" if jitters else "floor"
    merged = 1 - filled[align] / len(times)
    slots = Grid(phase, interval * 1000, align).slots(times)
    firsts = np.flatnonzero(np.diff(codes, prepend=-1))
    lasts = np.append(firsts[1:], len(codes)) - 1
    spanned = int(((slots[lasts] - slots[firsts]) // (interval * 1000) + 1).sum())
    return Rhythm(
        interval_seconds=interval,
        phase=phase,
        align=align,
        aggregate="mean" if merged > _FEW_MERGED else "last",
        regular=usual if calendar else float((steps == interval).mean()),
        filled=filled[align] / spanned,
        calendar=calendar,
    )


def _calendar(steps: NDArray[np.int64]) -> tuple[str | None, int, float]:
    """Give the unit of the calendar that points follow, its months, and the share of such steps."""
    days = np.rint(steps / _DAY)  # a change of the clocks is no change of the date
    whole = np.abs(steps - days * _DAY) <= _DAY / 24
    for unit, months, shortest, longest in _CALENDAR:
        fits = whole & (days >= shortest) & (days <= longest)
        if len(np.unique(days[fits])) > 1 and fits.mean() >= _REGULAR:
            return unit, months, float(fits.mean())
    return None, 0, 0.0


def _calendar_phase(times: NDArray[np.int64], interval: int) -> int:
    """Place slots on the inner side of the dates: after those of a month's beginning, before its end's."""
    dates = times.astype("datetime64[ms]")
    day = (dates.astype("datetime64[D]") - dates.astype("datetime64[M]").astype("datetime64[D]")).astype(int)
    around = (times - times[0] + interval // 2) % interval - interval // 2
    edge = around.max() if np.median(day) < 15 else around.min()  # noqa: PLR2004 - the middle of a month
    return int(times[0] + edge) % interval


def _interval(steps: NDArray[np.int64]) -> int:
    distinct, counts = np.unique(steps, return_counts=True)
    commonest, share = int(distinct[counts.argmax()]), counts.max() / len(steps)
    median = float(np.median(steps))
    # Without the gaps, the mean is what the clock meant when every single step jitters.
    mean = float(steps[np.abs(steps - median) <= _WITHIN * median].mean())
    usual = int(_USUAL_SECONDS[np.abs(np.log(_USUAL_SECONDS / mean)).argmin()])
    if share >= _STEADY:
        return commonest
    if abs(usual - mean) <= _NEAR * mean:
        return usual
    if share >= _REGULAR or abs(commonest - median) <= _WITHIN * median:
        return commonest
    return usual if abs(usual - median) <= _WITHIN * median else max(round(median), 1)


def _phase(times: NDArray[np.int64], interval: int) -> int:
    phases, counts = np.unique(times % interval, return_counts=True)
    if counts.max() >= _COMMON_PHASE * len(times):
        return int(phases[counts.argmax()])
    # Nothing is common to the millisecond: look for a place that the points crowd around.
    width = max(interval // _PARTS_OF_INTERVAL, 1)
    rows = np.bincount(phases // width, weights=counts, minlength=_PARTS_OF_INTERVAL)
    crowds = rows + np.roll(rows, 1) + np.roll(rows, -1)
    middle = int(crowds.argmax())
    if crowds[middle] < _REGULAR * len(times):
        return 0
    around = (times - middle * width + interval // 2) % interval - interval // 2
    near = around[np.abs(around) <= 2 * width]
    return int(round(float(np.median(near)) / 1000) * 1000 + middle * width) % interval // 1000 * 1000
