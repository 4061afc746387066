"""Keeps rejected lines with their reason, each once, in bounded space."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from typing import TYPE_CHECKING, Any

from tocsin.errors import PersistencyError, PersistencyLoadError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from tocsin.model import RejectedLine

__all__ = ["DeadLetters"]

_VERSION = 1
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class DeadLetters:
    """A file of rejected lines: one JSON object a line with `source`, `number`, `reason`, `time`, `text`.

    What is appended counts when its position is committed: appending again from an older position first
    takes back what came after it. `dead.jsonl` is continued as `dead.jsonl.2`, `dead.jsonl.3`, … when it is
    full; the oldest files go. Files are readable by their owner only.

    When there is no space the lines are not kept, and counted as `lost` in the position: a full disk
    does not stop a run that would otherwise succeed.

    Args:
        path: The first file; its folder is made when something is to be kept.
        max_bytes: When a file has this many bytes, the next one is begun.
        keep: How many files are kept, the current one included.

    Examples:
        >>> import tempfile
        >>> from datetime import UTC, datetime
        >>> from pathlib import Path
        >>> from tocsin.model import RejectedLine
        >>> dead = DeadLetters(Path(tempfile.mkdtemp()) / "dead.jsonl")
        >>> line = RejectedLine("app.log", 7, "%%", "it is no JSON object")
        >>> position = dead.append([line], None, now=datetime(2030, 1, 1, tzinfo=UTC))
        >>> print(dead.files()[0].read_text(), end="")
        {"source": "app.log", "number": 7, "reason": "it is no JSON object", "time": "2030-01-01T00:00:00+00:00", "text": "%%"}
    """  # noqa: E501  a line of the file is as long as it is

    def __init__(self, path: Path, *, max_bytes: int = 16 << 20, keep: int = 3) -> None:
        self._path = path
        self._max_bytes = max(1, max_bytes)
        self._keep = max(1, keep)

    def append(
        self, rejected: Sequence[RejectedLine], position: Mapping[str, Any] | None, *, now: datetime
    ) -> dict[str, Any]:
        """Keep lines durably, behind those that a position counts; give the position to commit with them.

        Args:
            rejected: The lines; none changes nothing.
            position: What the last commit holds, `None` before the first.
            now: The time of the rejection.

        Raises:
            PersistencyError: The file cannot be written, for another reason than space.
            PersistencyLoadError: It is not a position of this version.
        """
        number, length, lost = _read(position)
        if not rejected:
            return _position(number, length, lost)
        content = b"".join(_encode(line, now) for line in rejected)
        try:
            return self._keep_content(content, number, length, lost)
        except OSError as error:
            if error.errno in _NO_ROOM:
                return _position(number, length, lost + len(rejected))
            raise PersistencyError(
                f"rejected lines cannot be kept in {self._path}: {error.strerror or error}",
                hint="make the folder writable, or name another file",
            ) from error

    def _keep_content(self, content: bytes, number: int, length: int, lost: int) -> dict[str, Any]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._remove_all_but(number)
        length = self._cut(number, length)
        if length and length + len(content) > self._max_bytes:
            number, length = number + 1, 0
            self._cut(number, 0)
        self._write(number, length, content)
        return _position(number, length + len(content), lost)

    def files(self) -> list[Path]:
        """Give the files that there are, oldest first."""
        return [self._file(number) for number in self._numbers()]

    def _file(self, number: int) -> Path:
        return self._path if number == 1 else self._path.with_name(f"{self._path.name}.{number}")

    def _numbers(self) -> list[int]:
        name = re.compile(rf"{re.escape(self._path.name)}(?:\.([2-9]|[1-9]\d+))?")
        try:
            names = os.listdir(self._path.parent)  # noqa: PTH208  names only
        except FileNotFoundError:
            return []
        return sorted(int(match[1] or 1) for each in names if (match := name.fullmatch(each)))

    def _remove_all_but(self, current: int) -> None:
        """Remove what is too old, and what was begun without a commit."""
        for number in self._numbers():
            if number > current or number <= current - self._keep:
                self._file(number).unlink(missing_ok=True)

    def _cut(self, number: int, length: int) -> int:
        """Take back what is not committed; give the length, which is less if somebody emptied the file."""
        descriptor = self._open(number)
        try:
            length = min(length, os.fstat(descriptor).st_size)
            os.ftruncate(descriptor, length)
        finally:
            os.close(descriptor)
        return length

    def _write(self, number: int, length: int, content: bytes) -> None:
        descriptor = self._open(number)
        try:
            os.lseek(descriptor, length, os.SEEK_SET)
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if not length:
            _sync_folder(self._path.parent)

    def _open(self, number: int) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(self._file(number), flags, 0o600)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "it is not a regular file")
        return descriptor


def _encode(line: RejectedLine, now: datetime) -> bytes:
    content = {
        "source": line.source,
        "number": line.number,
        "reason": line.reason,
        "time": now.isoformat(),
        "text": line.text,
    }
    # A half of a surrogate pair, which UTF-8 has no bytes for, is written as the JSON escape it is.
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _position(number: int, length: int, lost: int) -> dict[str, Any]:
    return {"version": _VERSION, "file": number, "length": length, "lost": lost}


def _read(position: Mapping[str, Any] | None) -> tuple[int, int, int]:
    if position is None:
        return 1, 0, 0
    try:
        number, length, lost = int(position["file"]), int(position["length"]), int(position["lost"])
        if position["version"] == _VERSION and number > 0 and length >= 0:
            return number, length, lost
    except (KeyError, TypeError, ValueError):
        pass
    raise PersistencyLoadError(
        "the position of the rejected lines is damaged, or of a newer version",
        hint="upgrade tocsin, or load an older generation",
    )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
