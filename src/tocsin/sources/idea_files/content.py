"""The bytes of a file or of standard input: decompressed, as UTF-8, cut into lines."""

from __future__ import annotations

import codecs
from collections import deque
from typing import IO, TYPE_CHECKING, Protocol

from tocsin.errors import ConfigError, LoadError
from tocsin.sources.log_files.opened import OpenLog, look_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "LONGEST",
    "STDIN",
    "ByteStream",
    "OpenContent",
    "ReturnableLines",
    "StdinContent",
    "Transcoded",
    "numbered_lines",
]

STDIN = "-"
LONGEST = 4 << 20  # bytes of a line; a store takes no larger message
_BLOCK = 1 << 20
_MAGIC = {b"\x1f\x8b": "zcat", b"BZh": "bzcat", b"\xfd7zXZ\0": "xzcat"}


class ByteStream(Protocol):
    """What bytes are read from."""

    @property
    def damage(self) -> str:
        """Why the content ended early, or nothing."""
        ...

    @property
    def bytes_read(self) -> int:
        """How far the file was read, in its own (compressed) bytes."""
        ...

    def read(self, size: int, /) -> bytes:
        """Give up to `size` bytes, `b""` at the end."""
        ...


class OpenContent:
    """The content of a regular file, decompressed when it is gzip, bzip2 or xz.

    Args:
        path: The file.

    Raises:
        LoadError: It cannot be read, or is no regular file.
    """

    def __init__(self, path: str) -> None:
        try:
            looked_at = look_at(path)
            if looked_at is None:
                raise LoadError(f"{path} is a folder", hint="name its files, or work through it with --queue")
            self._file = OpenLog(looked_at)
        except OSError as error:
            hint = None if error.errno else "pipe what it gives into `tocsin events import -`"
            raise LoadError(f"{path} cannot be read: {error.strerror or error}", hint=hint) from error
        self._path = path
        self.size: int | None = looked_at.size
        self.bytes_read = 0

    @property
    def damage(self) -> str:
        """Why compressed content ended early, or nothing."""
        return self._file.damage

    def read(self, size: int, /) -> bytes:
        """Give up to `size` bytes of the content, `b""` at the end.

        Raises:
            LoadError: The disk failed.
        """
        try:
            block = self._file.read(size)
            self.bytes_read = self._file.bytes_read
        except OSError as error:
            raise LoadError(f"{self._path} cannot be read: {error.strerror or error}") from error
        return block

    def close(self) -> None:
        """Close the file."""
        self._file.__exit__(None, None, None)


class StdinContent:
    """What is piped into this process.

    Args:
        pipe: Standard input, or anything else that bytes come out of.

    Raises:
        LoadError: It is compressed.
    """

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self.damage = ""
        self.size: int | None = None
        self._first = pipe.read(max(map(len, _MAGIC)))
        self.bytes_read = len(self._first)
        for magic, tool in _MAGIC.items():
            if self._first.startswith(magic):
                raise LoadError("standard input is compressed", hint=f"pipe it through `{tool}`")

    def read(self, size: int, /) -> bytes:
        """Give up to `size` bytes, `b""` at the end; what is there is given without waiting for more."""
        if self._first:
            first, self._first = self._first, b""
            return first
        read1 = getattr(self._pipe, "read1", self._pipe.read)
        block: bytes = read1(size)
        self.bytes_read += len(block)
        return block


class Transcoded:
    """Content of another encoding as UTF-8; what is not of that encoding becomes U+FFFD.

    Args:
        source: What the content is called.
        stream: The content.
        encoding: Its encoding, by a name that Python knows.

    Raises:
        ConfigError: There is no such encoding.
    """

    def __init__(self, source: str, stream: ByteStream, encoding: str) -> None:
        self._source, self._encoding = source, encoding
        self._stream = stream
        try:
            " ".encode(encoding)  # unlike a codec, this takes only what makes text
            self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        except (LookupError, ValueError):
            raise ConfigError(
                f"there is no text encoding {encoding!r}", hint="for example utf-8, cp1252 or utf-16"
            ) from None
        self._ended = False

    @property
    def damage(self) -> str:
        """Why the content ended early, or nothing."""
        return self._stream.damage

    @property
    def bytes_read(self) -> int:
        """How far the file on disk was read."""
        return self._stream.bytes_read

    def read(self, size: int, /) -> bytes:
        """Give some bytes, `b""` at the end.

        Raises:
            LoadError: It is of another encoding altogether.
        """
        while not self._ended:
            block = self._stream.read(size)
            self._ended = not block
            try:
                text = self._decoder.decode(block, final=self._ended)
            except UnicodeError as error:  # UTF-16 without a mark: nobody knows which of the two
                raise LoadError(
                    f"{self._source} is not {self._encoding}: {error}",
                    hint="give its encoding in the mapping, for example utf-8 or utf-16-le",
                ) from None
            if text:
                return text.encode("utf-8", "replace")
        return b""


class ReturnableLines:
    """Numbered lines, some of which may be given back to be read again."""

    def __init__(self, lines: Iterable[tuple[int, bytes]]) -> None:
        self._rest = iter(lines)
        self._returned: deque[tuple[int, bytes]] = deque()

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return self

    def __next__(self) -> tuple[int, bytes]:
        return self._returned.popleft() if self._returned else next(self._rest)

    def give_back(self, lines: list[tuple[int, bytes]]) -> None:
        """Take back the last lines that were given."""
        self._returned.extendleft(reversed(lines))


def numbered_lines(stream: ByteStream, head: bytes = b"") -> Iterator[tuple[int, bytes]]:
    """Give the lines of a content with their 1-based numbers, without line ends.

    A line of more than `LONGEST` bytes is given up to one byte more than that. When the content ended early,
    what comes after the last line end is not given: nobody knows whether it is whole.

    Args:
        stream: What comes behind `head`.
        head: What was read of it before.
    """
    number, start, skipping = 1, head, False
    while block := start or stream.read(_BLOCK):
        start = b""
        if skipping:  # the rest of a line that is too long
            _, end, block = block.partition(b"\n")
            skipping = not end
            if skipping:
                continue
        *lines, rest = block.split(b"\n")
        for line in lines:
            yield number, line.removesuffix(b"\r")[: LONGEST + 1]
            number += 1
        if not rest:
            continue
        # What is left belongs to what comes next: put together once, however many blocks it has.
        parts, size = [rest], len(rest)
        while size <= LONGEST and (more := stream.read(_BLOCK)):
            first, end, more = more.partition(b"\n")
            parts.append(first)
            size += len(first)
            if end:
                yield number, b"".join(parts).removesuffix(b"\r")[: LONGEST + 1]
                number += 1
                parts, size, start = [], 0, more
                break
        if parts:
            if size <= LONGEST and stream.damage:
                return
            yield number, b"".join(parts).removesuffix(b"\r")[: LONGEST + 1]
            number += 1
            skipping = size > LONGEST
