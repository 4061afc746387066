"""Lives that store events until they are killed; a program that answers requests, ours and the peer's.

It is the warm parent: what lives need is imported once, each is a fork. It keeps no connection itself.
"""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.idea_events import read_lines
from benchmarks.lives import Lines, fork_and_wait, forked
from benchmarks.serve import serve

if TYPE_CHECKING:
    from collections.abc import Callable

_TOTAL = 1_000_000  # of storage times: all are within a few days


@dataclass(slots=True)
class _Life:
    """A life that goes on, and how to end it."""

    pid: int
    stack: ExitStack
    lines: Lines
    said: list[str]


_lives: list[_Life] = []


@cache
def _events(path: str) -> list[str]:
    return read_lines(Path(path), 0, 1_000_000)


def _store(side: str, where: dict[str, Any]) -> Any:
    return import_module(f"benchmarks.eventstore_{side}").Store(where, _TOTAL)


def _create(side: str, *, where: dict[str, Any], path: str) -> dict[str, Any]:
    """Make a store; all that storing imports is imported by this."""
    _events(path)
    store = _store(side, where)
    store.create(indexes=True)
    store.close()
    return {}


def _begin(
    side: str, *, where: dict[str, Any], path: str, first: int, batch: int, until: int
) -> dict[str, Any]:
    """Start a life that stores batch after batch, and wait until it has stored so many.

    Returns:
        How long the last of them took, `None` when there is none.
    """
    events = _events(path)
    stack = ExitStack()
    pid, pipe = stack.enter_context(forked(lambda tell: _live(side, where, events, first, batch, tell)))
    lines = Lines(pipe)
    said = [lines.read_one()]
    seconds, begin = None, time.monotonic()
    while said[-1] and sum(line.startswith("end ") for line in said) < until:
        said.append(lines.read_one())
        if said[-1].startswith("end "):
            seconds, begin = time.monotonic() - begin, time.monotonic()
    _lives.append(_Life(pid, stack, lines, said))
    return {"seconds": seconds}


def _live(
    side: str, where: dict[str, Any], events: list[str], first: int, batch: int, tell: Callable[[str], None]
) -> None:
    store = _store(side, where)
    for start in range(first, len(events) - batch, batch):
        tell(f"begin {start + batch}")
        store.insert(events[start : start + batch], start)
        tell(f"end {start + batch}")


def _end(side: str, *, first: int, more: bool) -> dict[str, Any]:
    """Kill the life.

    Args:
        side: Not used.
        first: The event that it began with.
        more: Let it first go on until it acknowledges one more batch, or ends by itself.

    Returns:
        Up to which event it had begun to store, up to which it had acknowledged, and whether it went on.
    """
    del side
    life = _lives.pop()
    life.said += life.lines.read_ready() if more else []
    gone_on = False
    while more and not gone_on and (line := life.lines.read_one()):
        life.said.append(line)
        gone_on = line.startswith("end ")
    os.kill(life.pid, signal.SIGKILL)  # one that has ended keeps its pid until it is waited for
    life.said += life.lines.read_rest()
    life.stack.close()
    numbers = {kind: [first] for kind in ("begin", "end")}
    for line in life.said:
        kind, _, number = line.partition(" ")
        if kind in numbers:
            numbers[kind].append(int(number))
    return {"begun": max(numbers["begin"]), "ended": max(numbers["end"]), "gone_on": gone_on}


def _look(side: str, *, where: dict[str, Any], path: str, first: int, begun: int) -> dict[str, Any]:
    """Give which events are there, of those that a life began to store, and how many are there in all."""
    wanted = [json.loads(event)["ID"] for event in _events(path)[first:begun]]

    def work(tell: Callable[[str], None]) -> None:
        store = _store(side, where)
        tell(json.dumps({"present": store.present(wanted), "count": store.count({})}))
        store.close()

    line = fork_and_wait(work)
    if line is None:
        raise ValueError("nothing can be read after the kill")
    numbers = {event: number for number, event in enumerate(wanted, first)}
    found = json.loads(line)
    return {"present": [numbers[event] for event in found["present"]], "count": found["count"]}


if __name__ == "__main__":
    serve({"create": _create, "begin": _begin, "end": _end, "look": _look})
