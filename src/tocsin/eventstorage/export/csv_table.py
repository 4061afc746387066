"""Events as CSV."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from tocsin.eventstorage.columns import GHOST_COLUMNS
from tocsin.eventstorage.export.tables import table_row
from tocsin.eventstorage.idea.times import format_time, microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.eventstorage.idea import Idea

__all__ = ["write_csv"]


def write_csv(events: Iterable[Idea], stream: BinaryIO) -> int:
    """Write events as CSV (RFC 4180, UTF-8) with a line of headings: `columns.GHOST_COLUMNS`.

    Times are RFC 3339 in UTC. Columns of several values are JSON arrays, `[]` when empty. What is not there
    is an empty field.

    Returns:
        How many events were written.
    """
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text)
        writer.writerow(GHOST_COLUMNS)
        count = 0
        for event in events:
            writer.writerow([_field(value) for value in table_row(event).values()])
            count += 1
        return count
    finally:
        text.detach()  # the stream is the caller's


def _field(value: Any) -> Any:
    if isinstance(value, tuple):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else "[]"
    return format_time(microseconds(value)) if isinstance(value, datetime) else value
