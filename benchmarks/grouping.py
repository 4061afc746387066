"""Grouping accuracy: how a log parser is judged in the literature."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["grouping_accuracy"]


def grouping_accuracy(found: Sequence[Any], truth: Sequence[Any]) -> float:
    """Give the share of lines whose group holds exactly the lines that it should.

    Args:
        found: The group of each line; `None` is a group of that line alone.
        truth: The true group of each line.

    >>> grouping_accuracy([1, 1, 2, 2], ["a", "a", "b", "c"])
    0.5
    """
    groups: dict[Any, list[int]] = defaultdict(list)
    true_groups: dict[Any, list[int]] = defaultdict(list)
    for place, (group, true_group) in enumerate(zip(found, truth, strict=True)):
        groups[(place,) if group is None else group].append(place)
        true_groups[true_group].append(place)
    right = {tuple(places) for places in true_groups.values()}
    return sum(len(places) for places in groups.values() if tuple(places) in right) / len(truth)
