"""Threads that work for one that may be interrupted at any moment.

A handler of signals that raises, as that of Ctrl-C does, may do so between any two steps of the main thread:
also when it has just taken a lock and has not come to the block that gives it back. The pools of
`concurrent.futures` share such locks with their threads for every task and every result, and wait for ever
then. What is shared here has no lock that Python code takes.
"""

from __future__ import annotations

# What `signal` makes enumerations of takes ten times as long, and an event may come through here.
import _signal  # type: ignore[import-not-found]
import signal
import time
from collections import deque
from contextlib import contextmanager, suppress
from enum import StrEnum
from queue import Empty, SimpleQueue
from threading import Thread, get_ident, main_thread
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

__all__ = ["LATEST", "SAME_MOMENT", "Asked", "Bell", "EndRequests", "map_in_threads", "signals_wait", "start"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_SIGNALS = int(signal.SIGINT), int(signal.SIGTERM)
LATEST = 0.5
"""Seconds to wait at a time: a signal that comes just before a wait begins is only noticed after it."""
SAME_MOMENT = 0.2
"""Seconds within which a signal that comes again is the same request; people take longer to repeat one."""


def map_in_threads(
    function: Callable[[_Item], _Result],
    items: Sequence[_Item],
    threads: int,
    *,
    stop: Callable[[], None],
) -> list[_Result]:
    """Call a function with each item, by several threads, and give the results in the order of the items.

    When a call raises, or the caller is interrupted, no further item is begun; what is under way is waited
    for, then the error is raised.

    Args:
        function: Called by the threads.
        items: What to call it with; begun in this order.
        threads: How many calls go on at once, at most.
        stop: Called when the caller is interrupted, to hurry what is under way.

    >>> map_in_threads(str.upper, ["a", "b", "c"], 2, stop=lambda: None)
    ['A', 'B', 'C']
    """
    crew = _Crew(function, items)
    try:
        with signals_wait():
            crew.start(min(threads, len(items)))
        crew.wait()
    except BaseException:
        crew.waiting.clear()
        stop()
        crew.wait()
        raise
    if crew.errors:
        raise crew.errors[0]
    return [crew.results[number] for number in range(len(items))]


class _Crew(Generic[_Item, _Result]):
    """The threads of one call, and what they share with the caller."""

    def __init__(self, function: Callable[[_Item], _Result], items: Sequence[_Item]) -> None:
        self.waiting = deque(enumerate(items))
        self.results: dict[int, _Result] = {}
        self.errors: list[BaseException] = []
        self._function = function
        self._at_work: set[int] = set()
        self._ended = Bell()

    def start(self, count: int) -> None:
        for thread in range(count):
            self._at_work.add(thread)
            try:
                Thread(target=self._work, args=(thread,), name=f"tocsin-{thread}").start()
            except RuntimeError:  # the system has no more
                self._at_work.discard(thread)
                raise

    def wait(self) -> None:
        # Not by `Thread.join`: interrupted, it takes a thread for ended (Python 3.11 and 3.12).
        while self._at_work:
            self._ended.wait(LATEST)

    def _work(self, thread: int) -> None:
        try:
            while (task := self._next()) is not None:
                number, item = task
                self.results[number] = self._function(item)
        except BaseException as error:  # noqa: BLE001  # raised again where they are waited for
            self.waiting.clear()
            self.errors.append(error)
        finally:
            self._at_work.discard(thread)
            self._ended.ring()

    def _next(self) -> tuple[int, _Item] | None:
        with suppress(IndexError):  # there is none left, or another thread was faster
            return self.waiting.popleft()
        return None


class Bell:
    """Wakes who waits for it. It may be rung between any two steps of a thread, also by a handler of signals.

    That is what `threading.Event` is not made for.

    >>> bell = Bell()
    >>> bell.ring()
    >>> bell.wait(0), bell.wait(0)
    (True, False)
    """

    def __init__(self) -> None:
        self._rings: SimpleQueue[None] = SimpleQueue()

    def ring(self) -> None:
        """Wake one thread that waits, or the next that will."""
        self._rings.put(None)

    def wait(self, seconds: float) -> bool:
        """Wait until it is rung, or for so long, and say whether it was; how often does not count."""
        with suppress(Empty):
            self._rings.get(timeout=seconds)
            with suppress(Empty):
                while True:
                    self._rings.get_nowait()
            return True
        return False


class Asked(StrEnum):
    """What a signal that asks a process to end means."""

    FIRST = "first"
    SAME = "same"
    """It is the first one again, passed on by another way."""
    AGAIN = "again"
    """Who asked does not want to wait."""


class EndRequests:
    """Tells who asks twice to end from who asks once and is heard twice.

    `timeout` sends SIGTERM to its child and then to the child's process group, some microseconds apart; of
    Ctrl-C both the terminal and a program around this one may tell. May be called by handlers of signals,
    which interrupt each other.

    Args:
        clock: Seconds that never go backwards.

    >>> requests = EndRequests()
    >>> [requests.take(number).value for number in (15, 15, 2)]
    ['first', 'same', 'again']
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[int, float] | None = None

    @property
    def number(self) -> int | None:
        """The signal that asked first, `None` when nobody has asked."""
        return None if self._first is None else self._first[0]

    def take(self, number: int) -> Asked:
        """Say what a signal means that has come now."""
        now = self._clock()
        if self._first is None:
            self._first = number, now
            return Asked.FIRST
        first, then = self._first
        return Asked.SAME if number == first and now - then < SAME_MOMENT else Asked.AGAIN


def start(thread: Thread) -> None:
    """Start a thread; it shares a lock of the other kind with who starts it."""
    with signals_wait():
        thread.start()


@contextmanager
def signals_wait() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait for the end of the block, where a handler would interrupt it.

    Of other threads than the main one nothing is kept away: they are never interrupted.
    """
    if get_ident() != main_thread().ident:
        yield
        return
    handlers = {number: handler for number in _SIGNALS if callable(handler := _signal.getsignal(number))}
    came: list[int] = []
    within = True

    def note(number: int, frame: FrameType | None) -> None:
        if within:
            came.append(number)
        else:  # it has come while the handlers were put back
            handlers[number](number, frame)

    try:
        for number in handlers:
            _signal.signal(number, note)
        yield
    finally:
        within = False
        for number, handler in handlers.items():
            _signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)
