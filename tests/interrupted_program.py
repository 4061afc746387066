"""Interrupts the main thread where a signal may: at any step of the interpreter.

A process of its own, because what is tested would wait for ever if it were broken, and because some steps at
which a trace function may raise leave Python with an exception that it still handles.

    python -m tests.interrupted_program CASE [ARGUMENT]...

Writes how many calls were interrupted.
"""

from __future__ import annotations

import opcode
import signal
import sys
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from tocsin.eventstorage import EventStorageService
from tocsin.eventstorage.sqlite.turns import Turn, Turns
from tocsin.persistency import (
    EventPersistency,
    EventStabilityTracker,
    PersistencySaver,
    PersistencySaverConfig,
    load,
)
from tocsin.testing.event_stores import message
from tocsin.threads import map_in_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

# The interpreter looks for signals after these.
_LOOKS = {
    number
    for name, number in opcode.opmap.items()
    if name.startswith("CALL") or name in {"RESUME", "JUMP_BACKWARD"}
}


class Interrupter:
    """Counts the steps after which the interpreter looks for signals, and sends one at one of them.

    Args:
        step: At which one, from 1 on.
    """

    def __init__(self, step: int) -> None:
        self.left = step
        self._before: dict[FrameType, int] = {}

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Count the steps of a block, and raise `KeyboardInterrupt` at the chosen one."""
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(None)
            self._before.clear()

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        frame.f_trace_opcodes = True
        if event == "opcode":
            before, self._before[frame] = self._before.get(frame), frame.f_code.co_code[frame.f_lasti]
            if before in _LOOKS:
                self.left -= 1
                if self.left == 0:
                    signal.raise_signal(signal.SIGINT)
        elif event == "return":
            self._before.pop(frame, None)
        return self._trace


def interrupted(step: int, call: Callable[[], Any]) -> bool:
    """Interrupt a call at a step, and say whether it has one."""
    interrupter = Interrupter(step)
    try:
        with interrupter.at_work():
            call()
    except KeyboardInterrupt:
        return True
    assert interrupter.left > 0, "the interrupt was swallowed"
    return False


def threads() -> int:
    """Wait for threads: nothing is at work afterwards, and it ends."""
    at_work: set[int] = set()

    def work(item: int) -> int:
        at_work.add(item)
        at_work.remove(item)
        return -item

    def call() -> None:
        assert map_in_threads(work, [1, 2, 3], 2, stop=lambda: None) == [-1, -2, -3]

    for step in count(1):
        was_interrupted = interrupted(step, call)
        assert not at_work
        if not was_interrupted:
            break
    return step - 1


def turns() -> int:
    """Take a turn and give it: whoever was interrupted has given it, and the next one gets it."""
    line = Turns()

    def call() -> None:
        turn = Turn(line, 1, "a file")
        try:
            turn.take(lambda: None)
        except BaseException:
            turn.give()
            raise
        try:
            turn.give()
        except BaseException:  # as what undoes a transaction does
            turn.give()
            raise

    for step in count(1):
        was_interrupted = interrupted(step, call)
        following = Turn(line, 0, "a file")
        following.take(lambda: None)
        following.give()
        if not was_interrupted:
            break
    return step - 1


def store(where: str) -> int:
    """Store and find events with one service: each is there once, and it goes on."""
    source = [{"IP4": ["192.0.2.1"], "Hostname": ["a.example.org"], "Port": [22]}]
    network = {"source_addrs": "192.0.2.0/24"}
    interruptions = 0
    with _service(where) as service:
        for number, step in enumerate(range(1, 4000, 61)):
            events = [message(f"{number}/{place}", Source=source) for place in range(3)]
            for what, at in ((service.insert_events, step), (service.search_events, step // 3 + 1)):
                given = events if what == service.insert_events else network
                interruptions += interrupted(at, lambda what=what, given=given: what(given))  # type: ignore[misc]
            service.insert_events(events)
            assert service.count_events() == len(service.search_events(network)[1]) == 3 * number + 3
    return interruptions


def count_events(where: str) -> int:
    """Count events with one service, interrupted at each step: it goes on."""
    with _service(where) as service:
        service.insert_events([message("one")])
        for step in count(1):
            was_interrupted = interrupted(step, service.count_events)
            assert service.count_events() == 1
            if not was_interrupted:
                break
    return step - 1


def streams(where: str) -> int:
    """Read two streams of one cursor, interrupted at each step: it goes on, and nothing is left of them."""
    with _service(where) as service, service.cursor_new() as cursor:
        service.insert_events([message(str(number)) for number in range(3)])

        def call() -> None:
            first, second = cursor.stream_events(qname="a", timeout=60), cursor.stream_events(qname="b")
            assert len([next(first), next(second), *first, *second]) == 6

        for step in count(1):
            was_interrupted = interrupted(step, call)
            cursor.rollback()
            assert cursor.count_events() == 3
            assert service.queries_status() == {}
            if not was_interrupted:
                break
    return step - 1


def learn(folder: str) -> int:
    """Learn with one memory, interrupted at each step: what was learned otherwise is saved."""
    return _remember(folder, range(1, 150), lambda memory, _: memory.ingest_event("lost", "<*> came", ["b"]))


def save(folder: str) -> int:
    """Save with one saver, interrupted at any step: what was learned is saved in the end."""
    return _remember(folder, range(1, 4000, 61), lambda _, saver: saver.save())


def settle() -> int:
    """Read what was learned, interrupted at each step: all rows are there, of all variables."""
    memory = EventPersistency(EventStabilityTracker)
    for step in count(1):
        for row in range(3):
            memory.ingest_event("e", "<*> from <*>", [f"a{step}", f"b{row}"])
        was_interrupted = interrupted(step, lambda: memory.get_event_data("e"))
        tracker = memory["e"]
        assert tracker is not None
        found = EventStabilityTracker.load(tracker.dump())
        assert [len(one.change_series) for one in found.get_data().values()] == [3 * step] * 2
        if not was_interrupted:
            break
    return step - 1


def _remember(folder: str, steps: range, call: Callable[[EventPersistency, PersistencySaver], object]) -> int:
    memory = EventPersistency(EventStabilityTracker)
    saver = PersistencySaver(memory, PersistencySaverConfig(folder, events_until_save=1)).start()
    interruptions = 0
    for step in steps:
        memory.ingest_event(f"kept {step}", "<*> came", ["a"])  # which wakes the thread that saves
        interruptions += interrupted(step, lambda: call(memory, saver))
    saver.stop()

    found = EventPersistency(EventStabilityTracker)
    load(found, folder)
    assert found.get_events_seen() >= {f"kept {step}" for step in steps}
    return interruptions


def _service(where: str) -> EventStorageService:
    is_server = where.startswith("postgresql:")
    service = EventStorageService(url=where) if is_server else EventStorageService(path=where)
    service.database_create()
    return service


_CASES: dict[str, Callable[..., int]] = {
    case.__name__: case for case in (threads, turns, store, count_events, streams, learn, save, settle)
}

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdout.write(f"{_CASES[sys.argv[1]](*sys.argv[2:])}\n")
