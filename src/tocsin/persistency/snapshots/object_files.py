"""Files of any fsspec file system, written so that nobody sees half of one and nobody overwrites another's.

A store can do that in one of two ways: it refuses a second file of one name (conditional put: S3, GCS,
Azure, memory), or it renames (SFTP, SMB, HDFS, FTP). With renames two writers at one time are not told
apart before they look at each other's manifests: such a store takes a single writer.
"""

from __future__ import annotations

import contextlib
import inspect
from typing import TYPE_CHECKING, Any

from tocsin.errors import PersistencyError
from tocsin.persistency.snapshots import names

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.persistency.snapshots.manifest import Writer

__all__ = ["ObjectFiles"]

_FOLDERS = (names.MANIFESTS, names.SEGMENTS, names.QUARANTINE)


class ObjectFiles:
    """The files below one path of a file system; errors are those of the file system.

    Args:
        filesystem: The fsspec file system.
        root: The path in it.
    """

    may_arrive_late = True
    """A request that was given up may still reach the store."""

    def __init__(self, filesystem: Any, root: str) -> None:
        self._filesystem = filesystem
        self._root = root.rstrip("/")
        self._conditional: bool | None = None

    def list(self) -> dict[str, int]:
        """Give every file's name and length."""
        found: dict[str, int] = {}
        for folder in _FOLDERS:
            self._filesystem.invalidate_cache(self._path(folder.rstrip("/")))
            with contextlib.suppress(FileNotFoundError):
                for entry in self._filesystem.ls(self._path(folder.rstrip("/")), detail=True):
                    if entry["type"] == "file":
                        found[folder + entry["name"].rpartition("/")[2]] = int(entry["size"])
        return found

    def read(self, name: str) -> bytes:
        """Give a file's content."""
        content: bytes = self._filesystem.cat_file(self._path(name))
        return content

    def publish(self, name: str, content: bytes, *, now: datetime) -> None:  # noqa: ARG002 - the contract's
        """Put if absent; or put under another name and rename."""
        if self._conditional is None:
            self._conditional = self._can_put_if_absent()
        if self._conditional:
            self._filesystem.pipe_file(self._path(name), content, mode="create")
            return
        if self._filesystem.exists(self._path(name)):
            raise FileExistsError(name)
        temporary = self._path(names.temporary_name(name))
        self._filesystem.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)
        try:
            self._filesystem.pipe_file(temporary, content)
            self._filesystem.mv(temporary, self._path(name))
        except BaseException:
            with contextlib.suppress(Exception):
                self._filesystem.rm_file(temporary)
            raise

    def replace(self, name: str, content: bytes, *, now: datetime) -> None:  # noqa: ARG002 - the contract's
        """Write over whatever is there."""
        self._filesystem.pipe_file(self._path(name), content)

    def remove(self, name: str) -> None:
        """Remove a file."""
        with contextlib.suppress(FileNotFoundError):
            self._filesystem.rm_file(self._path(name))

    def lock(self, writer: Writer) -> None:
        """Find out whether the store can keep two writers apart; the manifests do the rest."""

    def unlock(self) -> None:
        """Do nothing."""

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _can_put_if_absent(self) -> bool:
        """Try it, since many stores that speak S3 take the condition and ignore it.

        Raises:
            PersistencyError: The store can neither do that nor rename.
        """
        if _knows_create(self._filesystem) and self._refuses_a_second():
            return True
        if _renames(self._filesystem):
            return False
        message = f"a store of kind {_kind(self._filesystem)} can neither put if absent nor rename"
        raise PersistencyError(message, hint="keep the state on local disk, S3, GCS, Azure, SFTP or SMB")

    def _refuses_a_second(self) -> bool:
        name = self._path(names.temporary_name(names.SEGMENTS + "probe"))
        self._filesystem.pipe_file(name, b"", mode="create")
        try:
            self._filesystem.pipe_file(name, b"", mode="create")
        except FileExistsError:
            return True
        else:
            return False
        finally:
            with contextlib.suppress(Exception):
                self._filesystem.rm_file(name)


def _knows_create(filesystem: Any) -> bool:
    """Tell whether the class has a way of its own to create a file that must not be there.

    The one that all inherit looks first and writes then, which another writer may come between.
    """
    from fsspec.spec import AbstractFileSystem

    kind = type(filesystem)
    if getattr(kind, "async_impl", False):
        return "mode" in inspect.signature(kind._pipe_file).parameters  # noqa: SLF001 - where fsspec has it
    own = kind.pipe_file is not AbstractFileSystem.pipe_file
    return own and "mode" in inspect.signature(kind.pipe_file).parameters


def _renames(filesystem: Any) -> bool:
    from fsspec.spec import AbstractFileSystem

    return type(filesystem).mv is not AbstractFileSystem.mv


def _kind(filesystem: Any) -> str:
    protocol = filesystem.protocol
    return protocol if isinstance(protocol, str) else str(protocol[0])
