"""How many events there were, as a source of series (`source: events`)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.database.manager import Capabilities
from tocsin.errors import DatabaseError, EventStorageException

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from tocsin.eventstorage import EventStorageService
    from tocsin.runtime.config.metric import MetricConfig

__all__ = ["EventRates"]

_BUCKETS_A_QUERY = 5_000
_MOST_VALUES = 100_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class EventRates:
    """Counts events by their detection time; answers with the slots that have any.

    An event with two values of the dimension counts for both; one without a value counts for none.

    Args:
        service: Where the events are.
        config: The metric: its search parameters, dimension and grid.
    """

    capabilities = Capabilities(memory=False, transactions=False, processes=True, files=False)

    def __init__(self, service: EventStorageService, config: MetricConfig) -> None:
        self._service = service
        self._parameters = config.events
        self._dimension = config.dimension
        self._names = config.query_columns
        interval = config.interval.milliseconds
        phase = int((config.anchor - _EPOCH) / timedelta(milliseconds=1)) % interval
        # Buckets begin at the epoch; those of this length never lie across the border of two slots.
        self._step = timedelta(milliseconds=gcd(interval, phase))

    def read_columns(self, query: str, params: Mapping[str, Any] | None = None) -> dict[str, NDArray[Any]]:  # noqa: ARG002 - the contract's
        """Count the events of a window.

        Args:
            query: `EVENT_WINDOW`, filled in.
            params: Nothing.

        Raises:
            DatabaseError: The events cannot be read.
        """
        start, end = (datetime.fromisoformat(part).replace(tzinfo=UTC) for part in query.split(" to "))
        times: list[np.datetime64] = []
        counts: list[int] = []
        values: list[str | None] = []
        try:
            for first, last in self._pieces(start, end):
                for at, value, count in self._counted(first, last):
                    times.append(np.datetime64(at.replace(tzinfo=None), "ms"))
                    values.append(value)
                    counts.append(count)
        except EventStorageException as error:
            raise DatabaseError(error.message, hint=error.hint, transient=error.transient) from error
        columns: dict[str, NDArray[Any]] = {
            self._names.timestamp: np.array(times, dtype="datetime64[ms]"),
            self._names.metric: np.array(counts, dtype=np.int64),
        }
        if self._dimension is not None:
            column = np.empty(len(values), dtype=object)
            column[:] = values
            columns[self._dimension] = column
        return columns

    def _pieces(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Cut a window into pieces with a bounded number of buckets, from the first event to the last."""
        oldest, newest = (self._service.search_column_with("detecttime", which) for which in ("min", "max"))
        if oldest is None or newest is None:
            return
        length = self._step * _BUCKETS_A_QUERY
        # Not added or taken away first: of the ends of all times, the result may be none.
        into_bucket = (oldest - _EPOCH) % self._step
        begin = start if oldest - start <= into_bucket else oldest - into_bucket
        if newest < end - self._step:
            end = newest + self._step
        while begin < end:
            yield begin, min(begin + length, end)
            begin += length

    def _counted(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, str | None, int]]:
        parameters = {**self._parameters, "dt_from": start, "dt_to": end - timedelta(microseconds=1)}
        timeline = self._service.timeline_events(
            parameters, step=self._step, by=self._dimension, limit=_MOST_VALUES
        )
        for bucket in timeline.buckets:
            if self._dimension is None:
                if bucket.total:
                    yield bucket.start, None, bucket.total
                continue
            for value, count in zip(timeline.values, bucket.counts, strict=True):
                if count:
                    yield bucket.start, str(value), count
