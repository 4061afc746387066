from __future__ import annotations

import threading
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import islice
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.eventstorage.postgres.events import SIDES, counts, row, rows, store

from tocsin.errors import StorageIntegrityError
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


def test_months_that_are_old_are_dropped_as_a_whole(backend: PostgresBackend, clock: SteppingClock) -> None:
    instants = fill(backend, clock)

    removed = list(backend.retain(instants[2], batch=3))

    assert removed[:2] == [10, 10]
    assert sum(removed) == 20
    assert ids(backend) == list(range(20, 30))
    session = backend.session()
    assert [part.month.isoformat() for part in session.work(partitions.existing)][:1] == ["2026-05-01"]
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
    assert set(counts(backend.session()).values()) == {5}


@pytest.mark.parametrize("steps", range(12))
def test_what_is_left_of_an_event_is_never_found(
    service: EventStorageService, postgres_database: str, steps: int
) -> None:
    source = [{"IP4": ["192.0.2.1"], "Hostname": ["a.example.org"], "Port": [22]}]
    later = "UPDATE event_store SET last_storagetime = last_storagetime + %s"
    for month in range(3):
        service.insert_events([message(f"{month}-{number}", Source=source) for number in range(4)])
        with psycopg.connect(postgres_database) as connection:
            connection.execute(later, (_MONTH,))
    service.insert_events([message(str(number), Source=source) for number in range(9)])
    newest = service.search_column_with("storagetime", "max")
    assert newest is not None
    with psycopg.connect(postgres_database) as connection:
        connection.execute(later, (timedelta(seconds=1),))
    service.insert_event(message("new", Source=source))

    interrupted = service.retain(newest + timedelta(microseconds=1), batch=4)
    removed = sum(islice(interrupted, steps))
    interrupted.close()  # type: ignore[attr-defined]  # it is a generator

    with psycopg.connect(postgres_database) as connection:
        there = [ident for (ident,) in connection.execute("SELECT id FROM events ORDER BY id")]
    assert len(there) == 22 - removed
    everything = [
        "new",
        *map(str, range(9)),
        *(f"{month}-{number}" for month in range(3) for number in range(4)),
    ]
    for parameters in (
        {"source_addrs": "192.0.2.0/24"},
        {"host_addrs": ".example.org"},
        {"source_ports": 22},
        {"ids": everything},
        {},
    ):
        for more in ({}, {"categories": "Recon.Scanning"}, {"limit": 30}):
            found = service.search_events({**parameters, **more})[1]
            assert sorted(event.id for event in found) == there
            assert service.count_events({**parameters, **more}) == len(there)
    assert sum(service.retain(newest + timedelta(microseconds=1))) == 21 - removed
    with closing(PostgresBackend({"conninfo": postgres_database})) as backend:
        assert backend.session().work(partitions.detached) == []
        assert set(counts(backend.session()).values()) == {1}


def leave_behind(url: str, *tables: str) -> int:
    """Take the events away as if something had kept their rows in some tables from being deleted."""
    others = [table for table in SIDES if table not in tables]
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE event_store SET dropped_seq = last_seq")
        return sum(connection.execute(f"DELETE FROM {table}").rowcount for table in others)


def test_rows_that_belong_to_no_event_are_never_found(
    service: EventStorageService, postgres_database: str
) -> None:
    source = [{"IP4": ["192.0.2.1"], "Hostname": ["a.example.org"], "Port": [22]}]
    service.insert_events([message(str(number), Source=source) for number in range(9)])
    assert leave_behind(postgres_database, "event_ip", "event_host", "event_port", "event_ids") == 18
    service.insert_event(message("new", Source=source))

    for parameters in (
        {"source_addrs": "192.0.2.0/24"},
        {"source_ports": 22},
        {"ids": ["1", "2", "new"]},
        {},
    ):
        for more in ({}, {"categories": "Recon.Scanning"}, {"limit": 5}):
            found = service.search_events({**parameters, **more})[1]
            assert [event.id for event in found] == ["new"]
            assert service.count_events({**parameters, **more}) == 1


def test_leftovers_go_in_portions_and_nothing_else_does(
    backend: PostgresBackend, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch, postgres_database: str
) -> None:
    monkeypatch.setattr(retention, "_NUMBERS_AT_A_TIME", 4)
    store(backend, rows(1, 10))
    leave_behind(postgres_database, "event_ip", "event_host", "event_port", "event_ids")
    assert counts(backend.session())["event_ip"] == counts(backend.session())["event_ids"] == 10
    clock.advance(timedelta(hours=1))
    border = clock.time
    store(backend, rows(11, 15))
    assert store(backend, rows(3, 5), [row("9")]) == [[True] * 3, [True]]  # before they are cleared

    assert list(backend.retain(border, batch=100))[:12] == [0] * 12  # three of each table

    assert ids(backend) == [3, 4, 5, 9, *range(11, 16)]
    assert set(counts(backend.session()).values()) == {9}
    assert store(backend, rows(1, 15)) == [[number in (1, 2, 6, 7, 8, 10) for number in range(1, 16)]]


def test_months_that_were_taken_away_are_removed_by_the_next_call(
    backend: PostgresBackend, clock: SteppingClock
) -> None:
    instants = fill(backend, clock)
    session = backend.session()
    session.execute_count("CREATE TABLE events_202001 (kept int)")  # of somebody who keeps old months
    session.commit()
    interrupted = backend.retain(instants[2], batch=100)
    assert [next(interrupted), next(interrupted)] == [10, 10]
    interrupted.close()  # type: ignore[attr-defined]  # it is a generator
    assert session.work(partitions.detached)

    assert sum(backend.retain(instants[2], batch=100)) == 0

    assert session.work(partitions.detached) == []
    assert set(counts(session).values()) == {10}
    assert session.execute("SELECT count(*) FROM events_202001") == [(0,)]


def test_a_month_that_was_taken_away_can_begin_again(backend: PostgresBackend, clock: SteppingClock) -> None:
    for _ in range(3):
        store(backend, rows(1, 5))
        interrupted = backend.retain(clock.time + _MONTH, batch=100)
        assert next(filter(None, interrupted)) == 5
        interrupted.close()  # type: ignore[attr-defined]  # it is a generator
    store(backend, rows(4, 8))

    assert ids(backend) == [4, 5, 6, 7, 8]
    assert sum(backend.retain(clock.time + _MONTH, batch=100)) == 5
    assert set(counts(backend.session()).values()) == {0}
    backend.drop()


def test_the_tables_are_removed_with_the_months_that_were_taken_away(
    backend: PostgresBackend, clock: SteppingClock, postgres_database: str
) -> None:
    instants = fill(backend, clock)
    interrupted = backend.retain(instants[2], batch=100)
    assert next(interrupted) == 10
    interrupted.close()  # type: ignore[attr-defined]  # it is a generator

    backend.drop()

    with psycopg.connect(postgres_database) as connection:
        query = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        assert connection.execute(query).fetchone() == (0,)


def test_values_of_one_day_are_forgotten_one_by_one(backend: PostgresBackend, clock: SteppingClock) -> None:
    for hour in range(3):
        store(backend, rows(10 * hour, 10 * hour + 4, Category=[f"Hour.{hour}", "Always"]))
        clock.advance(timedelta(hours=1))
    store(backend, rows(90, 92, Category=["Last"]))

    list(backend.retain(clock.time - timedelta(hours=1, seconds=1), batch=100))

    session = backend.session()
    query = "SELECT value FROM event_values WHERE name = 'category' ORDER BY value"
    assert session.execute(query) == [("Always",), ("Hour.2",), ("Last",)]
    assert sum(backend.retain(clock.time + timedelta(days=1), batch=100)) == 8
    assert session.execute("SELECT count(*) FROM event_values") == [(0,)]


def test_everything_may_be_old_and_the_next_event_is_stored_all_the_same(
    backend: PostgresBackend, clock: SteppingClock
) -> None:
    fill(backend, clock, months=1)
    store(backend, [row("x")])

    assert sum(backend.retain(clock.time + timedelta(days=3650), batch=1000)) == 11

    assert ids(backend) == []
    assert backend.session().execute("SELECT count(*) FROM event_values") == [(0,)]
    assert store(backend, rows(0, 4), [row("9")], rows(0, 4)) == [[True] * 5, [True], [False] * 5]
    [(newest,)] = backend.session().execute("SELECT max(storagetime) FROM events")
    assert newest - clock.time == timedelta(microseconds=1)  # after all that was dropped


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

        assert not errors
        assert removed + service.count_events() == 25 * 6
        categories = {event["Category"][0] for event in service.search_events()[1]}
        assert set(service.distinct_values("category")) == categories
    with closing(PostgresBackend({"conninfo": postgres_database})) as backend:
        assert len(set(counts(backend.session()).values())) == 1


def test_a_partition_of_somebody_else_is_named(
    backend: PostgresBackend, clock: SteppingClock, postgres_database: str
) -> None:
    fill(backend, clock)
    with psycopg.connect(postgres_database) as administrator:
        administrator.execute("ALTER TABLE events_202604 RENAME TO events_archive")

    with pytest.raises(StorageIntegrityError, match="events_archive"):
        list(backend.retain(clock.time, batch=100))
    assert len(ids(backend)) == 30

    with psycopg.connect(postgres_database) as administrator:
        administrator.execute("ALTER TABLE events_archive RENAME TO events_202604")
    assert sum(backend.retain(clock.time, batch=100)) == 30


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
        there, found = counts(session), counts(session, but_gone=True)
        assert len(set(found.values())) == 1
        assert there["events"] == there["event_messages"] == found["events"]
        if steps > 30:
            break  # the values of the day are looked at every time

    assert ids(backend) == list(range(100, 105))
    assert sum(backend.retain(border, batch=3)) == 0
    assert set(counts(session).values()) == {5}


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
