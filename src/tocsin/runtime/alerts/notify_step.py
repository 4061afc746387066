"""Decides who is told of what was found since the last time, and puts messages into the outbox."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tocsin.alerting.batches import send_batches
from tocsin.alerting.case import TellReport
from tocsin.alerting.collect import drop_held_candidates
from tocsin.alerting.outlasting import tell_outlasting
from tocsin.alerting.record import Stage, decision_about, write_decisions
from tocsin.alerting.relapse import tell_relapses
from tocsin.alerting.silence_book import close_expired
from tocsin.alerting.tell import tell, tell_waiting
from tocsin.model import DecisionKind
from tocsin.runtime.alerts.threshold_book import StoreThresholds, threshold_rules
from tocsin.runtime.clock import whole_milliseconds
from tocsin.runtime.events.clock import EventClock
from tocsin.runtime.events.reading import EventReading
from tocsin.runtime.events.store import event_service
from tocsin.runtime.findings.store import as_database_errors, events_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tocsin.abc import Clock, Transaction
    from tocsin.database import BaseDatabaseManager
    from tocsin.eventstorage.cursor import EventStorageCursor
    from tocsin.model import Silence
    from tocsin.runtime.config.loader import Project
    from tocsin.runtime.events.reading import Window

__all__ = ["NotifyReport", "notify"]

_LOCK = "alerts"
_LONGEST = 0.1  # seconds that a transaction decides about events, so that others get to write
_FEWEST, _MOST = 250, 2_000  # events that a transaction decides about
_AT_ONCE = 250  # candidates, relapses
_COARSEST = timedelta(minutes=10)
_FORGET_AFTER = timedelta(days=1)  # events may come late: what they belong to must still be known
_FORGOTTEN_AT_ONCE = 200


@dataclass(slots=True)
class NotifyReport(TellReport):
    """What a notify step did.

    Attributes:
        events: Events that monitors select, among those that are new.
        messages: Messages that were put into the outbox.
        more: Whether events were left, as the limit was reached.
        notes: What people should know, e.g. a silence that ended without having matched anything.
    """

    events: int = 0
    messages: int = 0
    more: bool = False
    notes: list[str] = field(default_factory=list)


def notify(
    project: Project,
    memory: BaseDatabaseManager,
    *,
    clock: Clock,
    close_all: bool = True,
    limit: int | None = None,
    between: Callable[[int, int], None] = lambda *_: None,
) -> NotifyReport:
    """Decide about all that waits for a decision, and put what is to be told into the outbox.

    First the new events of the store that events monitors select, then the incidents of metrics and logs,
    then what was muted, then relapses that are due. Everything is kept in short transactions, each whole or
    not at all; what is killed is done again with the same result. One works at a time.

    Args:
        project: The project.
        memory: Its memory.
        clock: Tells the present, for all that waits. Thresholds go by the times of events.
        close_all: Send all that is to be told now, as nobody comes back soon; otherwise what travels together
            waits for as long as its group says.
        limit: How many events to look at, at most; `NotifyReport.more` says that some are left.
        between: Called between two transactions, while none is open, with how many events of the store were
            looked at, and of how many; it may send what is in the outbox.

    Raises:
        DatabaseError: The memory failed; what was decided before is kept.
    """
    step = _Step(project, memory, clock, between)
    step.look_at_events(limit)
    step.tell_the_rest(close_all=close_all)
    return step.report


class _Step:
    def __init__(
        self,
        project: Project,
        memory: BaseDatabaseManager,
        clock: Clock,
        between: Callable[[int, int], None],
    ) -> None:
        self.report = NotifyReport()
        self._project, self._memory, self._between = project, memory, between
        self._now = whole_milliseconds(clock.now().astimezone(UTC))
        self._plan = project.plan
        self._rules = threshold_rules(project.groups)
        self._reading = EventReading(project)
        self._passed: datetime | None = None  # the latest time among the events of this step
        self._size = _FEWEST
        self._waiting = self._left = self._reading.waiting(memory)

    @contextmanager
    def _transaction(self) -> Iterator[tuple[Transaction, EventStorageCursor, StoreThresholds]]:
        with self._memory.transaction() as tx:
            tx.lock(_LOCK)
            with as_database_errors():
                events = events_in(tx, self._project, None)
                yield tx, events, StoreThresholds(events, self._rules)
                events.commit()

    # -- events --------------------------------------------------------------------------------------------

    def look_at_events(self, limit: int | None) -> None:
        """Decide about the new events of the store."""
        if not self._left:
            return
        with as_database_errors(), event_service(self._project) as events:
            while limit is None or self.report.events < limit:
                window = self._reading.read(self._memory, events, now=self._now, limit=self._size)
                if window is None:
                    return
                began = time.monotonic()
                with self._transaction() as (tx, _, book):
                    if window.is_next(tx):  # nobody else has looked at it meanwhile
                        self._decide(tx, book, window)
                took = max(time.monotonic() - began, 0.001)
                self._size = int(min(max(self._size * min(_LONGEST / took, 2.0), _FEWEST), _MOST))
                self._pause()
        self.report.more = self._left > 0

    def _pause(self) -> None:
        """Let others do what is to be done while no transaction is open."""
        left = self._reading.waiting(self._memory)
        self._waiting += max(0, left - self._left)  # some came meanwhile
        self._left = left
        self._between(self._waiting - left, self._waiting)

    def _decide(self, tx: Transaction, book: StoreThresholds, window: Window) -> None:
        """Decide about events in order; when that takes long, only about the first of them."""
        found, first = window.found, 0
        deadline = time.monotonic() + _LONGEST
        while first < len(found) and (first == 0 or time.monotonic() < deadline):
            self._passed = max(found[first].candidate.at, self._passed or found[first].candidate.at)
            book.pass_to(self._passed)
            if book.any_due():
                self.report.add(tell_relapses(tx, plan=self._plan, book=book, now=self._now))
            border, last = self._border(book, self._passed), first
            while last < len(found) and max(found[last].candidate.at, self._passed) < border:
                self._passed = max(found[last].candidate.at, self._passed)
                last += 1
            some = found[first:last]
            wanted = [one.candidate for one in some if one.unwanted is None]
            if wanted:
                self.report.add(tell(tx, wanted, plan=self._plan, book=book, now=self._now))
            unwanted = [
                decision_about(one.candidate, DecisionKind.NONE, Stage.RULE, one.unwanted)
                for one in some
                if one.unwanted is not None
            ]
            write_decisions(tx, unwanted, self._now)
            self.report.silent += len(unwanted)
            first = last
        until = None if first == len(found) else found[first - 1].seq
        window.keep(tx, self._now, until=until, at=self._passed)
        self.report.messages += send_batches(tx, plan=self._plan, now=self._now)
        self.report.events += len({one.seq for one in found[:first]})
        self._advance(tx, book)

    def _border(self, book: StoreThresholds, at: datetime) -> datetime:
        """Say until when events can be decided about together: what relapses meanwhile is told in between."""
        shortest = book.shortest
        if shortest is None:
            return _LAST
        end = book.next_end(at) or _LAST
        return max(at + min(_COARSEST, shortest / 10), min(end, at + shortest))

    # -- what waits ----------------------------------------------------------------------------------------

    def tell_the_rest(self, *, close_all: bool) -> None:
        """Decide about incidents of metrics and logs, about what was muted, and about what relapses; send."""
        while True:
            with self._transaction() as (tx, _, book):
                told = tell_waiting(tx, plan=self._plan, book=book, now=self._now, limit=_AT_ONCE)
                self.report.add(told)
                self._advance(tx, book)
                self._forget(tx, book)
                if told.taken < _AT_ONCE and self._tell_relapses(tx, book) < _AT_ONCE:
                    self._tell_outlasting(tx, book)
                    expired = close_expired(tx, self._now)
                    self.report.notes += [_ended(one) for one in expired if not one.matched]
                    sent = send_batches(tx, plan=self._plan, now=self._now, close_all=close_all)
                    self.report.messages += sent
                    return
            self._between(self._waiting - self._left, self._waiting)

    def _tell_relapses(self, tx: Transaction, book: StoreThresholds) -> int:
        """Tell again what was still going on near the end of its silence, and give how much that was."""
        clock = EventClock.read(tx)
        if clock is None:  # nothing was ever asked about
            return 0
        book.pass_to(clock.now(self._now))
        if not book.any_due():
            return 0
        told = tell_relapses(tx, plan=self._plan, book=book, now=self._now, limit=_AT_ONCE)
        self.report.add(told)
        return told.taken

    def _tell_outlasting(self, tx: Transaction, book: StoreThresholds) -> None:
        """Tell of incidents that were held back when they began, and go on after that silence."""
        clock = EventClock.read(tx)
        if clock is None:
            return
        at = clock.now(self._now)
        self.report.add(tell_outlasting(tx, plan=self._plan, book=book, now=self._now, at=at))
        drop_held_candidates(tx, at)
        self._advance(tx, book)

    def _advance(self, tx: Transaction, book: StoreThresholds) -> None:
        """Keep how far event time is."""
        if book.asked is not None:
            EventClock.advance(tx, *book.asked, self._now)

    def _forget(self, tx: Transaction, book: StoreThresholds) -> None:
        """Forget some of what was over long before all that is asked about these days."""
        horizon = EventClock.horizon(tx)
        if horizon is not None:
            book.forget(horizon - _FORGET_AFTER, _FORGOTTEN_AT_ONCE)


_LAST = datetime.max.replace(tzinfo=UTC)


def _ended(silence: Silence) -> str:
    what = ", ".join(silence.matchers)
    return f"the silence {silence.id} ({what}) of {silence.author} has ended without having matched anything"
