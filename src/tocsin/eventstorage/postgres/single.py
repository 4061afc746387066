"""One event on its way into the tables: all in one statement, which the server has planned before.

Copying costs the same for one row as for many, and that for each table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.rows import tuple_row

from tocsin.eventstorage.addresses import sizes_text
from tocsin.eventstorage.columns import ARRAY_COLUMNS, SCALAR_COLUMNS
from tocsin.eventstorage.postgres import copying
from tocsin.eventstorage.postgres.turns import TAKE_TURN, Turn
from tocsin.eventstorage.row import SOURCE, TARGET

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.eventstorage.postgres.batch import Batch
    from tocsin.eventstorage.postgres.connections import Connection
    from tocsin.eventstorage.row import EventRow

__all__ = ["insert_one"]

_EVENT = ("id", *SCALAR_COLUMNS, *ARRAY_COLUMNS)
_TYPES = {"words": "tsvector", "source_port": "integer[]", "target_port": "integer[]"} | dict.fromkeys(
    ("id", *SCALAR_COLUMNS), "text"
)


def _statement(columns: tuple[str, ...]) -> str:
    cells = ", ".join(f"%s::{_TYPES.get(name, 'text[]')}" for name in columns)
    return f"""\
WITH turn AS ({TAKE_TURN}),
kept AS (
    INSERT INTO event_ids (id, seq, storagetime) SELECT %s, turn.last_seq, turn.last_storagetime FROM turn
    ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, storagetime = excluded.storagetime
        WHERE event_ids.seq <= (SELECT turn.dropped_seq FROM turn)
    RETURNING seq, storagetime
),
event AS (
    INSERT INTO events (seq, storagetime, detecttime, {", ".join(columns)})
    SELECT seq, storagetime, coalesce(%s::timestamptz, storagetime), {cells} FROM kept
    RETURNING seq, storagetime, detecttime, id
),
message AS (
    INSERT INTO event_messages (seq, storagetime, detecttime, id, message)
    SELECT event.*, %s::bytea FROM event
),
ip AS (
    INSERT INTO event_ip (seq, storagetime, role, low, high)
    SELECT seq, storagetime, u.* FROM kept, unnest(%s::smallint[], %s::inet[], %s::inet[]) AS u
),
host AS (
    INSERT INTO event_host (seq, storagetime, role, name)
    SELECT seq, storagetime, u.* FROM kept, unnest(%s::smallint[], %s::text[]) AS u
),
port AS (
    INSERT INTO event_port (seq, storagetime, role, port)
    SELECT seq, storagetime, u.* FROM kept, unnest(%s::smallint[], %s::integer[]) AS u
)
SELECT turn.*, (SELECT true FROM kept) FROM turn"""


_COLUMNS = {False: _EVENT, True: (*_EVENT, "words")}
_STATEMENTS = {text_index: _statement(columns) for text_index, columns in _COLUMNS.items()}


def insert_one(
    connection: Connection, batch: Batch, row: EventRow, now: datetime | None, *, text_index: bool
) -> tuple[Turn, bool]:
    """Insert an event unless its id is there, and tell whether it is new.

    Args:
        connection: With an open transaction.
        batch: The event as the only one of a batch.
        row: The event.
        now: The time, `None` for the database's own.
        text_index: Whether it was made with words.

    Raises:
        StorageIntegrityError: The store has lost its state.
    """
    cursor = psycopg.Cursor(connection, row_factory=tuple_row)
    cursor.adapters.register_dumper(_Field, _FieldDumper)
    blocks, hosts = row.blocks, row.hosts
    ports = [(SOURCE, port) for port in row.source_port] + [(TARGET, port) for port in row.target_port]
    detecttime = row.detecttime
    fields = [
        None if detecttime is None else copying.timestamp_field(detecttime),
        *(batch.first[name] for name in _COLUMNS[text_index]),
        copying.bytes_field(row.message),
        copying.short_array([block.role for block in blocks]),
        copying.inet_array([(block.family, block.low) for block in blocks]),
        copying.inet_array([(block.family, block.high) for block in blocks]),
        copying.short_array([role for role, _ in hosts]),
        copying.text_array(tuple(name for _, name in hosts)),
        copying.short_array([role for role, _ in ports]),
        copying.int_array(tuple(port for _, port in ports)),
    ]
    args = [
        1,
        now,
        sizes_text(batch.sizes),
        row.id,
        *(None if one in (None, copying.NULL) else _Field(one[4:]) for one in fields),
    ]
    found = cursor.execute(_STATEMENTS[text_index], args, prepare=True).fetchone()
    return Turn.of(found), found is not None and found[-1] is True


class _Field(bytes):
    """A value as it goes over the wire; the statement says of which type."""


class _FieldDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> Any:
        return obj
