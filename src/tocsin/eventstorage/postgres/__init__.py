"""Events in PostgreSQL (15 or newer, without extensions)."""

from tocsin.eventstorage.postgres.backend import PostgresBackend
from tocsin.eventstorage.postgres.borrowed import BorrowedSession
from tocsin.eventstorage.postgres.session import PostgresSession

__all__ = ["BorrowedSession", "PostgresBackend", "PostgresSession"]
