"""Which messages of a channel may pass by one that its receiver does not take: those to other groups.

The messages of a channel go in their order. But one that was refused again and again will perhaps never be
taken, while its receiver would take all others: from then on only what goes to the same groups waits for it.

When several messages are refused like that, it is not them but the receiver: then all wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PATIENCE", "Passing", "groups_of"]

PATIENCE = 20
"""A message that failed so often, which takes about half an hour, is passed by."""

_MOST_PASSED = 2
"""So many messages are passed by. A receiver that is away is tried with one more than these."""


def groups_of(payload: Mapping[str, Any]) -> frozenset[str]:
    """Say which groups a message is for.

    >>> sorted(groups_of({"group": "net", "groups": ["net", "web"]}))
    ['net', 'web']
    """
    return frozenset(payload.get("groups") or (str(payload.get("group") or ""),))


class Passing:
    """What waits in a channel, as messages are looked at in order.

    Attributes:
        is_stuck: Whether all that follows waits.
    """

    def __init__(self) -> None:
        self._waiting: set[str] = set()
        self._failing = 0
        self.is_stuck = False

    @property
    def is_free(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def fail(self, groups: frozenset[str]) -> None:
        """Note a message that its receiver did not take, often enough to be passed by."""
        self._failing += 1
        self._waiting |= groups
        self.is_stuck = self._failing > _MOST_PASSED

    def holds(self, groups: frozenset[str]) -> bool:
        """Tell whether a message waits for one before it; then others to its groups wait for it."""
        if self._waiting.isdisjoint(groups):
            return False
        self._waiting |= groups
        return True
