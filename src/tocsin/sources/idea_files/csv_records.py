"""The records of a CSV file with their bytes, since IDs are made from these."""

from __future__ import annotations

import csv
from collections import deque
from typing import TYPE_CHECKING

from tocsin.sources.idea_files.content import LONGEST
from tocsin.sources.idea_files.documents import rejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.model import RejectedLine

__all__ = ["Record", "csv_records"]

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
    pending = _Lines(lines)
    for number, line in pending:
        if not line:
            continue
        if b'"' in line:
            yield _quoted(source, number, line, pending, delimiter)
        elif len(line) > LONGEST:
            yield number, line, rejected(source, number, line, f"the line is longer than {LONGEST:,} bytes")
        else:
            yield number, line, line.decode("utf-8", "surrogateescape").split(delimiter)


class _Lines:
    """Numbered lines, some of which were given back."""

    def __init__(self, lines: Iterable[tuple[int, bytes]]) -> None:
        self._rest = iter(lines)
        self._returned: deque[tuple[int, bytes]] = deque()

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return self

    def __next__(self) -> tuple[int, bytes]:
        return self._returned.popleft() if self._returned else next(self._rest)

    def give_back(self, lines: list[tuple[int, bytes]]) -> None:
        self._returned.extendleft(reversed(lines))


def _quoted(source: str, number: int, line: bytes, pending: _Lines, delimiter: str) -> Record:
    taken: list[tuple[int, bytes]] = []

    def texts() -> Iterator[str]:
        yield line.decode("utf-8", "surrogateescape") + "\n"
        for one in pending:
            taken.append(one)
            yield one[1].decode("utf-8", "surrogateescape") + "\n"

    try:
        values = next(csv.reader(texts(), delimiter=delimiter, strict=True))
    except csv.Error as error:  # too long a value, or the file ended inside of one
        pending.give_back(taken)
        return number, line, rejected(source, number, line, f"not CSV: {error}")
    return number, b"\n".join([line, *(text for _, text in taken)]), values
