"""What a backend is: the state of one event."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

__all__ = ["BuiltInStructure", "EventDataStructure", "Gate", "RowBlock"]


class EventDataStructure(ABC):
    """The state of one EventID.

    The four methods are the whole contract: a backend of your own is kept as its opaque `dump()`, and
    restored by `load` of the class that is given as `event_data_class`, never one named in a file.
    """

    kind: ClassVar[str] = ""
    """What snapshots call this kind of state; the class's qualified name when empty."""

    @abstractmethod
    def add_data(self, data: Mapping[str, Any], timestamp: datetime | float | None = None) -> None:
        """Learn one row.

        Args:
            data: Variable → value; not kept and not changed.
            timestamp: When it happened: aware datetime, or Unix seconds; `None` when unknown.
        """

    @abstractmethod
    def get_data(self) -> Any:
        """Give what was learned, in the backend's own form."""

    @abstractmethod
    def dump(self) -> bytes:
        """Give the state as bytes that `load` understands, in any later version as well."""

    @classmethod
    @abstractmethod
    def load(cls, content: bytes, **kwargs: Any) -> Self:
        """Make a backend from what `dump` gave.

        Args:
            content: The bytes.
            **kwargs: The `event_data_kwargs` of the persistency.

        Raises:
            ValueError: The bytes are not a state of this kind.
        """


class Gate(Protocol):
    """How a backend reaches its own state while an `EventPersistency` owns it."""

    def reading(self) -> AbstractContextManager[object]:
        """Keep others out, and bring in the rows that wait."""
        ...

    def changing(self) -> AbstractContextManager[object]:
        """Do the same for a change: cuts take what they hold first, and the event counts as changed."""
        ...


class RowBlock(NamedTuple):
    """Rows of one layout: the values row after row, and a time (microseconds) for each row or for none."""

    names: tuple[str, ...]
    values: list[Any]
    times: list[int] | None

    def columns(self) -> list[list[Any]]:
        """Give the values of each variable."""
        return [self.values[start :: len(self.names)] for start in range(len(self.names))]


class BuiltInStructure(EventDataStructure):
    """What our own backends can do beyond the contract, so that many rows and large states are fast.

    An `EventPersistency` lets rows wait in a small buffer and adds them many at a time with `add_rows`.
    So that this cannot be seen from outside, whatever a backend offers its users runs in `with
    self._reading():` or `with self._changing():`; only `add_rows` and `cut` are called from inside.
    """

    takes_codes: ClassVar[bool] = False
    """Whether columns may be `CodedColumn`s: sequences of values too, but quicker to those who know them."""

    _gate: Gate | None = None

    @abstractmethod
    def add_rows(
        self, names: tuple[str, ...], columns: Sequence[Sequence[Any]], times: Sequence[int] | None
    ) -> None:
        """Learn rows given as columns; the same as `add_data` row by row.

        Args:
            names: The variables.
            columns: For each variable its values, all of one length n ≥ 1; of supported types.
            times: Microseconds since the epoch, one a row, or `None`.
        """

    def add_blocks(self, blocks: Sequence[RowBlock]) -> None:
        """Learn blocks of rows in order, all with times or all without."""
        for block in blocks:
            self.add_rows(block.names, block.columns(), block.times)

    @abstractmethod
    def cut(self) -> Callable[[], bytes]:
        """Take the state as it is now, in a time that does not grow with its history, for a later dump.

        What is called later, perhaps from another thread and while rows are added, gives the bytes that
        `dump` would give now.
        """

    def convert(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give the row that is to be kept for a row that came in; only asked when `converts` is true."""
        return data

    @property
    def converts(self) -> bool:
        """Whether rows go through `convert` before `add_rows` sees them."""
        return False

    def attach(self, gate: Gate | None) -> None:
        """Let reads and changes go through a gate from now on."""
        self._gate = gate

    def _reading(self) -> AbstractContextManager[object]:
        return nullcontext() if self._gate is None else self._gate.reading()

    def _changing(self) -> AbstractContextManager[object]:
        return nullcontext() if self._gate is None else self._gate.changing()
