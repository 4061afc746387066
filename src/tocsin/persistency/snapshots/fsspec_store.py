"""A state in a folder of this machine, or at any URI that fsspec knows."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.errors import PersistencyError
from tocsin.persistency.snapshots.local_files import LocalFiles
from tocsin.persistency.snapshots.redact import Redactor, shown_uri

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from tocsin.persistency.snapshots.manifest import Writer
    from tocsin.persistency.snapshots.object_files import ObjectFiles

__all__ = ["FsspecStore"]


class FsspecStore:
    """Files below a path or URI.

    Args:
        uri: A folder, or a URI such as `memory://state`, `s3://bucket/state`, `sftp://host/state`.
        storage_options: What the file system is made with: credentials, end points. They appear in no
            message.

    Raises:
        PersistencyError: There is no such kind of file system, or it cannot be made.
    """

    def __init__(self, uri: str | os.PathLike[str], storage_options: Mapping[str, Any] | None = None) -> None:
        options = dict(storage_options or {})
        self._redact = Redactor(str(uri), options)
        self.where = shown_uri(str(uri))
        self._files = self._open(str(uri), options)
        self.may_arrive_late = self._files.may_arrive_late

    def _open(self, uri: str, options: dict[str, Any]) -> LocalFiles | ObjectFiles:
        if not uri:
            raise PersistencyError("the path of a state is empty", hint="name a folder or a URI")
        if "://" not in uri and "::" not in uri:
            return LocalFiles(Path(uri).expanduser().absolute())  # whoever changes the folder later
        with self._told("be opened"):
            from fsspec.core import url_to_fs
            from fsspec.implementations.local import LocalFileSystem

            from tocsin.persistency.snapshots.object_files import ObjectFiles

            filesystem, root = url_to_fs(uri, **options)
            if type(filesystem) is LocalFileSystem:
                return LocalFiles(Path(root))
            return ObjectFiles(filesystem, root)

    def list(self) -> Mapping[str, int]:
        """Give every file's name and length."""
        with self._told("be listed"):
            return self._files.list()

    def read(self, name: str) -> bytes:
        """Give a file's content."""
        with self._told(f"give {name}", FileNotFoundError):
            return self._files.read(name)

    def publish(self, name: str, content: bytes, *, now: datetime) -> None:
        """Make a file appear."""
        with self._told(f"take {name}", FileExistsError):
            self._files.publish(name, content, now=now)

    def replace(self, name: str, content: bytes, *, now: datetime) -> None:
        """Write a file that nobody relies on."""
        with self._told(f"take {name}"):
            self._files.replace(name, content, now=now)

    def remove(self, name: str) -> None:
        """Remove a file."""
        with self._told(f"remove {name}"):
            self._files.remove(name)

    def lock(self, writer: Writer) -> None:
        """Keep other writers out."""
        with self._told("be locked"):
            self._files.lock(writer)

    def unlock(self) -> None:
        """Let other writers in."""
        self._files.unlock()

    @contextlib.contextmanager
    def _told(self, what: str, *expected: type[OSError]) -> Iterator[None]:
        """Say what failed and where, without secrets."""
        known: tuple[type[Exception], ...] = (PersistencyError, *expected)
        try:
            yield
        except known:
            raise
        except Exception as error:  # noqa: BLE001 - a file system may raise whatever its driver does
            reason = f"{type(error).__name__}: {error}"
            told = self._redact(reason)
            message = f"{self.where} cannot {what}: {told}"
            # A chained error is printed with its own text.
            raise PersistencyError(message, transient=True) from (error if told == reason else None)
