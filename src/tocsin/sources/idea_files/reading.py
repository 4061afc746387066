"""Recognises what a file holds, and gives its events one by one."""

from __future__ import annotations

import codecs
from typing import IO, TYPE_CHECKING, Self

from tocsin.errors import ConfigError, LoadError
from tocsin.sources.idea_files.content import (
    STDIN,
    ByteStream,
    OpenContent,
    StdinContent,
    Transcoded,
    numbered_lines,
)
from tocsin.sources.idea_files.csv_events import csv_events
from tocsin.sources.idea_files.documents import documents, has_one_a_line
from tocsin.sources.idea_files.mapping import CsvMapping, mapping_of_header
from tocsin.sources.idea_files.mixed_lines import mixed_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from tocsin.model import RejectedLine

__all__ = ["EventFile"]

_HEAD = 1 << 16
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF8_NAMES = ("utf-8", "utf8", "utf_8")
_UNREAD = {
    b"PK\x03\x04": ("a ZIP archive or an Excel workbook", "unpack it, or save it as CSV"),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("an Excel workbook", "save it as CSV"),
    b"\x28\xb5\x2f\xfd": ("compressed with Zstandard", "`zstdcat FILE | tocsin events import -`"),
}
"""How files begin that are met and not read: what they are, and what to do."""


class EventFile:
    r"""The events of a file or of standard input, read once; also a context manager.

    What it holds is told from its content: JSON lines (also with objects over several lines among them), one
    object, an array of objects, or CSV with a header that is known. With a mapping it is CSV. Compressed
    files are decompressed; UTF-16 is recognised by its mark.

    Args:
        path: The file, or `-` for standard input.
        mapping: What to make of the columns of a CSV file.
        stdin: What `-` is.

    Attributes:
        counts_events: Whether the numbers of what it gives count events, and not lines; known when the first
            one was given.

    Raises:
        LoadError: It cannot be read.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp()) / "events.jsonl"
        >>> _ = path.write_text('{"Format": "IDEA0", "ID": "a"}\n{"Format": "IDEA0", "ID": "b"}\n')
        >>> with EventFile(str(path)) as file:
        ...     for number, message in file:
        ...         print(number, message)
        1 b'{"Format": "IDEA0", "ID": "a"}'
        2 b'{"Format": "IDEA0", "ID": "b"}'
    """

    def __init__(
        self, path: str, mapping: CsvMapping | None = None, *, stdin: IO[bytes] | None = None
    ) -> None:
        self.name = "standard input" if path == STDIN else path
        self._mapping = mapping
        self._opened: OpenContent | None = None
        self._content: StdinContent | OpenContent
        if path == STDIN:
            if stdin is None:
                raise LoadError("there is no standard input")
            self._content = StdinContent(stdin)
        else:
            self._content = self._opened = OpenContent(path)
        self._number = 0
        self.counts_events = False

    @property
    def size(self) -> int | None:
        """The bytes of the file on disk, `None` when nobody knows."""
        return self._content.size

    @property
    def bytes_read(self) -> int:
        """How many of them were read."""
        return self._content.bytes_read

    def __iter__(self) -> Iterator[tuple[int, bytes | RejectedLine]]:
        """Give each event with its place: the number of its line, or of the event in a JSON document.

        Raises:
            ConfigError: It is neither JSON nor CSV that is known, or has not the columns of the mapping.
            LoadError: It is damaged; what was given before is whole.
        """
        for number, item in self._items():
            self._number = number
            yield number, item
        if self._content.damage:
            after = f"after {self._number:,}" if self._number else "at its beginning"
            raise LoadError(
                f"{self.name} is damaged {after}: {self._content.damage}",
                hint="what comes before is imported; get a whole copy and import that too",
            )

    def _items(self) -> Iterator[tuple[int, bytes | RejectedLine]]:
        stream, head = self._decoded()
        if self._mapping is not None:
            yield from csv_events(self.name, numbered_lines(stream, head), self._mapping)
            return
        begins = head.lstrip()[:1]
        if not begins or (begins != b"[" and has_one_a_line(head.lstrip())):
            yield from mixed_lines(self.name, numbered_lines(stream, head))
        elif begins in (b"{", b"["):
            self.counts_events = True
            yield from documents(self.name, stream, head)
        elif (known := mapping_of_header(head.partition(b"\n")[0])) is not None:
            yield from csv_events(self.name, numbered_lines(stream, head), known)
        else:
            raise ConfigError(
                f"{self.name} is neither IDEA (JSON) nor CSV with a header that is known",
                hint="say with --mapping FILE what its columns are",
            )

    def _decoded(self) -> tuple[ByteStream, bytes]:
        """Give the content as UTF-8 without a mark: its beginning, and what comes behind."""
        stream: ByteStream = self._content
        head = _read_to(stream, _HEAD)
        for magic, (what, hint) in _UNREAD.items():
            if head.startswith(magic):
                raise ConfigError(f"{self.name} is {what}, which cannot be read", hint=hint)
        encoding = "utf-8" if self._mapping is None else self._mapping.encoding
        if head.startswith(_UTF16):
            encoding = "utf-16"
        if encoding.lower() not in _UTF8_NAMES:
            stream = Transcoded(self.name, _Joined(head, stream), encoding)
            head = _read_to(stream, _HEAD)
        return stream, head.removeprefix(codecs.BOM_UTF8)

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self._opened is not None:
            self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _Joined:
    """A beginning that was read, and what comes behind."""

    def __init__(self, head: bytes, rest: ByteStream) -> None:
        self._head, self._rest = head, rest

    @property
    def damage(self) -> str:
        return self._rest.damage

    @property
    def bytes_read(self) -> int:
        return self._rest.bytes_read

    def read(self, size: int, /) -> bytes:
        head, self._head = self._head, b""
        return head or self._rest.read(size)


def _read_to(stream: ByteStream, size: int) -> bytes:
    parts = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
