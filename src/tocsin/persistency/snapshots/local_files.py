"""A folder of this machine in which files appear whole, and stay through a power cut.

What makes a file durable is the order: its content is synced before it gets its name, and the folder is
synced before anything is built on the name.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from tocsin.persistency.snapshots import names
from tocsin.persistency.snapshots.local_lock import LocalLock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from tocsin.persistency.snapshots.manifest import Writer

__all__ = ["LocalFiles"]

_FOLDERS = ("", names.MANIFESTS, names.SEGMENTS, names.QUARANTINE)


class LocalFiles:
    """The files below one folder; errors are those of the operating system.

    Args:
        root: The folder; it is made when something is written.
    """

    may_arrive_late = False

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = LocalLock(root / names.LOCK)

    def list(self) -> dict[str, int]:
        """Give every file's name and length; one that vanishes meanwhile has length 0."""
        found: dict[str, int] = {}
        for folder in _FOLDERS:
            with contextlib.suppress(FileNotFoundError), os.scandir(self._root / folder) as entries:
                found.update(_files(folder, entries))
        return found

    def read(self, name: str) -> bytes:
        """Give a file's content."""
        return (self._root / name).read_bytes()

    def publish(self, name: str, content: bytes, *, now: datetime) -> None:  # noqa: ARG002 - the contract's
        """Write, sync, rename, sync the folder."""
        target = self._root / name
        _make_folder(target.parent)
        if target.exists():
            raise FileExistsError(name)
        temporary = self._root / names.temporary_name(name)
        try:
            _write(temporary, content, sync=True)
            os.rename(temporary, target)  # noqa: PTH104 - the fault tests count the calls of os
        except BaseException:
            _remove_quietly(temporary)
            raise
        try:
            _sync_folder(target.parent)
        except BaseException:  # its name may not last: better that it is gone than that it was promised
            _remove_quietly(target)
            raise

    def replace(self, name: str, content: bytes, *, now: datetime) -> None:  # noqa: ARG002 - the contract's
        """Write and rename, without waiting for the disk."""
        temporary = self._root / names.temporary_name(name)
        try:
            _write(temporary, content, sync=False)
            os.replace(temporary, self._root / name)  # noqa: PTH105 - see above
        except BaseException:
            _remove_quietly(temporary)
            raise

    def remove(self, name: str) -> None:
        """Remove a file."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._root / name)  # noqa: PTH108 - see above

    def lock(self, writer: Writer) -> None:
        """Keep other writers out."""
        _make_folder(self._root)
        self._lock.acquire(writer)

    def unlock(self) -> None:
        """Let other writers in."""
        self._lock.release()


def _files(folder: str, entries: Iterator[os.DirEntry[str]]) -> Iterator[tuple[str, int]]:
    for entry in entries:
        try:
            if entry.is_file():
                yield folder + entry.name, entry.stat().st_size
        except FileNotFoundError:
            # Removed while we look, maybe for a newer one that this look does not show: leaving the name
            # out would make a folder that is written to look empty.
            yield folder + entry.name, 0


def _write(path: Path, content: bytes, *, sync: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    if folder.parent != folder:
        _make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)  # noqa: PTH102 - see above
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_quietly(path: Path) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108 - see above
