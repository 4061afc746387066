"""What is expected of a variable whose values a stability tracker knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.detectors.events.expectation import MISSING, Expectation, Finding
from tocsin.detectors.events.words import counted, one_of, plain, quoted, since
from tocsin.persistency.stability import Stability
from tocsin.persistency.values import UnsupportedValueError, key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.persistency import EventStabilityTracker
    from tocsin.persistency.stability.variable import VariableTracker
    from tocsin.persistency.values import EventID, Key

__all__ = ["KnownSet", "KnownValues", "expected_values", "stable_variables"]

_MICROSECONDS = 1_000_000
_MOST_FOUND = 10_000


def stable_variables(tracker: EventStabilityTracker) -> list[str]:
    """Give the variables that are static or stable."""
    wanted = (Stability.STATIC, Stability.STABLE)
    return [name for name, variable in tracker.get_data().items() if variable.classify().type in wanted]


def expected_values(
    tracker: VariableTracker, event_id: EventID, name: str, *, frozen: bool, forgets: bool
) -> Expectation:
    """Give what is expected of a variable.

    Args:
        tracker: What knows its values.
        event_id: Its event.
        name: Its name.
        frozen: Whether the tracker learns no more.
        forgets: Whether it forgets values, so that time counts.
    """
    known = KnownValues(tracker, event_id, name, frozen=frozen, forgets=forgets)
    if forgets:
        return known
    return KnownSet(known, [value for value in tracker.values() if _is_itself(value)])


def _is_itself(value: Any) -> bool:
    """Tell whether nothing of another type equals a value, as 1, 1.0 and `True` do."""
    kind = type(value)
    return kind is str or kind is bytes or value is None or (kind is tuple and all(map(_is_itself, value)))


class KnownValues(Expectation):
    """The values that a tracker has seen.

    Args:
        tracker: The variable's.
        event_id: Its event, for the words.
        name: Its name, for the words.
        frozen: Whether the tracker learns no more.
        forgets: Whether values are forgotten, so that time counts.
    """

    def __init__(
        self, tracker: VariableTracker, event_id: EventID, name: str, *, frozen: bool, forgets: bool
    ) -> None:
        self._tracker = tracker
        self._frozen = frozen
        self._forgets = forgets
        self._event_id = event_id
        self._name = name
        self._expected: tuple[str, str, str] | None = None
        self._found: set[Key] = set()

    def __contains__(self, value: object) -> bool:
        if self._forgets:
            return value is MISSING
        try:
            return value is MISSING or self._is_known(value, None)
        except UnsupportedValueError:
            return False

    def _is_known(self, value: Any, time: float | None) -> bool:
        if self._forgets:
            known = self._tracker.seen(value)
            if known and time is not None:  # the later instant decides what is forgotten
                known = self._tracker.seen(value, round(time * _MICROSECONDS))
            return known
        key = key_of(value)
        if key in self._found:
            return True
        known = self._tracker.seen(value)
        if known and len(self._found) < _MOST_FOUND:
            self._found.add(key)
        return known

    def judge(self, value: Any, time: float | None) -> Finding | None:
        """Tell whether the value is new, and what was expected."""
        try:
            known = self._is_known(value, time)
        except UnsupportedValueError as error:
            return Finding(1.0, f"{plain(self._name)} of event {quoted(self._event_id)}: {error}")
        if known:
            return None
        where, expected, brief = self._expectation()
        new = f"{plain(self._name)} {quoted(value)}", where, expected
        words = f"{new[0]} was never seen {where}; expected {expected}"
        return Finding(1.0, words, new, brief, self._tracker.distinct_count)

    def _expectation(self) -> tuple[str, str, str]:
        if self._expected is None or not self._frozen:
            tracker = self._tracker
            histories = [(value, tracker.history(value)) for value in tracker.values()]
            known = [(key_of(value), history) for value, history in histories if history is not None]
            firsts = [first for _, (_, first, _) in known if first is not None]
            start = min(firsts) / _MICROSECONDS if firsts else None
            counts = [(key, count) for key, (count, _, _) in known]
            known_values = f"one of about {counted(tracker.distinct_count, 'known value')}"
            values, brief = (
                one_of(counts, briefly=briefly).removeprefix("expected ") if counts else known_values
                for briefly in (False, True)
            )
            where = f"for event {quoted(self._event_id)} in {counted(tracker.total, 'event')}{since(start)}"
            self._expected = where, values, brief
        return self._expected


class KnownSet(set[Any], Expectation):
    """What a tracker has seen, as a set: what is not in it is judged as `KnownValues` does.

    Texts and the like are in the set, numbers are not, since 1, 1.0 and `True` would be one there.
    """

    def __init__(self, known: KnownValues, values: Sequence[Any]) -> None:
        super().__init__((*values, MISSING))
        self._known = known

    def learn(self, value: Any) -> None:
        """Take a new value in, as the tracker does."""
        if _is_itself(value) and len(self) < _MOST_FOUND:
            self.add(value)

    def judge(self, value: Any, time: float | None) -> Finding | None:
        """Tell whether the value is new, and what was expected."""
        return self._known.judge(value, time)

    def odd_values(self, column: Sequence[Any]) -> set[Any] | None:
        """Give the values of a column that are new."""
        odd = set(column).difference(self)
        if odd and not all(map(_is_itself, odd)):
            return self._known.odd_values(column)  # numbers: perhaps known ones
        return odd
