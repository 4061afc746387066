"""A manifest: all that one generation of a state is, but for the bytes in its segments."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tocsin.persistency.values import EventID

__all__ = ["EventEntry", "Manifest", "PartEntry", "SegmentEntry", "Writer"]


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes a state.

    Attributes:
        id: 16 hex digits, drawn anew for each writer.
        owner: The user.
        host: The machine.
        pid: The process.
    """

    id: str
    owner: str
    host: str
    pid: int

    @classmethod
    def here(cls) -> Writer:
        """Give a new writer in this process."""
        return cls(secrets.token_hex(8), _user(), socket.gethostname(), os.getpid())

    def __str__(self) -> str:
        return f"{self.owner} on {self.host}, pid {self.pid}"


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container without an entry for the user
        return str(os.getuid())


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """A file with the bytes of many events.

    Attributes:
        name: Its name below the root.
        length: Bytes.
        digest: BLAKE2b-256 of the file, 64 hex digits.
    """

    name: str
    length: int
    digest: str


@dataclass(frozen=True, slots=True)
class EventEntry:
    """Where the bytes of one event are.

    Attributes:
        template: The event's template.
        segment: The segment.
        offset: First byte in it.
        length: Bytes.
    """

    template: str | None
    segment: SegmentEntry
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class PartEntry:
    """One persistency: what `Cut` says, with places instead of bytes."""

    kind: str
    seen: tuple[EventID, ...]
    events: Mapping[EventID, EventEntry]
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation.

    Attributes:
        generation: Its number, ≥ 1; never used again.
        parent: The generation that it was made from; `None` for the first.
        created_at: When, UTC.
        token: Fencing: grows by one with each writer that takes the state over.
        writer: Who made it.
        positions: Where reading of the sources goes on; JSON.
        parts: Name → persistency.
        segments: Every segment that an event is in, in the order of their names.
    """

    generation: int
    parent: int | None
    created_at: datetime
    token: int
    writer: Writer
    positions: Any
    parts: Mapping[str, PartEntry]

    @property
    def segments(self) -> tuple[SegmentEntry, ...]:
        """Every segment that an event is in, in the order of their names."""
        found = {entry.segment for part in self.parts.values() for entry in part.events.values()}
        return tuple(sorted(found, key=lambda segment: segment.name))
