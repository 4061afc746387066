"""Turns: who stores events, or takes away what processes remember, does so alone until it commits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from tocsin.errors import StorageIntegrityError
from tocsin.eventstorage.addresses import sizes_text
from tocsin.eventstorage.postgres.connections import run

if TYPE_CHECKING:
    from tocsin.eventstorage.postgres.connections import Connection
    from tocsin.eventstorage.session import Row

__all__ = ["TAKE_TURN", "Turn", "analyze", "has_text_index", "keep_turn", "lost_state", "take_turn"]

_JOINED = ("events", "event_ip", "event_host", "event_port")
_GROWTH, _FIRST_ANALYSIS = 4, 5000
TAKE_TURN = """\
UPDATE event_store SET last_seq = last_seq + %s,
    last_storagetime = greatest(last_storagetime, coalesce(%s::timestamptz, clock_timestamp())),
    block_sizes = block_sizes | %s::varbit
RETURNING last_seq, last_storagetime, dropped_seq, generation, text_index, analyzed_seq"""


class Turn(NamedTuple):
    """What a transaction gets with its turn.

    Attributes:
        last_seq: The last of the numbers that are its own.
        storagetime: When it stores.
        dropped_seq: Events up to this number are no longer there, whatever else is left of them.
        generation: Changes when something is taken away that processes remember.
        text_index: Whether words are kept.
        analyzed_seq: The last number when the planner last looked at the tables.
    """

    last_seq: int
    storagetime: datetime
    dropped_seq: int
    generation: int
    text_index: bool
    analyzed_seq: int

    @property
    def is_for_analysis(self) -> bool:
        """Whether there are so many more events that the planner should look at the tables anew."""
        return self.last_seq >= _GROWTH * self.analyzed_seq + _FIRST_ANALYSIS

    @classmethod
    def of(cls, row: Row | None) -> Turn:
        """Read what `TAKE_TURN` gives.

        Raises:
            StorageIntegrityError: Nothing: the store has lost its state.
        """
        if row is None:
            raise lost_state()
        return cls(row[0], row[1].astimezone(UTC), *row[2:6])


def lost_state() -> StorageIntegrityError:
    """Give the error that says that the store's one row is gone."""
    return StorageIntegrityError("the event storage has lost its state", hint="restore it from a backup")


def has_text_index(connection: Connection) -> bool:
    """Tell whether the tables keep words.

    Raises:
        StorageIntegrityError: The store has lost its state.
    """
    row = run(connection, "SELECT text_index FROM event_store").fetchone()
    if row is None:
        raise lost_state()
    return bool(row[0])


def take_turn(connection: Connection, numbers: int, now: datetime | None, sizes: int) -> Turn:
    """Wait until nobody else stores, and keep others from it until the transaction ends.

    Args:
        connection: With an open transaction.
        numbers: How many events it may store.
        now: The time, `None` for the database's own.
        sizes: Which sizes its blocks of addresses have: see `addresses.sizes_of`.

    Raises:
        StorageIntegrityError: The store has lost its state.
    """
    return Turn.of(run(connection, TAKE_TURN, (numbers, now, sizes_text(sizes))).fetchone())


def keep_turn(connection: Connection) -> None:
    """Wait until nobody stores, and keep others from it until the transaction ends, without storing."""
    run(connection, "SELECT 1 FROM event_store FOR UPDATE")


def analyze(connection: Connection) -> None:
    """Let the planner look at the tables, outside of a transaction, unless another process did meanwhile.

    The server's own housekeeping looks at each partition, but never at a table as a whole; without that, the
    planner takes joins of whole tables for something quite different from what they are.
    """
    noted = run(
        connection,
        "UPDATE event_store SET analyzed_seq = last_seq WHERE last_seq >= %s * analyzed_seq + %s",
        (_GROWTH, _FIRST_ANALYSIS),
    )
    if noted.rowcount:
        run(connection, f"ANALYZE {', '.join(_JOINED)}")
