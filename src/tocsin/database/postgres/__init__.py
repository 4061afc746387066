"""PostgreSQL, the memory when one machine is too small, and a source."""

from tocsin.database.postgres.manager import PostgresManager

__all__ = ["PostgresManager"]
