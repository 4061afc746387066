"""States to save, and where."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tocsin.persistency.cut import Cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tocsin.persistency.cut import RestoredPart
    from tocsin.persistency.snapshots import Snapshot
    from tocsin.persistency.values import EventID

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

Contents = dict["EventID", bytes]


def after(**length: float) -> datetime:
    return NOW + timedelta(**length)


def giving(content: bytes) -> Callable[[], bytes]:
    return lambda: content


def cut_of(
    contents: Mapping[Any, bytes],
    changed: Iterable[Any] | None = None,
    *,
    seen: Iterable[Any] = (),
    metadata: Mapping[str, Any] | None = None,
) -> Cut:
    """Cut a state; without `changed`, all of it changed."""
    names = contents.keys() if changed is None else changed
    return Cut(
        kind="test",
        seen=tuple(dict.fromkeys([*contents, *seen])),
        templates={event_id: f"template {number}" for number, event_id in enumerate(contents)},
        keys=frozenset(contents),
        changed={event_id: giving(contents[event_id]) for event_id in names},
        metadata=metadata or {},
    )


def contents_of(snapshot: Snapshot | None, part: str = "") -> Mapping[EventID, bytes] | None:
    return None if snapshot is None else snapshot.parts[part].contents


def same(part: RestoredPart, cut: Cut, contents: Mapping[Any, bytes]) -> bool:
    return (
        part.kind == cut.kind
        and part.seen == cut.seen
        and list(map(type, part.seen)) == list(map(type, cut.seen))
        and dict(part.templates) == dict(cut.templates)
        and dict(part.contents) == dict(contents)
        and dict(part.metadata) == dict(cut.metadata)
    )


class Learner:
    """Something that learns: knows what changed since the last cut that was kept."""

    def __init__(self, contents: Mapping[Any, bytes] | None = None) -> None:
        self.contents: Contents = dict(contents or {})
        self.dirty = set(self.contents)

    def learn(self, **contents: bytes) -> None:
        self.contents.update(contents)
        self.dirty |= contents.keys()

    def cut(self, *, complete: bool = False) -> Cut:
        cut = cut_of(self.contents, list(self.contents) if complete else sorted(self.dirty, key=repr))
        self.dirty = set()
        return cut

    def uncut(self, cut: Cut) -> None:
        self.dirty |= cut.changed.keys()
