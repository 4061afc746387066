"""What kind of variable it is, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["STABLE_BELOW", "Classification", "Stability", "is_stable"]

STABLE_BELOW = (1.1, 0.3, 0.1, 0.01)
"""A variable is stable when the mean of each quarter of its change series is below these."""


class Stability(StrEnum):
    """How a variable behaves."""

    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
    STATIC = "STATIC"
    RANDOM = "RANDOM"
    STABLE = "STABLE"
    UNSTABLE = "UNSTABLE"


@dataclass(frozen=True, slots=True)
class Classification:
    """The type of a variable, with the reason in a sentence.

    Attributes:
        type: One of five.
        reason: Why, and whether it is approximate.
        approximate: Whether it rests on blocks or estimates, since exact values were too many to keep.
    """

    type: Stability
    reason: str
    approximate: bool = False


def is_stable(means: tuple[float, ...]) -> bool:
    """Tell whether every segment has fewer new values than its threshold."""
    return all(mean < limit for mean, limit in zip(means, STABLE_BELOW, strict=True))
