"""Events of a kind that training never saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tocsin.detectors.events.counts import EventCount, Span
from tocsin.detectors.events.life_cycle import event_time
from tocsin.detectors.events.memory import MemoryDetector
from tocsin.detectors.events.words import counted, one_of, quoted, since
from tocsin.persistency import EventPersistency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.model import LogAlert
    from tocsin.persistency.values import EventID

__all__ = ["NewEventDetector"]


class NewEventDetector(MemoryDetector):
    """Alerts on every event whose EventID was never seen in training.

    It remembers of each EventID how often it came, first and last.

    Args:
        name: What people call it.
        config: A `CoreDetectorConfig`, or a mapping of its keys.

    >>> detector = NewEventDetector(config={"data_use_training": 3})
    >>> for event_id in ["login", "logout", "login"]:
    ...     _ = detector.process({"EventID": event_id, "parsedTimestamp": 1768903200.0})
    >>> alert = detector.process({"EventID": "sudo", "parsedTimestamp": 1768906800.0})
    >>> for part in alert["description"].split("; "):
    ...     print(part)
    event 'sudo' was never seen in 3 events since 2026-01-20 10:00 UTC
    expected one of 'login' (2×), 'logout' (1×)
    """

    type_name: ClassVar[str] = "new_event"

    def _make_memory(self) -> EventPersistency:
        return EventPersistency(EventCount)

    def _state_changed(self) -> None:
        super()._state_changed()
        self._known_in_words: tuple[str, str] | None = None  # takes long where there are many

    @property
    def _known_events(self) -> set[EventID]:
        if self._events is None:
            self._events = {event_id for event_id, count in self._counts().items() if count.rows}
        return self._events

    def train(self, input_: Mapping[str, Any]) -> None:
        """Count the event."""
        self._known_in_words = None
        self._ingest(input_, (), _ONE)

    def detect(self, input_: Mapping[str, Any], output_: dict[str, Any]) -> bool:
        """Tell whether the event is a new one."""
        event_id = input_["EventID"]
        if event_id in self._known_events and not self._is_forgotten(event_id, input_):
            return False
        if self.is_allowed(event_id, "EventID", event_id):
            return False
        output_["alertsObtain"] = {"EventID": self._reason(event_id, input_.get("template"))}
        return True

    def _is_forgotten(self, event_id: EventID, input_: Mapping[str, Any]) -> bool:
        forget_after = self.config.forget_after
        now = event_time(input_)
        if forget_after is None or now is None:
            return False
        count = self.memory.get_event_data(event_id)
        last = None if count is None else count.get_data().last
        return last is not None and now - last > forget_after.total_seconds()

    def _reason(self, event_id: EventID, template: str | None) -> str:
        telling = _telling(event_id, template)
        name = quoted(event_id) + ("" if telling == event_id else f" ({quoted(telling)})")
        backend = self.memory.get_event_data(event_id)
        mine: Span = Span() if backend is None else backend.get_data()
        if self._known_in_words is None:
            self._known_in_words = self._describe_known()
        seen, expected = self._known_in_words
        if mine.rows:
            seen = f"was not seen{since(mine.last)}, it came {mine.rows:,}× before"
        return f"event {name} {seen}{expected}"

    def _describe_known(self) -> tuple[str, str]:
        counts = {known: count for known, count in self._counts().items() if count.rows}
        firsts = [count.first for count in counts.values() if count.first is not None]
        total = sum(count.rows for count in counts.values())
        seen = f"was never seen in {counted(total, 'event')}{since(min(firsts, default=None))}"
        templates = self.memory.get_event_templates()
        known = [(_telling(event, templates.get(event)), count.rows) for event, count in counts.items()]
        return seen, f"; {one_of(known)}" if known else ""

    def _counts(self) -> dict[EventID, Span]:
        return {event_id: count.get_data() for event_id, count in self.memory.get_events_data().items()}

    def _judge_batch(self, events: Sequence[Mapping[str, Any]]) -> list[LogAlert]:
        if self._learns_always:
            return super()._judge_batch(events)
        new = {event["EventID"] for event in events}.difference(self._known_events)
        judged = self._record["judged"]
        alerts = []
        if new:
            found = (self._judge(event) for event in events if event["EventID"] in new)
            alerts = [alert for alert in found if alert is not None]
        self._record["judged"] = judged + len(events)
        return alerts

    def learning_mark(self) -> Any:
        """Give how many EventIDs are known."""
        return len(self._known_events)

    def describe(self) -> dict[str, Any]:
        """Give what it remembers of each event."""
        with self._exclusive():
            memory = [
                {"event_id": event_id, "count": count.rows, "first": count.first, "last": count.last}
                for event_id, count in self._counts().items()
            ]
            return {**super().describe(), "events": memory}


def _telling(event_id: EventID, template: str | None) -> EventID:
    """Give what tells people more: a made-up EventID says nothing, the template that it stands for does."""
    return event_id if not template or str(event_id) in template else template


_ONE = {"event": 1}
