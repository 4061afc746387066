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
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

__all__ = ["rolling_summary"]

_CELLS_AT_ONCE = 1_000_000
_ONE_BLOCK = 128
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
    every = np.zeros(len(x), dtype=np.int64)
    summaries = []
    for component in (every, *codes):
        groups = np.ascontiguousarray(component)
        if statistic is Statistic.MOMENTS:
            fast = not _patience.allows(len(x) * _SECONDS_A_SLOT) if use_numba is None else use_numba
            summaries.append(_moments(x, groups, window, first_slot % window, compile_it=fast))
        else:
            cells = len(x) * window
            fast = not _patience.allows(cells * _SECONDS_A_CELL) if use_numba is None else use_numba
            summaries.append((_ordered if fast else _sorted_rows)(statistic, x, groups, window))
    return summaries[0], summaries[1:]


def _moments(x: Floats, codes: Codes, window: int, phase: int, *, compile_it: bool) -> Summary:
    groups = int(codes.max(initial=0)) + 1
    backward = (np.zeros(window, np.int64), np.zeros(window), np.zeros(window), np.zeros(window, np.int64))
    forward = (np.full(groups, -1), np.zeros(groups, np.int64), np.zeros(groups), np.zeros(groups))
    results = (np.zeros(len(x), np.int64), np.zeros(len(x)), np.zeros(len(x)))
    if compile_it:
        kernel = compiled(moments.rolling_moments, moments.HELPERS)
        kernel(x, codes, window, phase, backward, forward, *results)
        return Summary(*results)
    plain: Callable[..., None] = moments.rolling_moments
    count, center, spread = (column.tolist() for column in results)
    scratch = (tuple(column.tolist() for column in columns) for columns in (backward, forward))
    plain(x.tolist(), codes.tolist(), window, phase, *scratch, count, center, spread)
    return Summary(np.array(count, dtype=np.int64), np.array(center), np.array(spread))


def _ordered(statistic: Statistic, x: Floats, codes: Codes, window: int) -> Summary:
    most = np.zeros(int(codes.max(initial=0)) + 1, dtype=np.int64)
    compiled(ordered.most_in_window, ())(x, codes, window, np.zeros_like(most), most)
    shift = _block_shift(int(most.max()))
    blocks = (most >> shift) + 1
    firsts = np.concatenate(([0], np.cumsum(blocks)[:-1]))
    values = np.zeros(int(blocks.sum()) << shift)
    heads = np.zeros(int(blocks.sum()), dtype=np.int64)
    vectors = (values, heads, firsts, np.zeros_like(most))
    count = np.zeros(len(x), dtype=np.int64)
    first, second = np.full(len(x), np.nan), np.full(len(x), np.nan)
    function = ordered.rolling_mad if statistic is Statistic.MAD else ordered.rolling_quartiles
    compiled(function, ordered.HELPERS)(x, codes, window, shift, vectors, count, first, second)
    if statistic is Statistic.MAD:
        return Summary(count, first, MAD_TO_STD * second)
    return Summary(count, 0.5 * (first + second), second - first)


def _block_shift(size: int) -> int:
    """Give the block length, as a power of two: near the root of the size, one block for a small one."""
    if size < _ONE_BLOCK:
        return _ONE_BLOCK.bit_length() - 1
    return min(max((size.bit_length() + 1) // 2, 4), 7)


def _sorted_rows(statistic: Statistic, x: Floats, codes: Codes, window: int) -> Summary:
    rows = sliding_window_view(np.concatenate((np.full(window, np.nan), x)), window)
    past = sliding_window_view(np.concatenate((np.full(window, -1), codes)), window)
    at_once = max(_CELLS_AT_ONCE // window, 1)
    parts = []
    for start in range(0, max(len(x), 1), at_once):
        some = slice(start, min(start + at_once, len(x)))
        chosen = rows[some]
        if codes.any():
            chosen = np.where(past[some] == codes[some, None], chosen, np.nan)
        parts.append(summarize_rows(statistic, chosen))
    return Summary(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
