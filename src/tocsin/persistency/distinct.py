"""The distinct values of one variable, in bounded memory."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from tocsin.persistency.distinct_settings import DistinctSettings, is_time
from tocsin.persistency.hashed_values import HashedValues
from tocsin.persistency.values import value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tocsin.persistency.values import Key

__all__ = ["DistinctSettings", "DistinctState", "DistinctValues"]


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

    __slots__ = ("_clock", "_counts", "_first", "_hashed", "_last", "_shared", "settings")

    def __init__(self, settings: DistinctSettings | None = None) -> None:
        self.settings = DistinctSettings() if settings is None else settings
        self._counts: dict[Key, int] = {}
        self._first: dict[Key, int] = {}
        self._last: dict[Key, int] = {}
        self._hashed: HashedValues | None = None
        self._clock: int | None = None
        self._shared = False

    def copy(self) -> DistinctValues:
        """Give an independent copy; what it takes is done when one of the two is changed."""
        self._shared = True
        other = copy(self)
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
            return len(self._counts)
        return len(self._counts) - sum(time < limit for time in self._last.values())

    def seen(self, key: Key, now: int | None = None) -> bool:
        """Tell whether the key was seen, and not forgotten by now.

        Args:
            key: The key.
            now: Microseconds; the clock when it is not given, or earlier than the clock.
        """
        if self._hashed is not None:
            now = self._clock if now is None or self._clock is None else max(now, self._clock)
            return self._hashed.seen(key, now, self._slot(now))
        if key not in self._counts:
            return False
        if self.settings.forget_after is None:
            return True
        now = self._clock if now is None or self._clock is None else max(now, self._clock)
        return not self._is_expired(key, now)

    def get(self, key: Key) -> tuple[int, int | None, int | None] | None:
        """Give count, first and last time of a key in the exact stage, else `None`."""
        if key not in self._counts or self._is_expired(key, self._clock):
            return None
        return self._counts[key], self._first.get(key), self._last.get(key)

    def items(self) -> Iterator[tuple[Key, int, int | None, int | None]]:
        """Give key, count, first and last time of every value, in order; nothing after the exact stage."""
        for key, count in self._counts.items():
            if not self._is_expired(key, self._clock):
                yield key, count, self._first.get(key), self._last.get(key)

    def _is_expired(self, key: Key, now: int | None) -> bool:
        limit = self._limit(now)
        return limit is not None and self._last.get(key, limit) < limit

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
        firsts: Mapping[Key, int] | None = None
        late = False
        if last is None and self.settings.forget_after is not None and self._clock is not None:
            last = firsts = dict.fromkeys(counts, self._clock)
        elif last is not None:
            late = self.settings.forget_after is None and (earliest is None or self._is_late(earliest))
            if late or self.settings.forget_after is not None:
                firsts = first() if first is not None else last
            self._turn_clock(next(iter(counts)), last, firsts)
        if self._hashed is None:
            return self._add_exact(counts, last, firsts, first, late=late)
        return self._add_hashed(self._hashed, counts, last, firsts)

    def _is_late(self, time: int) -> bool:
        return self._clock is not None and time < self._clock

    def _turn_clock(self, key: Key, last: Mapping[Key, int], firsts: Mapping[Key, int] | None) -> None:
        newest = max(last.values())
        if self.settings.forget_after is not None and firsts is not None:
            self.expire(firsts[key])
        if self._clock is None or newest > self._clock:
            self._clock = newest

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
        dead = [key for key, time in self._last.items() if time < limit]
        self._own()
        for key in dead:
            self._drop(key)

    def _add_exact(
        self,
        counts: Mapping[Key, int],
        last: Mapping[Key, int] | None,
        firsts: Mapping[Key, int] | None,
        first: Callable[[], Mapping[Key, int]] | None,
        *,
        late: bool,
    ) -> list[Key]:
        known = self._counts
        fresh = [] if counts.keys() <= known.keys() else [key for key in counts if key not in known]
        if firsts is None and last is not None and not last.keys() <= self._first.keys():
            firsts = first() if first is not None else last
        most = self.settings.max_distinct
        if most is None or len(known) + len(fresh) <= most:
            return self._learn(counts, last, firsts, fresh, late=late)
        # The key that is one too many is the last one to be added here.
        place = list(counts).index(fresh[most - len(known)]) + 1
        head, tail = dict(islice(counts.items(), place)), dict(islice(counts.items(), place, None))
        new = self._learn(head, _of(head, last), _of(head, firsts), fresh[: most - len(known) + 1], late=late)
        self._hashed = HashedValues.of(self.settings, self._counts, self._last, self._slot(self._clock))
        self._counts, self._first, self._last, self._shared = {}, {}, {}, False
        return new + self._add_hashed(self._hashed, tail, last, firsts)

    def _learn(
        self,
        counts: Mapping[Key, int],
        last: Mapping[Key, int] | None,
        firsts: Mapping[Key, int] | None,
        fresh: list[Key],
        *,
        late: bool,
    ) -> list[Key]:
        self._own()
        new = fresh
        if self.settings.forget_after is not None and last is not None and firsts is not None:
            again = {key for key in counts if self._is_expired(key, firsts[key])}
            for key in again:
                self._drop(key)
            if again:
                new = [key for key in counts if key not in self._counts]
        self._store(counts, last, firsts, late=late)
        return new

    def _store(
        self,
        counts: Mapping[Key, int],
        last: Mapping[Key, int] | None,
        firsts: Mapping[Key, int] | None,
        *,
        late: bool,
    ) -> None:
        known, lasts, earlier = self._counts, self._last, self._first
        if known.keys().isdisjoint(counts):
            known.update(counts)
        else:
            for key, count in counts.items():
                known[key] = known.get(key, 0) + count
        if last is None:
            return
        if not late:  # then no time is before one that is kept
            lasts.update(last)
            if firsts is not None:
                for key, time in firsts.items():
                    earlier.setdefault(key, time)
            return
        lasts.update((key, max(time, lasts.get(key, time))) for key, time in last.items())
        if firsts is not None:
            earlier.update((key, min(time, earlier.get(key, time))) for key, time in firsts.items())

    def _add_hashed(
        self,
        hashed: HashedValues,
        counts: Mapping[Key, int],
        last: Mapping[Key, int] | None,
        firsts: Mapping[Key, int] | None,
    ) -> list[Key]:
        keys = list(counts)
        begin = end = None
        if self.settings.forget_after is not None and last is not None and firsts is not None:
            begin, end = [firsts[key] for key in keys], [last[key] for key in keys]
        return hashed.add(keys, begin, end, self._slot(self._clock))

    def forget(self, key: Key) -> bool:
        """Make a value news again; tell whether it was known."""
        known = self.seen(key)
        if self._hashed is not None:
            self._hashed.forget(key)
        elif key in self._counts:
            self._own()
            self._drop(key)
        return known

    # -- snapshots --------------------------------------------------------------------------------------

    def state(self) -> DistinctState:
        """Give all there is to save; not while it changes."""
        attributes = {"clock": self._clock, "slot_width": self.settings.slot_width, "stage": self.stage}
        if self._hashed is not None:
            more, blobs = self._hashed.state()
            return DistinctState(attributes | more, [], [], [], [], blobs)
        keys = list(self._counts)
        first, last = list(map(self._first.get, keys)), list(map(self._last.get, keys))
        return DistinctState(attributes, keys, list(self._counts.values()), first, last, {})

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
        rows = zip(state.keys, state.counts, state.firsts, state.lasts, strict=True)
        for key, count, first, last in rows:
            if key in self._counts or type(count) is not int or count < 1:
                message = f"{value_of(key)!r} is there twice, or came {count} times"
                raise ValueError(message)
            self._counts[key] = count
            if first is not None and last is not None:
                if not (is_time(first) and is_time(last) and first <= last):
                    message = f"{value_of(key)!r} was seen first at {first!r}, last at {last!r}"
                    raise ValueError(message)
                self._first[key], self._last[key] = first, last

    def _drop(self, key: Key) -> None:
        del self._counts[key]
        self._first.pop(key, None)
        self._last.pop(key, None)

    def _own(self) -> None:
        if self._shared:
            self._counts, self._first, self._last = self._counts.copy(), self._first.copy(), self._last.copy()
            self._shared = False


def _of(keys: Iterable[Key], times: Mapping[Key, int] | None) -> dict[Key, int] | None:
    return None if times is None else {key: times[key] for key in keys}
