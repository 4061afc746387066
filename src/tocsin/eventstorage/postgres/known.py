"""What one process knows of the store without asking."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tocsin.eventstorage.postgres.partitions import month_of

if TYPE_CHECKING:
    from datetime import date, datetime

__all__ = ["Known", "Learned"]

_MOST_VALUES = 100_000


@dataclass(slots=True)
class Learned:
    """What a transaction did, known to the process when it is committed.

    Attributes:
        generation: Of the store, when the transaction had its turn.
        day: Of its storage time.
        months: Months whose partitions exist.
        values: (column, value) pairs that are kept for that day.
        analyze: Whether the planner should look at the tables.
    """

    generation: int
    day: date
    months: set[date] = field(default_factory=set)
    values: set[tuple[str, str]] = field(default_factory=set)
    analyze: bool = False


class Known:
    """What is committed; forgotten when others take something away (the store's generation tells)."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a stream that nobody closed may fail when it is collected
        self._now: Learned | None = None
        self.text_index: bool | None = None
        self.block_sizes: int | None = None

    def at(self, generation: int, day: date) -> Learned:
        """Give what is known of a generation and a day, to look things up in."""
        now = self._now
        if now is None or now.generation != generation:
            return Learned(generation, day)
        return now if now.day == day else Learned(generation, day, now.months)

    def has_partition(self, now: datetime | None) -> bool:
        """Tell whether there should be a partition to store in.

        Args:
            now: When, `None` for a time that only the database knows.
        """
        known = self._now  # another thread may forget it at any time
        months = known.months if known is not None else set()
        return bool(months) if now is None else month_of(now) in months

    def learn(self, learned: Learned) -> None:
        """Add what a committed transaction did."""
        with self._lock:
            old = self.at(learned.generation, learned.day)
            values = old.values | learned.values
            self._now = Learned(
                learned.generation,
                learned.day,
                old.months | learned.months,
                values if len(values) <= _MOST_VALUES else set(),
            )

    def forget(self) -> None:
        """Know nothing any more."""
        with self._lock:
            self._now = None
            self.text_index = None
            self.block_sizes = None
