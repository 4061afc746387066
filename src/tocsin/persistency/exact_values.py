"""Values that are kept as they are, with count, first and last time of each."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from tocsin.persistency.values import Key

    Numbers = Sequence[int] | NDArray[np.int64]

__all__ = ["ExactValues", "Sighting"]

_NEVER_LAST = int(np.iinfo(np.int64).min)
_NEVER_FIRST = int(np.iinfo(np.int64).max)
_FEW = 4
"""So many keys are quicker one by one than as arrays."""


class Sighting(NamedTuple):
    """Rows, summarised: their distinct keys in order of first occurrence, and for each key a number.

    Attributes:
        keys: The keys, at least one.
        counts: How often each came.
        lasts: The latest time of each; `None` for rows without time.
        firsts: Gives the earliest time of each; called only when needed.
        earliest: The earliest time of all, `None` when it is not known.
        latest: The latest time of all, `None` when it is not known.
    """

    keys: Sequence[Key]
    counts: Numbers
    lasts: Numbers | None = None
    firsts: Callable[[], Numbers] | None = None
    earliest: int | None = None
    latest: int | None = None

    def first_times(self) -> Numbers:
        """Give the earliest time of each key."""
        if self.firsts is not None:
            return self.firsts()
        return [] if self.lasts is None else self.lasts

    def part(self, start: int, stop: int | None) -> Sighting:
        """Give some of the keys."""
        some = slice(start, stop)
        lasts = None if self.lasts is None else self.lasts[some]
        firsts = None if self.firsts is None else (lambda: self.first_times()[some])
        return Sighting(self.keys[some], self.counts[some], lasts, firsts, self.earliest)


class ExactValues:
    """Keys, and where in three arrays their numbers are: a key is looked up once, whatever is kept of it.

    A copy shares the dict of keys with its original, which mostly only grows: the copy looks at as many
    keys as there were. Whoever does anything else with the dict makes one of their own first. (Copying the
    dicts of all variables when a snapshot begins would hold up whoever learns for a hundred times as long.)
    """

    __slots__ = ("_counts", "_firsts", "_free", "_is_shared", "_lasts", "_length", "_places", "_used")

    def __init__(self) -> None:
        self._places: dict[Key, int] = {}
        self._is_shared = False
        """Whether copies look at the dict: it may grow, and nothing else."""
        self._length: int | None = None
        """Of a copy: how many keys of the dict are its own."""
        self._used = 0
        self._free: list[int] = []
        self._counts = np.zeros(8, dtype=np.int64)
        self._firsts = np.full(8, _NEVER_FIRST)
        self._lasts = np.full(8, _NEVER_LAST)

    def __len__(self) -> int:
        return len(self._places) if self._length is None else self._length

    def __contains__(self, key: Key) -> bool:
        return key in self._own_places()

    def _own_places(self) -> dict[Key, int]:
        """Give the dict to look into; a copy makes its own of what it shares."""
        if self._length is not None:
            self._places = dict(zip(self.keys(), self._order().tolist(), strict=True))
            self._length = None
        return self._places

    def _places_to_shrink(self) -> dict[Key, int]:
        """Give the dict to take keys out of."""
        if self._is_shared:
            self._places, self._is_shared = self._own_places().copy(), False
        return self._own_places()

    def copy(self) -> ExactValues:
        """Give an independent copy."""
        other = ExactValues()
        self._is_shared = True
        other._places, other._length = self._own_places(), len(self._places)
        other._used, other._free = self._used, self._free.copy()
        other._counts, other._firsts, other._lasts = map(_copied, (self._counts, self._firsts, self._lasts))
        return other

    def keys(self) -> list[Key]:
        """Give the keys in the order in which they came."""
        return list(self._places)[: self._length]

    def last_of(self, key: Key) -> int | None:
        """Give when a key, which must be here, was seen last."""
        last = int(self._lasts[self._own_places()[key]])
        return None if last == _NEVER_LAST else last

    def numbers_of(self, key: Key) -> tuple[int, int | None, int | None]:
        """Give count, first and last time of a key, which must be here."""
        place = self._own_places()[key]
        first = int(self._firsts[place])
        return int(self._counts[place]), None if first == _NEVER_FIRST else first, self.last_of(key)

    def columns(self) -> tuple[list[Key], list[int], list[int | None], list[int | None]]:
        """Give keys, counts, first and last times, in the order in which they came."""
        places = self._order()
        firsts: list[int | None] = [
            None if time == _NEVER_FIRST else time for time in self._firsts[places].tolist()
        ]
        lasts: list[int | None] = [
            None if time == _NEVER_LAST else time for time in self._lasts[places].tolist()
        ]
        return self.keys(), self._counts[places].tolist(), firsts, lasts

    def fill(
        self,
        keys: Sequence[Key],
        counts: Sequence[int],
        firsts: Sequence[int | None],
        lasts: Sequence[int | None],
    ) -> None:
        """Become what `columns` gave; the keys differ."""
        self._used = len(keys)
        self._places = dict(zip(keys, range(len(keys)), strict=True))
        self._is_shared, self._length = False, None
        self._counts = np.array(counts, dtype=np.int64)
        self._firsts = np.array([_NEVER_FIRST if time is None else time for time in firsts], dtype=np.int64)
        self._lasts = np.array([_NEVER_LAST if time is None else time for time in lasts], dtype=np.int64)

    def seen_before(self, limit: int) -> list[Key]:
        """Give the keys that were seen last before an instant."""
        lasts = self._lasts[self._order()]
        stale = (lasts < limit) & (lasts != _NEVER_LAST)
        if not stale.any():
            return []
        keys = self.keys()
        return [keys[place] for place in np.flatnonzero(stale).tolist()]

    def _order(self) -> NDArray[np.intp]:
        # As a list at once, which another thread that adds keys cannot come between; and no pairs, which
        # would keep the garbage collector busy.
        return np.array(list(self._places.values())[: self._length], dtype=np.intp)

    def drop(self, keys: Iterable[Key]) -> None:
        """Forget keys, which must be here."""
        places = self._places_to_shrink()
        for key in keys:
            place = places.pop(key)
            self._clear(place)
            self._free.append(place)

    def find(self, keys: Sequence[Key]) -> list[int]:
        """Give the place of each key, -1 of one that is not here."""
        return list(map(self._own_places().get, keys, repeat(-1)))

    def stale(self, found: Sequence[int], limits: Sequence[int]) -> list[int]:
        """Tell which of the found were seen last before their limit."""
        lasts = self._lasts
        return [
            number
            for number, (place, limit) in enumerate(zip(found, limits, strict=True))
            if place >= 0 and _NEVER_LAST < lasts[place] < limit
        ]

    def store(self, sighting: Sighting, found: list[int], again: Sequence[int], *, late: bool) -> list[int]:
        """Take rows in.

        Args:
            sighting: The rows.
            found: The place of each key.
            again: Those of the found that begin anew.
            late: Whether a time may be before one that is kept.

        Returns:
            Which keys were new, or began anew; ascending.
        """
        if len(found) <= _FEW:
            return self._store_few(sighting, found, again)
        places = np.array(found, dtype=np.intp)
        if again:
            new = sorted({*again, *np.flatnonzero(places < 0).tolist()})
            for number in new:
                places[number] = self._begin(sighting.keys[number], found[number])
        else:
            new = self._place_new(sighting.keys, places)
        self._counts[places] += np.asarray(sighting.counts)
        if sighting.lasts is not None:
            self._lasts[places] = np.maximum(self._lasts[places], sighting.lasts)
            firsts = self._firsts[places]
            if late or (firsts == _NEVER_FIRST).any():
                self._firsts[places] = np.minimum(firsts, sighting.first_times())
        return new

    def _store_few(self, sighting: Sighting, found: list[int], again: Sequence[int]) -> list[int]:
        lasts = sighting.lasts
        firsts = () if lasts is None else sighting.first_times()
        new = []
        for number, key in enumerate(sighting.keys):
            place = found[number]
            if place < 0 or number in again:
                place = self._begin(key, place)
                new.append(number)
            self._counts[place] += sighting.counts[number]
            if lasts is not None:
                self._lasts[place] = max(self._lasts[place], lasts[number])
                self._firsts[place] = min(self._firsts[place], firsts[number])
        return new

    def _begin(self, key: Key, place: int) -> int:
        """Begin a key anew, or for the first time, as the last that came."""
        if place >= 0:
            del self._places_to_shrink()[key]
            self._clear(place)
        elif self._free:
            place = self._free.pop()
        else:
            place = self._reserve(1)
        self._own_places()[key] = place
        return place

    def _place_new(self, keys: Sequence[Key], places: NDArray[np.intp]) -> list[int]:
        """Give the new among many keys places."""
        if places.min() >= 0:
            return []
        new: list[int] = np.flatnonzero(places < 0).tolist()
        if self._free:
            for number in new:
                places[number] = self._begin(keys[number], -1)
            return new
        start = self._reserve(len(new))
        fresh = keys if len(new) == len(keys) else [keys[number] for number in new]
        self._own_places().update(zip(fresh, range(start, start + len(new)), strict=True))
        places[new] = np.arange(start, start + len(new))
        return new

    def _clear(self, place: int) -> None:
        self._counts[place], self._firsts[place], self._lasts[place] = 0, _NEVER_FIRST, _NEVER_LAST

    def _reserve(self, count: int) -> int:
        """Make room for more keys, and give where it begins."""
        start = self._used
        self._used += count
        missing = self._used - len(self._counts)
        if missing > 0:
            more = max(missing, len(self._counts), 8)
            self._counts = np.concatenate((self._counts, np.zeros(more, dtype=np.int64)))
            self._firsts = np.concatenate((self._firsts, np.full(more, _NEVER_FIRST)))
            self._lasts = np.concatenate((self._lasts, np.full(more, _NEVER_LAST)))
        return start


def _copied(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give a copy, made without giving the interpreter's lock away, as numpy does.

    Whoever learns while another thread saves would wait for that lock again after each of some hundred
    short copies, up to 5 ms each time.
    """
    return np.frombuffer(bytearray(numbers), dtype=np.int64)
