"""Threads that work off what is due, of which one that hangs is replaced."""

from __future__ import annotations

import heapq
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OVERDUE_AFTER", "Outcome", "Running", "Workers"]

OVERDUE_AFTER = 10.0
"""Seconds after which a piece of work counts as hanging, and another thread takes its place."""

_MOST_REPLACED = 32


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a piece of work.

    Attributes:
        name: Its name.
        result: What it gave.
        error: What it raised.
        seconds: How long it took.
    """

    name: str
    result: Any
    error: BaseException | None
    seconds: float


@dataclass(slots=True)
class Running:
    """A piece of work under way.

    Attributes:
        name: Its name.
        since: When it began, by the monotonic clock.
        overdue: Whether it goes on for so long that another thread has taken its place.
    """

    name: str
    since: float
    overdue: bool = False


class Workers:
    """A bounded number of threads.

    Work that goes on for longer than `OVERDUE_AFTER` (a query that hangs) no longer counts: a further thread
    does what else is to be done, at most 32 of them. When it ends after all, that is one thread too many,
    and it goes.

    Args:
        count: How many threads.
        report: Called by the thread that did a piece of work, with what came of it.
        overdue_after: Seconds after which a piece of work counts as hanging.
    """

    def __init__(
        self, count: int, report: Callable[[Outcome], None], *, overdue_after: float = OVERDUE_AFTER
    ) -> None:
        self._count, self._report, self._overdue_after = count, report, overdue_after
        self._state = threading.Condition()
        self._waiting: list[tuple[int, int, str, Callable[[], Any]]] = []
        self._running: dict[int, Running] = {}
        self._threads: dict[int, threading.Thread] = {}
        self._idle = 0
        self._number = 0
        self._stopped = False

    @property
    def waiting(self) -> int:
        """How many pieces of work wait for a thread."""
        return len(self._waiting)

    def running(self) -> list[Running]:
        """Give what is under way."""
        with self._state:
            return list(self._running.values())

    def submit(self, name: str, work: Callable[[], Any], *, urgent: bool = False) -> None:
        """Have a piece of work done, in the order of asking; what is urgent comes first."""
        with self._state:
            if self._stopped:
                return
            self._number += 1
            heapq.heappush(self._waiting, (0 if urgent else 1, self._number, name, work))
            if self._idle:
                self._state.notify()
            else:
                self._grow()

    def replace_overdue(self) -> None:
        """Give the places of what hangs to other threads; to be called every second or so."""
        with self._state:
            now = time.monotonic()
            for running in self._running.values():
                if now - running.since > self._overdue_after and not running.overdue:
                    if self._overdue() >= _MOST_REPLACED:
                        return
                    running.overdue = True
            if self._waiting and not self._idle:
                self._grow()

    def stop(self) -> None:
        """Begin nothing more, and forget what waits."""
        with self._state:
            self._stopped = True
            self._waiting.clear()
            self._state.notify_all()

    def join(self, seconds: float) -> list[str]:
        """Wait for what is under way, and give the names of what is so even then."""
        deadline = time.monotonic() + seconds
        for thread in list(self._threads.values()):
            thread.join(max(0.0, deadline - time.monotonic()))
        return sorted(running.name for running in self.running())

    def _overdue(self) -> int:
        return sum(running.overdue for running in self._running.values())

    def _grow(self) -> None:
        if len(self._threads) - self._overdue() < self._count:
            self._number += 1
            # A daemon: what hangs in a driver must not keep the process from ending.
            thread = threading.Thread(
                target=self._work, args=(self._number,), name=f"tocsin-{self._number}", daemon=True
            )
            self._threads[self._number] = thread
            thread.start()

    def _work(self, number: int) -> None:
        try:
            while (task := self._next(number)) is not None:
                name, work = task
                began = time.monotonic()
                result, error = None, None
                try:
                    result = work()
                except BaseException as raised:  # noqa: BLE001  # the border of a thread: the owner decides
                    error = raised
                with self._state:
                    del self._running[number]
                self._report(Outcome(name, result, error, time.monotonic() - began))
        finally:
            with self._state:
                del self._threads[number]

    def _next(self, number: int) -> tuple[str, Callable[[], Any]] | None:
        with self._state:
            while not self._waiting:
                if self._stopped or self._too_many():
                    return None
                self._idle += 1
                self._state.wait()
                self._idle -= 1
            if self._stopped or self._too_many():
                return None
            _, _, name, work = heapq.heappop(self._waiting)
            self._running[number] = Running(name, time.monotonic())
            return name, work

    def _too_many(self) -> bool:
        return len(self._threads) - self._overdue() > self._count
