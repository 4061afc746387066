"""Events in an SQLite file: the default, without any set-up."""

from tocsin.eventstorage.sqlite.backend import SQLiteBackend
from tocsin.eventstorage.sqlite.session import SQLiteSession

__all__ = ["SQLiteBackend", "SQLiteSession"]
