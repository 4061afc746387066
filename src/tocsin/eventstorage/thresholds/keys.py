"""What a report is about: every field that tells one silence from another."""

from __future__ import annotations

import json
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

__all__ = ["ThresholdKey"]


class ThresholdKey(NamedTuple):
    """What is told once: an entity doing something, told to a group by a channel.

    Attributes:
        group: Who is told.
        channel: By what.
        side: Which side of the event was asked for: `source` or `target`.
        shadow: Whether it is a trial, which silences nothing real.
        classes: The event's class; without one, its categories, sorted.
        entity_from: Where the entity was found: `source`, `target`, `node`, or `nothing`.
        entity: An address, network or range, a host, or the name of the node; `""` for nothing.
    """

    group: str
    channel: str
    side: str
    shadow: bool
    classes: tuple[str, ...]
    entity_from: str
    entity: str

    @property
    def id(self) -> str:
        """A digest of all fields, each kept apart: 32 hexadecimal digits."""
        return _digest(self)


@lru_cache(maxsize=16_384)
def _digest(key: ThresholdKey) -> str:
    return blake2b(json.dumps(key).encode(), digest_size=16).hexdigest()
