"""What a backend is: the state of one event."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

__all__ = ["BuiltInStructure", "EventDataStructure"]


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


class BuiltInStructure(EventDataStructure):
    """What our own backends can do beyond the contract, so that many rows and large states are fast."""

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

    @abstractmethod
    def cut(self) -> Callable[[], bytes]:
        """Take the state as it is now, in a time that does not grow with its history, for a later dump.

        What is called later, perhaps from another thread and while rows are added, gives the bytes that
        `dump` would give now.
        """
