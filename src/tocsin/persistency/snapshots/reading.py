"""Finding the generation to go on with, and reading it whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tocsin.errors import PersistencyLoadError, StateVersionError
from tocsin.persistency.cut import RestoredPart
from tocsin.persistency.snapshots.manifest_file import LARGEST_MANIFEST, decode
from tocsin.persistency.snapshots.names import generation_of_manifest, manifest_name
from tocsin.persistency.snapshots.segments import read_segment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tocsin.persistency.snapshots.manifest import EventEntry, Manifest
    from tocsin.persistency.snapshots.store import SnapshotStore
    from tocsin.persistency.values import EventID

__all__ = [
    "Found",
    "OnCorruption",
    "Snapshot",
    "damage_of",
    "find",
    "lost_segments",
    "manifests_of",
    "read_manifest",
    "read_parts",
]

OnCorruption = Literal["raise", "previous"]

_LOOKS = 20
"""How often we look again when a writer removes what we are reading."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A generation that was read whole; all digests have been verified.

    Attributes:
        generation: Its number.
        created_at: When it was saved, UTC.
        parts: Name → persistency.
        positions: Where reading of the sources goes on.
        notes: What people should know, such as newer generations that are damaged.
    """

    generation: int
    created_at: datetime
    parts: dict[str, RestoredPart]
    positions: Any
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What a look into a store gave.

    Attributes:
        manifest: The generation to go on with.
        parts: Its content.
        newest: The highest generation there, damaged or not.
        damage: What is wrong with each newer generation that was passed over.
    """

    manifest: Manifest
    parts: dict[str, RestoredPart]
    newest: int
    damage: dict[int, str] = field(default_factory=dict)


def manifests_of(files: Mapping[str, int]) -> list[int]:
    """Give the generations that a store has manifests of, oldest first."""
    found = (generation_of_manifest(name) for name in files)
    return sorted(generation for generation in found if generation is not None)


def find(store: SnapshotStore, generation: int | None, on_corruption: OnCorruption) -> Found | None:
    """Read the newest generation, or a certain one; `None` when nothing was ever saved.

    A writer may remove old generations meanwhile: then we look again.

    Raises:
        PersistencyLoadError: It is damaged, or not there.
        StateVersionError: A newer Tocsin wrote it.
        PersistencyError: The store cannot be read.
    """
    for look in range(_LOOKS):
        files = store.list()
        present = manifests_of(files)
        if not present and generation is None:
            return None
        try:
            return _find_in(store, files, present, generation, on_corruption)
        except PersistencyLoadError:
            if look == _LOOKS - 1 or manifests_of(store.list()) == present:
                raise
    raise AssertionError  # pragma: no cover - the last look returns or raises


def _find_in(
    store: SnapshotStore,
    files: Mapping[str, int],
    present: list[int],
    generation: int | None,
    on_corruption: OnCorruption,
) -> Found:
    if generation is not None:
        if generation not in present:
            message = f"{store.where} has no generation {generation}"
            hint = f"there are {', '.join(map(str, present))}" if present else "nothing is saved there"
            raise PersistencyLoadError(message, hint=hint, path=store.where)
        manifest = read_manifest(store, generation, files)
        return Found(manifest, read_parts(store, manifest, files), present[-1])
    damage: dict[int, str] = {}
    for candidate in reversed(present):
        try:
            manifest = read_manifest(store, candidate, files)
            return Found(manifest, read_parts(store, manifest, files), present[-1], damage)
        except StateVersionError:
            raise
        except PersistencyLoadError as error:
            damage[candidate] = error.message
            if on_corruption == "raise":
                hint = 'go on with the generation before by on_corruption="previous", or revert to it'
                message = f"generation {candidate} cannot be loaded: {error.message}"
                raise PersistencyLoadError(message, hint=hint, path=store.where) from error
    message = f"no generation of {store.where} can be loaded: {damage[present[-1]]}"
    raise PersistencyLoadError(message, hint="restore the files from a backup", path=store.where)


def read_manifest(store: SnapshotStore, generation: int, files: Mapping[str, int]) -> Manifest:
    """Read one manifest; its segments are not looked at.

    Raises:
        PersistencyLoadError: It is damaged, or not there.
        StateVersionError: A newer Tocsin wrote it.
    """
    name = manifest_name(generation)
    where = f"{store.where}: {name}"
    if files.get(name, 0) > LARGEST_MANIFEST + 65:
        message = f"{where} is damaged: it is {files[name]} bytes long"
        raise PersistencyLoadError(message, path=store.where)
    try:
        content = store.read(name)
    except FileNotFoundError:
        message = f"{where} is missing"
        raise PersistencyLoadError(message, path=store.where) from None
    return decode(content, generation, where)


def damage_of(store: SnapshotStore, generation: int, files: Mapping[str, int]) -> str | None:
    """Tell why a generation cannot be loaded, as far as that shows without reading its segments.

    Raises:
        StateVersionError: A newer Tocsin wrote it.
    """
    try:
        manifest = read_manifest(store, generation, files)
    except StateVersionError:
        raise
    except PersistencyLoadError as error:
        return error.message
    return lost_segments(manifest, files)


def lost_segments(manifest: Manifest, files: Mapping[str, int]) -> str | None:
    """Tell which segment a generation misses, if any."""
    lost = [one.name for one in manifest.segments if files.get(one.name) != one.length]
    return f"{lost[0]} is missing, or has another length" if lost else None


def read_parts(store: SnapshotStore, manifest: Manifest, files: Mapping[str, int]) -> dict[str, RestoredPart]:
    """Read what a manifest speaks of, one segment at a time.

    Raises:
        PersistencyLoadError: A segment is damaged, or not there.
    """
    wanted: dict[str, list[tuple[str, EventID, EventEntry]]] = {}
    for name, part in manifest.parts.items():
        for event_id, entry in part.events.items():
            wanted.setdefault(entry.segment.name, []).append((name, event_id, entry))
    contents: dict[str, dict[EventID, bytes]] = {name: {} for name in manifest.parts}
    for segment in manifest.segments:
        content = read_segment(store, segment, files)
        for name, event_id, entry in wanted[segment.name]:
            contents[name][event_id] = content[entry.offset : entry.offset + entry.length]
    return {
        name: RestoredPart(
            kind=part.kind,
            seen=part.seen,
            templates={
                event_id: entry.template
                for event_id, entry in part.events.items()
                if entry.template is not None
            },
            contents={event_id: contents[name][event_id] for event_id in part.events},
            metadata=part.metadata,
        )
        for name, part in manifest.parts.items()
    }
