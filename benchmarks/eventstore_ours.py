"""Our event storage as the benchmark uses it."""

from __future__ import annotations

import importlib
import time
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from benchmarks.idea_events import BATCH_EVENTS, storage_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Store"]


class _Clock:
    """Says what it was told to say."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant


class Store:
    """A store of events.

    Args:
        where: The arguments of the service.
        total: See `storage_time`.
    """

    def __init__(self, where: dict[str, Any], total: int) -> None:
        self._total = total
        self._clock = _Clock(storage_time(0, total))
        package = importlib.import_module("tocsin.eventstorage.service")
        self._service = package.EventStorageService(clock=self._clock, **where)

    def create(self, *, indexes: bool) -> None:
        """Make tables and indexes; they are there while the store is filled as well."""
        del indexes
        self._service.database_create()

    def insert(self, lines: Sequence[str], first: int) -> int:
        """Store events in batches, and give how many were new."""
        new = 0
        for start in range(0, len(lines), BATCH_EVENTS):
            self._clock.instant = storage_time(first + start, self._total)
            results = self._service.insert_events(
                lines[start : start + BATCH_EVENTS], batch_size=BATCH_EVENTS
            )
            new += sum(result.kind == "new" for result in results)
        return new

    def insert_each(self, lines: Sequence[str], first: int) -> int:
        """Store events one by one, each committed."""
        self._clock.instant = storage_time(first, self._total)
        for line in lines:
            self._service.insert_event(line)
        return len(lines)

    def insert_again(self, lines: Sequence[str]) -> int:
        """Store events that are there, and give how many were told to be duplicates."""
        results = self._service.insert_events(lines, batch_size=BATCH_EVENTS)
        return sum(result.kind == "duplicate" for result in results)

    def fill(self, path: Path, count: int) -> int:
        """Store the first events of a file as `insert` does, without reading the file at once."""
        new = first = 0
        lines = []
        with path.open(encoding="utf-8") as file:
            for line in file:
                lines.append(line)
                if len(lines) == BATCH_EVENTS or first + len(lines) == count:
                    new += self.insert(lines, first)
                    first += len(lines)
                    lines.clear()
                if first == count:
                    break
        return new

    def present(self, ids: Sequence[str]) -> list[str]:
        """Give those of some ids that are there, as often as they are."""
        return [event["ID"] for event in self._service.search_events({"ids": list(ids)})[1]]

    def search(self, parameters: dict[str, Any]) -> list[str]:
        """Give the ids of the events found; each is fetched whole, as an object."""
        return [event["ID"] for event in self._service.search_events(_typed(parameters))[1]]

    def count(self, parameters: dict[str, Any]) -> int:
        """Count events."""
        return int(self._service.count_events(_typed(parameters)))

    def top(self, parameters: dict[str, Any], by: str) -> list[tuple[str, int]]:
        """Give the ten most frequent values."""
        found = self._service.aggregate_events(_typed(parameters), by=by, limit=10)
        return [(str(row.value), row.count) for row in found.rows]

    def distinct(self, column: str) -> list[str]:
        """Give the values of a column."""
        return list(self._service.distinct_values(column))

    def page_position(self, page: int, size: int) -> Any:
        """Give what leads to the page after the first so many ones."""
        parameters = {"limit": size, "page": page, "sortby": "detecttime.desc"}
        last = self._service.search_events(parameters, qtype="select_ghost")[1][-1]
        detected = last["DetectTime"]
        return [detected.isoformat() if isinstance(detected, datetime) else detected, last["ID"]]

    def page(self, number: int, size: int, position: Any) -> int:
        """Fetch a page: the first one, or the one after a position."""
        del number
        parameters = {"limit": size, "sortby": "detecttime.desc"}
        if position is not None:
            parameters["after"] = (datetime.fromisoformat(position[0]), position[1])
        return len(self._service.search_events(parameters)[1])

    def retain(self, first: int) -> dict[str, Any]:
        """Delete what was stored before an event, and tell how long it took and the longest step.

        `gone` is the time until no search finds one of them, `seconds` until nothing is left of them.
        """
        times = [time.perf_counter()]
        deleted = 0
        gone = 0.0
        for step in self._service.retain(storage_time(first, self._total)):
            deleted += step
            times.append(time.perf_counter())
            if step:
                gone = times[-1] - times[0]
        times.append(time.perf_counter())
        longest = max(after - before for before, after in pairwise(times))
        return {"seconds": times[-1] - times[0], "gone": gone, "count": deleted, "longest": longest}

    def read_all(self, portion: int) -> int:
        """Read all events in the order of their commits, and give how many."""
        cursor, count = None, 0
        while True:
            events, cursor = self._service.read_since(cursor, limit=portion)
            if not events:
                return count
            count += len(events)

    def close(self) -> None:
        """Close it."""
        self._service.close()


def _typed(parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        name: datetime.fromisoformat(value) if name in ("dt_from", "dt_to") else value
        for name, value in parameters.items()
    }
