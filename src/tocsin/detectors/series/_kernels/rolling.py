"""Chooses how rolling summaries are made; the choice does not change a bit of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tocsin.detectors.series._kernels import moments, ordered
from tocsin.detectors.series._kernels.compiled import compiled, is_loaded
from tocsin.detectors.series.rows import MAD_TO_STD, summarize_rows
from tocsin.detectors.series.statistic import Statistic, Summary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

__all__ = ["rolling_summary"]

_CELLS_AT_ONCE = 1_000_000
_PATIENCE = 0.3  # seconds of plain work in a process after which loading numba is the better deal
_SECONDS_A_CELL = 5e-9  # sorting windows, a value of a window
_SECONDS_A_SLOT = 3e-6  # mean and deviation, a slot


class _Patience:
    """Counts the plain work that this process has done."""

    def __init__(self) -> None:
        self._spent = 0.0
        self._lock = threading.Lock()

    def allows(self, seconds: float) -> bool:
        """Say whether plain work of this length is still cheaper than loading numba, and count it."""
        with self._lock:
            if is_loaded() or self._spent + seconds > _PATIENCE:
                return False
            self._spent += seconds
            return True


_patience = _Patience()


def rolling_summary(
    statistic: Statistic,
    x: Floats,
    window: int,
    codes: Codes,
    first_slot: int,
    *,
    use_numba: bool | None = None,
) -> tuple[Summary, list[Summary]]:
    """Sum up the window before each slot, whole and for the slot's group of each component.

    Args:
        statistic: Which centre and spread.
        x: The series, NaN where missing.
        window: In slots.
        codes: Groups from 0, shape (components, n).
        first_slot: The absolute number of the first slot on its grid.
        use_numba: Whether to run compiled code; `None`: where it pays. The bits are the same.
    """
    every = np.zeros((1, len(x)), dtype=np.int64)
    summaries = []
    for component in (*every, *codes):
        component = np.ascontiguousarray(component)
        classes = int(component.max(initial=0)) + 1
        if statistic is Statistic.MOMENTS:
            fast = use_numba if use_numba is not None else not _patience.allows(len(x) * _SECONDS_A_SLOT)
            summary = _moments(x, component, classes, window, first_slot % window, fast=fast)
        else:
            fast = use_numba
            if fast is None:
                fast = not _patience.allows(len(x) * window * _SECONDS_A_CELL)
            if fast:
                summary = _ordered(statistic, x, component, classes, window)
            else:
                summary = _sorted_rows(statistic, x, component, classes, window)
        summaries.append(summary)
    return summaries[0], summaries[1:]


def _moments(x: Floats, codes: Codes, classes: int, window: int, phase: int, *, fast: bool) -> Summary:
    per_place = [np.zeros(window, dtype=kind) for kind in (np.int64, np.float64, np.float64, np.int64)]
    per_group = [
        np.full(classes, -1),
        *(np.zeros(classes, dtype=kind) for kind in (np.int64, np.float64, np.float64)),
    ]
    count = np.zeros(len(x), dtype=np.int64)
    center, spread = np.empty(len(x)), np.empty(len(x))
    if fast:
        kernel = compiled(moments.rolling_moments, moments.HELPERS)
        kernel(x, codes, window, phase, *per_place, *per_group, count, center, spread)
        return Summary(count, center, spread)
    results = [column.tolist() for column in (count, center, spread)]
    scratch = [column.tolist() for column in (*per_place, *per_group)]
    moments.rolling_moments(x.tolist(), codes.tolist(), window, phase, *scratch, *results)
    return Summary(np.array(results[0], dtype=np.int64), np.array(results[1]), np.array(results[2]))


def _ordered(statistic: Statistic, x: Floats, codes: Codes, classes: int, window: int) -> Summary:
    most = np.zeros(classes, dtype=np.int64)
    kernel = compiled(ordered.most_in_window, ())
    kernel(x, codes, window, np.zeros_like(most), most)
    shift = block_shift(int(most.max()))
    # A value that enters before another leaves needs one place more.
    blocks = (most + 1 >> shift) + 1
    firsts = np.concatenate(([0], np.cumsum(blocks)[:-1]))
    values = np.zeros(int(blocks.sum()) << shift)
    heads = np.zeros(int(blocks.sum()), dtype=np.int64)
    count = np.zeros(len(x), dtype=np.int64)
    first, second = np.full(len(x), np.nan), np.full(len(x), np.nan)
    function = ordered.rolling_mad if statistic is Statistic.MAD else ordered.rolling_quartiles
    compiled(function, ordered.HELPERS)(
        x, codes, window, values, heads, firsts, shift, np.zeros_like(most), count, first, second
    )
    if statistic is Statistic.MAD:
        return Summary(count, first, MAD_TO_STD * second)
    return Summary(count, 0.5 * (first + second), second - first)


def block_shift(size: int) -> int:
    """Give the block length, as a power of two, for ordered windows of a size."""
    return min(max((size.bit_length() + 1) // 2, 4), 7)


def _sorted_rows(statistic: Statistic, x: Floats, codes: Codes, classes: int, window: int) -> Summary:
    rows = sliding_window_view(np.concatenate((np.full(window, np.nan), x)), window)
    past = sliding_window_view(np.concatenate((np.full(window, -1), codes)), window)
    at_once = max(_CELLS_AT_ONCE // window, 1)
    parts = []
    for start in range(0, max(len(x), 1), at_once):
        some = slice(start, min(start + at_once, len(x)))
        chosen = rows[some]
        if classes > 1:
            chosen = np.where(past[some] == codes[some, None], chosen, np.nan)
        parts.append(summarize_rows(statistic, chosen))
    return Summary(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
