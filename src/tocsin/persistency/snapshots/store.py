"""Where snapshots are kept: the few things that a place must be able to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tocsin.persistency.snapshots.manifest import Writer

__all__ = ["MemoryStore", "SnapshotStore"]


class SnapshotStore(Protocol):
    """A flat place for small and large files; names come from `names`, with `/` between their parts.

    Every method raises `PersistencyError`, without secrets in it, for what is not said below.
    """

    @property
    def where(self) -> str:
        """What people know the place by; no secrets."""
        ...

    @property
    def may_arrive_late(self) -> bool:
        """Whether a file can appear although publishing it failed, after it failed."""
        ...

    def list(self) -> Mapping[str, int]:
        """Give every file's name and length in bytes; `{}` for a place that is not there yet."""
        ...

    def read(self, name: str) -> bytes:
        """Give a file's content.

        Raises:
            FileNotFoundError: There is no such file.
        """
        ...

    def publish(self, name: str, content: bytes, *, now: datetime) -> None:
        """Make a file appear, whole, so that it survives a power cut once this returns.

        Raises:
            FileExistsError: There is a file of this name; it stays as it is.
        """
        ...

    def replace(self, name: str, content: bytes, *, now: datetime) -> None:
        """Write a file that nobody relies on; it need not survive anything."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is as good."""
        ...

    def lock(self, writer: Writer) -> None:
        """Keep other writers out until `unlock`, or until the process ends; may be called again.

        A place that cannot do this does nothing: the writers see each other's manifests.

        Raises:
            StateLockedError: Another writer is there.
        """
        ...

    def unlock(self) -> None:
        """Let other writers in; without a lock, nothing happens."""
        ...


class MemoryStore:
    """A store that is gone with its process: what one-shot saves into bytes use."""

    may_arrive_late = False

    def __init__(self, files: Mapping[str, bytes] | None = None, where: str = "the bytes") -> None:
        self.where = where
        self.files: dict[str, bytes] = dict(files or {})

    def list(self) -> Mapping[str, int]:
        """Give every file's name and length."""
        return {name: len(content) for name, content in self.files.items()}

    def read(self, name: str) -> bytes:
        """Give a file's content."""
        if name not in self.files:
            raise FileNotFoundError(name)
        return self.files[name]

    def publish(self, name: str, content: bytes, *, now: datetime) -> None:  # noqa: ARG002 - the contract's
        """Keep a new file."""
        if name in self.files:
            raise FileExistsError(name)
        self.files[name] = bytes(content)

    def replace(self, name: str, content: bytes, *, now: datetime) -> None:
        """Do nothing: hints are for people who look into a folder."""

    def remove(self, name: str) -> None:
        """Remove a file."""
        self.files.pop(name, None)

    def lock(self, writer: Writer) -> None:
        """Do nothing: nobody else sees these files."""

    def unlock(self) -> None:
        """Do nothing."""
