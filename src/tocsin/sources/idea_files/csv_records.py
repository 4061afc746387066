"""The records of a CSV file with their bytes, since IDs are made from these."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from tocsin.sources.idea_files.content import LONGEST, ReturnableLines
from tocsin.sources.idea_files.documents import rejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.model import RejectedLine

__all__ = ["Record", "csv_records", "values_of"]

Record = tuple[int, bytes, "list[str] | RejectedLine"]
"""The number of its first line, its bytes without the line end, and its values (or why it has none)."""


def csv_records(source: str, lines: Iterable[tuple[int, bytes]], delimiter: str) -> Iterator[Record]:
    """Cut lines into values; a quoted value may go over several lines. Empty lines are left out.

    A quote that is not closed costs its own line only.

    Args:
        source: What the file is called.
        lines: Its numbered lines, in UTF-8; bytes that are not go through as lone surrogates.
        delimiter: What separates values.
    """
    pending = ReturnableLines(lines)
    for number, line in pending:
        if not line:
            continue
        if len(line) > LONGEST:
            yield number, line, rejected(source, number, line, f"the line is longer than {LONGEST:,} bytes")
        elif b'"' in line:
            yield _quoted(source, number, line, pending, delimiter)
        else:
            yield number, line, line.decode("utf-8", "surrogateescape").split(delimiter)


def values_of(line: bytes, delimiter: str) -> list[str]:
    """Cut one line into values; none when it is not CSV."""
    try:
        return next(csv.reader([line.decode("utf-8", "replace")], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def _quoted(source: str, number: int, line: bytes, pending: ReturnableLines, delimiter: str) -> Record:
    taken: list[tuple[int, bytes]] = []
    size = len(line)

    def texts() -> Iterator[str]:
        nonlocal size
        yield line.decode("utf-8", "surrogateescape") + "\n"
        for one in pending:
            taken.append(one)
            size += len(one[1]) + 1
            if size > LONGEST:
                raise csv.Error(f"the row is longer than {LONGEST:,} bytes")
            yield one[1].decode("utf-8", "surrogateescape") + "\n"

    try:
        values = next(csv.reader(texts(), delimiter=delimiter, strict=True))
    except csv.Error as error:  # too long a value, or the file ended inside of one
        pending.give_back(taken)
        if size <= csv.field_size_limit():
            return number, line, rejected(source, number, line, f"not CSV: {error}")
        # The limit is one of the whole process: it is not ours to change.
        taken, size = [], len(line)
        try:
            values = _large_values(texts(), delimiter)
        except csv.Error as wrong:
            pending.give_back(taken)
            return number, line, rejected(source, number, line, f"not CSV: {wrong}")
    return number, b"\n".join([line, *(text for _, text in taken)]), values


def _large_values(texts: Iterator[str], delimiter: str) -> list[str]:
    """Read a row as `csv.reader` does, without its limit.

    Raises:
        csv.Error: It is none.
    """
    values: list[str] = []
    parts: list[str] | None = None  # of the quoted value that is being read
    for text in texts:
        at, end = 0, len(text) - 1  # of the line
        while at <= end:
            if parts is None and not text.startswith('"', at):
                stop = text.find(delimiter, at, end)
                values.append(text[at : end if stop < 0 else stop])
                if stop < 0:
                    return values
                at = stop + 1
                continue
            if parts is None:
                parts, at = [], at + 1
            stop = text.find('"', at)
            parts.append(text[at:] if stop < 0 else text[at:stop])
            at = end + 1 if stop < 0 else stop + 1
            if stop < 0:
                continue
            if text.startswith('"', at):  # two of them stand for one
                parts.append('"')
                at += 1
                continue
            values.append("".join(parts))
            parts = None
            if at == end:
                return values
            if not text.startswith(delimiter, at):
                raise csv.Error(f"{delimiter!r} expected after '\"'")
            at += 1
    raise csv.Error("unexpected end of data")
