"""A persistency at one instant, on its way to a snapshot; and one that was read back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tocsin.persistency.values import EventID

__all__ = ["Cut", "RestoredPart"]


@dataclass(frozen=True, slots=True)
class Cut:
    """All of one persistency, with the bytes of what changed since the last cut that was saved.

    Attributes:
        kind: The backend's kind (`EventDataStructure.kind`).
        seen: Every EventID ever ingested, in the order they came, those without variables included.
        templates: The template of each event with a backend.
        keys: The events that have a backend.
        changed: For those of `keys` that changed: gives the bytes; may be called once each, from another
            thread, without a lock held.
        metadata: What the owner keeps beside the events (configuration, phase, counters); JSON.
    """

    kind: str
    seen: tuple[EventID, ...]
    templates: Mapping[EventID, str]
    keys: frozenset[EventID]
    changed: Mapping[EventID, Callable[[], bytes]]
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RestoredPart:
    """One persistency as a snapshot holds it; all digests have been verified."""

    kind: str
    seen: tuple[EventID, ...]
    templates: Mapping[EventID, str]
    contents: Mapping[EventID, bytes]
    metadata: Mapping[str, Any] = field(default_factory=dict)
