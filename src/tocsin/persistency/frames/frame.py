"""What both frames share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from tocsin.persistency.frames.row_store import RowStore
from tocsin.persistency.structure import BuiltInStructure
from tocsin.persistency.times import micros_of
from tocsin.persistency.values import plain_value

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

__all__ = ["RowFrame", "column_names"]

_TEXT = {str}
_WAITING_ROWS = 1024
_HEAVY_ROW = 2048
"""Characters; a row with more does not wait."""


class RowFrame(BuiltInStructure):
    """Keeps rows.

    Args:
        max_rows: Keep exactly the newest so many rows; `None` keeps all.
        compact_every: So many chunks (of 4,096 rows) are put together into a large one.

    Raises:
        ValueError: One of them is not an integer of at least 1.
    """

    def __init__(self, *, max_rows: int | None, compact_every: int) -> None:
        for name, value in (("max_rows", max_rows), ("compact_every", compact_every)):
            if not (type(value) is int and value >= 1) and not (name == "max_rows" and value is None):
                message = f"{name} is an integer of at least 1, not {value!r}"
                raise ValueError(message)
        self._rows = RowStore(max_rows, compact_every)
        self._frame: Any = None
        self._names: tuple[str, ...] = ()
        self._values: list[Any] = []
        self._times: list[int | None] = []

    def add_data(self, data: Mapping[str, Any], timestamp: datetime | float | None = None) -> None:
        """Keep one row.

        Raises:
            UnsupportedValueError: A value cannot be kept; nothing of the row was.
        """
        values: Collection[Any] = data.values()
        heavy = False
        if _TEXT.issuperset(map(type, values)):
            heavy = sum(map(len, values)) > _HEAVY_ROW
        else:
            values = list(map(plain_value, values))
            heavy = True
        micros = None if timestamp is None else micros_of(timestamp)
        with self._changing():
            names = tuple(data)
            if names != self._names:
                self._settle()
                self._names = names
            if names:
                self._values += values
                self._times.append(micros)
                if heavy or len(self._times) >= _WAITING_ROWS:
                    self._settle()

    def add_rows(
        self, names: tuple[str, ...], columns: Sequence[Sequence[Any]], times: Sequence[int] | None
    ) -> None:
        """Keep rows given as columns."""
        self._settle()
        self._frame = None
        self._rows.add(names, columns, times)

    def _settle(self) -> None:
        """Bring in the rows that wait: many at once are much cheaper than one by one."""
        if self._times:
            values, times, width = self._values, self._times, len(self._names)
            self._values, self._times, self._frame = [], [], None
            self._rows.add(self._names, [values[start::width] for start in range(width)], times)

    def _settled(self) -> RowStore:
        self._settle()
        return self._rows

    def __len__(self) -> int:
        with self._reading():
            return len(self._settled())

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, RowFrame):
            return NotImplemented
        return self.dump() == other.dump()

    __hash__ = None  # type: ignore[assignment]

    def dump(self) -> bytes:
        """Give all rows as bytes."""
        with self._reading():
            give = self.cut()
        return give()

    def cut(self) -> Callable[[], bytes]:
        """Take the rows as they are now, in a time that grows with the number of chunks only."""
        return self._settled().cut(self.kind)

    @classmethod
    def load(cls, content: bytes, **kwargs: Any) -> Self:
        """Make a frame of what `dump` gave.

        Raises:
            ValueError: The bytes are not a state of this kind.
        """
        frame = cls(**kwargs)
        frame._rows.fill(cls.kind, content)
        return frame


def column_names(variables: Sequence[str]) -> tuple[str, list[str]]:
    """Give the names of the columns of a frame: of the times, and of the variables.

    The times are called `timestamp` unless a variable is. Lone surrogates, which no frame takes, are escaped.
    """
    names: dict[str, None] = {}
    for variable in variables:
        name = variable.encode("utf-8", "backslashreplace").decode()
        while name in names:
            name = f"{name}_"
        names[name] = None
    times = "timestamp"
    while times in names:
        times = f"event_{times}"
    return times, list(names)
