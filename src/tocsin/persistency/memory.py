"""The memory of one event: its backend, the rows that wait for it, and the cuts that still need it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tocsin.persistency.structure import BuiltInStructure, RowBlock
from tocsin.threads import signals_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from threading import RLock

    import numpy as np
    from numpy.typing import NDArray

    from tocsin.persistency.columns import CodedColumn
    from tocsin.persistency.structure import EventDataStructure
    from tocsin.persistency.values import EventID

__all__ = ["CutContent", "EventMemory", "MemoryGate"]

_MOST_WAITING = 1_024
"""Rows."""


class EventMemory:
    """One event. Every method expects that the persistency's lock is held.

    Rows of one layout (names, with or without times) wait one behind the other in a flat list, since
    appending there costs a few nanoseconds a value; when the layout changes, a new list begins. `settle`
    hands them all to the backend.
    """

    __slots__ = (
        "_blocks",
        "_room",
        "_timed",
        "_values",
        "backend",
        "built_in",
        "holders",
        "names",
        "open",
        "template",
        "times",
    )

    def __init__(self, backend: EventDataStructure, template: str) -> None:
        self.backend = backend
        self.built_in = backend if isinstance(backend, BuiltInStructure) else None
        self.template = template
        self.names: tuple[str, ...] = ()
        self._timed = False
        self._values: list[Any] = []
        self.times: list[Any] = []
        self._blocks: list[RowBlock] = []
        self._room = _MOST_WAITING
        self.open = False
        """Whether it may change with no further notice: it counts as changed, and no cut waits for it."""
        self.holders: list[CutContent] = []

    def append(
        self,
        names: tuple[str, ...],
        row: Sequence[Any],
        micros: int | None,
        heavy: bool,  # noqa: FBT001 - by place, which is quicker: every event comes through here
    ) -> None:
        """Let a row wait; not one with long texts, so that what waits is bounded in bytes, too."""
        timed = micros is not None
        if names is not self.names or timed is not self._timed:
            self._begin_block(names, timed=timed)
        self._values += row
        self.times.append(micros)
        if heavy or len(self.times) >= self._room:
            self.settle()

    def _begin_block(self, names: tuple[str, ...], *, timed: bool) -> None:
        if timed is not self._timed:
            self.settle()
        elif self.times:
            self._room -= len(self.times)
            self._blocks.append(self._take_block())
        self.names, self._timed = names, timed

    def _take_block(self) -> RowBlock:
        block = RowBlock(self.names, self._values, self.times if self._timed else None)
        self._values, self.times = [], []
        return block

    def append_columns(
        self, names: tuple[str, ...], columns: Sequence[CodedColumn], times: NDArray[np.int64] | None
    ) -> None:
        """Take many rows of one layout in."""
        self.settle()
        if self.built_in is not None:
            given: Sequence[Sequence[Any]] = columns
            if not self.built_in.takes_codes:
                given = [column.tolist() for column in columns]
            instants = None if times is None else times.tolist()
            with signals_wait():
                self.built_in.add_rows(names, given, instants)

    def settle(self) -> None:
        """Bring the waiting rows into the backend."""
        if not self.times or self.built_in is None:
            return
        with signals_wait():  # half of a row must not be learned, nor what waits be lost
            block = self._take_block()
            if not self._blocks:
                self.built_in.add_rows(block.names, block.columns(), block.times)
                return
            blocks, self._blocks, self._room = [*self._blocks, block], [], _MOST_WAITING
            self.built_in.add_blocks(blocks)

    def release(self) -> None:
        """Take the state as it is for the cuts that wait for it, since it is about to change."""
        if not self.holders:
            return
        give = self.take()
        for holder in self.holders:
            holder.give = give
        self.holders.clear()

    def let_go(self) -> None:
        """Leave the backend to whoever still has it."""
        self.settle()
        self.release()
        if self.built_in is not None:
            self.built_in.attach(None)

    def take(self) -> Callable[[], bytes]:
        """Give what gives the bytes of the state as it is now."""
        if self.built_in is None:
            content = self.backend.dump()
            return lambda: content
        self.settle()
        return self.built_in.cut()


class CutContent:
    """The bytes of one event at a cut: taken when they are asked for, or just before the event changes."""

    __slots__ = ("_event_id", "_lock", "_memory", "give")

    def __init__(self, event_id: EventID, memory: EventMemory, lock: RLock) -> None:
        self._event_id = event_id
        self._memory = memory
        self._lock = lock
        self.give: Callable[[], bytes] | None = None

    def __call__(self) -> bytes:
        """Give the bytes, once: what was copied for it is let go."""
        with self._lock:
            give, self.give = self.give, None
            if give is None:
                if self not in self._memory.holders:
                    message = f"the content of event {self._event_id!r} was taken from this cut before"
                    raise RuntimeError(message)
                self._memory.holders.remove(self)
                give = self._memory.take()
        return give()


class MemoryGate:
    """Lets a backend's users reach it as if no row ever waited."""

    __slots__ = ("_lock", "_memory", "_touch")

    def __init__(self, memory: EventMemory, lock: RLock, touch: Callable[[], None]) -> None:
        self._memory = memory
        self._lock = lock
        self._touch = touch

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep others out, and bring in the rows that wait."""
        with self._lock:
            self._memory.settle()
            yield

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Do the same, for a change."""
        with self._lock, signals_wait():
            self._memory.settle()
            self._touch()
            yield
