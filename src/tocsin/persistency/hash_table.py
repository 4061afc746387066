"""A set of 64-bit hashes in flat arrays: ten bytes or so a value, looked up many at a time."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NO_TIME", "HashTable"]

NO_TIME = -(2**63)
"""The last time of a value that never came with one."""

_SMALLEST = 1024
_FULLEST = 0.6
_EMPTY = np.uint64(0)


class HashTable:
    """Hashes, each with the time it was last seen if that is asked for.

    Open addressing with linear probing; the hash is its own slot number, since it is spread evenly. Zero
    marks an empty slot: no hash given to a table is zero. Copies share their arrays until one is changed.

    Attributes:
        timed: Whether last times are kept.
    """

    __slots__ = ("_count", "_hashes", "_shared", "_times", "timed")

    def __init__(self, *, timed: bool) -> None:
        self._hashes = np.zeros(_SMALLEST, dtype=np.uint64)
        self._times = np.zeros(_SMALLEST if timed else 0, dtype=np.int64)
        self.timed = timed
        self._count = 0
        self._shared = False

    def __len__(self) -> int:
        return self._count

    def copy(self) -> HashTable:
        """Give an independent copy; what it takes is done when one of the two is changed."""
        self._shared = True
        return copy(self)

    def find(self, hashes: NDArray[np.uint64]) -> NDArray[np.intp]:
        """Give the place of each hash, -1 for one that is not there."""
        table, mask = self._hashes, len(self._hashes) - 1
        places = (hashes & np.uint64(mask)).astype(np.intp)
        there = table[places]
        open_ = np.flatnonzero((there != hashes) & (there != _EMPTY))
        found = np.where(there == hashes, places, -1)
        at, wanted = places[open_], hashes[open_]
        while len(open_):
            at = (at + 1) & mask
            there = table[at]
            hit = there == wanted
            found[open_[hit]] = at[hit]
            on = ~hit & (there != _EMPTY)
            open_, at, wanted = open_[on], at[on], wanted[on]
        return found

    def find_one(self, wanted: int) -> int:
        """Do the same for one hash, without the cost of arrays."""
        item, mask = self._hashes.item, len(self._hashes) - 1
        at = wanted & mask
        while (there := item(at)) != wanted:
            if not there:
                return -1
            at = (at + 1) & mask
        return at

    def times(self, places: NDArray[np.intp]) -> NDArray[np.int64]:
        """Give the last times at places that `find` gave; of a timed table."""
        return self._times[places]

    def time_one(self, place: int) -> int:
        """Do the same for one place."""
        return int(self._times.item(place))

    def touch(self, places: Any, times: Any) -> None:
        """Lift last times at distinct places (arrays, or one place and one time); of a timed table."""
        self._own()
        self._times[places] = np.maximum(self._times[places], times)

    def add(self, hashes: NDArray[np.uint64], times: NDArray[np.int64] | None) -> None:
        """Put in distinct hashes that are not there."""
        self._own()
        self._make_room(self._count + len(hashes))
        self._count += len(hashes)
        self._place(hashes, times)

    def add_one(self, new: int, time: int) -> None:
        """Put in one hash that is not there; the time counts in a timed table only."""
        self._own()
        self._make_room(self._count + 1)
        self._count += 1
        item, mask = self._hashes.item, len(self._hashes) - 1
        at = new & mask
        while item(at):
            at = (at + 1) & mask
        self._hashes[at] = new
        if self.timed:
            self._times[at] = time

    def remove(self, place: int) -> None:
        """Take the hash at a place out."""
        kept = self._hashes != self._hashes[place]
        self._keep(kept & (self._hashes != _EMPTY))

    def drop_before(self, time: int) -> None:
        """Drop what was last seen before a time; what never had a time stays."""
        kept = ((self._times >= time) | (self._times == NO_TIME)) & (self._hashes != _EMPTY)
        if int(np.count_nonzero(kept)) < self._count:
            self._keep(kept)

    def clear(self) -> None:
        """Drop everything."""
        self.__init__(timed=self.timed)  # type: ignore[misc]

    def sorted(self) -> tuple[NDArray[np.uint64], NDArray[np.int64] | None]:
        """Give all hashes in rising order, and their last times: the same whatever their history."""
        places = np.flatnonzero(self._hashes)
        places = places[np.argsort(self._hashes[places])]
        return self._hashes[places], self._times[places] if self.timed else None

    def _own(self) -> None:
        if self._shared:
            self._hashes, self._times, self._shared = self._hashes.copy(), self._times.copy(), False

    def _keep(self, kept: NDArray[np.bool_]) -> None:
        hashes, times = self._hashes[kept], self._times[kept] if self.timed else None
        self.clear()
        self.add(hashes, times)

    def _make_room(self, count: int) -> None:
        size = len(self._hashes)
        if count <= _FULLEST * size:
            return
        while count > _FULLEST * size:
            size *= 2
        places = np.flatnonzero(self._hashes)
        hashes, times = self._hashes[places], self._times[places] if self.timed else None
        self._hashes = np.zeros(size, dtype=np.uint64)
        self._times = np.zeros(size if self.timed else 0, dtype=np.int64)
        self._place(hashes, times)

    def _place(self, hashes: NDArray[np.uint64], times: NDArray[np.int64] | None) -> None:
        table, mask = self._hashes, len(self._hashes) - 1
        at = (hashes & np.uint64(mask)).astype(np.intp)
        while len(hashes):
            free = table[at] == _EMPTY
            table[at[free]] = hashes[free]  # of several that want one slot, one wins
            won = table[at] == hashes
            if self.timed and times is not None:
                self._times[at[won]] = times[won]
                times = times[~won]
            hashes, at = hashes[~won], (at[~won] + 1) & mask
