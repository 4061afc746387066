from __future__ import annotations

import threading
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.eventstorage.postgres.events import SIDES, counts, row, rows, store

from tocsin.eventstorage import EventStorageService
from tocsin.eventstorage.postgres import PostgresBackend, partitions, retention
from tocsin.testing.event_stores import message

if TYPE_CHECKING:
    from tests.conftest import SteppingClock

_MONTH = timedelta(days=31)


def fill(backend: PostgresBackend, clock: SteppingClock, months: int = 3) -> list[datetime]:
    """Store ten events a month, and give when."""
    instants = []
    for month in range(months):
        instants.append(clock.time)
        store(backend, rows(10 * month, 10 * month + 9, Category=[f"Month.{month}"]))
        clock.advance(_MONTH)
    return instants


def ids(backend: PostgresBackend) -> list[int]:
    with closing(backend.session()) as session:
        return [ident for (ident,) in session.execute("SELECT id::int FROM events ORDER BY 1")]


def clear_leftovers(backend: PostgresBackend | EventStorageService, before: datetime) -> None:
    """Call retention once more: it finds no event, and clears what the call before left of some."""
    assert sum(backend.retain(before, batch=1000)) == 0


def test_months_that_are_old_are_dropped_as_a_whole(backend: PostgresBackend, clock: SteppingClock) -> None:
    instants = fill(backend, clock)

    removed = list(backend.retain(instants[2], batch=3))

    assert removed[:2] == [10, 10]
    assert sum(removed) == 20
    assert ids(backend) == list(range(20, 30))
    session = backend.session()
    assert [part.month.isoformat() for part in session.work(partitions.existing)][:1] == ["2026-05-01"]
    assert counts(session) == dict.fromkeys(SIDES, 10) | {"event_ids": 30}
    clear_leftovers(backend, instants[2])
    assert set(counts(session).values()) == {10}
    assert session.execute("SELECT value FROM event_values WHERE name = 'category'") == [("Month.2",)]


def test_the_month_that_is_written_to_is_emptied_in_batches(
    backend: PostgresBackend, clock: SteppingClock
) -> None:
    store(backend, rows(1, 10))
    clock.advance(timedelta(hours=1))
    border = clock.time
    store(backend, rows(11, 15))

    assert [number for number in backend.retain(border, batch=4) if number] == [4, 4, 2]

    assert ids(backend) == list(range(11, 16))
    left = dict.fromkeys(("event_ip", "event_host", "event_port", "event_ids"), 15)
    assert counts(backend.session()) == dict.fromkeys(SIDES, 5) | left
    clear_leftovers(backend, border)
    assert set(counts(backend.session()).values()) == {5}


def test_what_is_left_of_an_event_is_never_found(
    service: EventStorageService, postgres_database: str
) -> None:
    service.insert_events([message(str(number), Source=[{"IP4": ["192.0.2.1"]}]) for number in range(9)])
    [(now,)] = service._session().execute("SELECT clock_timestamp()")
    service.insert_event(message("new", Source=[{"IP4": ["192.0.2.1"]}]))

    assert sum(service.retain(now)) == 9

    with psycopg.connect(postgres_database) as connection:
        assert connection.execute("SELECT count(*) FROM event_ip").fetchone() == (10,)
    for parameters in ({"source_addrs": "192.0.2.0/24"}, {"ids": ["1", "2", "new"]}, {}):
        for more in ({}, {"categories": "Recon.Scanning"}, {"limit": 5}):
            found = service.search_events({**parameters, **more})[1]
            assert [event.id for event in found] == ["new"]
            assert service.count_events({**parameters, **more}) == 1


def test_leftovers_go_in_portions_and_nothing_else_does(
    backend: PostgresBackend, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_LEFTOVERS_AT_A_TIME", 4)
    store(backend, rows(1, 10))
    clock.advance(timedelta(hours=1))
    border = clock.time
    store(backend, rows(11, 15))
    assert sum(backend.retain(border, batch=100)) == 10
    assert store(backend, rows(3, 5), [row("9")]) == [[True] * 3, [True]]  # before they are cleared

    clear_leftovers(backend, border)

    assert ids(backend) == [3, 4, 5, 9, *range(11, 16)]
    assert set(counts(backend.session()).values()) == {9}
    assert store(backend, rows(1, 15)) == [[number in (1, 2, 6, 7, 8, 10) for number in range(1, 16)]]


def test_everything_may_be_old_and_the_next_event_is_stored_all_the_same(
    backend: PostgresBackend, clock: SteppingClock
) -> None:
    fill(backend, clock, months=1)
    store(backend, [row("x")])

    assert sum(backend.retain(clock.time + timedelta(days=3650), batch=1000)) == 11

    assert ids(backend) == []
    assert backend.session().execute("SELECT count(*) FROM event_values") == [(0,)]
    assert store(backend, rows(0, 4), [row("9")], rows(0, 4)) == [[True] * 5, [True], [False] * 5]


@pytest.mark.parametrize("count", [1, 6])
def test_an_id_that_was_dropped_is_new_again_before_it_is_forgotten(
    backend: PostgresBackend, clock: SteppingClock, count: int
) -> None:
    instants = fill(backend, clock)
    store(backend, rows(30, 34))
    steps = backend.retain(instants[2], batch=100)
    assert next(steps) == 10
    del steps  # interrupted: ids 0 to 9 are still there

    assert backend.session().execute("SELECT count(*) FROM event_ids") == [(35,)]
    assert store(backend, rows(5, 5 + count - 1)) == [[number < 10 for number in range(5, 5 + count)]]
    assert store(backend, rows(5, 5 + count - 1)) == [[False] * count]
    list(backend.retain(instants[2], batch=100))
    clear_leftovers(backend, instants[2])

    assert ids(backend) == sorted([*range(5, min(5 + count, 10)), *range(20, 35)])
    assert set(counts(backend.session()).values()) == {len(ids(backend))}


def test_writers_and_retention_do_not_get_in_each_others_way(postgres_database: str) -> None:
    errors: list[Exception] = []
    with EventStorageService(url=postgres_database) as service:
        service.database_create()

        def write() -> None:
            try:
                for batch in range(25):
                    source = {"IP4": ["192.0.2.1"], "Hostname": ["a.example.org"], "Port": [22]}
                    events = [
                        message(f"{batch}/{place}", Category=[f"C{batch}"], Source=[source])
                        for place in range(6)
                    ]
                    service.insert_events(events[:4])
                    service.insert_event(events[4])
                    service.insert_event(events[5])
            except Exception as error:  # noqa: BLE001 - told below
                errors.append(error)

        thread = threading.Thread(target=write)
        thread.start()
        removed, alive = 0, True
        while alive:
            alive = thread.is_alive()
            [(now,)] = service._session().execute("SELECT clock_timestamp() - interval '5 milliseconds'")
            removed += sum(service.retain(now, batch=3))
        thread.join()
        clear_leftovers(service, now)

        assert not errors
        assert removed + service.count_events() == 25 * 6
        categories = {event["Category"][0] for event in service.search_events()[1]}
        assert set(service.distinct_values("category")) == categories
    with closing(PostgresBackend({"conninfo": postgres_database})) as backend:
        assert len(set(counts(backend.session()).values())) == 1


def test_a_long_reader_is_not_waited_for(
    backend: PostgresBackend, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_DROP_ATTEMPTS", 3)
    instants = fill(backend, clock)
    with closing(backend.session()) as reader:
        stream = reader.stream("SELECT id FROM events ORDER BY seq")
        next(stream)

        assert sum(backend.retain(instants[1], batch=6)) == 10

        assert ids(backend) == list(range(10, 30))
        assert len(list(stream)) == 29  # it still sees what it saw at its begin
    assert sum(backend.retain(instants[1], batch=6)) == 0
    assert backend.session().work(partitions.existing)[0].month.isoformat() == "2026-04-01"


def test_retention_may_be_interrupted_after_any_step(backend: PostgresBackend, clock: SteppingClock) -> None:
    instants = fill(backend, clock, months=4)
    border = instants[3] + timedelta(hours=1)
    clock.time = border + timedelta(hours=1)
    store(backend, rows(100, 104))
    session = backend.session()

    steps = 0
    while True:
        steps_of_this = backend.retain(border, batch=3)
        if next(steps_of_this, None) is None:
            break
        del steps_of_this
        steps += 1
        sizes = counts(session)
        assert sizes["events"] == sizes["event_messages"] <= min(sizes.values())
        if steps > 30:
            break  # the values of the day are looked at every time

    assert ids(backend) == list(range(100, 105))


def test_deleted_events_leave_nothing_behind(backend: PostgresBackend, postgres_database: str) -> None:
    store(backend, rows(1, 5), rows(6, 9, Category=["Other", "Recon.Scanning"]))
    session = backend.session()

    assert session.delete_events("SELECT seq FROM events WHERE id::int >= %s", (6,)) == 4
    session.commit()

    assert set(counts(session).values()) == {5}
    assert session.execute("SELECT value FROM event_values WHERE name = 'category'") == [("Recon.Scanning",)]
    assert session.delete_events("SELECT seq FROM events", ()) == 5
    session.commit()
    with psycopg.connect(postgres_database) as connection:
        for table in (*counts(session), "event_values"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_a_value_that_is_stored_while_its_last_event_is_deleted_is_kept(backend: PostgresBackend) -> None:
    store(backend, [row("1", Category=["Rare"])], rows(2, 4))
    deleter, writer = backend.session(), backend.session()
    deleter.delete_events("SELECT seq FROM events WHERE id = %s", ("1",))
    deleter.commit()
    assert writer.execute("SELECT count(*) FROM event_values WHERE value = 'Rare'") == [(0,)]

    store(backend, [row("5", Category=["Rare"])])

    assert writer.execute("SELECT count(*) FROM event_values WHERE value = 'Rare'") == [(1,)]


def test_a_month_begins_at_midnight_in_utc() -> None:
    assert partitions.month_of(datetime(2026, 2, 28, 23, 59, tzinfo=UTC)).isoformat() == "2026-02-01"
    assert partitions.month_of(datetime(2026, 3, 1, tzinfo=UTC)).isoformat() == "2026-03-01"
    zone = timezone(timedelta(hours=-2))
    assert partitions.month_of(datetime(2026, 2, 28, 23, 59, tzinfo=zone)).isoformat() == "2026-03-01"
    assert partitions.month_after(date(2026, 12, 1)).isoformat() == "2027-01-01"
    assert partitions.month_after(date(2026, 1, 1)).isoformat() == "2026-02-01"


def test_the_calendar_has_an_end(backend: PostgresBackend, clock: SteppingClock) -> None:
    clock.time = datetime(9999, 12, 31, 12, tzinfo=UTC)

    assert store(backend, [row("1")], rows(2, 5)) == [[True], [True] * 4]
    assert ids(backend) == [1, 2, 3, 4, 5]
