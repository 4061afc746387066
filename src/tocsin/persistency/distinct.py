"""The distinct values of one variable, in bounded memory."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tocsin.persistency.distinct_settings import DistinctSettings, is_time
from tocsin.persistency.exact_values import ExactValues, Sighting
from tocsin.persistency.hashed_values import HashedValues
from tocsin.persistency.values import value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tocsin.persistency.values import Key

__all__ = ["DistinctSettings", "DistinctState", "DistinctValues", "Sighting"]


@dataclass(frozen=True, slots=True)
class DistinctState:
    """Distinct values as they are saved.

    Attributes:
        attributes: What is one number or word; JSON.
        keys: The values, in order, while they are exact.
        counts: How often each came.
        firsts: When each came first, `None` if without a time.
        lasts: When each came last.
        blobs: After the exact stage: arrays in little-endian order, by name.
    """

    attributes: Mapping[str, Any]
    keys: Sequence[Key]
    counts: Sequence[int]
    firsts: Sequence[int | None]
    lasts: Sequence[int | None]
    blobs: Mapping[str, bytes]


class DistinctValues:
    """Which values were seen, how often, and when.

    Up to `max_distinct` values all is known exactly. Past it there are hashes, then a filter: "was it seen
    before?" remains, counts and times of single values do not. There is no way back to an earlier stage.

    With `forget_after`, a value is forgotten as soon as the clock, which is the latest time that was given,
    is further than that from when it was last seen. In the filter stage it is remembered for up to a quarter
    longer. Memory of what was forgotten is freed when a new slot of time begins, and it counts against
    `max_distinct` and `max_hashes` until then. A value that came without a time counts as seen at the clock.
    """

    __slots__ = ("_clock", "_exact", "_hashed", "settings")

    def __init__(self, settings: DistinctSettings | None = None) -> None:
        self.settings = DistinctSettings() if settings is None else settings
        self._exact = ExactValues()
        self._hashed: HashedValues | None = None
        self._clock: int | None = None

    def copy(self) -> DistinctValues:
        """Give an independent copy; what takes long is done when it is needed, in the copy if possible."""
        other = copy(self)
        other._exact = self._exact.copy()  # noqa: SLF001 - one of its own kind
        if self._hashed is not None:
            self._hashed = self._hashed.copy()
        return other

    # -- what is known ----------------------------------------------------------------------------------

    @property
    def stage(self) -> str:
        """`exact`, `hashes` or `filter`."""
        if self._hashed is None:
            return "exact"
        return "hashes" if self._hashed.filter is None else "filter"

    @property
    def false_positive_rate(self) -> float:
        """How often a value that never came is taken for a known one, as things are now."""
        if self._hashed is None or self._hashed.filter is None:
            return 0.0
        return self._hashed.filter.false_positive_rate

    @property
    def count(self) -> int:
        """How many distinct values are remembered; an estimate (by 2 %) in the filter stage."""
        if self._hashed is not None:
            return self._hashed.count(self._clock, self._slot(self._clock))
        limit = self._limit(self._clock)
        if limit is None:
            return len(self._exact)
        return len(self._exact) - len(self._exact.seen_before(limit))

    def seen(self, key: Key, now: int | None = None) -> bool:
        """Tell whether the key was seen, and not forgotten by now.

        Args:
            key: The key.
            now: Microseconds; the clock when it is not given, or earlier than the clock.
        """
        if self._hashed is not None:
            now = self._clock if now is None or self._clock is None else max(now, self._clock)
            return self._hashed.seen(key, now, self._slot(now))
        if key not in self._exact:
            return False
        if self.settings.forget_after is None:
            return True
        now = self._clock if now is None or self._clock is None else max(now, self._clock)
        return not self._is_expired(key, now)

    def get(self, key: Key) -> tuple[int, int | None, int | None] | None:
        """Give count, first and last time of a key in the exact stage, else `None`."""
        if key not in self._exact or self._is_expired(key, self._clock):
            return None
        return self._exact.numbers_of(key)

    def items(self) -> Iterator[tuple[Key, int, int | None, int | None]]:
        """Give key, count, first and last time of every value, in order; nothing after the exact stage."""
        limit = self._limit(self._clock)
        for key, count, first, last in zip(*self._exact.columns(), strict=True):
            if limit is None or last is None or last >= limit:
                yield key, count, first, last

    def _is_expired(self, key: Key, now: int | None) -> bool:
        limit = self._limit(now)
        last = None if limit is None else self._exact.last_of(key)
        return limit is not None and last is not None and last < limit

    def _limit(self, now: int | None) -> int | None:
        """Give the instant before which a value must not have been seen last."""
        ages = self.settings.forget_after
        return None if ages is None or now is None else now - ages

    def _slot(self, now: int | None) -> int:
        return 0 if self.settings.forget_after is None or now is None else now // self.settings.slot_width

    # -- learning ---------------------------------------------------------------------------------------

    def add(
        self,
        counts: Mapping[Key, int],
        last: Mapping[Key, int] | None = None,
        first: Callable[[], Mapping[Key, int]] | None = None,
        *,
        earliest: int | None = None,
    ) -> list[Key]:
        """Take rows in, summarised, and give the keys that were new, in order.

        The result is that of adding row by row, whatever the batches. With `forget_after`, the times of one
        call, and of all calls, must not fall, and those of one call must lie in one slot of `slot_width`.

        Args:
            counts: For each distinct key, in order of its first occurrence, how often it came.
            last: For each key the latest of its times, in microseconds; `None` for rows without time.
            first: Gives for each key the earliest of its times; called only when needed.
            earliest: The earliest time of all, if known: it spares calls of `first`.
        """
        keys = list(counts)
        sighting = Sighting(keys, list(counts.values()))
        if last is not None:
            lasts = _in_order(last, keys)
            firsts = (lambda: lasts) if first is None else (lambda: _in_order(first(), keys))
            sighting = Sighting(keys, sighting.counts, lasts, firsts, earliest)
        return [keys[number] for number in self.learn(sighting)]

    def learn(self, sighting: Sighting) -> list[int]:
        """Take rows in, summarised, and tell which of the keys were new, ascending; see `add`."""
        late = False
        if sighting.lasts is None and self.settings.forget_after is not None and self._clock is not None:
            sighting = sighting._replace(lasts=[self._clock] * len(sighting.keys))
        elif sighting.lasts is not None:
            late = sighting.earliest is None or (self._clock is not None and sighting.earliest < self._clock)
            if self.settings.forget_after is not None:
                self.expire(int(sighting.first_times()[0]))
            newest = int(max(sighting.lasts)) if sighting.latest is None else sighting.latest
            self._clock = newest if self._clock is None else max(self._clock, newest)
        if self._hashed is None:
            return self._learn_exact(sighting, late=late)
        return self._learn_hashed(self._hashed, sighting)

    def expire(self, now: int) -> None:
        """Turn the clock to `now`, unless it is there already; without `forget_after`, nothing happens."""
        before, limit = self._clock, self._limit(now)
        if limit is None or (before is not None and now <= before):
            return
        self._clock = now
        if before is None or self._slot(now) == self._slot(before):
            return
        if self._hashed is not None:
            self._hashed.enter_slot(now, self._slot(now))
            return
        dead = self._exact.seen_before(limit)
        if dead:
            self._exact.drop(dead)

    def _learn_exact(self, sighting: Sighting, *, late: bool) -> list[int]:
        found = self._exact.find(sighting.keys)
        most = self.settings.max_distinct
        over = 0 if most is None else len(self._exact) + found.count(-1) - most
        if over <= 0:
            return self._store(sighting, found, late=late)
        # The key that is one too many is the last one to be kept as it is.
        fresh = [number for number, place in enumerate(found) if place < 0]
        border = fresh[-over] + 1
        new = self._store(sighting.part(0, border), found[:border], late=late)
        keys, _, _, lasts = self._exact.columns()
        last = {key: time for key, time in zip(keys, lasts, strict=True) if time is not None}
        self._hashed = HashedValues.of(self.settings, keys, last, self._slot(self._clock))
        self._exact = ExactValues()
        tail = sighting.part(border, None)
        return new + [border + number for number in self._learn_hashed(self._hashed, tail)]

    def _store(self, sighting: Sighting, found: list[int], *, late: bool) -> list[int]:
        ages, again = self.settings.forget_after, []
        if ages is not None and sighting.lasts is not None:
            again = self._exact.stale(found, [time - ages for time in sighting.first_times()])
        return self._exact.store(sighting, found, again, late=late)

    def _learn_hashed(self, hashed: HashedValues, sighting: Sighting) -> list[int]:
        keys = sighting.keys
        begin = end = None
        if self.settings.forget_after is not None and sighting.lasts is not None:
            begin, end = list(sighting.first_times()), list(sighting.lasts)
        new = hashed.add(keys, begin, end, self._slot(self._clock))
        if len(new) in {0, len(keys)}:
            return list(range(len(new)))
        number_of = dict(zip(keys, range(len(keys)), strict=True))
        return [number_of[key] for key in new]

    def forget(self, key: Key) -> bool:
        """Make a value news again; tell whether it was known."""
        known = self.seen(key)
        if self._hashed is not None:
            self._hashed.forget(key)
        elif key in self._exact:
            self._exact.drop([key])
        return known

    # -- snapshots --------------------------------------------------------------------------------------

    def state(self) -> DistinctState:
        """Give all there is to save; not while it changes."""
        attributes = {"clock": self._clock, "slot_width": self.settings.slot_width, "stage": self.stage}
        if self._hashed is not None:
            more, blobs = self._hashed.state()
            return DistinctState(attributes | more, [], [], [], [], blobs)
        return DistinctState(attributes, *self._exact.columns(), {})

    @classmethod
    def from_state(cls, settings: DistinctSettings, state: DistinctState) -> DistinctValues:
        """Become what was saved; the settings need not be those of then.

        Raises:
            ValueError: It is not a state of distinct values.
        """
        self = cls(settings)
        attributes = state.attributes
        try:
            clock, stage, width = attributes["clock"], attributes["stage"], attributes["slot_width"]
            if not ((clock is None or is_time(clock)) and type(width) is int and width > 0):
                message = "its clock is not a time"
                raise ValueError(message)
            self._clock = clock
            if stage == "exact":
                self._fill(state)
            else:
                self._hashed = HashedValues.from_state(settings, attributes, state.blobs)
                self._hashed.suit(self._slot(clock), width)
        except (LookupError, TypeError, ArithmeticError, AttributeError) as error:
            message = f"these are not distinct values: {error!r}"
            raise ValueError(message) from error
        return self

    def _fill(self, state: DistinctState) -> None:
        rows = list(zip(state.keys, state.counts, state.firsts, state.lasts, strict=True))
        if len(set(state.keys)) < len(rows):
            message = "a value is there twice"
            raise ValueError(message)
        for key, count, first, last in rows:
            if first is None or last is None:
                right = first is last
            else:
                right = is_time(first) and is_time(last) and first <= last
            if not right or type(count) is not int or count < 1:
                message = f"{value_of(key)!r} came {count!r} times, first at {first!r}, last at {last!r}"
                raise ValueError(message)
        self._exact.fill(state.keys, state.counts, state.firsts, state.lasts)


def _in_order(times: Mapping[Key, int], keys: Iterable[Key]) -> list[int]:
    return [times[key] for key in keys]
