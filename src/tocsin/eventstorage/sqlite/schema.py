"""The tables of the event storage in an SQLite file, and the indexes that searches use."""

from __future__ import annotations

from tocsin.eventstorage.columns import ARRAY_COLUMNS, SCALAR_COLUMNS, TABLES

__all__ = ["FIRST_TABLES", "INDEXES", "OURS", "STORE", "STORE_COLUMNS", "TEXT_INDEX", "TEXT_TABLE"]

STORE = "event_store"
"""The table of one row that says whose the tables are, and how far their numbers and times have come."""
STORE_COLUMNS = frozenset({"version", "last_seq", "last_storagetime", "text_index"})
TEXT_TABLE = "events_text"
OURS = (STORE, *TABLES, "event_combinations", TEXT_TABLE)
"""All tables of the storage."""

_EVENTS = f"""CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    detecttime INTEGER NOT NULL,
    storagetime INTEGER NOT NULL,
    {", ".join(f"{name} TEXT" for name in SCALAR_COLUMNS)},
    {", ".join(f"{name} TEXT NOT NULL DEFAULT '[]'" for name in ARRAY_COLUMNS)}
)"""
FIRST_TABLES = (
    _EVENTS,
    "CREATE TABLE event_messages (seq INTEGER PRIMARY KEY, message BLOB NOT NULL)",
    """CREATE TABLE event_ip (
        seq INTEGER NOT NULL, role INTEGER NOT NULL, low BLOB NOT NULL, high BLOB NOT NULL,
        PRIMARY KEY (seq, role, low, high)
    ) WITHOUT ROWID""",
    """CREATE TABLE event_host (
        seq INTEGER NOT NULL, role INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (seq, role, name)
    ) WITHOUT ROWID""",
    """CREATE TABLE event_port (
        seq INTEGER NOT NULL, role INTEGER NOT NULL, port INTEGER NOT NULL, PRIMARY KEY (seq, role, port)
    ) WITHOUT ROWID""",
    """CREATE TABLE event_values (
        name TEXT NOT NULL, value TEXT NOT NULL, combination TEXT NOT NULL,
        PRIMARY KEY (name, value, combination)
    ) WITHOUT ROWID""",
    # How many events have a combination, so that one without any is known without looking for it.
    """CREATE TABLE event_combinations (
        name TEXT NOT NULL, combination TEXT NOT NULL, events INTEGER NOT NULL,
        PRIMARY KEY (name, combination)
    ) WITHOUT ROWID""",
    f"""CREATE TABLE {STORE} (
        only_one INTEGER PRIMARY KEY CHECK (only_one = 1), version INTEGER NOT NULL,
        last_seq INTEGER NOT NULL, last_storagetime INTEGER NOT NULL, text_index INTEGER NOT NULL
    )""",
    """CREATE TABLE event_rejects (
        storagetime INTEGER NOT NULL, reason TEXT NOT NULL, content BLOB NOT NULL,
        digest BLOB NOT NULL PRIMARY KEY
    )""",
)
"""What version 1 has, besides thresholds."""

# Underscores belong to words; positions and lengths are never asked for.
TEXT_INDEX = (
    f"CREATE VIRTUAL TABLE {TEXT_TABLE} USING fts5"
    "(words, detail=none, columnsize=0, tokenize=\"ascii tokenchars '_'\")"
)
INDEXES = {
    "events_by_detecttime": "events (detecttime, id)",
    "events_by_storagetime": "events (storagetime)",
    "events_by_category": "events (category, detecttime)",
    "events_by_eventclass": "events (eventclass, detecttime)",
    "events_by_resolvedabuses": "events (resolvedabuses, detecttime)",
    "events_by_node_name": "events (node_name, detecttime)",
    "event_ip_by_address": "event_ip (low, high, role)",
    "event_host_by_name": "event_host (name, role)",
    "event_port_by_port": "event_port (port, role)",
}
"""What searches use. Those on a column of few values grow at few places, next to nothing for an insert."""
