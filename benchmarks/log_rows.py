"""Seeded synthetic log events: what a parser would give for a log that does not exist.

Both sides make them, each in its own interpreter: only calls of `random` that give the same in every
version of Python are used.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EVENT_IDS", "VARIABLES", "Row", "make_rows"]

EVENT_IDS = 50
VARIABLES = 5

Row = tuple[str, str, list[Any], float]
"""EventID, template, positional variables, Unix seconds."""

_FIRST_SECOND = 1_767_571_200.0
_MANY = 2_500  # with 4,000 rows an event, about every second value is new


def make_rows(count: int, seed: int, mix: str = "usual") -> Iterator[Row]:
    """Make events one by one, so that they need no memory.

    Args:
        count: How many.
        seed: Equal seeds give equal events.
        mix: `usual`: one variable that never changes, three with few values (one of them learned early,
            one with some values that are rare), and one that is new almost every time; `few`: the last
            has 12 values; `many`: every variable has thousands; `new`: every value is new.
    """
    source = random.Random(seed)  # noqa: S311 - data needs no secrecy
    pick, bits = source.random, source.getrandbits
    ids = [f"E{number:02d}" for number in range(EVENT_IDS)]
    templates = [f"unit <*> of {name}: user <*> on <*> by <*> took <*>" for name in ids]
    services = [[f"service-{number}-{other}" for other in range(6)] for number in range(EVENT_IDS)]
    users = [f"user{number:02d}" for number in range(30)]
    hosts = [f"10.0.{number}.7" for number in range(20)]
    for position in range(count):
        event = int(pick() * EVENT_IDS)
        values: list[Any]
        if mix == "many":
            values = [f"v{int(pick() * _MANY):05d}" for _ in range(VARIABLES)]
        elif mix == "new":
            values = [f"v{bits(40):010x}" for _ in range(VARIABLES)]
        else:
            last = f"t{int(pick() * 12)}" if mix == "few" else f"{bits(40):010x}"
            values = [
                ids[event],
                services[event][int(pick() ** 3 * 6)],
                users[int(pick() ** 4 * 30)],
                hosts[int(pick() * 20)],
                last,
            ]
        yield ids[event], templates[event], values, _FIRST_SECOND + position * 0.05
