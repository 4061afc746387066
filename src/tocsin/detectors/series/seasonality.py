"""Groups of slots that belong together, such as the same hour of the day."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.detectors.series.statistic import Summary
from tocsin.errors import DetectorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tocsin.model import SeriesData

__all__ = ["combine", "group_codes"]


class _Distinct(dict[str, int]):
    """Numbers distinct texts in the order of their appearance."""

    def __missing__(self, text: str) -> int:
        number = self[text] = len(self)
        return number


def group_codes(data: SeriesData, components: Sequence[Sequence[str]]) -> NDArray[np.int64]:
    """Number the groups of each component, slot by slot.

    Args:
        data: With `seasonality_data` and `seasonality_columns`.
        components: Lists of columns; slots that agree in all columns of a list are one group of it.

    Returns:
        Shape (components, n), from 0.

    Raises:
        DetectorError: A column is not among the series' seasonality columns, or its data is not JSON.
    """
    length = len(data["value"])
    if not components:
        return np.empty((0, length), dtype=np.int64)
    columns = list(data.get("seasonality_columns") or [])
    for name in {name for component in components for name in component}:
        if name not in columns:
            close = difflib.get_close_matches(name, columns, n=1)
            hint = f"did you mean {close[0]}?" if close else "it has " + (", ".join(columns) or "none")
            raise DetectorError(f"the series has no seasonality column {name}", hint=hint)
    texts = np.asarray(data["seasonality_data"], dtype=object)
    if texts.shape != (length,):
        raise DetectorError(f"seasonality_data has shape {texts.shape}, value ({length},)")
    distinct = _Distinct()
    numbers = np.fromiter(map(distinct.__getitem__, texts.tolist()), dtype=np.int64, count=length)
    slots = [_parsed(text) for text in distinct]
    codes = []
    for component in components:
        groups = _Distinct()
        keys = [json.dumps([slot.get(name) for name in component]) for slot in slots]
        codes.append(np.array([groups[key] for key in keys], dtype=np.int64)[numbers])
    return np.array(codes)


def _parsed(text: Any) -> dict[str, Any]:
    try:
        slot = json.loads(text)
    except (TypeError, ValueError) as error:
        raise DetectorError(f"seasonality_data {text!r} is not JSON") from error
    if not isinstance(slot, dict):
        raise DetectorError(f"seasonality_data {text!r} is not a JSON object")
    return slot


def combine(whole: Summary, groups: Sequence[Summary], *, multiplicative: bool, least: int) -> Summary:
    """Shift and scale the window's summary to the groups of the slot.

    Additive: each group moves the centre by its centre's distance from the window's; the spread is
    the first group's, scaled by group spread / window spread for each further one. Multiplicative:
    centre and spread are both scaled by group / window for each group. Where a divisor is zero, the
    factor is 1. Groups of fewer than `least` valid slots are skipped.
    """
    center, spread = whole.center, whole.spread
    first = np.ones(len(center), dtype=bool)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        for group in groups:
            used = group.valid >= least
            ratio = np.where(whole.spread > 0.0, group.spread / whole.spread, 1.0)
            if multiplicative:
                level = np.where(whole.center != 0.0, group.center / whole.center, 1.0)
                new_center, new_spread = center * level, spread * ratio
            else:
                alone = first & used
                new_center = np.where(alone, group.center, center + (group.center - whole.center))
                new_spread = np.where(alone, group.spread, spread * ratio)
                first &= ~used
            center = np.where(used, new_center, center)
            spread = np.where(used, new_spread, spread)
    return Summary(whole.valid, center, spread)
