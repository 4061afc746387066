"""A detector with a persistency of its own, into which events go whatever they hold."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, cast

from tocsin.detectors.events.core import CoreDetector
from tocsin.detectors.events.life_cycle import event_time
from tocsin.detectors.events.words import quoted
from tocsin.persistency.values import UnsupportedValueError, key_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.persistency import EventPersistency
    from tocsin.persistency.values import EventID

__all__ = ["MemoryDetector"]


class MemoryDetector(CoreDetector):
    """The frame of the built-in detectors: one persistency that takes any event.

    A value of a type that cannot be kept is left out, with a warning, and an event beyond `max_events`
    too: a hostile line neither stops the run nor fills the memory.
    """

    def __init__(self, name: str | None = None, config: Any = None) -> None:
        super().__init__(name=name, config=config)
        self.persistency = self._make_memory()
        self._register_persistency(self.persistency)

    @abstractmethod
    def _make_memory(self) -> EventPersistency:
        """Make the persistency."""

    @property
    def memory(self) -> EventPersistency:
        """The persistency."""
        return cast("EventPersistency", self.persistency)

    def _ingest(
        self,
        input_: Mapping[str, Any],
        variables: Sequence[Any],
        named: Mapping[str, Any],
    ) -> None:
        """Bring one event into the memory."""
        event_id = input_["EventID"]
        if not self._has_room_for(event_id):
            return
        template = input_.get("template")
        if type(template) is not str:
            template = ""
        time = event_time(input_)
        try:
            self.memory.ingest_event(event_id, template, variables, named, time)
        except (UnsupportedValueError, ValueError):
            variables, named = self._without_the_unsupported(event_id, variables, named)
            self.memory.ingest_event(event_id, template, variables, named, time)

    def _has_room_for(self, event_id: EventID) -> bool:
        """Tell whether an event is known or may still be learned."""
        known = self._known_events
        if event_id in known:
            return True
        if len(known) >= self.config.max_events:
            self.warn(
                f"{self.config.max_events:,} EventIDs are known, further ones are not learned"
                " (max_events); is the EventID a variable?"
            )
            return False
        known.add(event_id)
        return True

    def _state_changed(self) -> None:
        self._events: set[EventID] | None = None

    @property
    def _known_events(self) -> set[EventID]:
        if self._events is None:
            self._events = self.memory.get_events_seen()
        return self._events

    def _without_the_unsupported(
        self, event_id: EventID, variables: Sequence[Any], named: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Leave out what cannot be kept; a positional one becomes `None`, so that others keep their place."""
        row = [self._supported(event_id, f"var_{index}", value) for index, value in enumerate(variables)]
        positional = {f"var_{index}" for index in range(len(row))}
        kept = {}
        for name, value in named.items():
            if type(name) is not str or name in positional:
                self.warn(
                    f"event {quoted(event_id)}: {quoted(name)} is no name for a variable, it is left out"
                )
            elif self._supported(event_id, name, value) is not None or value is None:
                kept[name] = value
        return row, kept

    def _supported(self, event_id: EventID, name: str, value: Any) -> Any:
        try:
            key_of(value)
        except UnsupportedValueError as error:
            self.warn(f"event {quoted(event_id)}, variable {quoted(name)}: {error}, it is left out")
            return None
        return value
