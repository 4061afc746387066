"""What a watch is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WatchOptions"]


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What a watch is asked to do.

    Attributes:
        select: Which monitors; `None` for all.
        exclude: Which not.
        profile: The profile to use in place of the default one.
        threads: How many monitors are worked on at once, besides those that hang.
        listen: Host and port of the metrics page; `None` for none; port 0 takes a free one.
        must_listen: Whether not to begin when it cannot listen there.
        patience: Seconds that work in hand is waited for when the watch is asked to end.
    """

    select: str | None = None
    exclude: str | None = None
    profile: str | None = None
    threads: int = 2
    listen: tuple[str, int] | None = None
    must_listen: bool = True
    patience: float = 20.0
