"""Partitions: a week of storage time each, from Monday 0 h UTC, made when the first event needs one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from tocsin.eventstorage.postgres.connections import run
from tocsin.eventstorage.postgres.schema import PARTITIONED, UNANALYZED

if TYPE_CHECKING:
    from tocsin.eventstorage.postgres.connections import Connection

__all__ = ["Partition", "existing", "make", "week_of"]

_WITHOUT_STATISTICS = ", ".join(f"ALTER {name} SET STATISTICS 0" for name in UNANALYZED)
_WEEK = timedelta(days=7)


class Partition(NamedTuple):
    """The part of every partitioned table that has one week.

    Attributes:
        week: Its Monday.
    """

    week: date

    @property
    def begin(self) -> datetime:
        """The first instant that is in it."""
        return datetime(self.week.year, self.week.month, self.week.day, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first instant that is not in it any more."""
        return self.begin + _WEEK

    def table(self, parent: str) -> str:
        """Name its table of one of the partitioned tables."""
        return f"{parent}_{self.week:%Y%m%d}"


def week_of(instant: datetime) -> date:
    """Give the Monday of an instant's week, UTC."""
    day = instant.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())


def existing(connection: Connection) -> list[Partition]:
    """Give the partitions that there are, the oldest first."""
    rows = run(
        connection,
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = 'events'::regclass ORDER BY c.relname",
    ).fetchall()
    return [Partition(_monday(name)) for (name,) in rows]


def make(connection: Connection, week: date) -> None:
    """Make the partition of a week, unless it is there; in the transaction that has the store's turn.

    The tables are made apart and attached, which waits neither for readers nor for writers; to make them in
    place would.
    """
    part = Partition(week)
    there = run(
        connection,
        "SELECT 1 FROM pg_inherits WHERE inhparent = 'events'::regclass AND inhrelid = to_regclass(%s)",
        (part.table("events"),),
    ).fetchone()
    if there is not None:
        return
    for parent in PARTITIONED:
        table = part.table(parent)
        run(connection, f"CREATE TABLE {table} (LIKE {parent} INCLUDING DEFAULTS INCLUDING STORAGE)")
        if parent == "events":
            run(connection, f"ALTER TABLE {table} {_WITHOUT_STATISTICS}")
        run(
            connection,
            f"ALTER TABLE {parent} ATTACH PARTITION {table} "
            f"FOR VALUES FROM ('{part.begin.isoformat()}') TO ('{part.end.isoformat()}')",
        )


def _monday(name: str) -> date:
    return datetime.strptime(name.rpartition("_")[2], "%Y%m%d").replace(tzinfo=UTC).date()
