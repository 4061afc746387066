"""Times one side's event storage; a program that answers requests, in our interpreter and in the peer's.

Seconds are those of the clock: a store waits for its server and for the disk.
"""

from __future__ import annotations

import gc
import importlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.idea_events import read_lines
from benchmarks.serve import serve

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class _Open:
    """A store, and the number of the next event for it."""

    store: Any
    next_event: int = 0


_open: dict[str, _Open] = {}


def _of(side: str, name: str, where: dict[str, Any], total: int) -> _Open:
    """Open a store once."""
    if name not in _open:
        _open[name] = _Open(importlib.import_module(f"benchmarks.eventstore_{side}").Store(where, total))
    return _open[name]


def _create(
    side: str, *, name: str, where: dict[str, Any], total: int, indexes: bool = True
) -> dict[str, Any]:
    """Make tables and indexes."""
    _of(side, name, where, total).store.create(indexes=indexes)
    return {}


def _insert(
    side: str, *, name: str, where: dict[str, Any], total: int, path: str, count: int, way: str
) -> dict[str, Any]:
    """Store the next events of the file."""
    opened = _of(side, name, where, total)
    lines = read_lines(Path(path), opened.next_event, count)
    insert = {"insert": opened.store.insert, "insert_each": opened.store.insert_each}[way]
    seconds, stored = _timed(lambda: insert(lines, opened.next_event))
    if stored != count:
        raise ValueError(f"{stored:,} of {count:,} events were new")
    opened.next_event += count
    return {"seconds": seconds}


def _again(
    side: str, *, name: str, where: dict[str, Any], total: int, path: str, count: int
) -> dict[str, Any]:
    """Store events that are there."""
    store = _of(side, name, where, total).store
    lines = read_lines(Path(path), 0, count)
    seconds, refused = _timed(lambda: store.insert_again(lines))
    if refused != count:
        raise ValueError(f"{refused:,} of {count:,} events were duplicates")
    return {"seconds": seconds}


def _fill(
    side: str, *, name: str, where: dict[str, Any], total: int, path: str, count: int
) -> dict[str, Any]:
    """Store the first events of the file, the quickest way there is."""
    opened = _of(side, name, where, total)
    seconds, stored = _timed(lambda: opened.store.fill(Path(path), count))
    if stored != count:
        raise ValueError(f"{stored:,} of {count:,} events were stored")
    opened.next_event = count
    return {"seconds": seconds}


def _ask(
    side: str,
    *,
    name: str,
    where: dict[str, Any],
    total: int,
    operation: str,
    queries: list[list[Any]],
    in_a_row: bool = False,
) -> dict[str, Any]:
    """Time each of some queries; a query is the list of the operation's arguments.

    The garbage collector runs before each, which also empties the processor's caches; or, `in_a_row`, once
    before all.
    """
    ask = getattr(_of(side, name, where, total).store, operation)
    times, found = [], []
    gc.collect()
    for query in queries:
        if not in_a_row:
            gc.collect()
        begin = time.perf_counter()
        answer = ask(*query)
        times.append(time.perf_counter() - begin)
        found.append(sorted(answer) if isinstance(answer, list) else answer)
    return {"times": times, "found": found}


def _tell(
    side: str, *, name: str, where: dict[str, Any], total: int, operation: str, query: list[Any]
) -> dict[str, Any]:
    """Do something once, without a time of its own."""
    return {"answer": getattr(_of(side, name, where, total).store, operation)(*query)}


def _close(side: str) -> dict[str, Any]:
    """Close all stores."""
    del side
    while _open:
        _open.popitem()[1].store.close()
    return {}


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    gc.collect()
    begin = time.perf_counter()
    answer = work()
    return time.perf_counter() - begin, answer


if __name__ == "__main__":
    serve(
        {
            "create": _create,
            "insert": _insert,
            "again": _again,
            "fill": _fill,
            "ask": _ask,
            "tell": _tell,
            "close": _close,
        }
    )
