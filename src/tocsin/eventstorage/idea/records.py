"""From what a query gives to events."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.eventstorage.columns import ARRAY_COLUMNS, GHOST_COLUMNS, RECORD_COLUMNS
from tocsin.eventstorage.idea.ghost import IdeaGhost, ghost_document
from tocsin.eventstorage.idea.message import Idea
from tocsin.eventstorage.idea.times import EPOCH, MICROSECOND, microseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["record_to_idea", "record_to_idea_ghost"]


def record_to_idea(record: Sequence[Any] | Mapping[str, Any]) -> Idea:
    """Make an event of a record of a `select` query.

    Args:
        record: In the order of `columns.RECORD_COLUMNS`, or a mapping with these names. Times are instants or
            microseconds since the epoch.
    """
    if not isinstance(record, tuple | list):
        record = [record[name] for name in RECORD_COLUMNS]  # type: ignore[call-overload]
    seq, ident, storagetime, detecttime, message = record
    if not isinstance(message, bytes):
        message = message.encode() if isinstance(message, str) else bytes(message)
    return Idea.of_record(message, ident, seq, storagetime, detecttime)


def record_to_idea_ghost(record: Sequence[Any] | Mapping[str, Any]) -> IdeaGhost:
    """Make an event of a record of a `select_ghost` query.

    Args:
        record: In the order of `columns.GHOST_COLUMNS`, or a mapping with these names. Times are instants or
            microseconds since the epoch; arrays are lists, or JSON as text.
    """
    columns = _named(record, GHOST_COLUMNS)
    for name in ARRAY_COLUMNS:
        value = columns[name]
        columns[name] = json.loads(value) if isinstance(value, str) else list(value or ())
    storagetime = _instant(columns["storagetime"])
    detecttime = _instant(columns["detecttime"])
    columns["storagetime"] = microseconds(storagetime)
    columns["detecttime"] = microseconds(detecttime)
    document = msgspec.json.encode(ghost_document(columns))
    return IdeaGhost.of_record(document, columns["id"], columns["seq"], storagetime, detecttime)


def _named(record: Sequence[Any] | Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    if isinstance(record, tuple | list):
        return dict(zip(names, record, strict=True))
    return {name: record[name] for name in names}  # type: ignore[call-overload]


def _instant(value: datetime | int) -> datetime:
    return value if isinstance(value, datetime) else EPOCH + value * MICROSECOND
