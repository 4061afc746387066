"""DuckDB, the default source over files."""
