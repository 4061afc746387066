"""Which events came before an event, and the sessions that it was the last event of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from tocsin.detectors.events.allowances import ANY
from tocsin.detectors.events.counts import Span
from tocsin.detectors.events.plain_state import PlainStructure
from tocsin.persistency.values import decode_key, encode_key, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.persistency.values import EventID, Key

__all__ = ["EventSequences", "OpenSession", "Sequences"]


class OpenSession(NamedTuple):
    """A session after one of its events.

    Attributes:
        number: How many events of sessions there were until then; the larger is the later.
        tail: Its last events, the oldest first.
    """

    number: int
    tail: tuple[EventID, ...]


class Sequences(NamedTuple):
    """What is known of one event.

    Attributes:
        before: How often it came after which events, the oldest first.
        is_full: Whether there were too many to keep.
        span: How many there were, first and last.
        sessions: The sessions that it was, at some time, the last event of.
    """

    before: dict[tuple[EventID, ...], int]
    is_full: bool
    span: Span
    sessions: dict[Key, OpenSession]


class EventSequences(PlainStructure):
    """Keeps what came before one event.

    A row has `before` (a tuple of EventIDs, `None` when it is not to be learned), `session` (its key),
    `number` and `tail` (the last events of the session from now on).

    Args:
        max_sequences: How many different ones are kept.

    >>> sequences = EventSequences()
    >>> sequences.add_data({"before": ("login",), "session": "7", "number": 2, "tail": ("login", "ls")})
    >>> sequences.get_data().before
    {('login',): 1}
    """

    kind: ClassVar[str] = "event_sequences"

    def __init__(self, *, max_sequences: int = 10_000) -> None:
        self._max = max_sequences
        self._before: dict[tuple[EventID, ...], int] = {}
        self._is_full = False
        self._span = Span()
        self._sessions: dict[Key, OpenSession] = {}

    def add_rows(
        self, names: tuple[str, ...], columns: Sequence[Sequence[Any]], times: Sequence[int] | None
    ) -> None:
        """Learn rows given as columns."""
        row = dict(zip(names, columns, strict=True))
        learned = [place for place, before in enumerate(row["before"]) if before is not None]
        self._span = self._span.plus(
            len(learned), None if times is None else [times[place] for place in learned]
        )
        for place in learned:
            before = row["before"][place]
            if before in self._before or len(self._before) < self._max:
                self._before[before] = self._before.get(before, 0) + 1
            else:
                self._is_full = True
        for session, number, tail in zip(row["session"], row["number"], row["tail"], strict=True):
            self._sessions[key_of(session)] = OpenSession(number, tail)

    def get_data(self) -> Sequences:
        """Give what is known; not to be changed."""
        with self._reading():
            return Sequences(self._before, self._is_full, self._span, self._sessions)

    def keep_sessions(self, is_open: Callable[[Key, int], bool]) -> None:
        """Drop the sessions that went on with another event, or were closed."""
        with self._reading():
            kept = {key: one for key, one in self._sessions.items() if is_open(key, one.number)}
        if len(kept) < len(self._sessions):
            with self._changing():
                self._sessions = kept

    def export(self) -> Any:
        """Give how often it came after which events."""
        with self._reading():
            before = [{"before": list(events), "count": count} for events, count in self._before.items()]
            return {"count": self._span.rows, "too_many": self._is_full, "sequences": before}

    def forget(self, variable: Any = ANY, value: Any = ANY) -> int:  # noqa: ARG002 - there are sequences only
        """Make one sequence (a tuple of the events before and the event) news again, or all."""
        with self._changing():
            if value is not ANY:
                before = tuple(value[:-1]) if isinstance(value, tuple | list) else ()
                return 0 if self._before.pop(before, None) is None else 1
            known = len(self._before)
            self._before, self._is_full, self._span = {}, False, Span()
            return known

    def _state(self) -> Any:
        before = [[list(events), count] for events, count in self._before.items()]
        sessions = [
            [list(encode_key(key)), one.number, list(one.tail)] for key, one in self._sessions.items()
        ]
        return [before, self._is_full, self._span.to_json(), sessions]

    def _take_state(self, state: Any, version: int) -> None:  # noqa: ARG002 - there is one so far
        before, self._is_full, span, sessions = state
        self._before = {tuple(events): count for events, count in before}
        self._span = Span.from_json(span)
        self._sessions = {
            decode_key(*key): OpenSession(number, tuple(tail)) for key, number, tail in sessions
        }
