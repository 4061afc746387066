"""Events in the form in which PostgreSQL takes them, made before a batch has its turn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import chain, compress, repeat
from struct import Struct
from typing import TYPE_CHECKING, Any

from tocsin.eventstorage.addresses import sizes_of
from tocsin.eventstorage.columns import ARRAY_COLUMNS, SCALAR_COLUMNS, VALUE_COLUMNS
from tocsin.eventstorage.postgres import copying
from tocsin.eventstorage.row import SOURCE, TARGET, EventRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tocsin.eventstorage.postgres.turns import Turn

__all__ = ["Batch"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NUMBERS = ("source_port", "target_port")
_EVENT_HEAD = Struct(">hiqiqiq")  # columns; seq, storagetime, detecttime
_SIDE_HEAD = Struct(">hiqiq")  # columns; seq, storagetime


class Batch:
    """Rows in the form of `COPY`, without what the turn brings.

    Args:
        rows: At least one, without two of one id.
        text_index: Whether they were made with words.

    Attributes:
        first: The fields of the first row, by column.
        sizes: Which sizes the blocks of addresses have: see `addresses.sizes_of`.
    """

    def __init__(self, rows: Sequence[EventRow], *, text_index: bool) -> None:
        self._columns: dict[str, Sequence[Any]] = dict(
            zip(EventRow._fields, zip(*rows, strict=True), strict=True)
        )
        columns = self._columns
        names = ["id", *SCALAR_COLUMNS, *ARRAY_COLUMNS]
        fields: list[Iterable[bytes]] = [
            *(map(copying.text_field, columns[name]) for name in ("id", *SCALAR_COLUMNS)),
            *(
                map(copying.int_array if name in _NUMBERS else copying.text_array, columns[name])
                for name in ARRAY_COLUMNS
            ),
        ]
        if text_index:
            names.append("words")
            fields.append(map(copying.tsvector, columns["words"]))
        self._width = 3 + len(names)
        self._statement = _copy("events", "detecttime", *names)
        cells = list(zip(*fields, strict=True))
        self.first = dict(zip(names, cells[0], strict=True))
        self._events = list(map(b"".join, cells))
        ids = map(copying.text_field, columns["id"])
        self._messages = list(map(bytes.__add__, ids, map(copying.bytes_field, columns["message"])))
        self.sizes = sizes_of(
            {(family, high - low) for own in columns["blocks"] for _, family, low, high in own}
        )
        self._ip = [[_block(*block) for block in blocks] for blocks in columns["blocks"]]
        self._host = [
            [copying.short_field(role) + copying.text_field(name) for role, name in hosts]
            for hosts in columns["hosts"]
        ]
        self._port = [
            [_port(SOURCE, port) for port in source] + [_port(TARGET, port) for port in target]
            for source, target in zip(columns["source_port"], columns["target_port"], strict=True)
        ]

    def values(self, fresh: list[bool]) -> set[tuple[str, str]]:
        """Give the (column, value) pairs of the rows that are new."""
        found: set[tuple[str, str]] = set()
        for name in VALUE_COLUMNS:
            cells = set(compress(self._columns[name], fresh))
            members = cells - {None} if name in SCALAR_COLUMNS else set(chain.from_iterable(cells))
            found.update((name, value) for value in members)
        return found

    def files(self, turn: Turn, fresh: list[bool]) -> Iterator[tuple[str, bytes]]:
        """Give the statements that store the rows that are new, each with what it reads."""
        base = turn.last_seq - len(fresh) + 1
        at = copying.as_timestamp((turn.storagetime - _EPOCH) // _MICROSECOND)
        numbers = list(compress(range(len(fresh)), fresh))
        times = self._columns["detecttime"]
        head = _EVENT_HEAD.pack
        yield self._statement, copying.copy_file(
            head(
                self._width, 8, base + n, 8, at, 8,
                at if times[n] is None else copying.as_timestamp(times[n]),
            ) + self._events[n]
            for n in numbers
        )  # fmt: skip
        side = _SIDE_HEAD.pack
        yield (
            _copy("event_messages", "detecttime", "id", "message"),
            copying.copy_file(
                head(
                    5,
                    8,
                    base + n,
                    8,
                    at,
                    8,
                    at if times[n] is None else copying.as_timestamp(times[n]),
                )
                + self._messages[n]
                for n in numbers
            ),
        )
        for table, parts, columns in (
            ("event_ip", self._ip, ("role", "low", "high")),
            ("event_host", self._host, ("role", "name")),
            ("event_port", self._port, ("role", "port")),
        ):
            rows = [
                part
                for n in numbers
                if parts[n]
                for part in map(bytes.__add__, repeat(side(2 + len(columns), 8, base + n, 8, at)), parts[n])
            ]
            if rows:
                yield _copy(table, *columns), copying.copy_file(rows)


def _copy(table: str, *columns: str) -> str:
    return f"COPY {table} (seq, storagetime, {', '.join(columns)}) FROM STDIN (FORMAT BINARY)"


def _block(role: int, family: int, low: int, high: int) -> bytes:
    begin = copying.inet(family, low)
    return copying.short_field(role) + begin + (begin if low == high else copying.inet(family, high))


def _port(role: int, port: int) -> bytes:
    return copying.short_field(role) + copying.int_field(port)
