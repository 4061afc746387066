"""All rows of one event, in chunks that never change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tocsin.persistency.arrow_codec import decode, encode
from tocsin.persistency.frames.values_column import join_columns, logical_type, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

__all__ = ["Chunk", "RowStore"]

_VERSION = 1
_CHUNK_ROWS = 4096
_CHUNK_CHARACTERS = 2**24
_TIME = "time"
_MOST_BYTES = 2**30
"""Text columns of Arrow end at 2 GiB; chunks are put together up to half of that."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some consecutive rows.

    Attributes:
        rows: How many.
        times: Microseconds since the epoch, null where not known; `None` when none is.
        columns: The variables by their number; one that is not there has no value in these rows.
    """

    rows: int
    times: pa.Array | None
    columns: Mapping[int, pa.Array]

    def newest(self, rows: int) -> Chunk:
        """Give the last rows only."""
        start = self.rows - rows
        times = None if self.times is None else self.times.slice(start)
        return Chunk(rows, times, {number: column.slice(start) for number, column in self.columns.items()})

    def tidied(self) -> Chunk:
        """Give the same rows, written as if there had never been others."""
        tidy = {number: join_columns([column], [self.rows]) for number, column in self.columns.items()}
        columns = {number: column for number, column in tidy.items() if column is not None}
        return Chunk(self.rows, join_columns([self.times], [self.rows]), columns)

    def nbytes(self) -> int:
        """Give the memory that it takes."""
        columns = [*self.columns.values(), *([] if self.times is None else [self.times])]
        return sum(column.nbytes for column in columns)


@dataclass(frozen=True, slots=True)
class _Rows:
    """All rows at one instant: nothing in it is ever changed."""

    names: tuple[str, ...]
    timed: bool
    chunks: tuple[Chunk, ...]
    is_cut_off: bool
    small: int
    sealed: int
    columns: tuple[list[Any], ...]
    times: list[int | None]

    def waiting(self) -> list[Chunk]:
        """Give the rows that wait as a chunk, if there are any."""
        return [_sealed(self.columns, self.times)] if self.times else []


class RowStore:
    """Rows with variables, in the order in which they came.

    New rows wait in lists; 4,096 of them become a chunk: Arrow columns, dictionary-coded. A chunk never
    changes, so that a cut holds the chunks and copies only what waits.

    Args:
        max_rows: Keep exactly the newest so many rows; `None` keeps all.
        compact_every: So many small chunks are put together into a large one.

    Attributes:
        names: The variables in the order of their first appearance.
    """

    def __init__(self, max_rows: int | None, compact_every: int) -> None:
        self.names: list[str] = []
        self._max_rows = max_rows
        self._compact_every = compact_every
        self._numbers: dict[str, int] = {}
        self._timed = False
        self._chunks: list[Chunk] = []
        self._chunk_rows = 0
        self._small = 0
        self._sealed = 0
        self._clear()

    def _clear(self) -> None:
        self._columns: list[list[Any]] = [[] for _ in self.names]
        self._times: list[int | None] = []
        self._characters = 0

    def __len__(self) -> int:
        rows = self._chunk_rows + len(self._times)
        return rows if self._max_rows is None else min(rows, self._max_rows)

    @property
    def nbytes(self) -> int:
        """The memory of the chunks."""
        return sum(chunk.nbytes() for chunk in self._chunks)

    def add(
        self, names: tuple[str, ...], columns: Sequence[Sequence[Any]], times: Sequence[int | None] | None
    ) -> None:
        """Take rows in, given as columns of one length."""
        for name in names:
            if name not in self._numbers:
                self._numbers[name] = len(self.names)
                self.names.append(name)
                self._columns.append([None] * len(self._times))
        targets = [self._columns[self._numbers[name]] for name in names]
        rows = len(columns[0]) if columns else len(times or ())
        weights = [_characters(column) for column in columns]
        start = 0
        while start < rows:
            stop = min(rows, start + _CHUNK_ROWS - len(self._times))
            if self._characters + sum(weights) > _CHUNK_CHARACTERS:
                stop = start + 1  # where a chunk ends must depend on its rows only
            if stop - start == rows:
                self._append(targets, columns, times, rows)
            else:
                part = [column[start:stop] for column in columns]
                self._append(targets, part, None if times is None else times[start:stop], stop - start)
            self._characters += sum(weights) if stop - start == rows else sum(map(_characters, part))
            if len(self._times) >= _CHUNK_ROWS or self._characters > _CHUNK_CHARACTERS:
                self._seal()
                targets = [self._columns[self._numbers[name]] for name in names]
            start = stop

    def _append(
        self,
        targets: list[list[Any]],
        columns: Sequence[Sequence[Any]],
        times: Sequence[int | None] | None,
        rows: int,
    ) -> None:
        for target, column in zip(targets, columns, strict=True):
            target.extend(column)
        if times is None:
            self._times += [None] * rows
        else:
            self._times += times
            self._timed = self._timed or times.count(None) < rows
        if len(targets) != len(self._columns):
            for column in self._columns:
                if len(column) != len(self._times):
                    column.extend([None] * rows)

    def _seal(self) -> None:
        self._chunks.append(_sealed(self._columns, self._times))
        self._chunk_rows += len(self._times)
        self._small += 1
        self._sealed += 1
        self._clear()
        if self._sealed >= self._compact_every:
            self._compact()
        self._drop_old()

    def _compact(self) -> None:
        """Put the small chunks together."""
        small = self._chunks[-self._small :]
        if sum(chunk.nbytes() for chunk in small) < _MOST_BYTES:
            lengths = [chunk.rows for chunk in small]
            columns = {}
            for number in range(len(self.names)):
                joined = join_columns([chunk.columns.get(number) for chunk in small], lengths)
                if joined is not None:
                    columns[number] = joined
            times = join_columns([chunk.times for chunk in small], lengths)
            self._chunks[-self._small :] = [Chunk(sum(lengths), times, columns)]
        self._small = self._sealed = 0

    def _drop_old(self) -> None:
        if self._max_rows is None:
            return
        while self._chunks and self._chunk_rows - self._chunks[0].rows >= self._max_rows:
            self._chunk_rows -= self._chunks.pop(0).rows
            self._small = min(self._small, len(self._chunks))

    def _take(self) -> _Rows:
        """Give the rows as they are now, in a time that grows with the number of chunks only.

        Rows that wait are all there, also those that are too many: the next chunk begins with them.
        """
        chunks = list(self._chunks)
        if self._max_rows is not None:
            chunks = _newest(chunks, max(0, self._max_rows - len(self._times)))
        is_cut_off = bool(chunks) and all(chunk is not chunks[0] for chunk in self._chunks)
        columns = tuple(column.copy() for column in self._columns)
        small = min(self._small, len(chunks))
        return _Rows(
            names=tuple(self.names),
            timed=self._timed,
            chunks=tuple(chunks),
            is_cut_off=is_cut_off,
            small=small,
            sealed=self._sealed,
            columns=columns,
            times=self._times.copy(),
        )

    def chunks(self) -> list[Chunk]:
        """Give the newest `max_rows` rows as chunks."""
        rows = self._take()
        return _newest([*rows.chunks, *rows.waiting()], len(self))

    @property
    def timed(self) -> bool:
        """Whether any row ever had a time."""
        return self._timed

    # -- snapshots --------------------------------------------------------------------------------------

    def cut(self, kind: str) -> Callable[[], bytes]:
        """Take the rows as they are now, for a later dump."""
        rows = self._take()
        return lambda: _dump(kind, rows)

    def fill(self, kind: str, content: bytes) -> None:
        """Take in what a cut gave; this store must be empty.

        Raises:
            ValueError: It is not a dump of rows of this kind.
        """
        decoded = decode(content, kind, _VERSION)
        try:
            names, small, sealed, waits = (
                decoded.attributes[name] for name in ("names", "small", "sealed", "waits")
            )
            chunks = [_read(table, len(names)) for table in decoded.tables.values()]
            if not (
                all(type(name) is str for name in names)
                and len(set(names)) == len(names)
                and type(decoded.attributes["timed"]) is bool
                and type(waits) is bool
                and type(small) is int
                and type(sealed) is int
                and 0 <= small <= min(sealed, len(chunks) - waits)
            ):
                message = "its names or its chunks are not those of rows"
                raise ValueError(message)
        except (LookupError, TypeError) as error:
            message = f"this is not a state of {kind}: {error!r}"
            raise ValueError(message) from error
        self.names, self._numbers = list(names), {name: number for number, name in enumerate(names)}
        self._timed, self._small, self._sealed = decoded.attributes["timed"], small, sealed
        self._clear()
        if waits:
            last = chunks.pop()
            times = None if last.times is None else last.times.to_pylist()
            order = sorted(last.columns)
            self._append(
                [self._columns[number] for number in order],
                [unpack(last.columns[number]) for number in order],
                times,
                last.rows,
            )
            self._timed = decoded.attributes["timed"]
            self._characters = sum(map(_characters, self._columns))
        self._chunks, self._chunk_rows = chunks, sum(chunk.rows for chunk in chunks)
        self._drop_old()


def _characters(column: Sequence[Any]) -> int:
    try:
        return sum(map(len, column))
    except TypeError:
        return sum(len(value) for value in column if type(value) is str or type(value) is bytes)


def _newest(chunks: list[Chunk], rows: int) -> list[Chunk]:
    """Give the last so many rows."""
    surplus = max(0, sum(chunk.rows for chunk in chunks) - rows)
    start = 0
    while start < len(chunks) and surplus >= chunks[start].rows:
        surplus -= chunks[start].rows
        start += 1
    if surplus:
        return [chunks[start].newest(chunks[start].rows - surplus), *chunks[start + 1 :]]
    return chunks[start:]


def _sealed(columns: Sequence[Sequence[Any]], times: Sequence[int | None]) -> Chunk:
    packed = {number: pack(column) for number, column in enumerate(columns)}
    return Chunk(
        len(times), pack(times), {number: each for number, each in packed.items() if each is not None}
    )


def _dump(kind: str, rows: _Rows) -> bytes:
    import pyarrow as pa

    chunks = [*rows.chunks, *rows.waiting()]
    if rows.is_cut_off:
        chunks[0] = chunks[0].tidied()
    tables = {}
    for place, chunk in enumerate(chunks):
        columns = {f"v{number}": column for number, column in chunk.columns.items()}
        if chunk.times is not None or not columns:
            columns[_TIME] = pa.nulls(chunk.rows, pa.int64()) if chunk.times is None else chunk.times
        tables[str(place)] = pa.table(columns)
    attributes = {
        "names": rows.names,
        "timed": rows.timed,
        "small": rows.small,
        "sealed": rows.sealed,
        "waits": bool(rows.times),
    }
    return encode(kind, _VERSION, tables, attributes)


def _read(table: pa.Table, variables: int) -> Chunk:
    """Make a chunk of a table, checking all that a later read relies on."""
    import pyarrow as pa

    numbers = {f"v{number}": number for number in range(variables)}
    times: pa.Array | None = None
    columns = {}
    for name, chunked in zip(table.schema.names, table.columns, strict=True):
        column = chunked.combine_chunks()
        column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
        kind = logical_type(column)
        if name == _TIME and kind == pa.int64() and times is None:
            times = column if column.null_count < len(column) else None
            continue
        number = numbers.pop(name)
        if kind not in {pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.binary()}:
            message = f"column {name!r} is of type {kind}"
            raise ValueError(message)
        if kind == pa.binary():
            unpack(column.dictionary_encode().dictionary if column.type == kind else column.dictionary)
        columns[number] = column
    return Chunk(table.num_rows, times, columns)
