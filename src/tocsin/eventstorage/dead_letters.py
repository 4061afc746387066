"""What could not be stored, kept with the reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tocsin.eventstorage.session import Session

__all__ = ["keep_rejected"]

_LONGEST = 65_536


def keep_rejected(session: Session, rejected: Iterable[tuple[str, Mapping[str, Any] | str | bytes]]) -> None:
    """Keep messages that are no events, each cut after 64 KiB; within the open transaction."""
    rows = [(reason, _content(message)) for reason, message in rejected]
    if rows:
        at = session.to_time(session.now())
        session.execute_many(
            "INSERT INTO event_rejects (storagetime, reason, content) VALUES (%s, %s, %s)",
            [(at, reason, content) for reason, content in rows],
        )


def _content(message: Mapping[str, Any] | str | bytes) -> bytes:
    if isinstance(message, bytes):
        return message[:_LONGEST]
    text = message if isinstance(message, str) else json.dumps(message, default=str)
    return text[:_LONGEST].encode("utf-8", "surrogatepass")[:_LONGEST]
