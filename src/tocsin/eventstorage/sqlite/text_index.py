"""Whether the events have a text index: asked for when the tables are made, found in them ever after."""

from __future__ import annotations

import sqlite3

__all__ = ["TextIndex"]


class TextIndex:
    """What is known about the text index of a file.

    Args:
        wanted: Whether the tables get one when they are made.

    Attributes:
        found: Whether the tables have one, `None` as long as nobody has looked.
    """

    def __init__(self, *, wanted: bool) -> None:
        self.wanted = wanted
        self.found: bool | None = None

    def forget(self) -> None:
        """Look again at the next opportunity: the tables were made or removed."""
        self.found = None

    def is_there(self, connection: sqlite3.Connection) -> bool:
        """Tell whether there is one; before the tables are made, whether there will be."""
        if self.found is None:
            try:
                row = connection.execute("SELECT text_index FROM event_store").fetchone()
            except sqlite3.OperationalError as error:
                if "no such" not in str(error):
                    raise
                row = None
            if row is None:
                return self.wanted
            self.found = bool(row[0])
        return self.found
