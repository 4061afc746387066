"""DuckDB, the default source over files."""

from tocsin.database.duckdb.manager import DuckDBManager

__all__ = ["DuckDBManager"]
