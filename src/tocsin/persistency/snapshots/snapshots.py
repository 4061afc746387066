"""Generations of a state: made, found, kept, taken back."""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeGuard

from tocsin.errors import PersistencyError, PersistencyLoadError, StateLockedError, StateVersionError
from tocsin.persistency.snapshots import names
from tocsin.persistency.snapshots.manifest import Manifest, Writer
from tocsin.persistency.snapshots.manifest_file import encode
from tocsin.persistency.snapshots.reading import (
    Found,
    OnCorruption,
    Snapshot,
    damage_of,
    find,
    lost_segments,
    manifests_of,
    read_manifest,
)
from tocsin.persistency.snapshots.tidying import Tidier, put_aside
from tocsin.persistency.snapshots.writing import is_same, publish_manifest, write_generation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tocsin.persistency.cut import Cut
    from tocsin.persistency.snapshots.store import SnapshotStore

__all__ = ["GenerationInfo", "Snapshots"]

_LOG = logging.getLogger("tocsin.persistency")


@dataclass(frozen=True, slots=True)
class GenerationInfo:
    """What there is to know of a generation without loading it.

    Attributes:
        generation: Its number.
        parent: The one that it was made from.
        created_at: When; `None` when it is damaged.
        size_bytes: Length of its manifest's segments.
        written_bytes: How much of that was written for this generation.
        events: EventIDs seen, over all parts.
        writer: Who made it: user, host and process.
        damage: Why it cannot be loaded, `None` when nothing speaks against it.
    """

    generation: int
    parent: int | None
    created_at: datetime | None
    size_bytes: int
    written_bytes: int
    events: int
    writer: str
    damage: str | None = None


class Snapshots:
    """The generations of one state in one store; used by one thread at a time.

    Args:
        store: Where they are.
        keep_generations: How many are kept.
        keep_days: Of how many past UTC days the last one is kept, additionally.
        on_corruption: `raise`: a damaged newest generation is an error. `previous`: the one before is
            used, and the damaged one is put aside at the next commit.

    >>> from datetime import UTC, datetime
    >>> from tocsin.persistency.cut import Cut
    >>> from tocsin.persistency.snapshots import MemoryStore, Snapshots
    >>> snapshots = Snapshots(MemoryStore())
    >>> keys = frozenset(["4624"])
    >>> cut = Cut("counter", ("4624",), {"4624": "<*> logged on"}, keys, {"4624": lambda: b"7"})
    >>> snapshots.commit({"": cut}, now=datetime(2026, 3, 1, tzinfo=UTC)).generation
    1
    >>> snapshots.load().parts[""].contents
    {'4624': b'7'}
    """

    def __init__(
        self,
        store: SnapshotStore,
        *,
        keep_generations: int = 3,
        keep_days: int = 0,
        on_corruption: OnCorruption = "raise",
    ) -> None:
        if keep_generations < 1 or keep_days < 0:
            message = f"keep_generations is {keep_generations}, keep_days {keep_days}: at least 1 and 0"
            raise ValueError(message)
        if on_corruption not in {"raise", "previous"}:
            message = f"on_corruption is {on_corruption!r}, not 'raise' or 'previous'"
            raise ValueError(message)
        self.store = store
        self._on_corruption = on_corruption
        self._tidier = Tidier(keep_generations, keep_days)
        self._writer = Writer.here()
        self._base: Manifest | None = None  # what the live state was loaded from or saved as
        self._newest: int | None = None  # the highest generation that we know of
        self._token = 0
        self._damaged: frozenset[int] = frozenset()
        self._checked: int | None = None  # a generation that we know to be whole
        self._own: int | None = None

    def load(self, generation: int | None = None) -> Snapshot | None:
        """Read the newest generation, or a certain one; nothing is written.

        The next `commit` goes on from what was loaded.

        Returns:
            `None` when nothing was ever saved.

        Raises:
            PersistencyLoadError: It is damaged, or not there.
            StateVersionError: A newer Tocsin wrote it.
            PersistencyError: The store cannot be read.
        """
        found = find(self.store, generation, self._on_corruption)
        self._start_from(found)
        if found is None:
            return None
        self._base = found.manifest
        notes = tuple(
            f"generation {number} is damaged, generation {found.manifest.generation} is used: {reason}"
            for number, reason in found.damage.items()
        )
        return Snapshot(
            found.manifest.generation, found.manifest.created_at, found.parts, found.manifest.positions, notes
        )

    def _start_from(self, found: Found | None) -> None:
        self._base = self._own = self._checked = None
        self._newest = 0
        self._damaged = frozenset()
        if found is not None:
            self._tidier.remember(found.manifest)
            self._newest = found.newest
            self._damaged = frozenset(found.damage)
            self._token = found.manifest.token
            if found.manifest.generation == found.newest or found.newest in found.damage:
                self._checked = found.newest

    def commit(
        self, parts: Mapping[str, Cut], *, now: datetime, positions: Any = None, supersede: bool = False
    ) -> GenerationInfo:
        """Publish a generation: once this returns it is there for good, and when it raises it is not.

        When nothing changed since the generation that this would follow, that one is given.

        Args:
            parts: Name → cut.
            now: When.
            positions: Where reading of the sources goes on; JSON.
            supersede: Replace the newest generation if this object made it.

        Raises:
            StateLockedError: Another writer is there, or was since we loaded.
            KeysMissingError: The cuts are not complete, and what they leave out is not in the store.
            PersistencyLoadError: The newest generation is damaged: it is not written over.
            PersistencyError: The store failed.
        """
        files = self._take_turn()
        if self._is_newest(self._base, files) and is_same(self._base, parts, positions):
            return _info(self._base, written=0)
        if self._damaged:
            put_aside(self.store, files, self._damaged, now)
            files = self.store.list()
        replaced = self._base if supersede and self._base and self._base.generation == self._own else None
        if self._own is None:
            self._token += 1
        parent = replaced.parent if replaced else self._newest or None
        draft = self._draft(files, parent, now, positions)
        manifest = write_generation(self.store, files, self._base, parts, draft)
        return self._published(manifest, now, set() if replaced is None else {replaced.generation})

    def _draft(self, files: Mapping[str, int], parent: int | None, now: datetime, positions: Any) -> Manifest:
        generation = max(names.highest_generation(files), self._newest or 0) + 1
        if generation > names.LAST_GENERATION:
            message = f"{self.store.where} has used up the numbers of generations"
            raise PersistencyError(message, hint="save to another path")
        if now.tzinfo is None:
            message = f"the instant {now} of a generation has no zone"
            raise ValueError(message)
        return Manifest(generation, parent, now, self._token, self._writer, positions, {})

    def revert(self, generation: int, *, now: datetime) -> GenerationInfo:
        """Publish a new generation with the content of an old one; newer damaged ones are put aside.

        Whoever has the state in memory must load it again.

        Raises:
            StateLockedError: Another writer is there.
            PersistencyLoadError: That generation is damaged, or not there.
            PersistencyError: The store failed.
        """
        self._lock()
        found = find(self.store, generation, "raise")
        assert found is not None  # noqa: S101 - a generation that is not there is an error
        self._start_from(found)
        self._put_aside_later_damage(generation, now)
        self._token += 1
        draft = self._draft(self.store.list(), generation, now, found.manifest.positions)
        manifest = replace(draft, parts=found.manifest.parts)
        publish_manifest(self.store, manifest, encode(manifest))
        return self._published(manifest, now, set())

    def generations(self) -> list[GenerationInfo]:
        """Give what is known of every generation, oldest first; segments are not read."""
        files = self.store.list()
        return [self._look_at(generation, files) for generation in manifests_of(files)]

    def claim(self) -> None:
        """Keep other writers out from now on, and make sure that we may write; commits do so too.

        Raises:
            StateLockedError: Another writer is there, or was since we loaded.
            PersistencyLoadError: The newest generation is damaged: it is not written over.
            PersistencyError: The store failed.
        """
        self._take_turn()

    def close(self) -> None:
        """Let other writers in."""
        if self._writer.pid == os.getpid():
            self.store.unlock()

    # -- whose turn it is -------------------------------------------------------------------------------

    def _lock(self) -> None:
        if self._writer.pid != os.getpid():
            message = f"{self.store.where} is written by {self._writer}, from which this process was forked"
            raise StateLockedError(message, hint="make a persistency and a saver of its own in each process")
        self.store.lock(self._writer)

    def _take_turn(self) -> Mapping[str, int]:
        """Make sure that we are the writer and that nobody wrote since; give what is in the store."""
        self._lock()
        if self._newest is None:  # we start anew, beside whatever is there
            self._start_from(find(self.store, None, self._on_corruption))
        files = self.store.list()
        newest = max(manifests_of(files), default=0)
        if newest > (self._newest or 0):
            writer = read_manifest(self.store, newest, files)
            if writer.writer.id != self._writer.id:
                message = (
                    f"{self.store.where} was taken over by {writer.writer}: generation {newest} is theirs"
                )
                raise StateLockedError(message, hint="stop one of the two, or load again")
            self._newest = self._checked = newest  # a save of ours that we had given up, and that arrived
        if newest and newest != self._checked and newest not in self._damaged:
            find(self.store, None, "raise")
            self._checked = newest
        return files

    def _is_newest(self, manifest: Manifest | None, files: Mapping[str, int]) -> TypeGuard[Manifest]:
        newest = max(manifests_of(files), default=0)
        return manifest is not None and manifest.generation == newest == self._newest

    def _put_aside_later_damage(self, generation: int, now: datetime) -> None:
        files = self.store.list()
        damaged = set()
        for later in manifests_of(files):
            with contextlib.suppress(StateVersionError):  # newer is not damaged
                if later > generation and damage_of(self.store, later, files) is not None:
                    damaged.add(later)
        if damaged:
            put_aside(self.store, files, damaged, now)

    def _published(self, manifest: Manifest, now: datetime, superseded: set[int]) -> GenerationInfo:
        """Go on from a new generation."""
        self._base = manifest
        self._newest = self._checked = self._own = manifest.generation
        self._damaged = frozenset()
        self._tidier.remember(manifest)
        try:
            self.store.replace(names.CURRENT, f"{manifest.generation}\n".encode(), now=now)
            files = self.store.list()
            later = [one for one in manifests_of(files) if one > manifest.generation]
            if not later:
                self._tidier.tidy(self.store, files, manifest.generation, now, superseded)
        except (PersistencyError, FileNotFoundError) as error:  # what is saved is saved
            _LOG.warning("generation %d is saved, tidying up failed: %s", manifest.generation, error)
            later = []
        if later:
            message = f"{self.store.where} was taken over: generation {later[-1]} is not ours"
            raise StateLockedError(message, hint="stop one of the two, or load again")
        return _info(manifest)

    def _look_at(self, generation: int, files: Mapping[str, int]) -> GenerationInfo:
        try:
            manifest = read_manifest(self.store, generation, files)
            return _info(manifest, damage=lost_segments(manifest, files))
        except PersistencyLoadError as error:
            return GenerationInfo(generation, None, None, 0, 0, 0, "", damage=error.message)


def _info(manifest: Manifest, *, written: int | None = None, damage: str | None = None) -> GenerationInfo:
    if written is None:
        written = sum(
            one.length
            for one in manifest.segments
            if names.generation_of_segment(one.name) == manifest.generation
        )
    return GenerationInfo(
        generation=manifest.generation,
        parent=manifest.parent,
        created_at=manifest.created_at,
        size_bytes=sum(one.length for one in manifest.segments),
        written_bytes=written,
        events=sum(len(part.seen) for part in manifest.parts.values()),
        writer=str(manifest.writer),
        damage=damage,
    )
