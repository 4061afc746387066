"""The wall clock of a saver that is given none.

Everything else is told the time. A detector that keeps its state by itself, outside a run of Tocsin, has
nobody to tell it; `tocsin.runtime` is above this room and cannot be asked.
"""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["WallClock"]


class WallClock:
    """Tells the machine's time."""

    def now(self) -> datetime:
        """Give the current instant, aware, UTC."""
        return datetime.now(UTC)  # noqa: TID251 - see above
