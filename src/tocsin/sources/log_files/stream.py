"""Reads lines from a stream, as they come."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any

from tocsin.sources.log_files.chunk import LogChunk
from tocsin.sources.log_files.lines import Lines, codec_for, known_encoding, read_lines
from tocsin.sources.log_files.reading import file_id_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from io import BufferedIOBase

    from tocsin.abc import Clock

__all__ = ["LogStream"]

_HEAD_BYTES = 1024
_WINDOW_BYTES_PER_LINE = 256


class LogStream:
    r"""Lines of a stream, standard input for one, in the chunks that `LogFiles` gives.

    A stream cannot be read again: the position says how far it was read and is not used. A chunk is
    given as soon as nothing more is waiting, so that a stream that never ends is followed.

    Args:
        stream: Binary and buffered: `sys.stdin.buffer`, `io.BytesIO`.
        clock: Gives the time at which lines were received; without it that is the `now` of `read`.
        name: The source of its lines.
        encoding: As for `LogFiles`.

    Examples:
        >>> import io
        >>> from datetime import UTC, datetime
        >>> stream = LogStream(io.BytesIO(b"one\ntwo"))
        >>> [chunk.lines.texts for chunk in stream.read(None, now=datetime(2030, 1, 1, tzinfo=UTC))]
        [['one'], ['two']]
    """

    def __init__(
        self,
        stream: BufferedIOBase,
        *,
        clock: Clock | None = None,
        name: str = "stdin",
        encoding: str = "utf-8",
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._name = name
        self._encoding = known_encoding(encoding)

    @property
    def notes(self) -> list[str]:
        """A stream has no notes."""
        return []

    def read(
        self,
        position: Mapping[str, Any] | None = None,  # noqa: ARG002  the interface of LogFiles
        *,
        now: datetime,
        max_lines: int = 10_000,
        max_bytes: int = 8 << 20,
    ) -> Iterator[LogChunk]:
        """Give the lines until the stream ends; the last one needs no line end."""
        waiting = _Waiting(self._stream)
        window = max(1, min(max_bytes, max_lines * _WINDOW_BYTES_PER_LINE))
        head = waiting.peek(_HEAD_BYTES)
        codec = codec_for(self._encoding, head)
        file_id = file_id_of(head, codec)
        for lines in read_lines(waiting, codec, window=window):
            received = now if self._clock is None else self._clock.now()
            for start in range(0, len(lines.texts), max(1, max_lines)):
                yield self._chunk(lines, start, max(1, max_lines), file_id, received)

    def _chunk(self, lines: Lines, start: int, count: int, file_id: str, received: datetime) -> LogChunk:
        end = min(start + count, len(lines.texts))
        part = lines.part(start, end, source=self._name, file_id=file_id, reference=received)
        read, number = lines.ends[end - 1], lines.numbers[end - 1]
        position = {"version": 1, "stream": {"offset": read, "line": number}}
        return LogChunk(part, position, read, 0, lines.cut_in(start, end))


class _Waiting:
    """Reads what is waiting: at least something, without holding it back for more."""

    def __init__(self, stream: BufferedIOBase) -> None:
        self._stream = stream
        self._peeked = b""
        try:
            self._descriptor: int | None = stream.fileno()
        except OSError:
            self._descriptor = None

    def peek(self, size: int) -> bytes:
        """Give the first bytes, and keep them: up to the first line end or `size`."""
        while len(self._peeked) < size and b"\n" not in self._peeked:
            block = self._stream.read1(size)
            if not block:
                break
            self._peeked += block
        return self._peeked[:size]

    def read(self, size: int, /) -> bytes:
        """Give up to `size` bytes, `b""` at the end."""
        block, self._peeked = self._peeked[:size], self._peeked[size:]
        if not block:
            block = self._stream.read1(size)
        parts, left = [block], size - len(block)
        while block and left > 0 and self._more():
            block = self._stream.read1(left)
            parts.append(block)
            left -= len(block)
        return b"".join(parts)

    def _more(self) -> bool:
        if self._descriptor is None:
            return True
        readable, _, _ = select.select([self._descriptor], [], [], 0)
        return bool(readable)
