"""SQLite, the default memory."""

from tocsin.database.sqlite.manager import SQLiteManager

__all__ = ["SQLiteManager"]
