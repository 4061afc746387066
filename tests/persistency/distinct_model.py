"""A plain model of the distinct values of a variable, and how rows are handed to the real ones."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tocsin.persistency.distinct import DistinctSettings, DistinctValues

__all__ = ["Model", "add_all", "add_each", "state_of"]

Row = tuple[Any, int | None]


class Model:
    """Remembers everything, and judges by the definition."""

    def __init__(self, settings: DistinctSettings) -> None:
        self.forget_after = settings.forget_after
        self.known: dict[Any, tuple[int, int | None, int | None]] = {}
        self.clock: int | None = None

    def age(self, key: Any) -> int | None:
        last = self.known[key][2]
        return None if last is None or self.clock is None else self.clock - last

    def has(self, key: Any) -> bool:
        if key not in self.known:
            return False
        age = self.age(key)
        return self.forget_after is None or age is None or age <= self.forget_after

    def add(self, key: Any, time: int | None) -> bool:
        if time is None and self.forget_after is not None:
            time = self.clock
        if time is not None:
            self.clock = time if self.clock is None else max(time, self.clock)
        is_new = not self.has(key)
        if is_new:
            self.known.pop(key, None)
        count, first, last = self.known.get(key, (0, None, None))
        if time is not None:
            first, last = (
                min(time, time if first is None else first),
                max(time, time if last is None else last),
            )
        self.known[key] = (count + 1, first, last)
        return is_new

    def items(self) -> list[tuple[Any, int, int | None, int | None]]:
        return [(key, *facts) for key, facts in self.known.items() if self.has(key)]


def lifted(rows: Sequence[Row], clock: int | None) -> Iterator[Row]:
    """Give rows whose times never fall, as a memory that ages asks for."""
    for key, time in rows:
        if time is not None:
            clock = time if clock is None else max(time, clock)
            yield key, clock
        else:
            yield key, None


def add_call(values: DistinctValues, rows: Sequence[Row], *, tells_earliest: bool) -> list[bool]:
    """Hand rows that are all with or all without a time over in one call; tell which were new."""
    keys = [key for key, _ in rows]
    times = [time for _, time in rows if time is not None]
    if times:
        last: dict[Any, int] = {}
        first: dict[Any, int] = {}
        for key, time in zip(keys, times, strict=True):
            last[key] = max(time, last.get(key, time))
            first[key] = min(time, first.get(key, time))
        earliest = min(times) if tells_earliest else None
        new = values.add(Counter(keys), last, lambda: first, earliest=earliest)
    else:
        new = values.add(Counter(keys))
    assert new == [key for key in dict.fromkeys(keys) if key in new]
    places = {keys.index(key) for key in new}
    return [place in places for place in range(len(keys))]


def add_all(
    values: DistinctValues,
    rows: Sequence[Row],
    size: int,
    clock: int | None = None,
    *,
    tells_earliest: bool = False,
) -> list[bool]:
    """Hand rows over in calls of at most `size`, cut where the contract of `add` asks for it."""
    ages = values.settings.forget_after is not None
    rows = list(lifted(rows, clock)) if ages else rows
    width = values.settings.slot_width
    verdicts: list[bool] = []
    for start in range(0, len(rows), size):
        kinds = groupby(
            rows[start : start + size],
            key=lambda row: (row[1] is None, row[1] // width if ages and row[1] is not None else 0),
        )
        for _, part in kinds:
            verdicts += add_call(values, list(part), tells_earliest=tells_earliest)
    return verdicts


def add_each(values: DistinctValues, rows: Sequence[Row]) -> list[bool]:
    """Hand rows over one by one."""
    return add_all(values, rows, 1)


def state_of(values: DistinctValues) -> Any:
    """Give the state as something that can be compared."""
    state = values.state()
    return (state.attributes, state.keys, state.counts, state.firsts, state.lasts, state.blobs)
