"""An event as a row of a table: the columns that an `IdeaGhost` is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.eventstorage.columns import ARRAY_COLUMNS, GHOST_COLUMNS, SCALAR_COLUMNS

if TYPE_CHECKING:
    from tocsin.eventstorage.idea import Idea

__all__ = ["table_row"]

_ROW_COLUMNS = (*SCALAR_COLUMNS, *ARRAY_COLUMNS)


def table_row(event: Idea) -> dict[str, Any]:
    """Give the columns of an event in the order of `GHOST_COLUMNS`: instants, texts, and lists of these."""
    row = event.row
    values = [event.seq, event.id, event.storagetime, event.detecttime]
    values += [getattr(row, name) for name in _ROW_COLUMNS]
    return dict(zip(GHOST_COLUMNS, values, strict=True))
