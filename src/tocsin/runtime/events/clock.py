"""What time it is for those whose history is replayed: that of the latest event, and what passed since.

Thresholds go by the times of events. Whether a silence is over must not depend on how fast events of last
year are read today; and it must be over when nothing comes any more. What belongs to last year's events must
not be forgotten while they still come, between those of today.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tocsin.database.series_store import delete_position, write_position
from tocsin.database.tables import TABLE_POSITIONS
from tocsin.runtime.metrics.load_position import from_ms, to_ms

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.abc import Transaction
    from tocsin.database import BaseDatabaseManager

__all__ = ["CLOCK_POSITION", "EventClock"]

CLOCK_POSITION = "alerts:clock"
_LOWEST = "alerts:lowest:"  # and the day: the earliest event time that was asked about on it
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class EventClock:
    """The latest event time that was decided about, and when that was.

    Attributes:
        at: The latest event time.
        seen: The present, as it was then.
    """

    at: datetime
    seen: datetime

    @classmethod
    def read(cls, memory: Transaction | BaseDatabaseManager) -> EventClock | None:
        """Give the clock of a memory, `None` when nothing was decided yet."""
        rows = memory.execute_query(
            f"SELECT position, updated_at FROM {memory.get_full_table_name(TABLE_POSITIONS)}"
            " WHERE name = %(name)s",
            {"name": CLOCK_POSITION},
        )
        if not rows:
            return None
        return cls(from_ms(json.loads(rows[0]["position"])["at"]), rows[0]["updated_at"])

    def now(self, present: datetime) -> datetime:
        """Tell the time: as much after the latest event as has passed since, never before it."""
        return max(self.at, min(present, self.at + (present - self.seen)))

    @classmethod
    def advance(cls, tx: Transaction, earliest: datetime, latest: datetime, present: datetime) -> None:
        """Keep that something of these event times was decided about."""
        before = cls.read(tx)
        if before is None or before.at < latest:
            write_position(tx, CLOCK_POSITION, {"at": to_ms(latest)}, present)
        today, lowest = _day(present), _lowest(tx)
        if today not in lowest or to_ms(earliest) < lowest[today]:
            write_position(tx, today, {"at": to_ms(earliest)}, present)
        for name in lowest:
            if name < _day(present - _DAY):
                delete_position(tx, name)

    @staticmethod
    def horizon(tx: Transaction) -> datetime | None:
        """Give the earliest event time that was asked about today or on the day before, if anything was."""
        lowest = _lowest(tx)
        return from_ms(min(lowest.values())) if lowest else None


def _day(present: datetime) -> str:
    return f"{_LOWEST}{present:%Y-%m-%d}"


def _lowest(tx: Transaction) -> dict[str, int]:
    rows = tx.execute_query(
        f"SELECT name, position FROM {tx.get_full_table_name(TABLE_POSITIONS)} WHERE name LIKE %(any)s",
        {"any": f"{_LOWEST}%"},
    )
    return {row["name"]: json.loads(row["position"])["at"] for row in rows}
