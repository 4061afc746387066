from __future__ import annotations

import gc
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.eventstorage.postgres.events import row, rows, store

from tocsin.errors import EventStorageException
from tocsin.eventstorage.postgres import streaming

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.eventstorage.postgres import PostgresBackend


def test_rows_come_in_order_whatever_their_size(backend: PostgresBackend) -> None:
    sizes = [0, 3 * 2**20, 10, 5 * 2**20, 0] * 3
    store(backend, [row(str(number))._replace(message=bytes(size)) for number, size in enumerate(sizes)])

    session = backend.session()
    found = [len(message) for (message,) in session.stream("SELECT message FROM event_messages ORDER BY seq")]

    assert found == sizes
    assert not session.in_transaction


def test_pages_become_small_when_rows_are_large(backend: PostgresBackend) -> None:
    session = backend.session()
    session.begin()
    cursor = streaming.ServerCursor(None)
    large = "SELECT repeat('x', 1000000) FROM generate_series(1, 100)"
    session.work(lambda connection: cursor.open(connection, large, (), whole=True))

    pages = [len(session.work(cursor.fetch)) for _ in range(4)]

    assert pages[0] <= 20
    assert max(pages[1:]) <= 5
    session.rollback()


def test_a_stream_that_is_left_ends_its_transaction(backend: PostgresBackend) -> None:
    store(backend, rows(1, 100))
    session = backend.session()
    with closing(session.stream("SELECT seq FROM events")) as stream:  # type: ignore[type-var]
        next(stream)
        assert session.in_transaction
    assert not session.in_transaction


def test_a_stream_in_a_transaction_leaves_it_open_and_others_may_run_meanwhile(
    backend: PostgresBackend,
) -> None:
    session = backend.session()
    session.insert_rows(rows(1, 50))
    seen = []
    for number, (ident,) in enumerate(session.stream("SELECT id FROM events ORDER BY seq")):
        seen.append(ident)
        session.insert_rows([row(f"more {number}")])
        for _ in session.stream("SELECT 1"):
            pass
    assert seen == [str(number) for number in range(1, 51)]
    session.commit()
    assert session.execute("SELECT count(*) FROM events") == [(100,)]


def test_a_stream_ends_with_its_transaction_and_does_not_disturb_the_next(backend: PostgresBackend) -> None:
    store(backend, rows(1, 100))
    session = backend.session()
    session.begin()
    stream = session.stream("SELECT id FROM events")
    next(stream)
    session.commit()
    session.insert_rows([row("x")])
    del stream
    session.commit()
    assert session.execute("SELECT count(*) FROM events") == [(101,)]

    session.begin()
    stream = session.stream("SELECT id FROM events")
    next(stream)
    session.commit()
    session.insert_rows([row("y")])
    with pytest.raises(EventStorageException, match="the stream is over, as its transaction has ended"):
        list(stream)
    session.commit()
    assert session.execute("SELECT count(*) FROM events") == [(102,)]


class Collecting:
    """A value of a statement: while the driver writes it, garbage is collected."""


class CollectingDumper(psycopg.adapt.Dumper):
    def dump(self, obj: Any) -> bytes:  # noqa: ARG002 - all are alike
        gc.collect()
        return b"7"


@pytest.mark.parametrize("name", [None, "left"])
@pytest.mark.parametrize("writes", [False, True])
def test_a_stream_may_be_collected_as_garbage_while_its_connection_works(
    backend: PostgresBackend, name: str | None, *, writes: bool
) -> None:
    store(backend, rows(1, 100))
    found = []

    def stream(session: Any) -> Iterator[object]:
        with session.named(name, None):
            yield from session.stream("SELECT id FROM events")

    def work() -> None:
        with closing(backend.session()) as session:
            left: list[Any] = [stream(session)]
            next(left[0])
            left.append(left)  # only the collector finds it
            del left
            session.work(lambda one: one.adapters.register_dumper(Collecting, CollectingDumper))
            if writes:
                session.insert_rows(rows(101, 101))
            found.extend(session.execute("SELECT %s::int", (Collecting(),)))
            session.commit()
            assert [len(list(session.stream("SELECT id FROM events")))] == [101 if writes else 100]
            assert not session.in_transaction

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(60)  # only what is broken takes so long: it waits for itself
    assert not thread.is_alive()
    assert found == [(7,)]


def test_an_error_of_a_stream_leaves_a_usable_session(backend: PostgresBackend) -> None:
    session = backend.session()
    with pytest.raises(EventStorageException):
        list(session.stream("SELECT 1 / (3 - n) FROM generate_series(1, 1000) n"))
    assert not session.in_transaction
    assert session.execute("SELECT 1") == [(1,)]
