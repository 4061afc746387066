"""How often an event came, first and last: a backend of a few bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tocsin.detectors.events.allowances import ANY
from tocsin.detectors.events.plain_state import PlainStructure

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["EventCount", "Span"]

_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Span:
    """How many rows there were, and the times (Unix seconds) of the first and the last of them."""

    rows: int = 0
    first: float | None = None
    last: float | None = None

    def plus(self, rows: int, times: Sequence[int] | None) -> Span:
        """Give the span with more rows, with their times in microseconds."""
        if not times:
            return Span(self.rows + rows, self.first, self.last)
        first, last = min(times) / _MICROSECONDS, max(times) / _MICROSECONDS
        return Span(
            self.rows + rows,
            first if self.first is None else min(first, self.first),
            last if self.last is None else max(last, self.last),
        )

    def to_json(self) -> list[Any]:
        """Give it as JSON."""
        return [self.rows, self.first, self.last]

    @classmethod
    def from_json(cls, state: Any) -> Span:
        """Undo `to_json`.

        Raises:
            ValueError: It is something else.
        """
        rows, first, last = state
        if type(rows) is not int or {type(first), type(last)} - {float, type(None)}:
            message = f"{state!r} is not a number of rows with two times"
            raise ValueError(message)
        return cls(rows, first, last)


class EventCount(PlainStructure):
    """Counts the rows of one event.

    >>> count = EventCount()
    >>> count.add_data({"event": 1}, 5.0)
    >>> count.get_data().rows, count.get_data().last
    (1, 5.0)
    """

    kind: ClassVar[str] = "event_count"

    def __init__(self) -> None:
        self._span = Span()

    def add_rows(
        self, names: tuple[str, ...], columns: Sequence[Sequence[Any]], times: Sequence[int] | None
    ) -> None:
        """Count rows."""
        self._span = self._span.plus(len(columns[0]) if names else 0, times)

    def get_data(self) -> Span:
        """Give how many rows there were, first and last."""
        with self._reading():
            return self._span

    def export(self) -> Any:
        """Give how many rows there were, first and last."""
        with self._reading():
            return {"count": self._span.rows, "first": self._span.first, "last": self._span.last}

    def forget(self, variable: Any = ANY, value: Any = ANY) -> int:
        """Count anew, if the event as a whole is meant; tell whether there was anything."""
        if variable is not ANY or value is not ANY:
            return 0
        with self._changing():
            known = int(self._span.rows > 0)
            self._span = Span()
            return known

    def _state(self) -> Any:
        return self._span.to_json()

    def _take_state(self, state: Any, version: int) -> None:  # noqa: ARG002 - there is one so far
        self._span = Span.from_json(state)
