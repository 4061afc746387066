"""The tables of the event storage in a PostgreSQL schema, and their indexes."""

from __future__ import annotations

from tocsin.eventstorage.columns import ARRAY_COLUMNS, SCALAR_COLUMNS, TABLES, VALUE_COLUMNS

__all__ = [
    "INDEXES",
    "OWN_TABLES",
    "PARTITIONED",
    "STORE",
    "TEXT_INDEX",
    "UNANALYZED",
    "_INDEXED",
    "tables",
]

STORE = "event_store"
PARTITIONED = ("events", "event_messages", "event_ip", "event_host", "event_port")
"""Tables in partitions of a month of `storagetime`, in the order in which they are locked."""

OWN_TABLES = (*TABLES, "event_ids", STORE)
_INDEXED = tuple(name for name in VALUE_COLUMNS if name in ARRAY_COLUMNS)

UNANALYZED = tuple(name for name in ARRAY_COLUMNS if name not in VALUE_COLUMNS)
"""Columns that searches do not compare: the planner need not know what is in them, which takes it long."""

_NUMBERS = ("source_port", "target_port")
INDEXES = {
    "events_by_detecttime": "events (detecttime, id)",
    "events_by_storagetime": "events (storagetime)",
    "events_by_eventclass": "events (eventclass)",
    "events_by_lists": f"events USING gin ({', '.join(_INDEXED)})",
    "event_ip_by_address": "event_ip (low, high, role)",
    "event_host_by_name": "event_host (name, role)",
    "event_port_by_port": "event_port (port, role)",
}
"""What searches use, besides what uniqueness and deletion need."""

TEXT_INDEX = {"events_by_words": "events USING gin (words)"}


def tables(*, text_index: bool) -> list[str]:
    """Give the statements that make the tables, without the indexes of searches."""
    scalars = ", ".join(f'{name} text COLLATE "C"' for name in SCALAR_COLUMNS)
    arrays = ", ".join(f"{name} {_array(name)} NOT NULL DEFAULT '{{}}'" for name in ARRAY_COLUMNS)
    words = ", words tsvector NOT NULL" if text_index else ""
    by_month = "PARTITION BY RANGE (storagetime)"
    event = "seq bigint NOT NULL, storagetime timestamptz NOT NULL"
    return [
        # Whoever stores events changes its one row first: what has a smaller seq is committed earlier.
        f"""CREATE TABLE {STORE} (
            only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
            version integer NOT NULL,
            text_index boolean NOT NULL,
            last_seq bigint NOT NULL DEFAULT 0,
            analyzed_seq bigint NOT NULL DEFAULT 0,
            last_storagetime timestamptz NOT NULL DEFAULT '0001-01-02 00:00:00+00',
            dropped_seq bigint NOT NULL DEFAULT 0,
            block_sizes varbit NOT NULL,
            generation bigint NOT NULL DEFAULT floor(random() * 1e15)
        ) WITH (fillfactor = 20)""",
        f"""CREATE TABLE events ({event}, detecttime timestamptz NOT NULL, id text COLLATE "C" NOT NULL,
            {scalars}, {arrays}{words}, PRIMARY KEY (seq, storagetime)) {by_month}""",
        # With what a search gives and sorts by: one by address need not look into the events as well.
        f"""CREATE TABLE event_messages ({event}, detecttime timestamptz NOT NULL,
            id text COLLATE "C" NOT NULL, message bytea NOT NULL, PRIMARY KEY (seq, storagetime))
            {by_month}""",
        f"""CREATE TABLE event_ip ({event}, role smallint NOT NULL, low inet NOT NULL, high inet NOT NULL)
            {by_month}""",
        f"""CREATE TABLE event_host ({event}, role smallint NOT NULL, name text COLLATE "C" NOT NULL)
            {by_month}""",
        f"CREATE TABLE event_port ({event}, role smallint NOT NULL, port integer NOT NULL) {by_month}",
        f"ALTER TABLE events {', '.join(f'ALTER {name} SET STATISTICS 0' for name in UNANALYZED)}",
        "CREATE INDEX event_ip_by_seq ON event_ip (seq)",
        "CREATE INDEX event_host_by_seq ON event_host (seq)",
        "CREATE INDEX event_port_by_seq ON event_port (seq)",
        """CREATE TABLE event_ids (id text COLLATE "C" PRIMARY KEY, seq bigint NOT NULL,
            storagetime timestamptz NOT NULL)""",
        "CREATE INDEX event_ids_by_seq ON event_ids (seq)",
        """CREATE TABLE event_values (name text COLLATE "C", value text COLLATE "C", last_day date NOT NULL,
            PRIMARY KEY (name, value))""",
        """CREATE TABLE event_rejects (storagetime timestamptz NOT NULL, reason text NOT NULL,
            content bytea NOT NULL, digest bytea NOT NULL PRIMARY KEY)""",
        "CREATE INDEX event_rejects_by_storagetime ON event_rejects (storagetime)",
    ]  # fmt: skip


def _array(name: str) -> str:
    return "integer[]" if name in _NUMBERS else 'text[] COLLATE "C"'
