"""Partitions: a month of storage time each, UTC, made when the first event needs one.

A search is planned for all partitions: with weeks, planning took ten times as long as finding a few events.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NamedTuple

from tocsin.errors import StorageIntegrityError
from tocsin.eventstorage.postgres.connections import run
from tocsin.eventstorage.postgres.schema import PARTITIONED, UNANALYZED

if TYPE_CHECKING:
    from tocsin.eventstorage.postgres.connections import Connection

__all__ = ["Partition", "detach", "detached", "existing", "make", "month_after", "month_of"]

_WITHOUT_STATISTICS = ", ".join(f"ALTER {name} SET STATISTICS 0" for name in UNANALYZED)


_DETACHED = f"^({'|'.join(PARTITIONED)})_[0-9]{{6}}_dropped(_[0-9]+)?$"
_LAST = (9999, 12)


class Partition(NamedTuple):
    """The part of every partitioned table that has one month.

    Attributes:
        month: Its first day.
    """

    month: date

    @property
    def begin(self) -> datetime:
        """The first instant that is in it."""
        return datetime(self.month.year, self.month.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first instant that is not in it any more."""
        after = month_after(self.month)
        return Partition(after).begin if after != self.month else datetime.max.replace(tzinfo=UTC)

    def table(self, parent: str) -> str:
        """Name its table of one of the partitioned tables."""
        return f"{parent}_{self.month:%Y%m}"


def month_of(instant: datetime) -> date:
    """Give the first day of an instant's month, UTC."""
    return instant.astimezone(UTC).date().replace(day=1)


def month_after(month: date) -> date:
    """Give the first day of the next month; that of the last month of the calendar is its own."""
    if (month.year, month.month) == _LAST:
        return month
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def existing(connection: Connection) -> list[Partition]:
    """Give the partitions that there are, the oldest first.

    Raises:
        StorageIntegrityError: There is one that is not ours.
    """
    rows = run(
        connection,
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = 'events'::regclass ORDER BY c.relname",
    ).fetchall()
    return [Partition(_month(name)) for (name,) in rows]


def make(connection: Connection, month: date) -> None:
    """Make the partition of a month, unless it is there; in the transaction that has the store's turn.

    The tables are made apart and attached, which waits neither for readers nor for writers; to make them in
    place would.
    """
    part = Partition(month)
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


def detach(connection: Connection, part: Partition) -> str:
    """Take a partition away, in a transaction that has locked the tables; its own tables stay behind.

    That is done at once, however large they are. To remove them takes longer, and nobody waits for it.

    Returns:
        The table that its events are in now.
    """
    # A month can begin again, and be taken away again, before what was left of it is removed.
    [(number,)] = run(connection, "SELECT pg_current_xact_id()::text").fetchall()
    # So that they are not mistaken for some that somebody detached to keep them.
    names = {parent: f"{part.table(parent)}_dropped_{number}" for parent in PARTITIONED}
    statements = []
    for parent, name in names.items():
        statements.append(f"ALTER TABLE {parent} DETACH PARTITION {part.table(parent)}")
        statements.append(f"ALTER TABLE {part.table(parent)} RENAME TO {name}")
    run(connection, "; ".join(statements))  # at once, as everybody waits
    return names["events"]


def detached(connection: Connection) -> list[str]:
    """Name the tables that `detach` left behind and that are not removed yet, the largest last."""
    rows = run(
        connection,
        "SELECT c.relname FROM pg_class c WHERE c.relkind = 'r' AND NOT c.relispartition AND c.relname ~ %s "
        "AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'events'::regclass) "
        "ORDER BY c.relpages, c.relname",
        (_DETACHED,),
    ).fetchall()
    return [name for (name,) in rows]


def _month(name: str) -> date:
    try:
        return datetime.strptime(name, "events_%Y%m").replace(tzinfo=UTC).date()
    except ValueError:
        raise StorageIntegrityError(
            f"events has a partition that is not of the event storage: {name}",
            hint="detach it, or give it and those of the other tables the names of a month back",
        ) from None
