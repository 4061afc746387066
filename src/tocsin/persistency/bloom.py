"""Bloom filters: sets of 64-bit hashes in little memory that never miss what they hold.

B. H. Bloom, Space/time trade-offs in hash coding with allowable errors, CACM 13 (1970).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["MOST_PARTS", "BloomFilter", "GrowingFilter", "any_of"]

_SHARES = (1 / 16, 3 / 16, 12 / 16)
"""How a growing filter's bytes, and its false positives, are shared out among its parts."""

MOST_PARTS = len(_SHARES)

_HALF = np.uint64(32)
_MASK = 2**64 - 1
_MULTIPLIER = 0x9E3779B97F4A7C15
"""2**64 over the golden ratio: the hashes are even already, this only tells the two steps apart."""


class BloomFilter:
    """A Bloom filter of fixed size.

    Args:
        bits: The bits, eight a byte; it is kept, and changed.
        probes: How many bits a hash sets.
        capacity: How many hashes it is meant for.
        count: How many it holds.
    """

    __slots__ = ("_shared", "bits", "capacity", "count", "probes")

    def __init__(self, bits: NDArray[np.uint8], probes: int, capacity: int, count: int = 0) -> None:
        self.bits = bits
        self.probes = probes
        self.capacity = capacity
        self.count = count
        self._shared = False

    @classmethod
    def of(cls, size: int, false_positive_rate: float) -> BloomFilter:
        """Make a filter of some bytes for as many hashes as keep the rate."""
        probes = max(1, round(-math.log2(false_positive_rate)))
        capacity = int(-size * 8 / probes * math.log1p(-(false_positive_rate ** (1 / probes))))
        return cls(np.zeros(size, dtype=np.uint8), probes, max(1, capacity))

    def copy(self) -> BloomFilter:
        """Give an independent copy; the bits are copied when one of the two is changed."""
        other = BloomFilter(self.bits, self.probes, self.capacity, self.count)
        other._shared = self._shared = True
        return other

    @property
    def false_positive_rate(self) -> float:
        """How often it says that it holds a hash which it does not, as it is filled now."""
        filled = int(np.bitwise_count(self.bits).sum(dtype=np.int64)) / (8 * len(self.bits))
        return float(filled**self.probes)

    def add(self, hashes: NDArray[np.uint64]) -> None:
        """Put hashes in."""
        if self._shared:
            self.bits, self._shared = self.bits.copy(), False
        self.count += len(hashes)
        step = _step(hashes)
        position = hashes.copy()
        for _ in range(self.probes):
            self._set(self._bit(position))
            position += step

    def _set(self, bit: NDArray[np.uint64]) -> None:
        at, mask = (bit >> np.uint64(3)).astype(np.intp), _mask(bit)
        while len(at):
            self.bits[at] |= mask
            lost = np.flatnonzero((self.bits[at] & mask) == 0)  # where another bit of the same byte won
            at, mask = at[lost], mask[lost]

    def contains(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Tell for each hash whether the filter holds it; at `false_positive_rate` wrongly so."""
        left = np.arange(len(hashes))
        step, position = _step(hashes), hashes
        for _ in range(self.probes):
            bit = self._bit(position)
            held = np.flatnonzero(self.bits[(bit >> np.uint64(3)).astype(np.intp)] & _mask(bit))
            left, step, position = left[held], step[held], position[held]
            if not len(left):
                break
            position = position + step
        answer = np.zeros(len(hashes), dtype=np.bool_)
        answer[left] = True
        return answer

    def contains_one(self, wanted: int) -> bool:
        """Do the same for one hash, without the cost of arrays."""
        item, length, position, step = self.bits.item, 8 * len(self.bits), wanted, _step_one(wanted)
        for _ in range(self.probes):
            bit = (position >> 32) * length >> 32
            if not item(bit >> 3) >> (bit & 7) & 1:
                return False
            position = (position + step) & _MASK
        return True

    def _bit(self, position: NDArray[np.uint64]) -> NDArray[np.uint64]:
        return ((position >> _HALF) * np.uint64(8 * len(self.bits))) >> _HALF


def _mask(bit: NDArray[np.uint64]) -> NDArray[np.uint8]:
    return np.left_shift(np.uint8(1), (bit & np.uint64(7)).astype(np.uint8))


def _step(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Give a second hash of each, odd."""
    step = hashes * np.uint64(_MULTIPLIER)
    step ^= step >> _HALF
    step |= np.uint64(1)
    return step


def _step_one(hashed: int) -> int:
    step = hashed * _MULTIPLIER & _MASK
    return step ^ (step >> 32) | 1


def any_of(rates: Iterable[float]) -> float:
    """Give how often at least one of several independent mistakes happens; exact for tiny rates too."""
    together = 0.0
    for rate in rates:
        together += rate - together * rate
    return together


class GrowingFilter:
    """A Bloom filter that takes its bytes in three steps, and keeps its rate until all are full.

    The parts' false-positive rates add up to that of the whole, in the same shares as their sizes: this
    takes the fewest bits. Past the last part's capacity nothing is refused; the rate climbs.
    """

    __slots__ = ("_budget", "_rate", "parts")

    def __init__(self, max_bytes: int, false_positive_rate: float) -> None:
        self._budget = max_bytes
        self._rate = false_positive_rate
        self.parts: list[BloomFilter] = []

    def copy(self) -> GrowingFilter:
        """Give an independent copy, cheaply."""
        other = GrowingFilter(self._budget, self._rate)
        other.parts = [part.copy() for part in self.parts]
        return other

    @property
    def false_positive_rate(self) -> float:
        """How often it is wrong as it is filled now."""
        return any_of(part.false_positive_rate for part in self.parts)

    def add(self, hashes: NDArray[np.uint64]) -> None:
        """Put hashes in that it does not hold."""
        while len(hashes):
            if not self.parts or (self.parts[-1].count >= self.parts[-1].capacity and self._may_grow()):
                share = _SHARES[len(self.parts)]
                self.parts.append(BloomFilter.of(max(8, int(self._budget * share)), self._rate * share))
            part = self.parts[-1]
            room = part.capacity - part.count if self._may_grow() else len(hashes)
            part.add(hashes[:room])
            hashes = hashes[room:]

    def _may_grow(self) -> bool:
        return len(self.parts) < MOST_PARTS

    def contains(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Tell for each hash whether it is held."""
        answer = np.zeros(len(hashes), dtype=np.bool_)
        left = np.arange(len(hashes))
        for part in reversed(self.parts):  # the largest first: most are decided there
            answer[left] = held = part.contains(hashes[left])
            left = left[~held]
        return answer

    def contains_one(self, wanted: int) -> bool:
        """Do the same for one hash."""
        return any(part.contains_one(wanted) for part in reversed(self.parts))
