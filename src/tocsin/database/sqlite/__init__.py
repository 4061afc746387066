"""SQLite, the default memory."""
