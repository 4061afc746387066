"""What one process knows of the store without asking."""

from __future__ import annotations

import sqlite3

from tocsin.eventstorage.addresses import ALL_SIZES

__all__ = ["Known"]


class Known:
    """What is known about the tables of a file.

    Args:
        wants_text: Whether they get a text index when they are made.

    Attributes:
        text_index: Whether they have one, `None` as long as nobody has looked.
        block_sizes: Which sizes the blocks of addresses had when somebody looked, `None` before.
    """

    def __init__(self, *, wants_text: bool) -> None:
        self.wants_text = wants_text
        self.text_index: bool | None = None
        self.block_sizes: int | None = None

    def forget(self) -> None:
        """Look again at the next opportunity: the tables were made or removed."""
        self.text_index = self.block_sizes = None

    def has_text_index(self, connection: sqlite3.Connection) -> bool:
        """Tell whether there is a text index; before the tables are made, whether there will be."""
        found = self.text_index  # another thread may forget it at any time
        if found is None:
            try:
                row = connection.execute("SELECT text_index FROM event_store").fetchone()
            except sqlite3.OperationalError as error:
                if "no such" not in str(error):
                    raise
                row = None
            if row is None:
                return self.wants_text
            found = self.text_index = bool(row[0])
        return found

    def look_at_block_sizes(self, connection: sqlite3.Connection) -> int:
        """Give which sizes the blocks of addresses have; without a state, any."""
        row = connection.execute("SELECT block_sizes FROM event_store").fetchone()
        sizes = self.block_sizes = ALL_SIZES if row is None else int.from_bytes(row[0])
        return sizes
