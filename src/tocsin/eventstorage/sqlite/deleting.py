"""Deleting events with all that belongs to them, within an open transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.eventstorage.columns import SCALAR_COLUMNS, VALUE_COLUMNS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from typing import Any

__all__ = ["delete_chosen", "delete_range"]

_TABLES = ("event_messages", "event_ip", "event_host", "event_port", "events")
_CHOSEN = "IN (SELECT seq FROM temp.tocsin_chosen)"


def delete_chosen(
    connection: sqlite3.Connection, query: str, args: Sequence[Any], *, text_index: bool
) -> int:
    """Delete the events whose `seq` a query gives, and tell how many."""
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS tocsin_chosen (seq INTEGER PRIMARY KEY)")
    connection.execute("DELETE FROM temp.tocsin_chosen")
    connection.execute(f"INSERT OR IGNORE INTO temp.tocsin_chosen {query}", args)
    count = _delete(connection, _CHOSEN, (), text_index=text_index)
    connection.execute("DELETE FROM temp.tocsin_chosen")
    return count


def delete_range(connection: sqlite3.Connection, first: int, last: int, *, text_index: bool) -> int:
    """Delete the events from one `seq` to another, and tell how many."""
    return _delete(connection, "BETWEEN ? AND ?", (first, last), text_index=text_index)


def _delete(
    connection: sqlite3.Connection, condition: str, args: tuple[int, ...], *, text_index: bool
) -> int:
    for name in VALUE_COLUMNS:
        _forget_values(connection, name, condition, args)
    if text_index:
        connection.execute(f"DELETE FROM events_text WHERE rowid {condition}", args)
    count = 0
    for table in _TABLES:
        count = connection.execute(f"DELETE FROM {table} WHERE seq {condition}", args).rowcount
    return count


def _forget_values(connection: sqlite3.Connection, name: str, condition: str, args: tuple[int, ...]) -> None:
    """Count the combinations of a column down, and forget those that no event has any more."""
    some = f"{name} IS NOT NULL" if name in SCALAR_COLUMNS else f"{name} <> '[]'"
    gone = connection.execute(
        f"SELECT {name}, count(*) FROM events WHERE seq {condition} AND {some} GROUP BY {name}", args
    ).fetchall()
    connection.executemany(
        "UPDATE event_combinations SET events = events - ? WHERE name = ? AND combination = ?",
        [(count, name, combination) for combination, count in gone],
    )
    one = "name = ? AND combination = ?"
    nobodys = [
        (name, combination)
        for combination, _ in gone
        if connection.execute(
            f"DELETE FROM event_combinations WHERE {one} AND events <= 0", (name, combination)
        ).rowcount
    ]
    connection.executemany(f"DELETE FROM event_values WHERE {one}", nobodys)
