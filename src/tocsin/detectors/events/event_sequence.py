"""Events that never came after the events before them."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pydantic import Field

from tocsin.detectors.events.config import CoreDetectorConfig
from tocsin.detectors.events.life_cycle import event_time
from tocsin.detectors.events.memory import MemoryDetector
from tocsin.detectors.events.sequences import EventSequences, OpenSession, Sequences
from tocsin.detectors.events.words import counted, most_frequent, quoted, quoted_key, since
from tocsin.persistency import EventPersistency
from tocsin.persistency.values import UnsupportedValueError, key_of, value_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.persistency.values import EventID, Key

__all__ = ["EventSequenceConfig", "EventSequenceDetector"]


class EventSequenceConfig(CoreDetectorConfig):
    """The configuration of `EventSequenceDetector`.

    Attributes:
        session: The variables that say to which session an event belongs (`var_0` is the first positional
            one); an event without them is left out. Empty: the whole log is one session.
        length: How many events a sequence has, the judged one included.
        max_sessions: How many sessions are followed; the one that was silent for longest is given up.
        max_sequences: How many sequences that end with one event are kept; an event with more is not judged.
    """

    session: list[str] = Field(default_factory=list)
    length: int = Field(default=3, ge=2, le=10)
    max_sessions: int = Field(default=10_000, ge=1)
    max_sequences: int = Field(default=10_000, ge=1)


class EventSequenceDetector(MemoryDetector):
    """Alerts when an event comes after events that it never came after in its session.

    It remembers for each event which events came before it, how often, and where each open session
    stands; that goes on while it judges, as reading a log does. At the begin of a session sequences are
    shorter; they are judged as well until a session was given up, for then a begin may be none. Events that
    training never saw are left to `new_event`, and left out of sequences.

    Args:
        name: What people call it.
        config: An `EventSequenceConfig`, or a mapping of its keys.

    >>> detector = EventSequenceDetector(config={"data_use_training": 30, "length": 2, "session": ["id"]})
    >>> for number in range(10):
    ...     for event_id in ["login", "read", "logout"]:
    ...         _ = detector.process({"EventID": event_id, "logFormatVariables": {"id": number}})
    >>> for event_id in ["login", "logout"]:
    ...     alert = detector.process({"EventID": event_id, "logFormatVariables": {"id": "eve"}})
    >>> print(alert["description"])
    event 'logout' never came after 'login' in 10 events, as it did in session 'eve'; expected 'read' (10×)
    """

    type_name: ClassVar[str] = "event_sequence"
    config_class: ClassVar[type[EventSequenceConfig]] = EventSequenceConfig
    config: EventSequenceConfig
    shaping: ClassVar[tuple[str, ...]] = ("length", "session")

    def _make_memory(self) -> EventPersistency:
        return EventPersistency(
            EventSequences, (), event_data_kwargs={"max_sequences": self.config.max_sequences}
        )

    def _backends(self) -> dict[EventID, EventSequences]:
        return cast("dict[EventID, EventSequences]", self.memory.get_events_data())

    # -- sessions ---------------------------------------------------------------------------------------

    def _state_changed(self) -> None:
        super()._state_changed()
        self._record.setdefault("numbered", 0)
        self._record.setdefault("given_up", 0)
        self._sessions: OrderedDict[Key, OpenSession] | None = None
        self._known: dict[EventID, Sequences] = {}

    def _open_sessions(self) -> OrderedDict[Key, OpenSession]:
        """Give where each session stands, the one that was silent for longest first."""
        if self._sessions is None:
            latest: dict[Key, OpenSession] = {}
            for backend in self._backends().values():
                for key, session in backend.get_data().sessions.items():
                    if key not in latest or latest[key].number < session.number:
                        latest[key] = session
            ordered = sorted(latest.items(), key=lambda item: item[1].number)
            self._sessions = OrderedDict(ordered[-self.config.max_sessions :])
        return self._sessions

    def _session_of(self, input_: Mapping[str, Any]) -> Key | None:
        """Give the key of an event's session, `None` when it has none."""
        names = self.config.session
        if not names:
            return ""
        named = input_.get("logFormatVariables") or {}
        row = input_.get("variables") or ()
        values = []
        for name in names:
            index = name.removeprefix("var_")
            if name in named:
                values.append(named[name])
            elif index != name and index.isdecimal() and int(index) < len(row):
                values.append(row[int(index)])
            else:
                return None
        try:
            return key_of(values[0] if len(values) == 1 else tuple(values))
        except UnsupportedValueError as error:
            self.warn(f"event {input_['EventID']!r}, session: {error}, the event is left out")
            return None

    def _follow(self, input_: Mapping[str, Any], session: Key, *, learn: bool) -> None:
        """Go on with a session, and learn what came before the event."""
        event_id = input_["EventID"]
        if not self._has_room_for(event_id):
            return
        sessions = self._open_sessions()
        tail = sessions[session].tail if session in sessions else ()
        number = self._record["numbered"] = self._record["numbered"] + 1
        now = OpenSession(number, (*tail, event_id)[1 - self.config.length :])
        sessions[session] = now
        sessions.move_to_end(session)
        row = {
            "before": tail if learn else None,
            "session": value_of(session),
            "number": number,
            "tail": now.tail,
        }
        self.memory.ingest_event(event_id, str(input_.get("template") or ""), (), row, event_time(input_))
        if len(sessions) > self.config.max_sessions:
            sessions.popitem(last=False)
            self._record["given_up"] += 1
        if number % self.config.max_sessions == 0:
            self._drop_closed_sessions()

    def _drop_closed_sessions(self) -> None:
        sessions = self._open_sessions()
        for backend in self._backends().values():
            backend.keep_sessions(lambda key, number: key in sessions and sessions[key].number == number)

    # -- learning and judging ---------------------------------------------------------------------------

    def train(self, input_: Mapping[str, Any]) -> None:
        """Learn what came before the event."""
        session = self._session_of(input_)
        if session is not None:
            self._follow(input_, session, learn=True)

    def post_train(self) -> None:
        """Warn when no event had a session."""
        if not self.memory.get_events_data():
            names = ", ".join(map(repr, self.config.session))
            self.warn(f"no event of the training had the variables of its session: {names}")

    def detect(self, input_: Mapping[str, Any], output_: dict[str, Any]) -> bool:
        """Hold the events before this one against those that it came after before."""
        session = self._session_of(input_)
        known = None if session is None else self._known_of(input_["EventID"])
        if session is None or known is None or not known.span.rows:
            return False
        before = self._open_sessions().get(session)
        reason = self._judge_sequence(input_["EventID"], before.tail if before else (), session, known)
        if not self._learns_always:  # else `train` follows it
            self._follow(input_, session, learn=False)
        if reason is None:
            return False
        output_["alertsObtain"] = {"sequence": reason}
        return True

    def _known_of(self, event_id: EventID) -> Sequences | None:
        if event_id in self._known:
            return self._known[event_id]
        backend = self.memory.get_event_data(event_id)
        known = None if backend is None else backend.get_data()
        if not self._learns_always and known is not None:
            self._known[event_id] = known
        return known

    def _judge_sequence(
        self, event_id: EventID, tail: tuple[EventID, ...], session: Key, known: Sequences
    ) -> str | None:
        if tail in known.before or known.is_full:
            return None
        if len(tail) < self.config.length - 1 and self._record["given_up"]:
            return None  # the begin may be none
        if self.is_allowed(event_id, "sequence", (*tail, event_id)):
            return None
        seen = f"never came after {_arrows(tail)}" if tail else "never began a session"
        rows = f"{counted(known.span.rows, 'event')}{since(known.span.first)}"
        where = f", as it did in session {quoted_key(session)}" if self.config.session else ""
        expected = most_frequent(list(known.before.items()), in_words=_arrows)
        return f"event {quoted(event_id)} {seen} in {rows}{where}; expected {expected}"

    def learning_mark(self) -> Any:
        """Give how many sequences are known."""
        return sum(len(backend.get_data().before) for backend in self._backends().values())

    def describe(self) -> dict[str, Any]:
        """Give how many sequences and sessions it remembers."""
        with self._exclusive():
            events = [
                {
                    "event_id": event_id,
                    "sequences": len(known.before),
                    "too_many": known.is_full,
                    "total": known.span.rows,
                }
                for event_id, backend in self._backends().items()
                for known in (backend.get_data(),)
            ]
            sessions = {"open": len(self._open_sessions()), "given_up": self._record["given_up"]}
            return {**super().describe(), "events": events, "sessions": sessions}


def _arrows(events: tuple[EventID, ...]) -> str:
    return " → ".join(map(quoted, events)) or "the begin of a session"
