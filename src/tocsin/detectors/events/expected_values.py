"""What is expected of a variable whose values a stability tracker knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.detectors.events.expectation import MISSING, Expectation, Finding
from tocsin.detectors.events.words import counted, one_of, quoted, since
from tocsin.persistency.stability import Stability
from tocsin.persistency.values import UnsupportedValueError, key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.persistency import EventStabilityTracker
    from tocsin.persistency.stability.variable import VariableTracker
    from tocsin.persistency.values import EventID

__all__ = ["KnownTexts", "KnownValues", "expected_values", "stable_variables"]

_MICROSECONDS = 1_000_000
_TEXTS = frozenset({str, type(MISSING)})


def stable_variables(tracker: EventStabilityTracker) -> list[str]:
    """Give the variables that are static or stable."""
    wanted = (Stability.STATIC, Stability.STABLE)
    return [name for name, variable in tracker.get_data().items() if variable.classify().type in wanted]


def expected_values(tracker: VariableTracker, event_id: EventID, name: str, *, frozen: bool) -> Expectation:
    """Give what is expected of a variable; in a quicker form when the tracker learns no more."""
    known = KnownValues(tracker, event_id, name)
    if frozen and tracker.stage == "exact":
        texts = [value for value in tracker.values() if type(value) is str]
        if texts:
            return KnownTexts(known, texts)
    return known


class KnownValues(Expectation):
    """The values that a tracker has seen.

    Args:
        tracker: The variable's.
        event_id: Its event, for the words.
        name: Its name, for the words.
    """

    def __init__(self, tracker: VariableTracker, event_id: EventID, name: str) -> None:
        self._tracker = tracker
        self._event_id = event_id
        self._name = name
        self._expected: str | None = None

    def judge(self, value: Any, time: float | None) -> Finding | None:
        """Tell whether the value is new, and what was expected."""
        try:
            known = self._tracker.seen(value)
            if known and time is not None:  # the later of both instants decides what is forgotten
                known = self._tracker.seen(value, round(time * _MICROSECONDS))
        except UnsupportedValueError as error:
            return Finding(1.0, f"{self._name} of event {self._event_id!r}: {error}")
        if known:
            return None
        return Finding(
            1.0,
            f"{self._name} {quoted(value)} was never seen for event {self._event_id!r} in {self._expectation()}",
        )

    def _expectation(self) -> str:
        if self._expected is None:
            tracker = self._tracker
            histories = [(value, tracker.history(value)) for value in tracker.values()]
            known = [(key_of(value), history) for value, history in histories if history is not None]
            firsts = [first for _, (_, first, _) in known if first is not None]
            start = min(firsts) / _MICROSECONDS if firsts else None
            counts = [(key, count) for key, (count, _, _) in known]
            values = one_of(counts) if counts else f"about {counted(tracker.distinct_count, 'value')} are known"
            self._expected = f"{counted(tracker.total, 'event')}{since(start)}; {values}"
        return self._expected


class KnownTexts(frozenset[Any], Expectation):
    """The texts that a tracker has seen, as a set: what is not in it is judged as `KnownValues` does.

    Only texts are in the set, since 1, 1.0 and `True` would be one there.
    """

    _known: KnownValues

    def __new__(cls, known: KnownValues, texts: Sequence[str]) -> KnownTexts:
        """Make the set."""
        self = super().__new__(cls, (*texts, MISSING))
        self._known = known
        return self

    def judge(self, value: Any, time: float | None) -> Finding | None:
        """Tell whether the value is new, and what was expected."""
        return self._known.judge(value, time)

    def odd_values(self, column: Sequence[Any]) -> set[Any] | None:
        """Give the values of a column that are new."""
        odd = set(column).difference(self)
        if odd and not _TEXTS.issuperset(map(type, odd)):
            return self._known.odd_values(column)
        return odd
