"""The distinct values of one variable once they are too many to keep: hashes, then a filter."""

from __future__ import annotations

from copy import copy
from functools import lru_cache
from hashlib import blake2b
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.persistency.filter import SlicedFilter
from tocsin.persistency.hash_table import NO_TIME, HashTable
from tocsin.persistency.values import encode_key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from tocsin.persistency.distinct_settings import DistinctSettings
    from tocsin.persistency.values import Key

__all__ = ["SEED_BYTES", "HashedValues", "hash_key", "hash_keys"]

SEED_BYTES = blake2b.SALT_SIZE

_FEW = 16
"""So many keys are looked up one by one; for more, arrays are faster."""

_CHUNK = 32_768
_WAITING = 65_536
"""How many hashes wait, in the filter stage, to be put into the filter together."""


def hash_keys(keys: Sequence[Key], seed: bytes) -> NDArray[np.uint64]:
    """Give 64 bits of BLAKE2b for each key, none of them zero.

    Args:
        keys: Keys of `tocsin.persistency.values`.
        seed: 16 bytes; who does not know them cannot make values that collide.
    """
    if set(map(type, keys)) == {str}:
        texts: Sequence[str] = keys
        start = _hasher("str", seed).copy
        digests = []
        for text in texts:
            hasher = start()
            try:
                hasher.update(text.encode())
            except UnicodeEncodeError:
                hasher.update(text.encode("utf-8", "surrogatepass"))
            digests.append(hasher.digest())
    else:
        digests = [_digest(key, seed) for key in keys]
    hashes = np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
    hashes[hashes == 0] = 1
    return hashes


def hash_key(key: Key, seed: bytes) -> int:
    """Give the same for one key."""
    return int.from_bytes(_digest(key, seed), "little") or 1


def _digest(key: Key, seed: bytes) -> bytes:
    tag, text = encode_key(key)
    hasher = _hasher(tag, seed).copy()
    hasher.update(text.encode("utf-8", "surrogatepass"))
    return hasher.digest()


@lru_cache(maxsize=1024)
def _hasher(tag: str, seed: bytes) -> blake2b:
    """Give a hash that has begun; a copy of it takes half the time that a new one takes."""
    return blake2b(digest_size=8, salt=seed, person=tag.encode())


def _seed_of(keys: Iterable[Key]) -> bytes:
    """Make a seed that is the same whenever the values were, and that an outsider cannot guess."""
    digest = blake2b(digest_size=SEED_BYTES)
    for key in keys:
        tag, text = encode_key(key)
        content = text.encode("utf-8", "surrogatepass")
        digest.update(f"{tag}:{len(content)}:".encode() + content)
    return digest.digest()


class HashedValues:
    """Which values came before, by hash: exactly up to `max_hashes`, then through a filter.

    In the filter stage new hashes wait in the table; when there are many, or a new slot of time begins, they
    go into the filter together. So a verdict depends on the order of values only, never on batches.

    Args:
        settings: The limits.
        seed: Makes the hashes this memory's own.
    """

    __slots__ = ("_settings", "filter", "forgotten", "seed", "table")

    def __init__(self, settings: DistinctSettings, seed: bytes) -> None:
        self._settings = settings
        self.seed = seed
        self.table = HashTable(timed=settings.forget_after is not None)
        self.filter: SlicedFilter | None = None
        self.forgotten: set[int] = set()

    @classmethod
    def of(
        cls, settings: DistinctSettings, keys: Collection[Key], last: Mapping[Key, int], slot: int
    ) -> HashedValues:
        """Begin with values that were kept as they are, and their last times."""
        self = cls(settings, _seed_of(keys))
        times = np.array([last.get(key, NO_TIME) for key in keys], dtype=np.int64)
        self.table.add(hash_keys(list(keys), self.seed), times)
        self._flush_if_full(slot)
        return self

    def copy(self) -> HashedValues:
        """Give an independent copy, cheaply."""
        other = copy(self)
        self.table, self.forgotten = self.table.copy(), self.forgotten.copy()
        self.filter = None if self.filter is None else self.filter.copy()
        return other

    def add(
        self, keys: Sequence[Key], first: Sequence[int] | None, last: Sequence[int] | None, slot: int
    ) -> list[Key]:
        """Take distinct keys in, and give those that were new.

        Args:
            keys: The keys in the order in which they came.
            first: For each the time at which it came first; its verdict is that of this instant.
            last: For each the time at which it came last.
            slot: The slot of time in which this is.
        """
        if len(keys) < _FEW:
            firsts = [NO_TIME] * len(keys) if first is None else first
            lasts = [NO_TIME] * len(keys) if last is None else last
            return [
                key
                for key, begin, end in zip(keys, firsts, lasts, strict=True)
                if self._add_one(hash_key(key, self.seed), begin, end, slot)
            ]
        new: list[Key] = []
        for start in range(0, len(keys), _CHUNK):
            part = slice(start, start + _CHUNK)
            hashes = hash_keys(keys[part], self.seed)
            begin, end = _times(first, part, hashes), _times(last, part, hashes)
            at = start
            while len(hashes):
                fresh = self._add_some(hashes, begin, end, slot)
                new.extend(compress(keys[at : at + len(fresh)], fresh.tolist()))
                at, hashes, begin, end = (
                    at + len(fresh),
                    hashes[len(fresh) :],
                    begin[len(fresh) :],
                    end[len(fresh) :],
                )
        return new

    def _add_one(self, hashed: int, first: int, last: int, slot: int) -> bool:
        place = self.table.find_one(hashed)
        ages = self._settings.forget_after is not None
        if place >= 0 and not (ages and self._is_stale(self.table.time_one(place), first)):
            if ages:
                self.table.touch(place, last)
            return False
        held, present = (False, False) if self.filter is None else self.filter.contains_one(hashed, slot)
        if hashed in self.forgotten:
            held = present = False
            self.forgotten.discard(hashed)
        if place >= 0:
            self.table.touch(place, last)
        elif not held or (ages and not present):
            self.table.add_one(hashed, last)
            self._flush_if_full(slot)
        return not held

    def _add_some(
        self, hashes: NDArray[np.uint64], first: NDArray[np.int64], last: NDArray[np.int64], slot: int
    ) -> NDArray[np.bool_]:
        """Take hashes in up to the one that fills the table; tell of each of these whether it was new."""
        ages = self._settings.forget_after is not None
        places = self.table.find(hashes)
        missing = places < 0
        unknown = missing.copy()
        if ages:
            there = np.flatnonzero(~missing)
            unknown[there] = self._are_stale(self.table.times(places[there]), first[there])
        held, present = self._filtered(hashes, unknown, slot)
        enters = missing & ~(present if ages else held)
        room = self._limit - len(self.table)
        filling = np.flatnonzero(enters)[room : room + 1]
        if len(filling):
            stop = int(filling[0]) + 1
            hashes, last, places, missing = hashes[:stop], last[:stop], places[:stop], missing[:stop]
            unknown, held, enters = unknown[:stop], held[:stop], enters[:stop]
        if ages:
            self.table.touch(places[~missing], last[~missing])
        self.table.add(hashes[enters], last[enters] if ages else None)
        if self.forgotten:
            self.forgotten.difference_update(hashes[enters].tolist())
        self._flush_if_full(slot)
        return unknown & ~held

    def _filtered(
        self, hashes: NDArray[np.uint64], unknown: NDArray[np.bool_], slot: int
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Tell which hashes the filter holds, and which of them in the present slot."""
        held, present = np.zeros_like(unknown), np.zeros_like(unknown)
        if self.filter is not None:
            held[unknown], present[unknown] = self.filter.contains(hashes[unknown], slot)
            if self.forgotten:
                known = ~np.isin(hashes, np.fromiter(self.forgotten, dtype=np.uint64))
                held &= known
                present &= known
        return held, present

    @property
    def _limit(self) -> int:
        most = self._settings.max_hashes
        return most if self.filter is None else min(most, _WAITING)

    def _flush_if_full(self, slot: int) -> None:
        if len(self.table) > self._limit:
            self._flush(slot)

    def _flush(self, slot: int) -> None:
        """Put what is in the table into the filter, each hash in the slice of its time."""
        settings = self._settings
        hashes, times = self.table.sorted()
        if self.filter is None:
            self.filter = self._new_filter()
        if times is None:
            self.filter.add(hashes, slot)
        else:
            slots = np.where(times == NO_TIME, slot, times // settings.slot_width)
            for each in np.unique(slots).tolist():
                self.filter.add(hashes[slots == each], each)
            self.filter.drop_dead(slot)
        self.table.clear()

    def _new_filter(self) -> SlicedFilter:
        settings = self._settings
        ages = settings.forget_after is not None
        return SlicedFilter(settings.max_filter_bytes, settings.false_positive_rate, ageing=ages)

    def enter_slot(self, now: int, slot: int) -> None:
        """Let go of what is too old, since a new slot of time begins; of a memory that ages."""
        if self.filter is None:
            self.table.drop_before(now - (self._settings.forget_after or 0))
        else:
            self._flush(slot)

    def seen(self, key: Key, now: int | None, slot: int) -> bool:
        """Tell whether the key is known at an instant."""
        hashed = hash_key(key, self.seed)
        place = self.table.find_one(hashed)
        if place >= 0:
            ages = self._settings.forget_after is not None and now is not None
            if not (ages and self._is_stale(self.table.time_one(place), now or 0)):
                return True
        return (
            self.filter is not None
            and hashed not in self.forgotten
            and self.filter.contains_one(hashed, slot)[0]
        )

    def forget(self, key: Key) -> None:
        """Make a value news again; a filter cannot let it go, so its hash is kept beside."""
        hashed = hash_key(key, self.seed)
        place = self.table.find_one(hashed)
        if place >= 0:
            self.table.remove(place)
        if self.filter is not None:
            self.forgotten.add(hashed)

    def count(self, now: int | None, slot: int) -> int:
        """Give how many values there are: exactly while hashes are kept, then an estimate."""
        if self.filter is not None:
            hashes, _ = self.table.sorted()
            return round(self.filter.estimate(slot, hashes))
        _, times = self.table.sorted()
        if times is None or now is None:
            return len(self.table)
        return int(np.count_nonzero(~self._are_stale(times, np.full_like(times, now))))

    # -- snapshots --------------------------------------------------------------------------------------

    def state(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Give the state as attributes (JSON) and blobs."""
        hashes, times = self.table.sorted()
        attributes: dict[str, Any] = {"seed": self.seed.hex(), "forgotten": sorted(self.forgotten)}
        blobs = {"hashes": hashes.astype("<u8").tobytes()}
        if times is not None:
            blobs["lasts"] = times.astype("<i8").tobytes()
        if self.filter is not None:
            attributes["slices"], more = self.filter.state()
            blobs |= more
        return attributes, blobs

    @classmethod
    def from_state(
        cls, settings: DistinctSettings, attributes: Mapping[str, Any], blobs: Mapping[str, bytes]
    ) -> HashedValues:
        """Become what was saved.

        Raises:
            ValueError, TypeError, LookupError: It is not a state of hashed values.
        """
        self = cls(settings, bytes.fromhex(attributes["seed"]))
        hashes = np.frombuffer(blobs["hashes"], dtype="<u8").astype(np.uint64)
        times = np.full(len(hashes), NO_TIME)
        if "lasts" in blobs:
            times = np.frombuffer(blobs["lasts"], dtype="<i8").astype(np.int64)
        self.forgotten = set(attributes["forgotten"])
        if not (
            len(self.seed) == SEED_BYTES
            and all(type(each) is int and 0 < each < 2**64 for each in self.forgotten)
            and len(hashes) == len(times)
            and all(times[times != NO_TIME] > NO_TIME // 2)
            and (not len(hashes) or hashes[0])
            and bool(np.all(hashes[1:] > hashes[:-1]))
        ):
            message = "these are not hashes of values"
            raise ValueError(message)
        self.table.add(hashes, times)
        if attributes["stage"] == "filter":
            self.filter = self._new_filter()
            self.filter.fill(attributes["slices"], blobs)
        elif attributes["stage"] != "hashes":
            message = f"{attributes['stage']!r} is not a stage of distinct values"
            raise ValueError(message)
        return self

    def suit(self, slot: int, width: int) -> None:
        """Go on with other settings of ageing than those under which the state was dumped.

        Args:
            slot: The present slot.
            width: The width of a slot then.
        """
        if self.filter is not None:
            self.filter.renumber(slot, width, self._settings.slot_width)

    def _is_stale(self, last: int, now: int) -> bool:
        return NO_TIME not in {last, now} and now - last > (self._settings.forget_after or 0)

    def _are_stale(self, last: NDArray[np.int64], now: NDArray[np.int64]) -> NDArray[np.bool_]:
        timed = (last != NO_TIME) & (now != NO_TIME)
        stale: NDArray[np.bool_] = timed & (now - last > (self._settings.forget_after or 0))
        return stale


def _times(times: Sequence[int] | None, part: slice, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    if times is None:
        return np.full(len(hashes), NO_TIME)
    return np.asarray(times[part], dtype=np.int64)
