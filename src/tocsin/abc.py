"""What the rooms offer each other. A method's docstring is its contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from tocsin.model import Detections, LogAlert, ParsedBatch, ParsedLog, RawLines, SeriesData

__all__ = [
    "Channel",
    "Clock",
    "ColumnSource",
    "ConflictStrategy",
    "Detector",
    "EventDetector",
    "LogParser",
    "Transaction",
]

ConflictStrategy = Literal["ignore", "replace", "fail"]


class Clock(Protocol):
    """Tells the time. The wall clock lives in `tocsin.runtime.clock`; tests hand in their own."""

    def now(self) -> datetime:
        """Give the current instant, aware, UTC."""
        ...


class ColumnSource(Protocol):
    """Anything that answers a query with columns."""

    def read_columns(self, query: str, params: Mapping[str, Any] | None = None) -> dict[str, NDArray[Any]]:
        """Run a query and give its result as arrays of one length, in the order of the query's columns.

        Parameters are bound and written `%(name)s` for every database; a literal `%` is written `%%`
        only when parameters are given. Types: integers without NULL are int64; other numbers are
        float64 with NaN for NULL; times are datetime64[ms] in UTC (a time without a zone is taken as
        UTC) with NaT for NULL; booleans without NULL are bool; everything else is an object array with
        `None` for NULL.

        Raises:
            DatabaseError: The query failed.
        """
        ...


class Transaction(ColumnSource, Protocol):
    """A database within one transaction: all of it is kept, or nothing.

    It belongs to the thread that opened it, and ends with the block that it was opened for. A statement
    that fails dooms it: even when the block catches the error, nothing is kept, further statements are
    refused, and a `DatabaseError` says so when the block ends.
    """

    def execute_query(self, query: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run any statement and give its rows, each a dict in the order of the columns.

        A statement without a result gives `[]`. Times of columns made by `create_table` come as aware
        datetimes in UTC.

        Raises:
            DatabaseError: The statement failed.
        """
        ...

    def insert_batch(
        self,
        table: str,
        data: Mapping[str, NDArray[Any] | Sequence[Any]],
        conflict_strategy: ConflictStrategy = "ignore",
    ) -> int:
        """Insert columns of one length and give how many rows were inserted or replaced.

        NaN and NaT become NULL. On a key that is there already: `ignore` keeps the old row, `replace`
        takes the new one, `fail` raises and keeps nothing of the batch.

        Raises:
            ValueError: The columns have different lengths.
            DatabaseError: The insert failed.
        """
        ...

    def lock(self, name: str) -> None:
        """Wait until no other transaction has locked this name, and keep it until this one ends.

        What must not happen twice at once (to take a lease, to migrate) is read and written behind it. Where
        one transaction writes at a time this is so anyway, and nothing happens.

        Raises:
            DatabaseError: It was not given in time (`transient`).
        """
        ...

    def get_full_table_name(self, table: str, *, use_internal: bool = True) -> str:
        """Give the quoted name of an internal (or of the user's) table for use in a query."""
        ...


@runtime_checkable
class Detector(Protocol):
    """Judges the points of a series."""

    def detect_arrays(self, data: SeriesData) -> Detections:
        """Judge every slot. A verdict depends on the data up to its point only."""
        ...

    @property
    def context_slots(self) -> int:
        """How many slots before a point its verdict can depend on.

        With that many slots (or all there are) in front of it, a point gets the same verdict, bit for
        bit, as with the whole series in front of it.
        """
        ...

    def get_detector_id(self) -> str:
        """Give 16 hex digits made from class, algorithm version and parameters."""
        ...

    def get_detector_params(self) -> str:
        """Give the parameters that are not defaults as JSON with sorted keys."""
        ...


class LogParser(Protocol):
    """Makes events of lines."""

    def parse(self, lines: RawLines) -> ParsedBatch:
        """Parse lines; one that fails is among the rejected, and never stops the others."""
        ...

    def dump(self) -> bytes | None:
        """Give what was learned from the lines so far, `None` for a parser that does not learn."""
        ...

    def load_state(self, content: bytes) -> None:
        """Go on with what `dump` gave.

        Raises:
            ValueError: It is not a state of this parser.
        """
        ...


class EventDetector(Protocol):
    """Judges log events one after the other, and remembers."""

    def process(self, input_: ParsedLog) -> LogAlert | None:
        """Learn from an event or judge it, as the life cycle says; give the alert if there is one."""
        ...

    def process_batch(self, events: Sequence[ParsedLog]) -> list[LogAlert]:
        """Do the same for events in order: the same alerts, the same state afterwards."""
        ...

    def get_detector_id(self) -> str:
        """Give 16 hex digits made from class, algorithm version and parameters."""
        ...

    def get_detector_params(self) -> str:
        """Give the parameters that are not defaults as JSON with sorted keys."""
        ...


class Channel(Protocol):
    """Delivers messages to people or programs."""

    def send(self, message: Mapping[str, Any]) -> str | None:
        """Deliver one message, within a bounded time.

        Args:
            message: The payload of the outbox, with `id`, `kind`, `title`, `text` and the facts.

        Returns:
            What people should know although it was delivered, without secrets: whom it did not reach.

        Raises:
            ChannelError: It was not delivered; `transient` says whether to try again, `retry_after`
                when.
        """
        ...
