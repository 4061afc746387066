"""A batch of events on its way into the tables, within an open transaction.

Everything is prepared column by column and bound by `executemany`. Tables grow at their end; only the ids,
and what searches look up, are at other places of their trees.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.errors import StorageIntegrityError
from tocsin.eventstorage.addresses import sizes_bytes, sizes_of
from tocsin.eventstorage.columns import ARRAY_COLUMNS, SCALAR_COLUMNS, VALUE_COLUMNS
from tocsin.eventstorage.row import SOURCE, TARGET, EventRow
from tocsin.eventstorage.session import made_anew
from tocsin.eventstorage.sqlite.migrations import check_version

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["address_key", "array_text", "insert_rows"]

_COLUMNS = ("seq", "id", "detecttime", "storagetime", *SCALAR_COLUMNS, *ARRAY_COLUMNS)
_INSERT_EVENT = f"INSERT INTO events ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
_LOOK_UPS = 1000  # ids asked for at a time
_ADDRESS_BYTES = {4: 4, 6: 16}
_encode = msgspec.json.Encoder().encode


def array_text(values: tuple[str, ...] | tuple[int, ...]) -> str:
    """Give a list as the text that its column has: compact JSON.

    >>> array_text(("Recon.Scanning", "Ä"))
    '["Recon.Scanning","Ä"]'
    """
    return _encode(values).decode()


def address_key(family: int, address: int) -> bytes:
    """Give an address as bytes that sort as addresses do.

    >>> address_key(4, 0x0A8F0001).hex()
    '040a8f0001'
    """
    return family.to_bytes() + address.to_bytes(_ADDRESS_BYTES[family])


def insert_rows(
    connection: sqlite3.Connection, rows: Sequence[EventRow], where: str, now: int, *, text_index: bool
) -> list[bool]:
    """Insert the rows whose id is not there, and tell for each whether it is new.

    Args:
        connection: With an open transaction.
        rows: The events.
        where: The file, for messages.
        now: The current time in microseconds; events are never stamped earlier than those before them.
        text_index: Whether the rows were made with words.

    Raises:
        StorageIntegrityError: The tables are older or newer than this Tocsin.
        StorageContentionError: They were made anew meanwhile, with or without a text index.
    """
    state = connection.execute(
        "SELECT version, last_seq, last_storagetime, text_index FROM event_store"
    ).fetchone()
    if state is None:
        raise StorageIntegrityError(
            f"the event storage in {where} has lost its state", hint="restore the file from a backup"
        )
    version, last_seq, last_storagetime, has_text_index = state
    check_version(version, where)
    if bool(has_text_index) != text_index:
        raise made_anew()
    known = _known_ids(connection, [row.id for row in rows])
    fresh: list[EventRow] = []
    verdicts: list[bool] = []
    for row in rows:
        new = row.id not in known
        verdicts.append(new)
        if new:
            known.add(row.id)
            fresh.append(row)
    if fresh:
        now = max(now, last_storagetime)
        _insert_fresh(connection, fresh, last_seq + 1, now, text_index=text_index)
        connection.execute(
            "UPDATE event_store SET last_seq = ?, last_storagetime = ?, block_sizes = ?",
            (last_seq + len(fresh), now, _block_sizes(connection, fresh)),
        )
    return verdicts


def _block_sizes(connection: sqlite3.Connection, rows: Sequence[EventRow]) -> bytes:
    """Give the sizes of the blocks that are there, and of those of some events."""
    (sizes,) = connection.execute("SELECT block_sizes FROM event_store").fetchone()
    more = sizes_of({(family, high - low) for row in rows for _, family, low, high in row.blocks})
    return sizes_bytes(int.from_bytes(sizes) | more)


def _known_ids(connection: sqlite3.Connection, ids: list[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(ids), _LOOK_UPS):
        some = ids[start : start + _LOOK_UPS]
        marks = ",".join("?" * len(some))
        known.update(
            id_ for (id_,) in connection.execute(f"SELECT id FROM events WHERE id IN ({marks})", some)
        )
    return known


def _insert_fresh(
    connection: sqlite3.Connection, rows: list[EventRow], first: int, now: int, *, text_index: bool
) -> None:
    columns: dict[str, Sequence[Any]] = dict(zip(EventRow._fields, zip(*rows, strict=True), strict=True))
    seqs = range(first, first + len(rows))
    texts = _Texts()
    cells: list[Iterable[Any]] = [
        seqs,
        columns["id"],
        [now if time is None else time for time in columns["detecttime"]],
        repeat(now),
        *(columns[name] for name in SCALAR_COLUMNS),
        *(list(map(texts.__getitem__, columns[name])) for name in ARRAY_COLUMNS),
    ]
    connection.executemany(_INSERT_EVENT, zip(*cells, strict=False))
    connection.executemany(
        "INSERT INTO event_messages (seq, message) VALUES (?, ?)", zip(seqs, columns["message"], strict=True)
    )
    connection.executemany(
        "INSERT OR IGNORE INTO event_ip (seq, role, low, high) VALUES (?, ?, ?, ?)",
        _addresses(seqs, columns["blocks"]),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO event_host (seq, role, name) VALUES (?, ?, ?)",
        (
            (seq, role, name)
            for seq, hosts in zip(seqs, columns["hosts"], strict=True)
            for role, name in hosts
        ),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO event_port (seq, role, port) VALUES (?, ?, ?)",
        chain(
            _ports(seqs, SOURCE, columns["source_port"]),
            _ports(seqs, TARGET, columns["target_port"]),
        ),
    )
    _count_values(connection, columns, texts)
    if text_index:
        connection.executemany(
            "INSERT INTO events_text (rowid, words) VALUES (?, ?)", zip(seqs, columns["words"], strict=True)
        )


def _addresses(seqs: Iterable[int], blocks: Sequence[Any]) -> Iterator[tuple[int, int, bytes, bytes]]:
    for seq, of_one in zip(seqs, blocks, strict=True):
        for role, family, low, high in of_one:
            key = address_key(family, low)
            yield seq, role, key, key if low == high else address_key(family, high)


def _ports(seqs: Iterable[int], role: int, ports: Sequence[Any]) -> Iterator[tuple[int, int, int]]:
    return ((seq, role, port) for seq, of_one in zip(seqs, ports, strict=True) for port in of_one)


def _count_values(connection: sqlite3.Connection, columns: dict[str, Sequence[Any]], texts: _Texts) -> None:
    """Note the values of the batch, and how many events have each combination of them."""
    combinations: list[tuple[str, str, int]] = []
    values: list[tuple[str, str, str]] = []
    for name in VALUE_COLUMNS:
        counts = Counter(columns[name])
        if name in SCALAR_COLUMNS:
            counts.pop(None, None)
            combinations.extend((name, value, count) for value, count in counts.items())
            values.extend((name, value, value) for value in counts)
        else:
            counts.pop((), None)
            combinations.extend((name, texts[members], count) for members, count in counts.items())
            values.extend((name, value, texts[members]) for members in counts for value in members)
    connection.executemany(
        "INSERT INTO event_combinations (name, combination, events) VALUES (?, ?, ?) "
        "ON CONFLICT (name, combination) DO UPDATE SET events = events + excluded.events",
        combinations,
    )
    connection.executemany(
        "INSERT OR IGNORE INTO event_values (name, value, combination) VALUES (?, ?, ?)", values
    )


class _Texts(dict[Any, str]):
    """The texts of the lists of one batch, each made once."""

    def __missing__(self, values: tuple[Any, ...]) -> str:
        text = self[values] = array_text(values)
        return text
