"""Making a generation of cuts: new bytes into segments, everything else carried over, manifest last."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tocsin.errors import PersistencyError, PersistencyLoadError, StateLockedError
from tocsin.persistency.snapshots import names
from tocsin.persistency.snapshots.manifest import EventEntry, Manifest, PartEntry
from tocsin.persistency.snapshots.manifest_file import encode, plain_copy
from tocsin.persistency.snapshots.retention import segments_to_rewrite
from tocsin.persistency.snapshots.segments import SegmentWriter, read_segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.persistency.cut import Cut
    from tocsin.persistency.snapshots.manifest import SegmentEntry
    from tocsin.persistency.snapshots.store import SnapshotStore
    from tocsin.persistency.values import EventID

__all__ = ["KeysMissingError", "is_same", "publish_manifest", "write_generation"]

_Key = tuple[str, "EventID"]


class KeysMissingError(PersistencyError):
    """A cut leaves out events that the store does not have either: cut with `complete=True`."""


def is_same(base: Manifest, parts: Mapping[str, Cut], positions: Any) -> bool:
    """Tell whether a generation holds what these cuts and positions say."""
    return (
        base.parts.keys() == parts.keys()
        and _same_json(base.positions, positions)
        and all(_unchanged(base.parts[name], cut) for name, cut in parts.items())
    )


def _unchanged(part: PartEntry, cut: Cut) -> bool:
    return (
        not cut.changed
        and part.kind == cut.kind
        and part.seen == cut.seen
        and part.events.keys() == cut.keys
        and _same_json(part.metadata, cut.metadata)
        and all(entry.template == cut.templates.get(event_id) for event_id, entry in part.events.items())
    )


def _same_json(kept: Any, given: Any) -> bool:
    """Tell `1` from `True`, which Python's equality does not."""
    return json.dumps(kept, sort_keys=True) == json.dumps(plain_copy(given), sort_keys=True)


def write_generation(
    store: SnapshotStore,
    files: Mapping[str, int],
    base: Manifest | None,
    cuts: Mapping[str, Cut],
    draft: Manifest,
) -> Manifest:
    """Write and publish a generation.

    Args:
        store: Where.
        files: What is there.
        base: What unchanged events are taken from.
        cuts: What to save.
        draft: The generation, still without its parts.

    Raises:
        KeysMissingError: Unchanged events are not there.
        StateLockedError: Somebody else published this generation.
        PersistencyError: The store failed.
    """
    carried = _carried(store, files, base, cuts)
    segments: SegmentWriter[_Key] = SegmentWriter(store, draft.generation, draft.created_at)
    try:
        for name, cut in cuts.items():
            for event_id, give in cut.changed.items():
                segments.add((name, event_id), cut.templates.get(event_id), give())
        _rewrite(store, files, carried, segments)
        segments.finish()
        places = carried | segments.entries
        parts = {name: _part(name, cut, places) for name, cut in cuts.items()}
        manifest = replace(draft, positions=plain_copy(draft.positions), parts=parts)
        content = encode(manifest)
    except BaseException:
        segments.discard()
        raise
    publish_manifest(store, manifest, content, segments)
    return manifest


def publish_manifest(
    store: SnapshotStore, manifest: Manifest, content: bytes, segments: SegmentWriter[_Key] | None = None
) -> None:
    """Make a generation valid.

    When the store fails, its answer may be what was lost, so we look. The new segments are removed only
    when it is certain that no manifest will ever name them.

    Raises:
        StateLockedError: Somebody else published this generation.
        PersistencyError: The store failed.
    """
    name = names.manifest_name(manifest.generation)
    certain = False
    try:
        store.publish(name, content, now=manifest.created_at)
    except FileExistsError:
        certain = True
        message = f"{store.where} is being written by somebody else: {name} is there already"
        raise StateLockedError(message, hint="stop one of the two") from None
    except PersistencyError:
        arrived = _arrived(store, name, content)
        certain = arrived is False and not store.may_arrive_late
        if not arrived:
            raise
    finally:
        if certain and segments is not None:
            segments.discard()


def _arrived(store: SnapshotStore, name: str, content: bytes) -> bool | None:
    """Tell whether a file is there; `None` when the store does not say."""
    try:
        there = store.read(name)
        if there != content and content.startswith(there):
            store.remove(name)  # half of it, from a store that shows such
    except FileNotFoundError:
        return False
    except PersistencyError:
        return None
    return there == content


def _carried(
    store: SnapshotStore, files: Mapping[str, int], base: Manifest | None, cuts: Mapping[str, Cut]
) -> dict[_Key, EventEntry]:
    """Give the places of what did not change."""
    carried: dict[_Key, EventEntry] = {}
    for name, cut in cuts.items():
        part = None if base is None else base.parts.get(name)
        events = {} if part is None or part.kind != cut.kind else part.events
        for event_id in cut.keys - cut.changed.keys():
            entry = events.get(event_id)
            if entry is None or files.get(entry.segment.name) != entry.segment.length:
                message = f"event {_shown(event_id)} is neither in the cut nor in {store.where}"
                raise KeysMissingError(message, hint="cut with complete=True")
            carried[name, event_id] = replace(entry, template=cut.templates.get(event_id))
    return carried


def _rewrite(
    store: SnapshotStore,
    files: Mapping[str, int],
    carried: Mapping[_Key, EventEntry],
    segments: SegmentWriter[_Key],
) -> None:
    """Move what is left of segments that are mostly dead into the new ones."""
    live: dict[SegmentEntry, int] = {}
    for entry in carried.values():
        live[entry.segment] = live.get(entry.segment, 0) + entry.length
    for segment in sorted(segments_to_rewrite(live), key=lambda one: one.name):
        try:
            content = read_segment(store, segment, files)
        except PersistencyLoadError as error:
            raise KeysMissingError(error.message, hint="cut with complete=True") from error
        for key, entry in carried.items():
            if entry.segment == segment:
                segments.add(key, entry.template, content[entry.offset : entry.offset + entry.length])


def _part(name: str, cut: Cut, places: Mapping[_Key, EventEntry]) -> PartEntry:
    ordered = [event_id for event_id in cut.seen if event_id in cut.keys]
    ordered += sorted(cut.keys.difference(ordered), key=_order)
    events = {event_id: places[name, event_id] for event_id in ordered}
    return PartEntry(cut.kind, cut.seen, events, plain_copy(dict(cut.metadata)))


def _order(event_id: EventID) -> tuple[bool, Any]:
    return isinstance(event_id, str), event_id


def _shown(event_id: EventID) -> str:
    """Give an EventID for people; Python does not write very long numbers."""
    return f"{event_id!r:.80}" if isinstance(event_id, str) else hex(event_id)[:80]
