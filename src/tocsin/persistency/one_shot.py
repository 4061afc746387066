r"""Saving and loading once, without a saver.

Into bytes, a state is one line, its manifest, and its segments:

    tocsin-snapshot-bytes 1 <length of the manifest>\\n
    <manifest><segment><segment>…

with the manifest as it is in a folder, and the segments in the order in which it names them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, overload

from tocsin.errors import PersistencyLoadError
from tocsin.persistency.clock import WallClock
from tocsin.persistency.saver import ONLY_PART, restore_only_part
from tocsin.persistency.snapshots import FsspecStore, MemoryStore, Snapshots
from tocsin.persistency.snapshots.manifest_file import decode
from tocsin.persistency.snapshots.names import manifest_name

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from tocsin.abc import Clock
    from tocsin.persistency.event_persistency import EventPersistency
    from tocsin.persistency.snapshots import GenerationInfo, SnapshotStore
    from tocsin.persistency.snapshots.reading import OnCorruption

__all__ = ["load", "save"]

_WHERE = "the bytes"
_GENERATION = 1
_HEADER = re.compile(rb"tocsin-snapshot-bytes ([0-9]{1,6}) (0|[1-9][0-9]{0,15})\n")
_VERSION = b"1"


@overload
def save(ep: EventPersistency, path: None = None, *, clock: Clock | None = None) -> bytes: ...
@overload
def save(
    ep: EventPersistency,
    path: str | os.PathLike[str],
    storage_options: Mapping[str, Any] | None = None,
    *,
    clock: Clock | None = None,
) -> GenerationInfo: ...
def save(
    ep: EventPersistency,
    path: str | os.PathLike[str] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    *,
    clock: Clock | None = None,
) -> bytes | GenerationInfo:
    """Save a persistency as it is now, whole; a saver that it has is not disturbed.

    Args:
        ep: What to save.
        path: A folder or any fsspec URI; `None` gives the state as bytes.
        storage_options: What the file system is made with.
        clock: Tells the time that the snapshot bears; the machine's when left out.

    Returns:
        The bytes, or what there is to know of the new generation at the path.

    Raises:
        StateLockedError: A saver writes to that path.
        PersistencyError: It failed.

    >>> from tocsin.persistency import EventPersistency, EventStabilityTracker, load, save
    >>> ep = EventPersistency(EventStabilityTracker)
    >>> ep.ingest_event("4624", "<*> logged on", ["alice"])
    >>> other = EventPersistency(EventStabilityTracker)
    >>> load(other, save(ep))
    >>> other.get_event_template("4624")
    '<*> logged on'
    """
    if path is not None:
        return _commit(ep, FsspecStore(path, storage_options), clock)
    store = MemoryStore(where=_WHERE)
    _commit(ep, store, clock)
    return _pack(store)


def _commit(ep: EventPersistency, store: SnapshotStore, clock: Clock | None) -> GenerationInfo:
    snapshots = Snapshots(store)
    cut = ep.cut(complete=True, leave_dirty=True)
    try:
        return snapshots.commit({ONLY_PART: cut}, now=(clock or WallClock()).now())
    finally:
        snapshots.close()


def load(
    ep: EventPersistency,
    path_or_bytes: str | os.PathLike[str] | bytes | bytearray | memoryview,
    storage_options: Mapping[str, Any] | None = None,
    *,
    generation: int | None = None,
    on_corruption: OnCorruption = "raise",
) -> None:
    """Replace what a persistency holds by what was saved: all of it, or on an error nothing.

    A saver of the persistency writes all of it the next time.

    Args:
        ep: What to load into; its backend must be of the kind that was saved.
        path_or_bytes: Where it was saved, or what `save` gave.
        storage_options: What the file system is made with.
        generation: Which one to load; the newest when left out.
        on_corruption: `previous`: when the newest generation is damaged, load the one before. Nothing is
            put aside, since loading writes nothing.

    Raises:
        PersistencyLoadError: Nothing is there, it is damaged, or it is of another kind.
        PersistencyError: The store cannot be read.
    """
    store: SnapshotStore
    if isinstance(path_or_bytes, bytes | bytearray | memoryview):
        store = _unpack(bytes(path_or_bytes))
    else:
        store = FsspecStore(path_or_bytes, storage_options)
    snapshot = Snapshots(store, on_corruption=on_corruption).load(generation)
    if snapshot is None:
        message = f"nothing is saved at {store.where}"
        raise PersistencyLoadError(message, path=store.where)
    restore_only_part(ep, snapshot, store.where)


def _pack(store: MemoryStore) -> bytes:
    manifest = store.read(manifest_name(_GENERATION))
    segments = decode(manifest, _GENERATION, _WHERE).segments
    header = b"tocsin-snapshot-bytes %s %d\n" % (_VERSION, len(manifest))
    return b"".join([header, manifest, *(store.read(segment.name) for segment in segments)])


def _unpack(content: bytes) -> MemoryStore:
    header = _HEADER.match(content)
    if header is None or header[1] != _VERSION:
        message = "these bytes are not a saved persistency, or of a newer tocsin"
        raise PersistencyLoadError(message, hint="give what `save` gave")
    begin = header.end()
    end = begin + int(header[2])
    manifest = content[begin:end]
    files = {manifest_name(_GENERATION): manifest}
    for segment in decode(manifest, _GENERATION, _WHERE).segments:
        files[segment.name] = content[end : end + segment.length]
        end += segment.length
    if end != len(content):
        message = f"the bytes are damaged: there should be {end} of them, there are {len(content)}"
        raise PersistencyLoadError(message)
    return MemoryStore(files, _WHERE)
