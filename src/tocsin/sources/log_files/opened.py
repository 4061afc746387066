"""Regular files, compressed or not, opened so that nothing else can make a reader wait."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import zlib
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tocsin.sources.log_files.lines import TAIL_BYTES

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["HEAD_BYTES", "LogFile", "OpenLog", "digest", "look_at"]

HEAD_BYTES = 1024
_MAGIC = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\0": "xz"}
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file as it was when it was looked at.

    Attributes:
        path: Where it is.
        device: With `inode`, which file it is, as long as it exists.
        inode: See `device`.
        size: Its bytes on disk.
        mtime_ns: Its last change.
        compression: `gz`, `bz2`, `xz` or nothing.
        head: The first `HEAD_BYTES` of its content, decompressed.
        damage: Why its content cannot be read, or nothing.
    """

    path: str
    device: int
    inode: int
    size: int
    mtime_ns: int
    compression: str
    head: bytes
    damage: str = ""

    def tail_at(self, offset: int) -> bytes | None:
        """Give the bytes of the content in front of an offset; `None` if it does not reach that far."""
        if offset <= len(self.head):
            return self.head[max(0, offset - TAIL_BYTES) : offset]
        if not self.compression and offset > self.size:
            return None
        try:
            with OpenLog(self) as content:
                return content.skip_to(offset)
        except OSError:
            return None


def digest(content: bytes) -> str:
    """Give 16 hex digits made from bytes."""
    return blake2b(content, digest_size=8).hexdigest()


def look_at(path: str) -> LogFile | None:
    """Look at a file; `None` if it is a folder.

    Raises:
        OSError: It is not there, cannot be read, or is a pipe, a socket or a device.
    """
    kind = Path(path).stat().st_mode
    if stat.S_ISDIR(kind):
        return None
    if not stat.S_ISREG(kind):
        raise OSError("it is a pipe, a socket or a device, not a file")
    with _open(path) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is no longer a file")
        head = _read_fully(file, HEAD_BYTES)
        compression = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "")
        damage = ""
        if compression:
            file.seek(0)
            content = _Decompressed(file, compression)
            head, damage = _read_fully(content, HEAD_BYTES), content.damage
    return LogFile(
        path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, compression, head, damage
    )


class OpenLog:
    """The content of a file that was looked at, as far as it reached then.

    Args:
        file: What to open.

    Raises:
        OSError: The path is another file by now, or cannot be read.
    """

    def __init__(self, file: LogFile) -> None:
        self._looked_at = file
        self._file = _open(file.path)
        status = os.fstat(self._file.fileno())
        if (status.st_dev, status.st_ino) != (file.device, file.inode):
            self._file.close()
            raise FileNotFoundError("it was renamed just now")
        self._compressed = _Decompressed(self._file, file.compression) if file.compression else None
        self._left = file.size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def damage(self) -> str:
        """Why compressed content ended early, or nothing."""
        return self._compressed.damage if self._compressed else ""

    @property
    def bytes_read(self) -> int:
        """How far the file on disk was read."""
        return self._file.tell()

    def read(self, size: int, /) -> bytes:
        """Give up to `size` bytes of the content, `b""` at the end."""
        if self._compressed:
            return self._compressed.read(size)
        block = self._file.read(min(size, self._left)) or b""
        self._left -= len(block)
        return block

    def skip_to(self, offset: int) -> bytes | None:
        """Go to an offset, from the beginning; give the bytes in front of it, `None` if it ends before."""
        if not self._compressed:
            start = max(0, offset - TAIL_BYTES)
            self._file.seek(start)
            self._left = self._looked_at.size - start
            tail = _read_fully(self, offset - start)
            return tail if start + len(tail) == offset else None
        tail, left = b"", offset
        while left and (block := self.read(min(left, 1 << 20))):
            left -= len(block)
            tail = (tail + block)[-TAIL_BYTES:]
        return None if left else tail

    def changed(self) -> bool:
        """Say whether what was read is no longer there: the file was truncated or written anew."""
        status = os.fstat(self._file.fileno())
        if self._compressed:
            return (status.st_size, status.st_mtime_ns) != (self._looked_at.size, self._looked_at.mtime_ns)
        head = self._looked_at.head
        return status.st_size < self._looked_at.size or os.pread(self._file.fileno(), len(head), 0) != head

    def grew(self) -> bool:
        """Say whether there is more by now."""
        return os.fstat(self._file.fileno()).st_size != self._looked_at.size


def _open(path: str) -> io.FileIO:
    return io.FileIO(os.open(path, _FLAGS), "rb")


def _read_fully(stream: io.FileIO | _Decompressed | OpenLog, size: int) -> bytes:
    parts = []
    while size and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


class _Decompressed:
    """Compressed content; where it is damaged or not yet written, it ends, and `damage` says why."""

    def __init__(self, file: io.FileIO, compression: str) -> None:
        self.damage = ""
        self._content: IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile
        if compression == "gz":
            self._content = gzip.GzipFile(fileobj=file, mode="rb")
        elif compression == "bz2":
            self._content = bz2.BZ2File(file)
        else:
            self._content = lzma.LZMAFile(file)  # noqa: SIM115  the file below is what is closed

    def read(self, size: int) -> bytes:
        """Give `size` bytes of the content, fewer at its end."""
        parts = []
        try:
            while size and not self.damage and (part := self._content.read1(size)):  # type: ignore[union-attr]
                parts.append(part)
                size -= len(part)
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            self.damage = str(error)
        return b"".join(parts)
