"""Makes the messages of CSV rows."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tocsin.errors import ConfigError
from tocsin.sources.idea_files.csv_records import csv_records, values_of
from tocsin.sources.idea_files.documents import rejected
from tocsin.sources.idea_files.idea_paths import IdeaPath, PathKind, parse_path
from tocsin.sources.idea_files.row_ids import RowIds, content_id
from tocsin.sources.parsers.times import TimeReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tocsin.model import RejectedLine
    from tocsin.sources.idea_files.mapping import CsvMapping

__all__ = ["csv_events"]

_DELIMITERS = (",", ";", "\t", "|")
_SHOWN = 200  # characters of a line
_REMEMBERED = 4096  # times, whose texts come again and again
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_DECIMAL = re.compile(r"-?[0-9]{1,18}\.[0-9]{1,18}")
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_encode = msgspec.json.Encoder().encode


def csv_events(
    source: str, lines: Iterable[tuple[int, bytes]], mapping: CsvMapping
) -> Iterator[tuple[int, bytes | RejectedLine]]:
    """Give an event for each row of a CSV file that has any value, with the number of its line.

    Args:
        source: What the file is called.
        lines: Its numbered lines.
        mapping: What to make of its columns.

    Raises:
        ConfigError: The file does not have the columns of the mapping.
    """
    records = csv_records(source, lines, mapping.delimiter)
    header, header_text = mapping.header, None
    if header is None:
        first = next(records, None)
        if first is None:
            return
        _, header_text, found = first
        if not isinstance(found, list):
            hint = _other_delimiter(header_text, mapping) or found.reason
            raise ConfigError(f"the header of {source} cannot be read", hint=hint)
        header = tuple(name.strip() for name in found)
    maker = _MessageMaker(source, header, mapping, header_text)
    width = len(header)
    for number, text, values in records:
        if not isinstance(values, list):
            yield number, values
        elif text == header_text or not any(values):
            continue  # files that were put behind each other have several headers, spreadsheets empty rows
        elif len(values) != width:
            reason = f"it has {len(values)} values in place of {width}"
            if len(values) == 1:
                reason = f"it has 1 value in place of {width}: is {mapping.delimiter!r} what separates them?"
            yield number, rejected(source, number, text, reason)
        else:
            try:
                yield number, maker.message(text, values)
            except UnicodeEncodeError:
                reason = "it is not UTF-8: give the encoding of the file in the mapping"
                yield number, rejected(source, number, text, reason)


class _Step(NamedTuple):
    """What is done with a column's value."""

    position: int
    holder: tuple[str, int] | None
    name: str
    is_list: bool
    is_address: bool
    split: str | None
    convert: Callable[[str], Any] | None


class _MessageMaker:
    """Puts the values of rows where they belong."""

    def __init__(
        self, source: str, header: Sequence[str], mapping: CsvMapping, header_text: bytes | None
    ) -> None:
        positions = _positions(source, header, mapping, header_text)
        times = _Times(TimeReader(mapping.time_format, mapping.timezone))
        self._empty = mapping.empty
        self._own_id: int | None = None
        self._steps: list[_Step] = []
        for path, column in mapping.paths():
            position = positions[column.column]
            if _is_id(path):
                self._own_id = position
            else:
                self._steps.append(_step(path, position, column.split, times))
        self._joined = [[positions[name] for name in names] for names in mapping.joined.values()]
        for position, place in enumerate(mapping.joined, start=len(header)):
            self._steps.append(_step(parse_path(place), position, None, times))
        self._constants = [
            _constant(parse_path(path), value, times) for path, value in mapping.constants.items()
        ]
        self._id_columns = [positions[name] for name in mapping.id_columns or ()]
        self._row_ids = RowIds()

    def message(self, text: bytes, values: list[str]) -> bytes:
        """Give the message of a row; what is joined is put behind its values.

        Raises:
            UnicodeEncodeError: A value was not UTF-8.
        """
        message: dict[str, Any] = {"Format": "IDEA0", "ID": self._id_of(text, values)}
        groups: dict[tuple[str, int], dict[str, Any]] = {}
        empty = self._empty
        for positions in self._joined:
            parts = [values[position].strip() for position in positions if values[position] not in empty]
            values.append(" ".join(filter(None, parts)))
        for constant, items in self._constants:
            holder = message if constant.holder is None else _group(message, groups, constant.holder)
            _put(holder, constant, items)
        for step in self._steps:
            value = values[step.position]
            if value in empty:
                continue
            at = step.holder
            holder = message if at is None else groups.get(at) or _group(message, groups, at)
            if step.split is None:
                _put(holder, step, (value if step.convert is None else step.convert(value),))
            else:
                parts = [part.strip() for part in value.split(step.split)]
                convert = step.convert or str
                _put(holder, step, [convert(part) for part in parts if part not in empty])
        return _encode(message)

    def _id_of(self, text: bytes, values: list[str]) -> str:
        """Give the ID of a row; `""`, which the store refuses, when what makes it means nothing."""
        if self._own_id is not None:
            ident = values[self._own_id]
            return "" if ident in self._empty else ident
        if self._id_columns:
            parts = [values[position] for position in self._id_columns]
            return "" if self._empty.issuperset(parts) else content_id(_encode(parts))
        return self._row_ids.next_id(text)


def _put(holder: dict[str, Any], step: _Step, items: Sequence[Any]) -> None:
    """Put converted values at a place, each once."""
    if not step.is_list:
        holder[step.name] = items[0]
        return
    for item in items:
        name = step.name if not step.is_address else "IP6" if ":" in item else "IP4"
        there = holder.get(name)
        if there is None:
            holder[name] = [item]
        elif item not in there:
            there.append(item)


def _group(
    message: dict[str, Any], groups: dict[tuple[str, int], dict[str, Any]], at: tuple[str, int]
) -> dict[str, Any]:
    """Give the part of a message that belongs to a group, begun when there is none."""
    if at not in groups:
        groups[at] = {}
        if at[0] == "_Tocsin":
            message["_Tocsin"] = groups[at]
        else:
            message.setdefault(at[0], []).append(groups[at])
    return groups[at]


def _positions(
    source: str, header: Sequence[str], mapping: CsvMapping, header_text: bytes | None
) -> dict[str, int]:
    named = _named(mapping)
    for name in named:
        if name not in header:
            there = ", ".join(header[:50])
            hint = (
                _other_encoding("".join(header))
                or _other_delimiter(header_text, mapping)
                or f"it has {there}"
            )
            raise ConfigError(f"{source} has no column {name!r}", hint=hint)
        if header.count(name) > 1:
            raise ConfigError(
                f"{source} has two columns {name!r}", hint="name them with `header` in the mapping"
            )
    return {name: header.index(name) for name in named}


def _named(mapping: CsvMapping) -> list[str]:
    named = [column.column for column in mapping.columns] + list(mapping.id_columns or ())
    return named + [name for names in mapping.joined.values() for name in names]


def _other_encoding(header: str) -> str | None:
    """Say what to change when the names were not UTF-8."""
    if "\0" in header:
        return "its first line is UTF-16 without a mark: write `encoding: utf-16-le` in the mapping"
    if any("\udc80" <= letter <= "\udcff" for letter in header):
        return "its first line is not UTF-8: give the `encoding` in the mapping, for example cp1252"
    return None


def _other_delimiter(header_text: bytes | None, mapping: CsvMapping) -> str | None:
    """Say what to change when the names are there, and something else separates them."""
    if header_text is None:
        return None
    for other in _DELIMITERS:
        there = [name.strip() for name in values_of(header_text, other)]
        if other != mapping.delimiter and set(_named(mapping)) <= set(there):
            first = header_text.decode("utf-8", "replace")[:_SHOWN]
            escaped = "\\t" if other == "\t" else other
            return f'its first line is {first!r}: write `delimiter: "{escaped}"` in the mapping'
    return None


def _step(path: IdeaPath, position: int, split: str | None, times: _Times) -> _Step:
    converters: dict[PathKind, Callable[[str], Any]] = {
        PathKind.NUMBER: _number,
        PathKind.TIME: times.read,
        PathKind.FLAG: lambda text: _FLAGS.get(text.strip().lower(), text),
    }
    return _Step(
        position,
        (path.group, path.index) if path.group else None,
        path.name,
        path.is_list,
        path.kind is PathKind.ADDRESS,
        split,
        converters.get(path.kind),
    )


def _constant(path: IdeaPath, value: Any, times: _Times) -> tuple[_Step, Sequence[Any]]:
    items = value if path.is_list and isinstance(value, list | tuple) else (value,)
    if path.kind is PathKind.TIME:
        items = [times.read(str(item)) for item in items]
    return _step(path, -1, None, times), items


def _is_id(path: IdeaPath) -> bool:
    return path.name == "ID" and not path.group


def _number(text: str) -> int | float | str:
    """Read a number; what is none stays as it is, for the store to remark on."""
    text = text.strip()
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


class _Times:
    """Times as RFC 3339; what is none stays as it is, for the store to remark on."""

    def __init__(self, reader: TimeReader) -> None:
        self._reader = reader
        self._known: dict[str, str] = {}

    def read(self, text: str) -> str:
        known = self._known.get(text)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[text] = self._read(text)
        return known

    def _read(self, text: str) -> str:
        seconds = self._reader.read(text.strip())
        if seconds is None:
            return text
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
