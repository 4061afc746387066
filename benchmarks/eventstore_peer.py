"""The peer's event storage, through its public names; imported by its interpreter only."""

from __future__ import annotations

import importlib
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from benchmarks.idea_events import storage_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Store"]

_EVENTS_A_COMMIT = 500
_PORTION = 5_000


class Store:
    """A store of events.

    Args:
        where: The arguments of the service.
        total: See `storage_time`.
    """

    def __init__(self, where: dict[str, Any], total: int) -> None:
        self._where, self._total = where, total
        self._package = importlib.import_module("mentat.services.eventstorage")
        self._service = self._package.EventStorageService(**where)

    def create(self, *, indexes: bool) -> None:
        """Make tables, and indexes unless `fill` comes: its `index_drop` fails."""
        self._service.database_create()
        if indexes:
            self._service.index_create()

    def insert(self, lines: Sequence[str], first: int) -> int:
        """Store events, many a commit."""
        for number, line in enumerate(lines):
            self._service.insert_event_bulkci(_event(line, storage_time(first + number, self._total)))
            if number % _EVENTS_A_COMMIT == _EVENTS_A_COMMIT - 1:
                self._service.commit_bulk()
        if len(lines) % _EVENTS_A_COMMIT:
            self._service.commit_bulk()
        return len(lines)

    def insert_each(self, lines: Sequence[str], first: int) -> int:
        """Store events one by one, each committed."""
        for line in lines:
            self._service.insert_event(_event(line, storage_time(first, self._total)))
        return len(lines)

    def insert_again(self, lines: Sequence[str]) -> int:
        """Store events that are there, and give how many were refused for that."""
        refused = 0
        for line in lines:
            try:
                self._service.insert_event(_event(line, storage_time(0, self._total)))
            except self._package.StorageIntegrityError:
                refused += 1
        return refused

    def fill(self, path: Path, count: int) -> int:
        """Store the first events of a file by COPY, as the rows that its own classes give.

        Its insert would take ten minutes for what is only to be searched. The indexes are made afterwards,
        which leaves them as small as they can be.
        """
        work = partial(_copy, str(path), self._where, self._total)
        firsts = range(0, count, _PORTION)
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            stored = sum(
                pool.map(work, firsts, [min(_PORTION, count - first) for first in firsts], chunksize=10)
            )
        self._service.index_create()
        return stored

    def present(self, ids: Sequence[str]) -> list[str]:
        """Give those of some ids that are there, as often as they are."""
        return [json.loads(text)["ID"] for text in self._service.fetch_json_events(list(ids))]

    def search(self, parameters: dict[str, Any]) -> list[str]:
        """Give the ids of the events found; each is fetched whole, as an object."""
        return [event["ID"] for event in self._service.search_events(_typed(parameters))[1]]

    def count(self, parameters: dict[str, Any]) -> int:
        """Count events."""
        return int(self._service.count_events(_typed(parameters)))

    def top(self, parameters: dict[str, Any], by: str) -> list[tuple[str, int]]:
        """Give the ten most frequent values."""
        wanted = _typed(parameters) | {"aggr_set": by, "limit": 10}
        rows = self._service.search_events_aggr(wanted, dbtoplist=True)
        # Of a column with few values it gives all, in any order.
        return sorted(((str(row[0]), int(row[1])) for row in rows), key=lambda row: -row[1])[:10]

    def distinct(self, column: str) -> list[str]:
        """Give the values of a column."""
        return list(self._service.distinct_values(column))

    def page_position(self, page: int, size: int) -> Any:
        """Give what leads to the page after the first so many ones: it has only their number."""
        del size
        return page + 1

    def page(self, number: int, size: int, position: Any) -> int:
        """Fetch a page by its number."""
        parameters = {"limit": size, "page": position or number, "sortby": "time.desc"}
        return len(self._service.search_events(parameters)[1])

    def retain(self, first: int) -> dict[str, Any]:
        """Delete what was stored before an event, and tell how long it took."""
        before = storage_time(first, self._total).replace(tzinfo=None)
        begin = time.perf_counter()
        deleted = self._service.table_cleanup("events", "storagetime", before)
        seconds = time.perf_counter() - begin
        return {"seconds": seconds, "gone": seconds, "count": deleted, "longest": seconds}

    def close(self) -> None:
        """Close it."""
        self._service.close()


def _event(line: str, stored: datetime) -> Any:
    """Read a message with full typing, and set the time of storing, as its daemon does."""
    internal = importlib.import_module("mentat.idea.internal")
    event = internal.Idea.from_json(line)
    internal.jpath_set(event, "_Mentat.StorageTime", stored.replace(tzinfo=None))
    return event


def _typed(parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        name: datetime.fromisoformat(value).replace(tzinfo=None) if name in ("dt_from", "dt_to") else value
        for name, value in parameters.items()
    }


def _copy(path: str, where: dict[str, Any], total: int, first: int, count: int) -> int:
    """Store some events of a file by COPY."""
    records = importlib.import_module("mentat.idea.sqldb")
    driver = importlib.import_module("psycopg")
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - a path as text crosses to another process
        lines = list(islice(file, first, first + count))
    rows = [
        records.Idea(_event(line, storage_time(first + number, total))) for number, line in enumerate(lines)
    ]
    with driver.connect(**where) as connection, connection.cursor() as cursor:
        named = "SELECT column_name FROM information_schema.columns WHERE table_name = 'events'"
        columns = [column for (column,) in cursor.execute(f"{named} AND table_schema = 'public'").fetchall()]
        with cursor.copy(f"COPY events ({', '.join(columns)}) FROM STDIN") as copy:  # names of its own table
            for row in rows:
                copy.write_row([_value(getattr(row, "ident" if name == "id" else name)) for name in columns])
        with cursor.copy("COPY events_json (id, event) FROM STDIN") as copy:
            for row in rows:
                copy.write_row([row.ident, row.jsonb])
    return len(rows)


def _value(value: Any) -> Any:
    """Write addresses as text; the server reads them."""
    if isinstance(value, list):
        return [_value(item) for item in value]
    return value if value is None or isinstance(value, str | bytes | bool | int | datetime) else str(value)
