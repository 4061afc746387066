"""Taking away what no generation needs any more, and putting damaged ones aside."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tocsin.errors import PersistencyLoadError
from tocsin.persistency.snapshots import names
from tocsin.persistency.snapshots.reading import manifests_of, read_manifest
from tocsin.persistency.snapshots.retention import kept_generations

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from tocsin.persistency.snapshots.manifest import Manifest
    from tocsin.persistency.snapshots.store import SnapshotStore

__all__ = ["Tidier", "put_aside"]


class Tidier:
    """Keeps the newest generations, and the last of each past day.

    Args:
        keep_generations: How many of the newest, damaged ones not counted.
        keep_days: Of how many past UTC days the last one, additionally.
    """

    def __init__(self, keep_generations: int, keep_days: int) -> None:
        self._keep_generations = keep_generations
        self._keep_days = keep_days
        self._cards: dict[int, tuple[datetime, frozenset[str]]] = {}

    def remember(self, manifest: Manifest) -> None:
        """Know a manifest without reading it again."""
        self._cards[manifest.generation] = (
            manifest.created_at,
            frozenset(segment.name for segment in manifest.segments),
        )

    def tidy(
        self,
        store: SnapshotStore,
        files: Mapping[str, int],
        newest: int,
        now: datetime,
        superseded: Collection[int] = (),
    ) -> None:
        """Remove generations, segments without one, and files that were never completed.

        Args:
            store: Where.
            files: What is there.
            newest: The generation just made; what belongs to later ones is not touched.
            now: When.
            superseded: Generations that go in any case.
        """
        present = [number for number in manifests_of(files) if number <= newest]
        if newest not in present:
            return  # a list that is behind: what it does not show may be what is needed
        unreadable = self._read_cards(store, files, [one for one in present if one not in superseded])
        known = {one: self._cards[one][0] for one in present if one in self._cards and one not in superseded}
        kept = kept_generations(known, self._keep_generations, self._keep_days, now)
        # A damaged generation goes when the good ones of its age have gone.
        kept.update(one for one in unreadable if one > min(kept, default=0))
        for generation in set(present) - kept:
            store.remove(names.manifest_name(generation))
            self._cards.pop(generation, None)
        if not kept <= self._cards.keys():
            return  # we cannot know which segments a damaged manifest needs
        needed = {name for generation in kept for name in self._cards[generation][1]}
        for name in files:
            written_for = names.generation_of_segment(name)
            orphan = written_for is not None and written_for <= newest and name not in needed
            if orphan or names.is_temporary(name):
                store.remove(name)

    def _read_cards(
        self, store: SnapshotStore, files: Mapping[str, int], generations: Collection[int]
    ) -> set[int]:
        unreadable = set()
        for generation in generations:
            if generation not in self._cards:
                try:
                    self.remember(read_manifest(store, generation, files))
                except PersistencyLoadError:
                    unreadable.add(generation)
        return unreadable


def put_aside(
    store: SnapshotStore, files: Mapping[str, int], generations: Collection[int], now: datetime
) -> None:
    """Move damaged manifests, and the segments written for them, to `quarantine/`.

    Nothing is lost when this is interrupted: a file is removed after its copy was published.
    """
    needed = _segments_of_others(store, files, generations)
    wanted = [
        name
        for name in files
        if names.generation_of_manifest(name) in generations
        or (names.generation_of_segment(name) in generations and name not in needed)
    ]
    copied = []
    for name in wanted:
        target = names.quarantine_name(name)
        try:
            content = store.read(name)
        except FileNotFoundError:
            continue
        if target not in files:
            store.publish(target, content, now=now)
        copied.append(name)
    for name in copied:
        store.remove(name)


def _segments_of_others(
    store: SnapshotStore, files: Mapping[str, int], generations: Collection[int]
) -> set[str]:
    needed: set[str] = set()
    for generation in manifests_of(files):
        if generation not in generations:
            with contextlib.suppress(PersistencyLoadError):
                needed.update(one.name for one in read_manifest(store, generation, files).segments)
    return needed
