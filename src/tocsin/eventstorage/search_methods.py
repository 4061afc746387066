"""Finding and counting events: the methods that a service and its cursors share."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tocsin.errors import DataError
from tocsin.eventstorage.admin_methods import check_time_column
from tocsin.eventstorage.idea import record_to_idea, record_to_idea_ghost
from tocsin.eventstorage.methods import Methods
from tocsin.eventstorage.query.aggregates import (
    aggregate_of,
    timeline_of,
    write_aggregate,
    write_timeline,
)
from tocsin.eventstorage.query.columns import value_column
from tocsin.eventstorage.query.parameters import read_filters, read_parameters
from tocsin.eventstorage.query.planning import find, plan, plan_since
from tocsin.eventstorage.query.values import (
    check_qname,
    instant_of,
    read_cursor,
    read_interval,
    read_time,
    read_timeout,
    read_whole_number,
    refused,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from tocsin.eventstorage.idea import Idea
    from tocsin.eventstorage.query.aggregates import Aggregate, Timeline
    from tocsin.eventstorage.session import Row, Session

__all__ = ["SearchMethods"]

_TIME_COLUMNS, _FUNCTIONS = ("detecttime", "storagetime"), ("min", "max")
_EXTREMES = {
    (column, function): f"SELECT {function}({column}) FROM events"
    for column in _TIME_COLUMNS
    for function in _FUNCTIONS
}


class SearchMethods(Methods):
    """Operations that find, count and delete events.

    `parameters` are the search parameters: all filters hold, of the items of a list any; see
    `tocsin.eventstorage.query`. `qname` makes a query known by a name to `queries_status()` and
    `query_cancel()`. `timeout` is in seconds, after which it raises `QueryCanceledException`; what the reader
    of a stream does between two events is not counted.
    """

    def fetch_event(self, eventid: str) -> Idea | None:
        """Give the event with an id, `None` when there is none."""
        _, found = self.search_events({"ids": [eventid]})
        return found[0] if found else None

    def delete_event(self, eventid: str) -> bool:
        """Delete the event with an id, and tell whether there was one."""
        return self.delete_events({"ids": [eventid]}) > 0

    def search_events(
        self,
        parameters: Mapping[str, Any] | None = None,
        qtype: str = "select",
        qname: str | None = None,
        *,
        timeout: float | None = None,
    ) -> tuple[int, list[Any]]:
        """Find events.

        Args:
            parameters: What to search for, how to sort, and which page; the latest first unless `sortby` says
                otherwise.
            qtype: `select` gives each `Idea` as it was stored, `select_ghost` an `IdeaGhost` made of the
                columns.
            qname: A name for the query.
            timeout: Seconds that it may take.

        Returns:
            How many events are given, and the events.

        Raises:
            ValueError: There is no such qtype.
            DataError: A parameter is wrong; `parameter` names it.
            QueryCanceledException: It was cancelled, or ran out of time.
        """
        convert = _converter(qtype)
        _check(qname, timeout)
        read = read_parameters(parameters)

        def work(session: Session) -> list[Row]:
            with session.named(qname, timeout):
                return find(session, read, qtype)

        events = [convert(row) for row in self._run(work, replay=True)]
        return len(events), events

    def stream_events(
        self,
        parameters: Mapping[str, Any] | None = None,
        qname: str | None = None,
        *,
        qtype: str = "select",
        timeout: float | None = None,
    ) -> Iterator[Any]:
        """Find events and give them one by one in constant memory; see `search_events`.

        Parameters are checked at once. Close the iterator when it is left before its end. Read that of a
        cursor to its end before the cursor's `commit()` or `rollback()`: PostgreSQL ends it there.
        """
        convert = _converter(qtype)
        _check(qname, timeout)
        read = read_parameters(parameters)
        query, args = self._run(lambda session: plan(session, read).write(qtype), replay=True)
        return self._converted(query, args, qname, timeout, convert)

    def _converted(
        self,
        query: str,
        args: list[Any],
        qname: str | None,
        timeout: float | None,
        convert: Callable[[Row], Any],
    ) -> Iterator[Any]:
        for row in self._stream(query, args, qname, timeout):
            yield convert(row)

    def count_events(
        self,
        parameters: Mapping[str, Any] | None = None,
        qname: str | None = None,
        *,
        timeout: float | None = None,
    ) -> int:
        """Count events; `limit`, `page`, `sortby` and `after` play no part."""
        _check(qname, timeout)
        read = read_parameters(parameters)

        def work(session: Session) -> int:
            with session.named(qname, timeout):
                [(count,)] = session.execute(*plan(session, read, ordered=False).write("count"))
                return int(count)

        return self._run(work, replay=True)

    def delete_events(
        self,
        parameters: Mapping[str, Any] | None = None,
        qname: str | None = None,
        *,
        all: bool = False,  # noqa: A002 - as specified
        timeout: float | None = None,
    ) -> int:
        """Delete events with all that belongs to them, and give how many.

        `limit`, `page`, `sortby` and `after` say which of those found, as they do in a search.

        Raises:
            DataError: No filter is given, and not `all=True` either.
        """
        _check(qname, timeout)
        read = read_parameters(parameters)
        if not read.selects and all is not True:
            raise DataError(
                "no filter says which events to delete", hint="all=True deletes all of them", parameter="all"
            )

        def work(session: Session) -> int:
            with session.named(qname, timeout):
                session.begin()
                return session.delete_events(*plan(session, read).write("seq"))

        return self._run(work, replay=read.order.limit is None)

    def aggregate_events(
        self,
        parameters: Mapping[str, Any] | None = None,
        by: str = "category",
        limit: int = 10,
        qname: str | None = None,
        *,
        timeout: float | None = None,
    ) -> Aggregate:
        """Count events by value: the most frequent values, with the rest as its own number.

        Args:
            parameters: Which events; `limit`, `page`, `sortby` and `after` in them play no part.
            by: A column: those of `IdeaGhost`, or the search parameter for it.
            limit: How many values.
            qname: A name for the query.
            timeout: Seconds that it may take.
        """
        _check(qname, timeout)
        read = read_parameters(parameters)

        def work(session: Session) -> list[Row]:
            with session.named(qname, timeout):
                return session.execute(*write_aggregate(plan(session, read, ordered=False), by, limit))

        return aggregate_of(self._run(work, replay=True), by)

    def timeline_events(
        self,
        parameters: Mapping[str, Any] | None = None,
        step: timedelta = timedelta(hours=1),
        by: str | None = None,
        limit: int = 10,
        qname: str | None = None,
        *,
        timeout: float | None = None,
    ) -> Timeline:
        """Count events by the time of their detection, from the first to the last without gaps.

        Args:
            parameters: Which events; `limit`, `page`, `sortby` and `after` in them play no part.
            step: How long a bucket of time is; buckets begin at multiples of it since the epoch (UTC).
            by: A column whose most frequent values are told apart, or `None`.
            limit: How many values.
            qname: A name for the query.
            timeout: Seconds that it may take.

        Raises:
            DataError: A parameter is wrong, or there would be more than 10,000 buckets.
        """
        _check(qname, timeout)

        read = read_parameters(parameters)

        def work(session: Session) -> Timeline:
            with session.named(qname, timeout):
                query = write_timeline(plan(session, read, ordered=False), step, by, limit)
                return timeline_of(session.execute(*query), step, by, session.from_time)

        return self._run(work, replay=True)

    def distinct_values(self, column: str) -> list[str]:
        """Give the values that a column has, sorted; they are kept as events come and go, not looked for.

        Raises:
            DataError: No values are kept of such a column.
        """
        name = value_column(column)
        rows = self._run(
            lambda session: session.execute(
                "SELECT DISTINCT value FROM event_values WHERE name = %s", (name,)
            ),
            replay=True,
        )
        return sorted(value for (value,) in rows)

    def search_column_with(self, column: str, function: str = "min") -> datetime | None:
        """Give the earliest (`min`) or latest (`max`) time in `detecttime` or `storagetime`.

        Returns:
            Aware, UTC; `None` when there are no events.

        Raises:
            DataError: There is no such column or function.
        """
        if column not in _TIME_COLUMNS:
            raise refused("column", column, " or ".join(_TIME_COLUMNS))
        if function not in _FUNCTIONS:
            raise refused("function", function, " or ".join(_FUNCTIONS))
        query = _EXTREMES[column, function]

        def work(session: Session) -> datetime | None:
            [(value,)] = session.execute(query)
            return None if value is None else session.from_time(value)

        return self._run(work, replay=True)

    def watchdog_events(self, interval: float | timedelta) -> bool:
        """Tell whether anything was stored within the last seconds; false when there are no events.

        Args:
            interval: Seconds, or a `timedelta`.

        Raises:
            DataError: It is no length of time.
        """
        length = read_interval("interval", interval)

        def work(session: Session) -> bool:
            [(latest,)] = session.execute(_EXTREMES["storagetime", "max"])
            return latest is not None and session.now() - session.from_time(latest) <= length

        return self._run(work, replay=True)

    def read_since(
        self,
        cursor: int | None = None,
        *,
        limit: int = 1000,
        parameters: Mapping[str, Any] | None = None,
    ) -> tuple[list[Idea], int]:
        """Give the events that were stored after those read before, in the order of their commits.

        No event is left out or given twice, however long its transaction took.

        Args:
            cursor: What the last call gave; `None` or 0 begins at the first event.
            limit: How many at most.
            parameters: Only events that match are given: search parameters without `limit`, `page`, `sortby`
                and `after`.

        Returns:
            The events, and the cursor for the next call. It is behind all that were looked at, also when none
            matched, so that nobody looks at the same events again.

        Raises:
            DataError: The cursor is none, the limit no number from 1 on, or a parameter is wrong.
        """
        start = read_cursor("cursor", cursor)
        read_whole_number("limit", limit)
        read = read_filters(parameters)

        def work(session: Session) -> tuple[list[Row], int]:
            # Numbers are given in the order of the commits: none up to the newest one can still come.
            [(newest,)] = session.execute("SELECT last_seq FROM event_store")
            statement = plan_since(session, read, newest - start)
            if newest <= start:
                return [], start
            rows = session.execute(*statement.write_since(start, newest, limit))
            return rows, rows[-1][0] if len(rows) == limit else newest

        rows, position = self._run(work, replay=True)
        return [record_to_idea(row) for row in rows], position

    def table_cleanup(self, table: str, column: str, ttl: datetime) -> int:
        """Delete the rows of a table with a time before `ttl`, and give how many.

        Events are deleted with all that belongs to them.

        Raises:
            DataError: There is no such table or time column, or `ttl` is no time.
        """
        check_time_column(table, column)
        before = instant_of(read_time("ttl", ttl))

        def work(session: Session) -> int:
            session.begin()
            args = (session.to_time(before),)
            if table == "events":
                return session.delete_events(f"SELECT e.seq FROM events e WHERE e.{column} < %s", args)
            return session.execute_count(f"DELETE FROM {table} WHERE {column} < %s", args)

        return self._run(work, replay=True)


def _converter(qtype: str) -> Callable[[Row], Any]:
    if qtype == "select":
        return record_to_idea
    if qtype == "select_ghost":
        return record_to_idea_ghost
    raise ValueError(f"there is no qtype {qtype!r} of a search: select or select_ghost")


def _check(qname: str | None, timeout: float | None) -> None:
    check_qname(qname)
    read_timeout("timeout", timeout)
