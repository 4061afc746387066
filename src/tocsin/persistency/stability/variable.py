"""How one variable behaves: its change series, its values, its totals."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.persistency.columns import CodedColumn, DistinctCodes
from tocsin.persistency.distinct import DistinctValues, Sighting
from tocsin.persistency.stability.classification import Classification, Stability, is_stable
from tocsin.persistency.stability.series import ChangeSeries, TimedChanges
from tocsin.persistency.stability.state import VariableState
from tocsin.persistency.values import LONGEST_TEXT, Key, key_of, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from tocsin.persistency.stability.rows import RowTimes
    from tocsin.persistency.stability.settings import TrackerSettings

__all__ = ["VariableTracker"]

_MANY_ROWS = 48
_APPROXIMATE = " (approximate: exact values or runs were too many to keep)"
_TEXT = {str}
_INTEGER = {int}
_NO_SLOTS = (np.zeros(0, dtype=np.int64),) * 3


class VariableTracker:
    """One variable of one event.

    Attributes:
        change_series: 1 where the value was new, else 0: `len()`, `runs()`.
    """

    def __init__(
        self,
        settings: TrackerSettings,
        reading: Callable[[], AbstractContextManager[object]] = nullcontext,
        changing: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._settings = settings
        self._reading = reading
        self._changing = changing
        self._series = ChangeSeries()
        self._timed = TimedChanges() if settings.keeps_times else None
        self._values = DistinctValues(settings.distinct)
        self._latest: int | None = None

    # -- what was learned -------------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """How many values there were, of them the same counted again."""
        with self._reading():
            return len(self._series)

    @property
    def change_series(self) -> ChangeSeries:
        """A copy of the series of ones and zeros."""
        with self._reading():
            return self._series.copy()

    @property
    def distinct_count(self) -> int:
        """How many distinct values there are; an estimate once they are too many to keep."""
        with self._reading():
            return self._values.count

    @property
    def stage(self) -> str:
        """How values are kept: `exact`, `hashes` or `filter`."""
        with self._reading():
            return self._values.stage

    @property
    def false_positive_rate(self) -> float:
        """How often a value that never came is taken for a known one; 0 while values are exact."""
        with self._reading():
            return self._values.false_positive_rate

    def seen(self, value: Any, now: int | None = None) -> bool:
        """Tell whether the value was seen, and not forgotten since.

        Args:
            value: Any value that can be kept.
            now: The instant in microseconds at which to judge what is forgotten; the latest known if `None`.
        """
        key = value if type(value) is int else key_of(value)
        with self._reading():
            return self._values.seen(key, self._latest if now is None else now)

    def values(self) -> Iterator[Any]:
        """Give the distinct values in the order they came; none after the exact stage."""
        with self._reading():
            keys = [key for key, *_ in self._values.items()]
        return map(value_of, keys)

    def history(self, value: Any) -> tuple[int, int | None, int | None] | None:
        """Give how often a value came, first and last (microseconds); `None` if not known exactly."""
        with self._reading():
            return self._values.get(key_of(value))

    def forget(self, value: Any) -> bool:
        """Make a value news again; tell whether it was known (never, after the exact stage)."""
        with self._changing():
            return self._values.forget(key_of(value))

    def classify(self) -> Classification:
        """Tell what kind of variable it is, and why."""
        with self._reading():
            return _classify(self._settings, self._series, self._timed, self._values)

    # -- learning; called by the tracker ----------------------------------------------------------------

    def add(self, column: Sequence[Any], rows: RowTimes | None) -> None:
        """Take values in.

        Args:
            column: The values in order, at least one.
            rows: Their times; with ageing, such as one call of `DistinctValues.add` may have.
        """
        if type(column) is CodedColumn and len(column) >= _MANY_ROWS:
            ones = self._add_codes(column, rows)
        else:
            ones = self._add_values(column, rows)
        self._series.append(len(column), ones)
        if rows is not None:
            self._latest = rows.latest if self._latest is None else max(self._latest, rows.latest)
            if self._timed is not None:
                times = rows.times
                self._timed.add(rows.counts, Counter([times[place] for place in ones]))

    def _add_values(self, column: Sequence[Any], rows: RowTimes | None) -> Sequence[int]:
        """Learn the values, and give the places of the new ones."""
        values = _keys(column)
        if len(values) == 1:
            keys, numbers = values, [1]
        else:
            counts = Counter(values)
            keys, numbers = list(counts), list(counts.values())
        if rows is None:
            new = self._values.learn(Sighting(keys, numbers))
        else:
            new = self._values.learn(
                Sighting(
                    keys,
                    numbers,
                    rows.lasts(values, keys),
                    lambda: rows.firsts(values, keys),
                    rows.earliest,
                    rows.latest,
                )
            )
        return _first_places(values, keys, new)

    def _add_codes(self, column: CodedColumn, rows: RowTimes | None) -> Sequence[int]:
        """Do the same with codes."""
        distinct = DistinctCodes(column, None if rows is None else rows.order)
        sighting = Sighting(distinct.keys, distinct.counts)
        if rows is not None:
            times = rows.array
            sighting = Sighting(
                distinct.keys,
                distinct.counts,
                times[distinct.latest_rows()],
                lambda: times[distinct.earliest_rows()],
                rows.earliest,
                rows.latest,
            )
        new = self._values.learn(sighting)
        if len(new) == len(column):
            return range(len(column))
        places: list[int] = distinct.firsts[new].tolist() if new else []
        return places

    def copy(self) -> VariableTracker:
        """Give an independent copy, without the way back to whoever owns this one."""
        other = VariableTracker(self._settings)
        other._series, other._values = self._series.copy(), self._values.copy()
        other._timed = None if self._timed is None else self._timed.copy()
        other._latest = self._latest
        return other

    def state(self) -> VariableState:
        """Give all there is to save; not while it changes."""
        length, block, runs = self._series.state()
        width, slots = (0, _NO_SLOTS) if self._timed is None else self._timed.state()
        attributes = {"length": length, "block": block, "width": width, "latest": self._latest}
        return VariableState(attributes, runs, slots, self._values.state())

    def set_state(self, state: VariableState) -> None:
        """Become what was saved.

        Raises:
            ValueError: It is not the state of a variable, or not of one with these settings.
        """
        attributes = state.attributes
        self._series = ChangeSeries.from_state(attributes["length"], attributes["block"], state.runs)
        if self._timed is not None:
            if not attributes["width"] and len(self._series):
                message = "this state was kept with segmentation='count' and has no times: load it with that"
                raise ValueError(message)
            self._timed = TimedChanges.from_state(attributes["width"] or 1, state.slots)
        self._values = DistinctValues.from_state(self._settings.distinct, state.values)
        latest = attributes["latest"]
        if not (latest is None or type(latest) is int):
            message = f"{latest!r} is not a time"
            raise ValueError(message)
        self._latest = latest


def _keys(column: Sequence[Any]) -> Sequence[Key]:
    kinds = set(map(type, column))
    if kinds == _INTEGER or (kinds == _TEXT and len(max(column, key=len)) <= LONGEST_TEXT):
        return column
    return list(map(key_of, column))


def _first_places(values: Sequence[Key], keys: Sequence[Key], new: Sequence[int]) -> Sequence[int]:
    """Give the place of the first occurrence of each new one of the keys, ascending."""
    if not new:
        return ()
    if len(new) == len(values):
        return range(len(values))
    if len(new) == 1:
        return (values.index(keys[new[0]]),)
    places = dict(zip(reversed(values), range(len(values) - 1, -1, -1), strict=True))
    return [places[keys[number]] for number in new]


def _classify(
    settings: TrackerSettings, series: ChangeSeries, timed: TimedChanges | None, values: DistinctValues
) -> Classification:
    total, new = len(series), series.ones
    if total < settings.min_samples:
        return Classification(
            Stability.INSUFFICIENT_DATA, f"only {total} of at least {settings.min_samples} values came"
        )
    approximate = values.stage != "exact"
    count = values.count
    if count == 1 and not approximate:
        same = f"each of {total} values was the same"
        left = f"one value is left, the others of {total} are forgotten"
        return Classification(Stability.STATIC, same if new == 1 else left)
    if new == total:
        return Classification(Stability.RANDOM, f"each of {total} values was new", approximate)
    mistaken = total - new
    if mistaken <= 2 * values.false_positive_rate * total:
        words = f"each of {total} values was new, but for {mistaken} that the filter may have mistaken"
        return Classification(Stability.RANDOM, words + _APPROXIMATE, approximate=True)
    reasons, verdicts = [], []
    if settings.segmentation != "time":
        approximate = approximate or series.approximate
        means = series.segment_means()
        verdicts.append(is_stable(means))
        reasons.append(f"the shares of new values in four quarters of the values are {_shares(means)}")
    if settings.segmentation != "count":
        means = (1.0,) * 4
        if timed is not None and len(timed):
            approximate = approximate or timed.approximate
            means = timed.segment_means()
            reasons.append(f"the shares of new values in four quarters of the time are {_shares(means)}")
        else:
            reasons.append("there are no timestamps to judge by")
        verdicts.append(is_stable(means))
    kind = Stability.STABLE if all(verdicts) else Stability.UNSTABLE
    note = _APPROXIMATE if approximate else ""
    return Classification(kind, "; ".join(reasons) + note, approximate)


def _shares(means: tuple[float, ...]) -> str:
    return ", ".join(f"{mean:.3g}" for mean in means)
