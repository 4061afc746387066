"""Snapshots: numbered generations of a state, each whole or not there."""

from tocsin.persistency.snapshots.fsspec_store import FsspecStore
from tocsin.persistency.snapshots.reading import OnCorruption, Snapshot
from tocsin.persistency.snapshots.row_store import RowStore
from tocsin.persistency.snapshots.snapshots import GenerationInfo, Snapshots
from tocsin.persistency.snapshots.store import MemoryStore, SnapshotStore
from tocsin.persistency.snapshots.writing import KeysMissingError

__all__ = [
    "FsspecStore",
    "GenerationInfo",
    "KeysMissingError",
    "MemoryStore",
    "OnCorruption",
    "RowStore",
    "Snapshot",
    "SnapshotStore",
    "Snapshots",
]
