"""The event that users see: a mapping over its message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from tocsin.eventstorage.idea.decode import NO_LIMITS, decode_kept, message_bytes
from tocsin.eventstorage.idea.rows import row_of
from tocsin.eventstorage.idea.times import EPOCH, MICROSECOND, microseconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tocsin.eventstorage.row import EventRow

__all__ = ["Idea"]


class Idea(Mapping[str, Any]):
    """An IDEA message, as it came: reading `event["Source"][0]["IP4"]` is reading its JSON.

    It does not change; what it holds is not to be changed either (`to_dict()` gives a copy for that). Two are
    equal when their content is, whatever their bytes. The other properties tell how the storage understands
    the message, which may be less than what it says: see `inspection_errors`.

    Args:
        message: A mapping, or JSON as text or bytes.

    Raises:
        DataError: It is not JSON, has no usable ID, or is over a limit.

    Example:
        >>> event = Idea({"Format": "IDEA0", "ID": "e1", "DetectTime": 0, "Category": "Recon.Scanning"})
        >>> event["ID"], event.categories, event.detecttime.isoformat()
        ('e1', ('Recon.Scanning',), '1970-01-01T00:00:00+00:00')
    """

    __slots__ = ("_content", "_detecttime", "_id", "_original", "_row", "_seq", "_storagetime")

    def __init__(self, message: Mapping[str, Any] | str | bytes) -> None:
        self._original = message_bytes(message)
        self._row: EventRow | None = row_of(self._original, words=False)
        self._id = self._row.id
        self._seq: int | None = None
        self._storagetime: datetime | int | None = None
        self._detecttime: datetime | int | None = None
        self._content: dict[str, Any] | None = None

    @classmethod
    def of_record(
        cls, message: bytes, ident: str, seq: int, storagetime: datetime | int, detecttime: datetime | int
    ) -> Self:
        """Make the event of a message that a storage has looked at before; it is not looked at again.

        A search gives many at once, so this does next to nothing.

        Args:
            message: As it came.
            ident: Its ID.
            seq: Its number in the storage.
            storagetime: When it was stored: an aware time, or microseconds since the epoch.
            detecttime: When it was detected, in the same form.
        """
        self = cls.__new__(cls)
        self._original = message
        self._row = self._content = None
        self._id = ident
        self._seq = seq
        self._storagetime = storagetime
        self._detecttime = detecttime
        return self

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read the JSON of a message.

        Raises:
            DataError: It is not JSON, has no usable ID, or is over a limit.
        """
        return cls(text)

    @property
    def original(self) -> bytes:
        """The bytes of the message as they came (of a mapping: its JSON)."""
        return self._original

    def to_json(self) -> str:
        """Give the JSON as it came, as text: `original` decoded."""
        return self._original.decode()

    def to_dict(self) -> dict[str, Any]:
        """Give the content as a copy that may be changed."""
        return decode_kept(self._original)

    @property
    def seq(self) -> int | None:
        """Its number in the storage that it came from."""
        return self._seq

    @property
    def storagetime(self) -> datetime | None:
        """When it was stored, aware, UTC; `None` when it does not come from a storage."""
        return _instant(self._storagetime)

    @property
    def row(self) -> EventRow:
        """What the storage understands of it, without the words for full text."""
        if self._row is None:
            self._row = self._read()
        return self._row

    @property
    def id(self) -> str:
        """Its ID."""
        return self._id

    @property
    def detecttime(self) -> datetime | None:
        """When it was detected, aware, UTC; the time of storage when the message gives no usable one."""
        return _instant(self.row.detecttime if self._detecttime is None else self._detecttime)

    @property
    def categories(self) -> tuple[str, ...]:
        """Its categories."""
        return self.row.category

    @property
    def eventclass(self) -> str | None:
        """Its class."""
        return self.row.eventclass

    @property
    def severity(self) -> str | None:
        """Its severity."""
        return self.row.eventseverity

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that own what it is about."""
        return self.row.resolvedabuses

    @property
    def inspection_errors(self) -> tuple[str, ...]:
        """What is wrong with the message."""
        return self.row.inspectionerrors

    def __getitem__(self, key: str) -> Any:
        return self._document()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._document())

    def __len__(self) -> int:
        return len(self._document())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Idea):
            return self._original == other._original or self._document() == other._document()
        if isinstance(other, Mapping):
            return self._document() == dict(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._id)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._id!r})"

    def _read(self) -> EventRow:
        row = row_of(self._original, words=False, limits=NO_LIMITS)
        if row.detecttime is None and self._detecttime != self._storagetime:  # who stored it read NTP times
            return row_of(self._original, words=False, limits=NO_LIMITS, ntp_times=True)
        return row

    def _document(self) -> dict[str, Any]:
        if self._content is None:
            self._content = decode_kept(self._original)
        return self._content


def _instant(value: datetime | int | None) -> datetime | None:
    if value is None:
        return None
    return EPOCH + (value if isinstance(value, int) else microseconds(value)) * MICROSECOND
