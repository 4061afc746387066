"""How well learned groups of lines agree with the true ones."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

__all__ = ["grouping_accuracy"]


def grouping_accuracy(found: Sequence[Hashable], true: Sequence[Hashable]) -> float:
    """Give the share of lines whose group is exactly their true group.

    After Zhu et al.: Tools and benchmarks for automated log parsing (ICSE-SEIP 2019).

    Args:
        found: For each line what it was grouped by.
        true: For each line the name of its true group.

    >>> grouping_accuracy(["a", "a", "b", "b"], [1, 1, 2, 3])
    0.5
    """
    if len(found) != len(true):
        raise ValueError(f"{len(found)} lines were found, {len(true)} are true")
    if not found:
        return 1.0
    sizes_found, sizes_true = Counter(found), Counter(true)
    pairs = Counter(zip(found, true, strict=True))
    right = sum(
        count for (mine, other), count in pairs.items() if count == sizes_found[mine] == sizes_true[other]
    )
    return right / len(found)
