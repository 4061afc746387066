"""Very many values in bounded memory: who came before, but for a known share of mistakes."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.persistency.bloom import MOST_PARTS, BloomFilter, GrowingFilter, any_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["FilterSlice", "SlicedFilter"]

_LIVE_SLOTS = 5
"""A value stays for the slot in which it was last seen and the four after it: 4 to 5 quarters."""

_MOST_SLICES = _LIVE_SLOTS + 1
"""One more than live at once in order: for a wrong clock's future times."""

_SKETCH_SIZE = 12
"""Binary logarithm of the registers of a sketch: 1.6 % standard error in 4 KiB."""


class FilterSlice:
    """The values last seen in one slot of time: a filter, and a sketch that counts them."""

    __slots__ = ("_shared", "filter", "sketch", "slot")

    def __init__(self, slot: int, filter_: GrowingFilter, sketch: Any = None) -> None:
        self.slot = slot
        self.filter = filter_
        self.sketch = _new_sketch() if sketch is None else sketch
        self._shared = False

    def copy(self) -> FilterSlice:
        """Give an independent copy, cheaply."""
        other = FilterSlice(self.slot, self.filter.copy(), self.sketch)
        other._shared = self._shared = True
        return other

    def add(self, hashes: NDArray[np.uint64]) -> None:
        """Put in hashes that the slice does not hold."""
        if self._shared:
            self.sketch, self._shared = (
                type(self.sketch).deserialize(self.sketch.serialize_updatable()),
                False,
            )
        self.filter.add(hashes)
        deque(map(self.sketch.update, hashes.tolist()), maxlen=0)  # three times as fast as a loop


class SlicedFilter:
    """Filters by the slot of time in which values were last seen; without ageing there is one, slot 0.

    Args:
        max_bytes: What all filters together may take.
        false_positive_rate: What all together should keep to.
        ageing: Whether there is more than one slot.
    """

    __slots__ = ("_max_bytes", "_rate", "slices")

    def __init__(self, max_bytes: int, false_positive_rate: float, *, ageing: bool) -> None:
        share = _MOST_SLICES if ageing else 1
        self._max_bytes = max_bytes // share
        self._rate = false_positive_rate / share
        self.slices: list[FilterSlice] = []

    def copy(self) -> SlicedFilter:
        """Give an independent copy, cheaply."""
        other = SlicedFilter(0, 0.0, ageing=False)
        other._max_bytes, other._rate = self._max_bytes, self._rate
        other.slices = [part.copy() for part in self.slices]
        return other

    @property
    def false_positive_rate(self) -> float:
        """How often it is wrong as it is filled now."""
        return any_of(part.filter.false_positive_rate for part in self.slices)

    def new_filter(self) -> GrowingFilter:
        """Give an empty filter with a slice's share of bytes and mistakes."""
        return GrowingFilter(self._max_bytes, self._rate)

    def add(self, hashes: NDArray[np.uint64], slot: int) -> None:
        """Put hashes in the slice of a slot."""
        part = next((part for part in self.slices if part.slot == slot), None)
        if part is None:
            part = FilterSlice(slot, self.new_filter())
            self.slices.append(part)
        part.add(hashes)

    def drop_dead(self, slot: int) -> None:
        """Let go of slices that are too old at `slot`, and of those in the future if they are too many."""
        self.slices = [part for part in self.slices if part.slot > slot - _LIVE_SLOTS]
        while len(self.slices) > _MOST_SLICES:
            self.slices.remove(max(self.slices, key=lambda part: part.slot))

    def contains(self, hashes: NDArray[np.uint64], slot: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Tell for each hash whether it is held, and whether by the slice of `slot` (the present one)."""
        present = np.zeros(len(hashes), dtype=np.bool_)
        for part in self.slices:
            if part.slot == slot:
                present |= part.filter.contains(hashes)
        held = present.copy()
        for part in self.slices:
            if slot - _LIVE_SLOTS < part.slot != slot:
                left = np.flatnonzero(~held)
                held[left] = part.filter.contains(hashes[left])
        return held, present

    def contains_one(self, wanted: int, slot: int) -> tuple[bool, bool]:
        """Do the same for one hash."""
        if any(part.filter.contains_one(wanted) for part in self.slices if part.slot == slot):
            return True, True
        older = (part.filter for part in self.slices if slot - _LIVE_SLOTS < part.slot != slot)
        return any(part.contains_one(wanted) for part in older), False

    def estimate(self, slot: int, others: NDArray[np.uint64]) -> float:
        """Estimate how many distinct hashes the live slices and the others hold together."""
        import datasketches

        union = datasketches.hll_union(_SKETCH_SIZE)
        sketches = [part.sketch for part in self.slices if part.slot > slot - _LIVE_SLOTS]
        for sketch in sketches:
            union.update(sketch)
        for hashed in others.tolist():
            union.update(hashed)
        return float(union.get_estimate())

    # -- snapshots --------------------------------------------------------------------------------------

    def state(self) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
        """Give the state: for each slice its slot and the facts of its parts (JSON), and blobs."""
        facts: list[dict[str, Any]] = []
        blobs: dict[str, bytes] = {}
        for place, each in enumerate(self.slices):
            parts = each.filter.parts
            numbers = [{"probes": one.probes, "capacity": one.capacity, "count": one.count} for one in parts]
            facts.append({"slot": each.slot, "parts": numbers})
            blobs[f"sketch {place}"] = each.sketch.serialize_compact()
            blobs |= {f"filter {place} {number}": one.bits.tobytes() for number, one in enumerate(parts)}
        return facts, blobs

    def fill(self, facts: Sequence[Mapping[str, Any]], blobs: Mapping[str, bytes]) -> None:
        """Become what was saved.

        Raises:
            ValueError, TypeError, LookupError: It is not a state of filters.
        """
        for place, fact in enumerate(facts):
            slot, parts = fact["slot"], self.new_filter()
            for number, numbers in enumerate(fact["parts"]):
                probes, capacity, count = (numbers[name] for name in ("probes", "capacity", "count"))
                bits = np.frombuffer(blobs[f"filter {place} {number}"], dtype=np.uint8)
                if not (
                    _is_count(probes - 1, 64) and _is_count(capacity - 1) and _is_count(count) and len(bits)
                ):
                    message = "this is not a filter of values"
                    raise ValueError(message)
                # A copy shares its bits until it is changed: these cannot be written to.
                parts.parts.append(BloomFilter(bits, probes, capacity, count).copy())
            if not (_is_count(abs(slot)) and 0 < len(parts.parts) <= MOST_PARTS):
                message = "this is not a filter of values"
                raise ValueError(message)
            self.slices.append(FilterSlice(slot, parts, _read_sketch(blobs[f"sketch {place}"])))

    def renumber(self, slot: int, width: int, new_width: int) -> None:
        """Go on with slots of another width; what has no time, since nothing aged, counts from now."""
        for each in self.slices:
            if width != new_width:
                each.slot = slot if 1 in {width, new_width} else ((each.slot + 1) * width - 1) // new_width


def _is_count(value: Any, end: int = 2**63) -> bool:
    return type(value) is int and 0 <= value < end


def _read_sketch(content: bytes) -> Any:
    import datasketches

    try:
        sketch = datasketches.hll_sketch.deserialize(content)
    except (RuntimeError, IndexError, MemoryError) as error:
        raise ValueError(str(error)) from error
    if sketch.serialize_compact() != content or len(content) != len(_new_sketch().serialize_compact()):
        message = "this is not a sketch of values"
        raise ValueError(message)
    return sketch


def _new_sketch() -> Any:
    import datasketches

    # In full size from the start: then its bytes do not depend on the order of its past.
    return datasketches.hll_sketch(_SKETCH_SIZE, datasketches.tgt_hll_type.HLL_8, True)  # noqa: FBT003 - nanobind
