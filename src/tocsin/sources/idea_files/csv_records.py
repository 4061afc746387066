"""The records of a CSV file with their bytes, since IDs are made from these."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from tocsin.sources.idea_files.content import LONGEST, ReturnableLines
from tocsin.sources.idea_files.documents import rejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.model import RejectedLine

__all__ = ["Record", "csv_records", "values_of"]

_LIMIT = Lock()  # of who changes the limit

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
        try:
            values = next(csv.reader(texts(), delimiter=delimiter, strict=True))
        except csv.Error:
            if size <= csv.field_size_limit():
                raise
            pending.give_back(taken)
            taken.clear()
            size = len(line)
            with _long_values():
                values = next(csv.reader(texts(), delimiter=delimiter, strict=True))
    except csv.Error as error:  # too long a row, or the file ended inside of a value
        pending.give_back(taken)
        return number, line, rejected(source, number, line, f"not CSV: {error}")
    return number, b"\n".join([line, *(text for _, text in taken)]), values


@contextmanager
def _long_values() -> Iterator[None]:
    """Let values be as long as rows; the limit is one of the whole process, so only while it is needed."""
    with _LIMIT:
        before = csv.field_size_limit(LONGEST)
        try:
            yield
        finally:
            csv.field_size_limit(before)
