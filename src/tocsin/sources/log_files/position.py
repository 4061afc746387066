"""Where reading stands: an entry for each file that was begun, as JSON."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tocsin.errors import PersistencyLoadError, StateVersionError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FileEntry", "display", "position_from_entries", "read_position"]

_VERSION = 1


@dataclass(frozen=True, slots=True)
class FileEntry:
    """How far a file was read, and how to know it again.

    Attributes:
        path: Where it was.
        device: With `inode`, a hint which file it is.
        inode: See `device`.
        offset: What is in front of it was read; more than 0.
        line: How many lines that was.
        head: Digest of the first bytes: up to 1 KiB, not beyond the offset.
        tail: Digest of the last bytes in front of the offset.
        unfinished: The last line was taken without its end.
        stamp: Size and last change of a compressed file that was read to its end.
        missing_since: Unix seconds of the first reading that did not find it.
    """

    path: str
    device: int
    inode: int
    offset: int
    line: int
    head: str
    tail: str
    unfinished: bool = False
    stamp: tuple[int, int] | None = None
    missing_since: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Give the entry as JSON; what is not set is left out."""
        content: dict[str, Any] = {
            "path": self.path,
            "device": self.device,
            "inode": self.inode,
            "offset": self.offset,
            "line": self.line,
            "head": self.head,
            "tail": self.tail,
        }
        if display(self.path) != self.path:  # a name that is not UTF-8 survives every JSON writer
            content["path"] = {"hex": os.fsencode(self.path).hex()}
        if self.unfinished:
            content["unfinished"] = True
        if self.stamp is not None:
            content["stamp"] = list(self.stamp)
        if self.missing_since is not None:
            content["missing_since"] = self.missing_since
        return content

    def seen_at(self, path: str, device: int, inode: int) -> FileEntry:
        """Give the entry for where the file is now."""
        if (path, device, inode, None) == (self.path, self.device, self.inode, self.missing_since):
            return self
        same_file = (device, inode) == (self.device, self.inode)
        stamp = self.stamp if same_file else None
        return replace(self, path=path, device=device, inode=inode, stamp=stamp, missing_since=None)


def display(path: str) -> str:
    r"""Give a path as text that can be written anywhere: bytes that are not UTF-8 become `\xNN`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def position_from_entries(entries: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Give a position as JSON; the entries are JSON already."""
    return {"version": _VERSION, "files": dict(entries)}


def read_position(position: Mapping[str, Any] | None) -> dict[str, FileEntry]:
    """Give the entries of a position by file id; of `None`, and of a stream's, none.

    Raises:
        StateVersionError: A newer Tocsin wrote it.
        PersistencyLoadError: It is not a position.
    """
    if position is None or "stream" in position:
        return {}
    version = position.get("version")
    if isinstance(version, int) and version > _VERSION:
        raise StateVersionError(
            f"the read position has version {version}, this tocsin reads up to {_VERSION}",
            hint="upgrade tocsin, or load an older generation",
        )
    try:
        if version != _VERSION:
            raise ValueError(f"version {version!r}")  # noqa: TRY301  one error for all that is wrong
        return {str(key): _entry(value) for key, value in position["files"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PersistencyLoadError(
            f"the read position of the log files is damaged ({error})", hint="load an older generation"
        ) from error


def _entry(value: Mapping[str, Any]) -> FileEntry:
    path, stamp, missing = value["path"], value.get("stamp"), value.get("missing_since")
    entry = FileEntry(
        path=os.fsdecode(bytes.fromhex(path["hex"])) if isinstance(path, dict) else str(path),
        device=int(value["device"]),
        inode=int(value["inode"]),
        offset=int(value["offset"]),
        line=int(value["line"]),
        head=str(value["head"]),
        tail=str(value["tail"]),
        unfinished=bool(value.get("unfinished")),
        stamp=None if stamp is None else (int(stamp[0]), int(stamp[1])),
        missing_since=None if missing is None else float(missing),
    )
    if entry.offset <= 0 or entry.line < 0:
        raise ValueError(f"offset {entry.offset}, line {entry.line}")
    return entry
