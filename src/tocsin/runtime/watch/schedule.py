"""When what is to be run: a plan in memory, with the time as an argument.

Slots lie on the wall clock (a metric of 10 min is due some time after 12:00, 12:10, …), waiting goes by a
monotonic one. When the wall clock is set, forward or back, what waits is planned anew: it is never waited for
longer than an interval.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Moment", "Schedule", "Timing"]

START_GAP = 0.02
"""Seconds between the first runs of two monitors, so that a start is no herd."""

_CLOCK_WAS_SET = 1.0  # seconds by which the wall clock may drift from the monotonic one between two looks


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant on both clocks.

    Attributes:
        wall: Seconds since the epoch.
        monotonic: Seconds of the monotonic clock.
    """

    wall: float
    monotonic: float


@dataclass(frozen=True, slots=True)
class Timing:
    """When a piece of work is due.

    Attributes:
        interval: Seconds, more than 0.
        offset: It is due this many seconds after the multiples of `interval` since the epoch.
    """

    interval: float
    offset: float = 0.0


@dataclass(slots=True)
class _Entry:
    timing: Timing
    due_wall: float
    due: float
    ticket: int
    busy: bool = False
    gone: bool = False
    skipped: int = 0


class Schedule:
    """What is due when; a piece of work that goes on is not begun again before it is done.

    Args:
        now: The present.
    """

    def __init__(self, now: Moment) -> None:
        self._entries: dict[str, _Entry] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._tickets = 0
        self._ahead = now.wall - now.monotonic

    def replace(self, timings: Mapping[str, Timing], now: Moment) -> None:
        """Plan this work from now on; what was planned with the same timing stays as it is.

        New work begins at once, a little apart from each other.
        """
        self._look_at_clock(now)
        for name in self._entries.keys() - timings.keys():
            self._entries[name].gone = True
            if not self._entries[name].busy:
                del self._entries[name]
        begun = 0
        for name, timing in timings.items():
            entry = self._entries.get(name)
            if entry is not None and entry.timing == timing:
                entry.gone = False
                continue
            if entry is not None and entry.busy:  # its next run is planned when this one is done
                entry.timing, entry.gone = timing, False
                continue
            wait = min(begun * START_GAP, timing.interval)
            begun += 1
            skipped = 0 if entry is None else entry.skipped
            planned = _Entry(timing, now.wall + wait, now.monotonic + wait, 0, skipped=skipped)
            self._entries[name] = planned
            self._push(name, planned)

    def due(self, now: Moment) -> list[str]:
        """Give what is to begin now, what waits longest first; each goes on until it is `done`."""
        self._look_at_clock(now)
        found = []
        while self._heap and self._heap[0][0] <= now.monotonic:
            _, ticket, name = heapq.heappop(self._heap)
            entry = self._entries.get(name)
            if entry is not None and not entry.busy and entry.ticket == ticket:
                entry.busy = True
                found.append(name)
        return found

    def done(self, name: str, now: Moment) -> int:
        """Plan the next run of what has ended, and give how many intervals were skipped meanwhile."""
        self._look_at_clock(now)
        entry = self._entries[name]
        entry.busy = False
        if entry.gone:
            del self._entries[name]
            return 0
        skipped = max(0, math.floor((now.monotonic - entry.due) / entry.timing.interval))
        entry.skipped += skipped
        self._plan(name, entry, now)
        return skipped

    def wait(self, now: Moment) -> float | None:
        """Say how many seconds it is until something is due; `None`: nothing waits."""
        self._look_at_clock(now)
        while self._heap:
            due, ticket, name = self._heap[0]
            entry = self._entries.get(name)
            if entry is None or entry.busy or entry.ticket != ticket:
                heapq.heappop(self._heap)
                continue
            return max(0.0, due - now.monotonic)
        return None

    def lag(self, name: str, now: Moment) -> float:
        """Say for how many seconds a piece of work has been due; 0 when it is on time."""
        entry = self._entries.get(name)
        return 0.0 if entry is None else max(0.0, now.monotonic - entry.due)

    def skipped(self, name: str) -> int:
        """Say how many intervals of a piece of work were skipped, since it went on for too long."""
        entry = self._entries.get(name)
        return 0 if entry is None else entry.skipped

    def _plan(self, name: str, entry: _Entry, now: Moment) -> None:
        interval, offset = entry.timing.interval, entry.timing.offset
        slot = math.floor((now.wall - offset) / interval) + 1
        wait = slot * interval + offset - now.wall
        if not 0 < wait <= interval:  # as floats round
            wait = interval
        entry.due_wall, entry.due = now.wall + wait, now.monotonic + wait
        self._push(name, entry)

    def _push(self, name: str, entry: _Entry) -> None:
        self._tickets += 1
        entry.ticket = self._tickets
        heapq.heappush(self._heap, (entry.due, entry.ticket, name))

    def _look_at_clock(self, now: Moment) -> None:
        """Plan anew what waits when the wall clock was set, or the machine slept."""
        ahead = now.wall - now.monotonic
        if abs(ahead - self._ahead) <= _CLOCK_WAS_SET:
            return
        self._ahead = ahead
        for name, entry in self._entries.items():
            if entry.busy:
                continue
            due, wait = entry.due, entry.due_wall - now.wall
            if wait > entry.timing.interval:
                self._plan(name, entry, now)
            else:
                entry.due = now.monotonic + max(0.0, wait)
                self._push(name, entry)
            if entry.due > due:  # what the clock is set by is not waited for
                entry.due = due
                self._push(name, entry)
