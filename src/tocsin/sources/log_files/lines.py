"""From a stream of bytes to lines with their places, in bounded memory."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from tocsin.errors import ConfigError
from tocsin.model import RawLines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

__all__ = [
    "MAX_LINE_BYTES",
    "TAIL_BYTES",
    "ByteStream",
    "Codec",
    "Lines",
    "codec_for",
    "known_encoding",
    "read_lines",
]

MAX_LINE_BYTES = 1 << 20
TAIL_BYTES = 256
_LITTLE, _BIG = "utf-16-le", "utf-16-be"
_MARKS = {codecs.BOM_UTF16_LE: _LITTLE, codecs.BOM_UTF16_BE: _BIG}


class ByteStream(Protocol):
    """What lines are read from."""

    def read(self, size: int, /) -> bytes:
        """Give up to `size` bytes, `b""` at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that follow each other.

    Attributes:
        raw: The bytes that end with the last of them: of all of them, or at least `TAIL_BYTES`.
        texts: The lines.
        numbers: How many lines of the file end with each of them.
        offsets: Where each begins.
        ends: Where the next one begins.
        unfinished: Whether the last one has no line end.
        cut: How many were cut at 1 MiB.
    """

    raw: bytes
    texts: list[str]
    numbers: list[int]
    offsets: list[int]
    ends: list[int]
    unfinished: bool = False
    cut: int = 0

    def part(self, start: int, end: int, *, source: str, file_id: str, reference: datetime) -> RawLines:
        """Give some of the lines as what flows on."""
        part = slice(start, end)
        return RawLines(
            source=source,
            file_id=file_id,
            texts=self.texts[part],
            numbers=self.numbers[part],
            offsets=self.offsets[part],
            reference=reference,
        )

    def cut_in(self, start: int, end: int) -> int:
        """Give how many of some lines were cut."""
        if not self.cut or end - start == len(self.texts):
            return self.cut
        lengths = (self.ends[at] - self.offsets[at] for at in range(start, end))
        return sum(length > MAX_LINE_BYTES + 2 for length in lengths)


@dataclass(frozen=True, slots=True)
class Codec:
    r"""How lines are told apart and decoded.

    Bytes that are not of the encoding become `\xNN`, as NUL characters do: nothing is lost, and the
    text can be written anywhere.
    """

    name: str
    newline: bytes = b"\n"

    @property
    def width(self) -> int:
        """Give the bytes of a code unit."""
        return len(self.newline)

    def find(self, buffer: bytes, start: int = 0) -> int:
        """Give the index behind the first line end at or after `start`, 0 if there is none."""
        at = buffer.find(self.newline, start)
        while at % self.width and at != -1:
            at = buffer.find(self.newline, at + 1)
        return at + self.width if at != -1 else 0

    def find_last(self, buffer: bytes) -> int:
        """Give the index behind the last line end, 0 if there is none."""
        at = buffer.rfind(self.newline)
        while at % self.width and at != -1:
            at = buffer.rfind(self.newline, 0, at + self.width - 1)
        return at + self.width if at != -1 else 0

    def split(self, buffer: bytes) -> list[bytes]:
        """Give what is between the line ends."""
        pieces = buffer.split(self.newline)
        if self.width == 1:
            return pieces
        lines, open_piece = [], b""
        for piece in pieces:
            open_piece += piece
            if len(open_piece) % self.width:  # a line end out of step is the halves of two characters
                open_piece += self.newline
            else:
                lines.append(open_piece)
                open_piece = b""
        return [*lines, open_piece[: -self.width]] if open_piece else lines

    def decode(self, line: bytes) -> str:
        """Give the text of one line without its end."""
        text = line.decode(self.name, "backslashreplace").removesuffix("\r")
        if "\0" in text:
            text = text.strip("\0").removesuffix("\r").replace("\0", "\\x00")
        return text

    def decode_all(self, block: bytes, pieces: list[bytes]) -> list[str]:
        """Give the texts of the `pieces` of a block of whole lines."""
        if self.width == 1 and b"\0" not in block:
            text = block.decode(self.name, "backslashreplace")
            texts = (text.replace("\r\n", "\n") if "\r" in text else text).split("\n")
            if len(texts) == len(pieces) + 1:
                texts.pop()
                return texts
        return [self.decode(piece) for piece in pieces]


def known_encoding(encoding: str) -> str:
    """Give the usual name of an encoding whose lines can be told apart.

    Raises:
        ConfigError: There is no such encoding, or its line ends cannot be found in bytes.
    """
    hint = "utf-8, latin-1, cp1252, utf-16, utf-16-le and utf-16-be are read"
    try:
        name = codecs.lookup(encoding).name
        if name.startswith("utf-16"):
            return name
        probe = "\n".encode(name)
    except (LookupError, ValueError, TypeError) as error:
        raise ConfigError(f"there is no text encoding {encoding!r}", hint=hint) from error
    if name == "utf-8-sig":
        return "utf-8"
    if probe != b"\n" or name.startswith(("utf-7", "iso2022", "hz")):
        raise ConfigError(f"lines cannot be told apart in the encoding {encoding!r}", hint=hint)
    return name


def codec_for(encoding: str, head: bytes) -> Codec:
    """Give the codec of a file from its first bytes: a byte order mark wins over the encoding."""
    name = _MARKS.get(head[:2], encoding)
    if name == "utf-16":
        name = _LITTLE
    if name.startswith("utf-16"):
        return Codec(name, "\n".encode(name))
    return Codec(name)


def read_lines(
    stream: ByteStream,
    codec: Codec,
    *,
    start: int = 0,
    line: int = 0,
    window: int,
    after_unfinished: bool = False,
    takes_rest: Callable[[], bool] = lambda: True,
) -> Iterator[Lines]:
    """Read whole lines, in order, as much at once as a window holds.

    Args:
        stream: It stands at `start`.
        codec: How to tell lines apart.
        start: The offset of the stream's next byte.
        line: How many lines there were before.
        window: How many bytes to ask for at once.
        after_unfinished: The line before was taken without its end, which may come now.
        takes_rest: Asked at the end, whether what is there without a line end is a line.
    """
    return _Splitter(codec, start, line, after_unfinished=after_unfinished).read(stream, window, takes_rest)


class _Splitter:
    """Holds what is between two windows: the beginning of a line."""

    def __init__(self, codec: Codec, start: int, line: int, *, after_unfinished: bool) -> None:
        self._codec = codec
        self._at = start  # of the first pending byte
        self._line = line
        self._pending = b""
        self._skipped = 0  # bytes of the pending line that are beyond its limit, and gone
        self._gone = b""  # the last of the bytes before the pending ones that nobody was given
        self._after_unfinished = after_unfinished

    def read(self, stream: ByteStream, window: int, takes_rest: Callable[[], bool]) -> Iterator[Lines]:
        odd = b""  # half of a code unit
        while block := stream.read(window):
            block = odd + block
            whole = len(block) - len(block) % self._codec.width
            odd = block[whole:]
            yield from self._feed(block[:whole])
        self._pending += odd
        if (self._pending or self._skipped) and not self._after_unfinished and takes_rest():
            yield self._single(b"")

    def _feed(self, block: bytes) -> Iterator[Lines]:
        if self._skipped:
            end = self._codec.find(block)
            if not end:
                self._skipped += len(block)
                self._gone = (self._gone + block)[-TAIL_BYTES:]
                return
            yield self._single(block[:end])
            block = block[end:]
        buffer = self._pending + block if self._pending else block
        if self._after_unfinished:
            buffer = self._without_late_end(buffer)
            if self._after_unfinished:
                self._pending = buffer
                return
        end = self._codec.find_last(buffer)
        self._pending = buffer[end:]
        if end:
            yield self._split(buffer[:end])
        if len(self._pending) > MAX_LINE_BYTES:
            self._shorten()

    def _without_late_end(self, buffer: bytes) -> bytes:
        """Drop the line end of a line that was taken before it was there."""
        newline = self._codec.newline
        for late in (newline, "\r".encode(self._codec.name) + newline):
            if buffer.startswith(late):
                self._at += len(late)
                self._gone = late
                buffer = buffer[len(late) :]
                break
            if late.startswith(buffer):  # half of it is here
                return buffer
        self._after_unfinished = False
        return buffer

    def _split(self, block: bytes) -> Lines:
        codec, width = self._codec, self._codec.width
        pieces = codec.split(block)[:-1]
        ends = list(accumulate([len(piece) + width for piece in pieces], initial=self._at))
        if cut := sum(map(MAX_LINE_BYTES.__lt__, map(len, pieces))):
            texts = [codec.decode(piece[:MAX_LINE_BYTES]) for piece in pieces]
        else:
            texts = codec.decode_all(block, pieces)
        offsets = ends[:-1]
        numbers = list(range(self._line + 1, self._line + 1 + len(texts)))
        if offsets[0] == 0:
            texts[0] = texts[0].removeprefix("\ufeff")
        self._at, self._line = ends[-1], self._line + len(texts)
        del ends[0]
        raw, self._gone = self._gone + block, b""
        return Lines(raw, texts, numbers, offsets, ends, cut=cut)

    def _single(self, end: bytes) -> Lines:
        """Give the pending line, with what a later block has of it: `b""` at the stream's end."""
        start, skipped, piece = self._at, self._skipped, self._pending
        raw = (self._gone + end)[-TAIL_BYTES:] if skipped else self._gone + piece
        self._line += 1
        self._at += len(piece) + skipped + len(end)
        self._pending, self._skipped, self._gone = b"", 0, b""
        text = self._codec.decode(piece)
        if start == 0:
            text = text.removeprefix("\ufeff")
        cut = int(skipped > 0)
        return Lines(raw, [text], [self._line], [start], [self._at], unfinished=not end, cut=cut)

    def _shorten(self) -> None:
        """Forget what is beyond the limit of the pending line; NUL bytes in front of it do not count."""
        pending = self._pending
        if self._codec.width == 1 and pending[0] == 0:
            self._pending = pending.lstrip(b"\0")
            self._at += len(pending) - len(self._pending)
            self._gone = pending[: len(pending) - len(self._pending)][-TAIL_BYTES:]
        if len(self._pending) > MAX_LINE_BYTES:
            self._gone = self._pending[-TAIL_BYTES:]
            self._skipped = len(self._pending) - MAX_LINE_BYTES
            self._pending = self._pending[:MAX_LINE_BYTES]
