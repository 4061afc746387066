"""The steps in which a series moves: a spread below one step means nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["decimals_of", "quantum_of"]

_DIGITS = 12  # a value that needs more significant digits is a measurement, not a count of steps
_MOST_DECIMALS = 300
_UNKNOWN = -1  # a missing value, or zero, which looks the same at any resolution
_ENDLESS = _MOST_DECIMALS + 1
_POWERS = np.array([float(f"1e{power}") for power in range(_MOST_DECIMALS + 1)])
_RESOLUTION = np.array([float(f"1e-{power}") for power in range(_MOST_DECIMALS + 1)] + [0.0, 0.0])
_LEAST_DISTINCT = 4  # two or three values have a smallest distance whatever they are


def quantum_of(value: Floats, first_slot: int, window: int) -> Floats:
    """Find the quantum that holds at each slot.

    It is the larger of two. The resolution of digits: ten to the minus largest number of decimals in
    the window before the slot and in the slot itself; none where a value needs more than 12 digits.
    The smallest step: decided at the slots of the grid whose absolute number is a multiple of the
    window, from the window before that slot; found only if there are at least four distinct values
    and all their distances are multiples of it (a spike is no step).

    Args:
        value: As loaded; NaN is left out.
        first_slot: The absolute number of the first slot on its grid.
        window: In slots.

    Returns:
        float64, 0 where no quantum was found.
    """
    decimals = decimals_of(value)
    most = np.maximum(_window_maximum(decimals, window), decimals)
    result: Floats = np.maximum(_RESOLUTION[most], _smallest_steps(value, first_slot, window))
    return result


def decimals_of(value: Floats) -> NDArray[np.int64]:
    """Count the decimals that are needed to write each value.

    >>> decimals_of(np.array([5.0, 0.25, 0.1 + 0.2, 1e-5, 0.0, np.pi]))
    array([  0,   2,   1,   5,  -1, 301])
    """
    size = np.where(np.isfinite(value), np.abs(value), 0.0)
    _, exponent = np.frexp(size)
    shift = _DIGITS - 1 - ((exponent - 1) * 30103) // 100_000  # 12 or 13 digits before the point
    scaled = size * _POWERS[np.clip(shift, 0, _MOST_DECIMALS)]
    whole = np.rint(scaled)
    exact = (np.abs(scaled - whole) <= 1e-3) & (shift <= _MOST_DECIMALS)  # noqa: PLR2004 - of the last digit
    digits = np.where(exact & (shift > 0), whole, 1.0)
    zeros = np.zeros(len(size), dtype=np.int64)
    for power in (8, 4, 2, 1):
        shorter = digits / _POWERS[power]
        divisible = shorter == np.floor(shorter)
        digits = np.where(divisible, shorter, digits)
        zeros += np.where(divisible, power, 0)
    decimals = np.where(shift > 0, np.maximum(shift - zeros, 0), 0)
    return np.where(size == 0.0, _UNKNOWN, np.where(exact | (shift <= 0), decimals, _ENDLESS))


def _window_maximum(values: NDArray[np.int64], window: int) -> NDArray[np.int64]:
    """Give the largest of the `window` values before each place (van Herk's two passes)."""
    length = len(values)
    blocks = -(-length // window) + 1
    padded = np.full(blocks * window, _UNKNOWN, dtype=np.int64)
    padded[window : window + length] = values[: (blocks - 1) * window]
    table = padded.reshape(blocks, window)
    onward = np.maximum.accumulate(table, axis=1).ravel()
    backward = np.maximum.accumulate(table[:, ::-1], axis=1)[:, ::-1].ravel()
    place = np.arange(length)
    return np.maximum(backward[place], onward[place + window - 1])


def _smallest_steps(value: Floats, first_slot: int, window: int) -> Floats:
    """Give the smallest step that was decided at the latest multiple of the window, for each slot."""
    length = len(value)
    anchors = np.arange(first_slot // window, (first_slot + max(length, 1) - 1) // window + 1) * window
    padded = np.concatenate((np.full(2 * window, np.nan), value))
    starts = anchors - window - first_slot + 2 * window  # where each anchor's window begins
    rows = sliding_window_view(padded, window)[starts] if length else np.empty((0, window))
    ordered = np.sort(rows, axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.diff(ordered, axis=1)
        apart = steps > 1e-12 * np.abs(ordered[:, 1:])  # closer is one value, computed in two ways
        distinct = np.count_nonzero(apart, axis=1) + 1
        smallest = np.min(np.where(apart, steps, np.inf), axis=1, initial=np.inf)
        multiples = np.where(apart, steps, 0.0) / smallest[:, None]
        even = np.all(np.abs(multiples - np.rint(multiples)) <= 1e-3, axis=1)  # noqa: PLR2004
    found = np.where((distinct >= _LEAST_DISTINCT) & even, smallest, 0.0)
    which = (first_slot + np.arange(length)) // window - first_slot // window
    result: Floats = found[which]
    return result
