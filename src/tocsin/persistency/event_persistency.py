"""What a detector remembers: for each EventID a backend of its own."""

from __future__ import annotations

import math
from contextlib import contextmanager
from copy import deepcopy
from threading import RLock
from typing import TYPE_CHECKING, Any

from tocsin.errors import PersistencyLoadError
from tocsin.persistency.cut import Cut
from tocsin.persistency.event_row import EventRows
from tocsin.persistency.layout import Layouts
from tocsin.persistency.memory import CutContent, EventMemory, MemoryGate
from tocsin.persistency.structure import BuiltInStructure, EventDataStructure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from tocsin.persistency.cut import RestoredPart
    from tocsin.persistency.event_row import EventRow
    from tocsin.persistency.values import EventID
    from tocsin.threads import Bell

__all__ = ["EventPersistency"]

_BUFFERED_ROWS_IN_ALL = 65_536


class EventPersistency:
    """The learned state of a detector: `{event_id: backend}`.

    EventIDs are `int` or `str` and stay what they are: `"123"` and `123` are two events. Everything is
    thread-safe. What is given is never kept as it is and never changed.

    Args:
        event_data_class: The backend, a class derived from `EventDataStructure`.
        variable_blacklist: What not to keep: names of named variables, indexes of positional ones.
        event_data_kwargs: Given to each backend when it is made or loaded.

    Attributes:
        metadata: What the owner saves and restores beside the events; JSON. Change it in `exclusive()`.
        lineage: Grows with each cut that takes what changed, and each restore: whoever took the last cut
            sees by it whether somebody else came between.

    >>> from tocsin.persistency import EventStabilityTracker
    >>> ep = EventPersistency(EventStabilityTracker)
    >>> ep.ingest_event("4624", "<*> logged on", ["alice"], {"host": "pc-1"})
    >>> sorted(ep["4624"].get_data())
    ['host', 'var_0']
    """

    def __init__(
        self,
        event_data_class: type[EventDataStructure],
        variable_blacklist: Iterable[str | int] = ("Content",),
        *,
        event_data_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        given: object = event_data_class
        if not (isinstance(given, type) and issubclass(given, EventDataStructure)):
            message = f"event_data_class is a class derived from EventDataStructure, not {event_data_class!r}"
            raise TypeError(message)
        self.event_data_class = event_data_class
        self._kwargs = deepcopy(dict(event_data_kwargs or {}))
        self._layouts = Layouts(variable_blacklist)
        self._lock = RLock()
        self._memories: dict[EventID, EventMemory] = {}
        self._seen: dict[EventID, None] = {}
        self._dirty: dict[EventID, None] = {}
        self._templates: dict[EventID, str] = {}
        self._since_settled = 0
        self.metadata: dict[str, Any] = {}
        self.events_ingested = 0
        self.lineage = 0
        self._wake_at = math.inf
        self._waking: dict[Bell, float] = {}
        converter = None
        self._takes_columns = False
        if issubclass(event_data_class, BuiltInStructure):
            prototype = event_data_class(**deepcopy(self._kwargs))  # wrong arguments are told now
            self._takes_columns = not prototype.converts
            converter = prototype if prototype.converts else None
        self._rows = EventRows(self._layouts, converter)

    @property
    def kind(self) -> str:
        """What snapshots call this kind of state."""
        cls = self.event_data_class
        return cls.kind or f"{cls.__module__}.{cls.__qualname__}"

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep others out, so that several ingests and changes of the metadata are one step for a cut."""
        with self._lock:
            yield

    def ingest_event(
        self,
        event_id: EventID,
        event_template: str,
        variables: Sequence[Any] = (),
        named_variables: Mapping[str, Any] | None = None,
        timestamp: datetime | float | None = None,
    ) -> None:
        """Learn one event; on an error nothing of it is kept.

        Args:
            event_id: An `int` or a `str`.
            event_template: The event's text with `<*>` for its variables; the latest one is kept.
            variables: The positional variables, kept as `var_0`, `var_1`, …
            named_variables: The named ones.
            timestamp: When it happened: aware datetime, or Unix seconds.

        Raises:
            UnsupportedValueError: A value, or the EventID, is of a type that cannot be kept; or the variables
                are no list, the named ones no mapping.
            ValueError: The timestamp is not an instant, or two variables have one name.
        """
        self._keep(self._rows.prepared(event_id, event_template, variables, named_variables, timestamp))

    def _keep(self, prepared: EventRow) -> None:
        event_id, template, names, row, heavy, micros, timestamp = prepared
        with self._lock:
            memory = self._memories.get(event_id)
            if not names:
                self._seen[event_id] = None
                self._count(1)
                return
            if memory is None:
                memory = self._new_memory(template)
            if memory.built_in is None:
                memory.backend.add_data(dict(zip(names, row, strict=True)), timestamp)
            if not memory.open:
                self._open(event_id, memory)
            if template is not memory.template:
                memory.template = self._templates[event_id] = template
            if memory.built_in is not None:
                memory.append(names, row, micros, heavy)
                # As `_waits` and `_count` do, without the calls: every event comes through here.
                self._since_settled += 1
                if self._since_settled >= _BUFFERED_ROWS_IN_ALL:
                    self._settle_all()
            self.events_ingested += 1
            if self.events_ingested >= self._wake_at:
                self._wake()

    def ingest_batch(self, table: Any) -> None:
        """Learn the rows of an Arrow table, record batch or Polars frame, as `ingest_event` would row by row.

        Columns: `event_id`, `event_template`, optionally `timestamp`, and `variables` (a list) or
        `named_variables` (a struct or a map) or both.

        Raises:
            ValueError: The columns are not these.
            UnsupportedValueError: A value cannot be kept; no row of the batch was.
        """
        from tocsin.persistency.batch import read_batch, rows_of

        if not self._takes_columns:
            rows = [self._rows.prepared(*row) for row in rows_of(table)]
            with self._lock:
                for row in rows:
                    self._keep(row)
            return
        batch = read_batch(table, self._layouts)
        with self._lock:
            self._seen.update(dict.fromkeys(batch.seen))
            for event_id, template in batch.templates.items():
                memory = self._memories.get(event_id) or self._new_memory(template)
                if not memory.open:
                    self._open(event_id, memory)
                memory.template = self._templates[event_id] = template
            for segment in batch.segments:
                self._memories[segment.event_id].append_columns(segment.names, segment.columns, segment.times)
            for loose in batch.loose:
                memory = self._memories[loose.event_id]
                memory.append(loose.names, loose.values, loose.micros, loose.heavy)
            self._waits(len(batch.loose))
            self._count(batch.rows)

    def get_event_data(self, event_id: EventID) -> EventDataStructure | None:
        """Give the backend of one event, `None` when it is unknown or has no variables."""
        with self._lock:
            memory = self._memories.get(event_id) if type(event_id) in {int, str} else None
            if memory is None:
                return None
            memory.settle()
            return memory.backend

    def __getitem__(self, event_id: EventID) -> EventDataStructure | None:
        return self.get_event_data(event_id)

    def get_events_data(self) -> dict[EventID, EventDataStructure]:
        """Give the backends of all events that have one."""
        with self._lock:
            self._settle_all()
            return {event_id: memory.backend for event_id, memory in self._memories.items()}

    def get_event_template(self, event_id: EventID) -> str | None:
        """Give the template of one event, `None` when it is unknown or has no variables."""
        with self._lock:
            return self._templates.get(event_id) if type(event_id) in {int, str} else None

    def get_event_templates(self) -> dict[EventID, str]:
        """Give the templates of all events that have one."""
        with self._lock:
            return self._templates.copy()

    def get_events_seen(self) -> set[EventID]:
        """Give every EventID ever ingested, those without variables too."""
        with self._lock:
            return set(self._seen)

    def wake_at(self, count: int | None, bell: Bell) -> None:
        """Ring a bell, once, when `events_ingested` reaches a count; `None` for not any more."""
        with self._lock:
            self._waking.pop(bell, None)
            if count is not None:
                self._waking[bell] = count
            self._wake()

    def _count(self, rows: int) -> None:
        self.events_ingested += rows
        if self.events_ingested >= self._wake_at:
            self._wake()

    def _wake(self) -> None:
        for bell in [bell for bell, count in self._waking.items() if count <= self.events_ingested]:
            del self._waking[bell]
            bell.ring()
        self._wake_at = min(self._waking.values(), default=math.inf)

    def cut(self, *, complete: bool = False, leave_dirty: bool = False) -> Cut:
        """Take the state of this instant for a snapshot, cheaply: what has to be copied is copied later.

        Args:
            complete: Give the content of all events, not only of those that changed since the last cut.
            leave_dirty: The cut is for somewhere else: what has changed still counts as changed.
        """
        with self._lock:
            changed = {}
            for event_id in self._memories if complete else self._dirty:
                memory = self._memories[event_id]
                content = changed[event_id] = CutContent(event_id, memory, self._lock)
                memory.holders.append(content)
                memory.open = False
                if memory.built_in is None:  # it may change without telling us
                    memory.release()
            if not leave_dirty:
                self._dirty = {}
                self.lineage += 1
            return Cut(
                kind=self.kind,
                seen=tuple(self._seen),
                templates=self._templates.copy(),
                keys=frozenset(self._memories),
                changed=changed,
                metadata=deepcopy(self.metadata),
            )

    def uncut(self, cut: Cut) -> None:
        """Take a cut back that was not saved: what it held counts as changed again."""
        with self._lock:
            for event_id, content in cut.changed.items():
                memory = self._memories.get(event_id)
                if memory is not None:
                    memory.holders = [holder for holder in memory.holders if holder is not content]
                    self._dirty[event_id] = None

    def restore(self, part: RestoredPart) -> None:
        """Replace everything by what a snapshot holds: all of it, or on an error nothing.

        Raises:
            PersistencyLoadError: The part is of another kind of backend, or its content cannot be read.
        """
        if part.kind != self.kind:
            message = f"the saved state is of kind {part.kind!r}, this persistency keeps {self.kind!r}"
            raise PersistencyLoadError(message, hint="use the backend it was saved with, or another path")
        memories = {event_id: self._loaded(part, event_id) for event_id in part.contents}
        seen = dict.fromkeys((*part.seen, *memories))
        with self._lock:
            for memory in self._memories.values():
                memory.let_go()
            self._memories, self._seen, self._dirty = memories, seen, {}
            self.lineage += 1
            self._templates = {event_id: memory.template for event_id, memory in memories.items()}
            self.metadata = deepcopy(dict(part.metadata))
            for event_id, memory in memories.items():
                self._attach(event_id, memory)

    def _loaded(self, part: RestoredPart, event_id: EventID) -> EventMemory:
        template = part.templates.get(event_id)
        if type(event_id) not in {int, str} or type(template) is not str:
            message = f"the saved state has no EventID and template of the right types for event {event_id!r}"
            raise PersistencyLoadError(message, hint="load an older generation")
        try:
            backend = self.event_data_class.load(part.contents[event_id], **deepcopy(self._kwargs))
        except PersistencyLoadError:
            raise
        except (ValueError, TypeError) as error:
            message = f"the saved state of event {event_id!r} cannot be read: {error}"
            raise PersistencyLoadError(message, hint="load an older generation") from error
        return EventMemory(backend, template)

    def _attach(self, event_id: EventID, memory: EventMemory) -> None:
        if memory.built_in is not None:
            memory.built_in.attach(MemoryGate(memory, self._lock, lambda: self._open(event_id, memory)))

    def _new_memory(self, template: str) -> EventMemory:
        return EventMemory(self.event_data_class(**deepcopy(self._kwargs)), template)

    def _open(self, event_id: EventID, memory: EventMemory) -> None:
        """Let an event change: cuts that wait for it take what it was before, and it counts as changed."""
        memory.release()
        memory.open = True
        self._dirty[event_id] = None
        if event_id not in self._memories:
            self._memories[event_id] = memory
            self._seen[event_id] = None
            self._templates[event_id] = memory.template
            self._attach(event_id, memory)

    def _waits(self, rows: int) -> None:
        self._since_settled += rows
        if self._since_settled >= _BUFFERED_ROWS_IN_ALL:
            self._settle_all()

    def _settle_all(self) -> None:
        self._since_settled = 0
        for memory in self._memories.values():
            memory.settle()
