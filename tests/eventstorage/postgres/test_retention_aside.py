"""Retention on two connections: what is left of old months goes while events are deleted."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.eventstorage.postgres import retention_program
from tests.eventstorage.postgres.events import counts, row, rows, store
from tests.eventstorage.postgres.test_faults import environment

from tocsin.errors import StorageConnectionException
from tocsin.eventstorage import EventStorageService
from tocsin.eventstorage.postgres import PostgresBackend, aside, leftovers, partitions, retention
from tocsin.eventstorage.postgres.aside import Aside
from tocsin.testing.event_stores import message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tests.conftest import SteppingClock
    from tests.servers.postgres import PostgresServer

    from tocsin.eventstorage.postgres.connections import Connection

_MONTH = timedelta(days=31)


@pytest.fixture(autouse=True)
def _in_small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_NUMBERS_AT_A_TIME", 4)
    monkeypatch.setattr(leftovers, "_TABLES_AT_ONCE", 1)


@pytest.fixture
def lone_role(postgres_server: PostgresServer, postgres_database: str) -> Iterator[str]:
    """Give the URL for a role that may have one connection."""
    postgres_server.execute("CREATE ROLE lone LOGIN CONNECTION LIMIT 1")
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        connection.execute("GRANT ALL ON SCHEMA public TO lone")
    yield postgres_database.replace("postgres@", "lone@")
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        connection.execute("DROP OWNED BY lone")
    postgres_server.execute("DROP ROLE lone")


def fill(backend: PostgresBackend, clock: SteppingClock) -> datetime:
    """Store ten events in each of three months, and give an instant after seven of the last one."""
    for month in range(2):
        store(backend, rows(10 * month, 10 * month + 9))
        clock.advance(_MONTH)
    store(backend, rows(20, 26))
    clock.advance(timedelta(hours=1))
    border = clock.time
    store(backend, rows(27, 29))
    return border


def nothing_is_left(backend: PostgresBackend, of_all: int = 3) -> bool:
    """Tell whether so many events are there, and nothing of others."""
    with closing(backend.session()) as session:
        detached = session.work(partitions.detached)
        return not detached and set(counts(session).values()) == {of_all}


def wait_for_waiting(url: str, statement: str, thread: threading.Thread) -> None:
    """Wait until a statement of a thread waits for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
    with psycopg.connect(url, autocommit=True) as watcher:
        while watcher.execute(query, (statement,)).fetchone() == (0,):
            assert thread.is_alive()
            time.sleep(0.002)


def helpers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("tocsin-retention")]


def test_all_is_done_when_there_is_no_second_connection(lone_role: str, clock: SteppingClock) -> None:
    with closing(PostgresBackend({"conninfo": lone_role}, clock=clock)) as backend:
        backend.create()
        border = fill(backend, clock)

        assert sum(backend.retain(border, batch=3)) == 27

        assert nothing_is_left(backend)


@pytest.mark.parametrize("steps", range(1, 30, 3))
def test_no_thread_goes_on_when_the_call_is_stopped(
    backend: PostgresBackend, clock: SteppingClock, steps: int
) -> None:
    border = fill(backend, clock)
    interrupted = backend.retain(border, batch=2)
    removed = sum(islice(interrupted, steps))
    interrupted.close()  # type: ignore[attr-defined]  # it is a generator

    assert helpers() == []
    assert sum(backend.retain(border, batch=2)) == 27 - removed
    assert nothing_is_left(backend)
    assert helpers() == []


def test_who_stores_old_ids_again_is_waited_for_without_a_deadlock(
    backend: PostgresBackend, clock: SteppingClock, postgres_database: str
) -> None:
    border = fill(backend, clock)
    interrupted = backend.retain(border, batch=100)
    assert list(islice(interrupted, 2)) == [10, 10]
    interrupted.close()  # type: ignore[attr-defined]  # it is a generator
    writer = backend.session()
    assert writer.insert_rows(rows(13, 15)) == [True] * 3  # of the second month: nobody has begun to clear it

    def clear() -> None:
        with closing(backend.session()) as session:
            session.begin()
            session.work(partial(leftovers._clear, "event_ids", 1, 20))
            session.commit()

    thread = threading.Thread(target=clear)
    thread.start()
    wait_for_waiting(postgres_database, "SELECT 1 FROM event_store%", thread)
    assert writer.insert_rows([row("0"), row("19"), row("21")]) == [True, True, False]
    writer.commit()
    thread.join()

    assert counts(writer)["event_ids"] == 15
    assert sum(backend.retain(border, batch=100)) == 7
    assert nothing_is_left(backend, of_all=8)
    assert store(backend, rows(0, 29)) == [[n not in (0, 13, 14, 15, 19, 27, 28, 29) for n in range(30)]]


def test_events_are_locked_before_what_belongs_to_them(
    backend: PostgresBackend, clock: SteppingClock, postgres_database: str
) -> None:
    border = fill(backend, clock)
    removed: list[int] = []
    thread = threading.Thread(target=lambda: removed.extend(backend.retain(border, batch=100)))
    with psycopg.connect(postgres_database) as owner:
        owner.execute("SELECT 1 FROM events WHERE id = '20' FOR UPDATE")  # as who deletes it begins
        thread.start()
        wait_for_waiting(postgres_database, "DELETE FROM event%", thread)
        for table in ("event_messages", "event_ip", "event_host", "event_port"):
            query = f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE seq >= 21 FOR UPDATE NOWAIT) AS x"
            [(number,)] = owner.execute(query).fetchall()
            assert number >= 10, table
    thread.join()

    assert sum(removed) == 27
    assert nothing_is_left(backend)


def test_two_calls_at_once_share_the_work(backend: PostgresBackend, clock: SteppingClock) -> None:
    border = fill(backend, clock)
    start = threading.Barrier(2)
    removed = []

    def retain() -> None:
        start.wait()
        removed.append(sum(backend.retain(border, batch=2)))

    threads = [threading.Thread(target=retain) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(removed) == 2
    assert sum(removed) == 27
    assert nothing_is_left(backend)


def test_who_reads_what_is_left_of_a_month_is_waited_for(
    backend: PostgresBackend, clock: SteppingClock, postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "_PATIENCE", "SET LOCAL lock_timeout = '20ms'")
    border = fill(backend, clock)
    interrupted = backend.retain(border, batch=100)
    assert next(interrupted) == 10
    interrupted.close()  # type: ignore[attr-defined]  # it is a generator
    thread = threading.Thread(target=lambda: list(backend.retain(border, batch=100)))

    with psycopg.connect(postgres_database) as reader:
        [table] = [name for name in backend.session().work(partitions.detached) if "event_ip" in name]
        reader.execute(f"SELECT 1 FROM {table}")
        thread.start()
        wait_for_waiting(postgres_database, f"%{table}", thread)
        while thread.is_alive() and set(counts(backend.session()).values()) != {3}:
            thread.join(0.005)  # it goes on with everything else
        wait_for_waiting(postgres_database, f"%{table}", thread)
    thread.join()

    assert nothing_is_left(backend)


def test_an_error_of_ours_aside_is_not_lost(backend: PostgresBackend) -> None:
    def fail(_: Connection) -> None:
        raise ZeroDivisionError

    with closing(backend.session()) as session, closing(backend.session()) as other:
        with Aside(session, other) as helper:
            helper.give(fail)
            helper.wait(60)
            with pytest.raises(ZeroDivisionError):
                list(helper.over())
        assert helpers() == []
        assert not other.in_transaction


def test_what_fails_aside_is_handed_back_and_nothing_more_is_taken(backend: PostgresBackend) -> None:
    done: list[str] = []

    def succeed(_: Connection) -> None:
        done.append("it")

    def fail(connection: Connection) -> None:
        connection.execute("SELECT wrong")

    with (
        closing(backend.session()) as session,
        closing(backend.session()) as other,
        Aside(session, other) as helper,
    ):
        assert helper.has_room
        for work, handed_back in ((succeed, None), (fail, fail)):
            helper.give(work)
            helper.wait(60)
            assert list(helper.over()) == [handed_back]

        assert done == ["it"]
        assert not helper.has_room
        assert not helper.is_busy


@pytest.mark.fault
def test_a_call_that_is_killed_is_finished_by_the_next(postgres_database: str) -> None:
    """Kill it within each of its kinds of steps: what it leaves is whole, and nothing is left afterwards."""
    later = "UPDATE event_store SET last_storagetime = last_storagetime + %s"
    source = [{"IP4": ["192.0.2.1"], "Hostname": ["a.example.org"], "Port": [22]}]
    with (
        EventStorageService(url=postgres_database) as service,
        closing(PostgresBackend({"conninfo": postgres_database})) as backend,
    ):
        service.database_create()
        for number, lines in enumerate((1, 2, 3, 5, 8, 11)):
            for month in range(3):
                names = [f"{number}/{month}/{place}" for place in range(100)]
                service.insert_events([message(name, Source=source) for name in names])
                with psycopg.connect(postgres_database) as connection:
                    connection.execute(later, (_MONTH if month < 2 else timedelta(seconds=1),))
            newest = service.search_column_with("storagetime", "max")
            assert newest is not None
            before = newest + timedelta(microseconds=1)
            service.insert_event(message(f"new {number}", Source=source))
            program = [sys.executable, retention_program.__file__, postgres_database, before.isoformat()]
            stored = service.count_events()
            with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=environment()) as process:
                assert process.stdout is not None
                told = sum(int(line) for line in islice(process.stdout, lines))
                process.kill()

            there = service.count_events()
            assert 1 <= there <= stored - told
            assert len(service.search_events({"source_addrs": "0.0.0.0/0"})[1]) <= there
            assert sum(service.retain(before)) <= there - 1
            assert nothing_is_left(backend, of_all=1)
            assert [event.id for event in service.search_events()[1]] == [f"new {number}"]


@pytest.mark.fault
def test_a_server_that_is_killed_meanwhile_is_told_and_the_next_call_finishes(
    crash_server: PostgresServer, clock: SteppingClock
) -> None:
    with closing(PostgresBackend({"conninfo": crash_server.dsn()}, clock=clock)) as backend:
        backend.create()
        border = fill(backend, clock)
        for steps in (1, 2, 4, 7):
            call = backend.retain(border, batch=2)
            list(islice(call, steps))
            crash_server.kill()
            with pytest.raises(StorageConnectionException):
                list(call)
            assert helpers() == []
            crash_server.start()

        list(backend.retain(border, batch=2))

        assert nothing_is_left(backend)
