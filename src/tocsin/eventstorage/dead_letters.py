"""What could not be stored, kept with the reason."""

from __future__ import annotations

import json
import reprlib
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from tocsin.eventstorage.idea.texts import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tocsin.eventstorage.session import Session

__all__ = ["keep_rejected"]

_LONGEST = 65_536


def keep_rejected(session: Session, rejected: Iterable[tuple[str, Mapping[str, Any] | str | bytes]]) -> None:
    """Keep messages that are no events, each cut after 64 KiB; within the open transaction.

    What was kept already, with the same reason, is not kept again: a file may be imported many times.
    """
    rows = [(reason, _content(message)) for reason, message in rejected]
    if rows:
        at = session.to_time(session.now())
        session.execute_many(
            "INSERT INTO event_rejects (storagetime, reason, content, digest) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (digest) DO NOTHING",
            [(at, clean(reason), content, _digest(reason, content)) for reason, content in rows],
        )


def _digest(reason: str, content: bytes) -> bytes:
    text = reason.encode("utf-8", "surrogatepass")
    return blake2b(text + b"\0" + content, digest_size=16).digest()


def _content(message: Mapping[str, Any] | str | bytes) -> bytes:
    if isinstance(message, bytes):
        return message[:_LONGEST]
    text = message if isinstance(message, str) else _written(message)
    return text[:_LONGEST].encode("utf-8", "surrogatepass")[:_LONGEST]


def _written(message: Mapping[str, Any]) -> str:
    """Write what is no event as JSON, or as near to it as can be: it may well be rejected for that."""
    try:
        return json.dumps(message, default=str)
    except (TypeError, ValueError):  # keys that are no texts, or it holds itself
        return repr(message)
    except RecursionError:
        return reprlib.repr(message)
