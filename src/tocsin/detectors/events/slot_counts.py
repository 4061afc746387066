"""How often one event came in each of the latest slots of time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from tocsin.detectors.events.allowances import ANY
from tocsin.detectors.events.counts import Span
from tocsin.detectors.events.plain_state import PlainStructure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["SlotCounts"]


class SlotCounts(PlainStructure):
    """Counts the rows of one event a slot; a row has `slot`, the number of its slot.

    >>> counts = SlotCounts()
    >>> for slot in (7, 7, 8):
    ...     counts.add_data({"slot": slot})
    >>> dict(counts.get_data())
    {7: 2, 8: 1}
    """

    kind: ClassVar[str] = "slot_counts"

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._span = Span()

    @property
    def span(self) -> Span:
        """How many rows there were, first and last."""
        with self._reading():
            return self._span

    def add_rows(
        self, names: tuple[str, ...], columns: Sequence[Sequence[Any]], times: Sequence[int] | None
    ) -> None:
        """Count rows given as columns."""
        slots = columns[names.index("slot")]
        self._counts.update(slots)
        self._span = self._span.plus(len(slots), times)

    def get_data(self) -> Mapping[int, int]:
        """Give the count of each slot that had any; not to be changed."""
        with self._reading():
            return self._counts

    def drop_before(self, slot: int) -> None:
        """Drop the counts of earlier slots."""
        with self._reading():
            kept = Counter({at: count for at, count in self._counts.items() if at >= slot})
        if len(kept) < len(self._counts):
            with self._changing():
                self._counts = kept

    def export(self) -> Any:
        """Give the count of each slot that had any."""
        with self._reading():
            slots = {str(slot): count for slot, count in sorted(self._counts.items())}
            return {"count": self._span.rows, "slots": slots}

    def forget(self, variable: Any = ANY, value: Any = ANY) -> int:  # noqa: ARG002 - there is the event only
        """Count anew; tell how many slots were known."""
        with self._changing():
            known = len(self._counts)
            self._counts, self._span = Counter(), Span()
            return known

    def _state(self) -> Any:
        return [self._span.to_json(), sorted(self._counts.items())]

    def _take_state(self, state: Any, version: int) -> None:  # noqa: ARG002 - there is one so far
        span, counts = state
        self._span = Span.from_json(span)
        self._counts = Counter({int(slot): int(count) for slot, count in counts})
