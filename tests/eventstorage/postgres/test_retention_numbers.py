"""Numbers of events in retention: those that no event has, and how many events a call says it removed."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.eventstorage.postgres.events import counts, row, rows, store
from tests.eventstorage.postgres.test_retention_aside import nothing_is_left, wait_for_waiting

from tocsin.eventstorage.postgres import retention

if TYPE_CHECKING:
    from tests.conftest import SteppingClock

    from tocsin.eventstorage.postgres import PostgresBackend

_LONG = timedelta(days=40)


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_numbers_that_duplicates_took_are_passed_over(
    backend: PostgresBackend, clock: SteppingClock, postgres_database: str, batch: int
) -> None:
    store(backend, rows(0, 9), rows(0, 9), [row("10")], rows(0, 9))
    with psycopg.connect(postgres_database) as connection:  # as if they had come again and again
        connection.execute("UPDATE event_store SET last_seq = last_seq + 50000")
    store(backend, rows(5, 15), rows(0, 15))
    clock.advance(timedelta(hours=1))
    border = clock.time
    store(backend, rows(16, 18))

    steps = list(islice(backend.retain(border, batch=batch), 500))

    assert sum(steps) == 16
    assert max(steps) <= batch
    assert len(steps) < 100
    assert nothing_is_left(backend)


@pytest.mark.parametrize("batch", [1, 4, 100])
def test_holes_of_deleted_events_are_not_counted(
    backend: PostgresBackend, clock: SteppingClock, batch: int
) -> None:
    store(backend, rows(0, 29))
    clock.advance(timedelta(hours=1))
    border = clock.time
    store(backend, rows(35, 37))
    with closing(backend.session()) as session:
        assert session.delete_events("SELECT seq FROM events WHERE id::int = 0 OR id::int %% 7 > 2", ()) == 17
        session.commit()

    assert sum(backend.retain(border, batch=batch)) == 13

    assert nothing_is_left(backend)


def test_a_month_is_counted_without_what_others_delete_meanwhile(
    backend: PostgresBackend, clock: SteppingClock, postgres_database: str
) -> None:
    store(backend, rows(0, 9))
    clock.advance(_LONG)
    store(backend, rows(10, 12))
    removed: list[int] = []
    thread = threading.Thread(target=lambda: removed.extend(backend.retain(clock.time, batch=100)))
    with psycopg.connect(postgres_database) as writer:
        writer.execute("SELECT 1 FROM event_store FOR UPDATE")  # as who stores events
        thread.start()
        wait_for_waiting(postgres_database, "SELECT 1 FROM event_store%", thread)
        with closing(backend.session()) as session:
            assert session.delete_events("SELECT seq FROM events WHERE id::int < %s", (4,)) == 4
            session.commit()
    thread.join()

    assert sum(removed) == 6
    assert nothing_is_left(backend)


def test_what_comes_into_an_earlier_month_meanwhile_is_left_to_the_next_call(
    backend: PostgresBackend,
    clock: SteppingClock,
    postgres_database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the events of the later month would be gone first, and nobody would find the earlier ones."""
    monkeypatch.setattr(retention, "_DROP_ATTEMPTS", 1)
    clock.time = datetime(2026, 3, 31, 23, tzinfo=UTC)
    end = clock.time + _LONG
    store(backend, rows(0, 9))
    with psycopg.connect(postgres_database) as reader:
        reader.execute("SELECT 1 FROM events")  # so that no month can be taken away
        call = backend.retain(end, batch=4)
        assert next(call) == 4
        store(backend, rows(10, 14))
        clock.advance(timedelta(hours=2))
        store(backend, rows(15, 19))
        assert sum(call) == 6

    assert set(counts(backend.session()).values()) == {10}
    assert store(backend, rows(0, 19)) == [[True] * 10 + [False] * 10]
    assert sum(backend.retain(end, batch=4)) == 20
    assert nothing_is_left(backend, of_all=0)
