"""Segments: the bytes of many events in few files."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from tocsin.errors import PersistencyLoadError
from tocsin.persistency.snapshots.manifest import EventEntry, SegmentEntry
from tocsin.persistency.snapshots.manifest_file import digest_of
from tocsin.persistency.snapshots.names import new_segment_name

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from datetime import datetime

    from tocsin.persistency.snapshots.store import SnapshotStore

__all__ = ["SEGMENT_BYTES", "SegmentWriter", "read_segment"]

SEGMENT_BYTES = 4 << 20
"""A segment is not longer, unless one event is; so the memory for a save is bounded."""

_Key = TypeVar("_Key", bound="Hashable")


@dataclass(slots=True)
class SegmentWriter(Generic[_Key]):
    """Packs contents into new segments of one generation.

    Args:
        store: Where they go.
        generation: The generation that they are for.
        now: When.
    """

    store: SnapshotStore
    generation: int
    now: datetime
    entries: dict[_Key, EventEntry] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    written: int = 0
    _waiting: list[tuple[_Key, str | None, int, int]] = field(default_factory=list)
    _pieces: list[bytes | memoryview] = field(default_factory=list)
    _length: int = 0

    def add(self, key: _Key, template: str | None, content: bytes | memoryview) -> None:
        """Take the bytes of one event."""
        if self._length + len(content) > SEGMENT_BYTES:
            self.finish()
        self._waiting.append((key, template, self._length, len(content)))
        self._pieces.append(content)
        self._length += len(content)

    def finish(self) -> None:
        """Write what was taken; afterwards `entries` says where everything is."""
        if not self._waiting:
            return
        content = b"".join(self._pieces)  # one large piece is not copied
        self._pieces, self._length = [], 0
        segment = SegmentEntry(new_segment_name(self.generation), len(content), digest_of(content))
        self.names.append(segment.name)
        self.store.publish(segment.name, content, now=self.now)
        self.written += len(content)
        for key, template, offset, length in self._waiting:
            self.entries[key] = EventEntry(template, segment, offset, length)
        self._waiting = []

    def discard(self) -> None:
        """Remove what was written, as far as that goes."""
        for name in self.names:
            with contextlib.suppress(Exception):
                self.store.remove(name)


def read_segment(store: SnapshotStore, segment: SegmentEntry, files: Mapping[str, int]) -> bytes:
    """Give a segment's content.

    Args:
        store: Where it is.
        segment: What it should be.
        files: What the store has, with lengths: nothing of a wrong length is read.

    Raises:
        PersistencyLoadError: It is not there, or not what it was.
    """
    where = f"{store.where}: {segment.name}"
    if segment.name not in files:
        message = f"{where} is missing"
        raise PersistencyLoadError(message, path=store.where)
    if files[segment.name] != segment.length:
        message = f"{where} is damaged: it has {files[segment.name]} bytes and should have {segment.length}"
        raise PersistencyLoadError(message, path=store.where)
    try:
        content = store.read(segment.name)
    except FileNotFoundError:
        message = f"{where} is missing"
        raise PersistencyLoadError(message, path=store.where) from None
    if len(content) != segment.length or digest_of(content) != segment.digest:
        message = f"{where} is damaged: its digest is not the one in the manifest"
        raise PersistencyLoadError(message, path=store.where)
    return content
