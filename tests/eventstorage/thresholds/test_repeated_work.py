"""What a service does again when nobody heard of a commit, and what others commit: told once, never lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from tocsin.eventstorage import EventStorageCursor, Thresholder, VerdictKind
from tocsin.eventstorage.sqlite import SQLiteBackend, SQLiteSession
from tocsin.eventstorage.thresholds import Candidate, ThresholdMethods
from tocsin.testing.event_stores.thresholder import scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tocsin.eventstorage.session import Row, Session

T = TypeVar("T")

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Repeating(ThresholdMethods):
    """Does everything twice, each time to the end."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def _run(self, work: Callable[[Session], T], *, replay: bool) -> T:
        assert replay
        work(self.session)
        self.session.commit()
        result = work(self.session)
        self.session.commit()
        return result

    def _stream(
        self, query: str, args: Sequence[Any], qname: str | None, timeout: float | None
    ) -> Iterator[Row]:
        raise NotImplementedError


@pytest.fixture
def session(tmp_path: Path) -> Iterator[SQLiteSession]:
    backend = SQLiteBackend(tmp_path / "events.db")
    backend.create()
    session = backend.session()
    yield session
    session.close()
    backend.close()


def test_what_is_done_twice_is_told_once(session: SQLiteSession) -> None:
    repeating = Repeating(session)
    thresholder = Thresholder(repeating)
    first = thresholder.admit(scan("a"), "g", "c", NOW)
    assert (first.kind, first.held_count) == (VerdictKind.FIRST, 0)
    held = thresholder.admit_all(Candidate(scan(name), "g", "c", NOW + 20 * HOUR) for name in "bc")
    assert [one.kind for one in held] == [VerdictKind.HELD] * 2
    assert repeating.thresholded_events_count() == 2
    [relapse] = thresholder.due(NOW + 24 * HOUR)
    assert (relapse.kind, relapse.held_count) == (VerdictKind.RELAPSED, 2)
    assert thresholder.due(NOW + 24 * HOUR) == []


def test_a_threshold_is_part_of_a_foreign_transaction(session: SQLiteSession) -> None:
    with session.raw() as connection:
        connection.execute("CREATE TABLE outbox (event TEXT)")
        for ending, told in (("ROLLBACK", VerdictKind.FIRST), ("COMMIT", VerdictKind.FIRST)):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO outbox VALUES ('a')")
            cursor = EventStorageCursor(SQLiteSession.over(connection), owned=True)
            assert Thresholder(cursor).admit(scan("a"), "g", "c", NOW).kind is told
            cursor.commit()
            cursor.close()
            connection.execute(ending)
        assert connection.execute("SELECT count(*) FROM outbox").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM thresholds").fetchone() == (1,)
