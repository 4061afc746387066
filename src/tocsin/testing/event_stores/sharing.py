"""Sharing: threads and processes at once, each event once, none of them missed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.eventstorage import EventStorageService
from tocsin.testing.event_stores.base import EventStoreContract, message
from tocsin.testing.event_stores.program import Program
from tocsin.testing.event_stores.storing import many

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SharingContract"]

_PATIENCE_SECONDS = 60


def _at_once(*work: Callable[[], Any]) -> list[Any]:
    """Do everything in threads that begin at the same moment, and give the results."""
    start = threading.Barrier(len(work))

    def do(one: Callable[[], Any]) -> Any:
        start.wait(_PATIENCE_SECONDS)
        return one()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(do, work, timeout=_PATIENCE_SECONDS))


class SharingContract(EventStoreContract):
    """Several threads of one service, several services, several processes."""

    def test_eight_threads_use_one_service(self, store: EventStorageService) -> None:
        def work(number: int) -> Callable[[], None]:
            def run() -> None:
                for step in range(5):
                    store.insert_events(many(f"{number}-{step}", 20))
                    store.insert_event(message(f"single-{number}-{step}"))
                    assert store.fetch_event(f"{number}-{step}-00007") is not None
                    assert store.delete_event(f"{number}-{step}-00000")
                    store.search_events({"categories": "Recon.Scanning", "limit": 5})

            return run

        _at_once(*map(work, range(8)))
        assert store.count_events() == 8 * 5 * 20
        assert len({event.id for event in store.stream_events()}) == 8 * 5 * 20

    def test_an_event_that_many_bring_at_once_is_stored_once(self, store: EventStorageService) -> None:
        ideas = many("a", 60)

        def run() -> int:
            return sum(one.kind == "new" for one in store.insert_events(ideas, batch_size=7))

        assert sum(_at_once(*[run] * 4)) == 60
        assert store.count_events() == 60

    def test_a_writer_waits_for_the_one_before_it(
        self, conncfg: dict[str, Any], store: EventStorageService
    ) -> None:
        with EventStorageService(**conncfg) as other, ThreadPoolExecutor(2) as pool:
            with store.cursor_new() as cursor:
                cursor.insert_event(message("a", Note="first"))
                same = pool.submit(other.insert_events, [message("a", Note="second")])
                apart = pool.submit(other.insert_events, many("b", 3))
                cursor.commit()
            assert [one.kind for one in same.result(_PATIENCE_SECONDS)] == ["duplicate"]
            assert [one.kind for one in apart.result(_PATIENCE_SECONDS)] == ["new"] * 3
        event = store.fetch_event("a")
        assert event is not None
        assert event["Note"] == "first"

    def test_a_writer_that_gives_up_lets_the_next_one_store_the_event(
        self, conncfg: dict[str, Any], store: EventStorageService
    ) -> None:
        with EventStorageService(**conncfg) as other, ThreadPoolExecutor(1) as pool:
            with store.cursor_new() as cursor:
                cursor.insert_event(message("a", Note="first"))
                same = pool.submit(other.insert_events, [message("a", Note="second")])
                cursor.rollback()
            assert [one.kind for one in same.result(_PATIENCE_SECONDS)] == ["new"]

    def test_a_reader_gets_each_event_once_while_others_write(self, store: EventStorageService) -> None:
        done = threading.Event()
        writers = 3

        def write(number: int) -> Callable[[], None]:
            def run() -> None:
                for step in range(12):
                    with store.cursor_new() as cursor:
                        cursor.insert_events(many(f"{number}-{step}-a", 5))
                        cursor.insert_events(many(f"{number}-{step}-b", 5))
                        if step % 4:
                            cursor.commit()

            return run

        def read(parameters: dict[str, Any] | None) -> list[str]:
            seen: list[str] = []
            cursor = None
            while True:
                last = done.is_set()
                events, cursor = store.read_since(cursor, limit=17, parameters=parameters)
                seen += [event.id for event in events]
                if last and not events:
                    return seen

        odd = [f"{number}-{step}-b-00003" for number in range(writers) for step in range(12)]
        with ThreadPoolExecutor(2) as pool:
            reader, narrow = pool.submit(read, None), pool.submit(read, {"ids": odd})
            try:
                _at_once(*map(write, range(writers)))
            finally:
                done.set()
            seen, few = reader.result(_PATIENCE_SECONDS), narrow.result(_PATIENCE_SECONDS)
        assert len(seen) == len(set(seen)) == writers * 9 * 10
        assert few == [one for one in seen if one in odd]
        assert len(few) == writers * 9
        assert seen == [event.id for event in store.read_since(None, limit=10_000)[0]]

    def test_a_late_commit_is_not_missed(self, conncfg: dict[str, Any], store: EventStorageService) -> None:
        with EventStorageService(**conncfg) as other, ThreadPoolExecutor(1) as pool:
            with store.cursor_new() as cursor:
                cursor.insert_events(many("late", 3))
                early = pool.submit(other.insert_events, many("early", 3))
                first, position = _read_on(conncfg, None)
                cursor.commit()
            early.result(_PATIENCE_SECONDS)
            second, _ = _read_on(conncfg, position)
        assert sorted(first + second) == sorted(idea["ID"] for idea in (*many("late", 3), *many("early", 3)))

    def test_a_late_commit_is_not_missed_by_a_reader_that_found_nothing(
        self, conncfg: dict[str, Any], store: EventStorageService
    ) -> None:
        late = {"ids": ["late-00001"]}
        with EventStorageService(**conncfg) as other:
            other.insert_events(many("early", 3))
            with store.cursor_new() as cursor:
                cursor.insert_events(many("late", 3))
                nothing, position = other.read_since(parameters=late)
                cursor.commit()
            [event], _ = other.read_since(position, parameters=late)
        assert (nothing, event.id) == ([], "late-00001")

    def test_retention_and_writers_get_along(self, store: EventStorageService, clock: Any) -> None:
        store.insert_events(many("old", 400))
        clock.advance(days=15)
        edge = clock.now()

        def write() -> int:
            return sum(len(store.insert_events(many(f"new-{step}", 10))) for step in range(15))

        def retain() -> int:
            return sum(store.retain(edge, batch=20))

        assert _at_once(write, retain) == [150, 400]
        assert store.count_events() == 150

    def test_two_processes_make_the_tables_at_once(self, conncfg: dict[str, Any]) -> None:
        with ExitStack() as stack:
            programs = [stack.enter_context(Program(conncfg, "create")) for _ in range(2)]
            for program in programs:
                assert program.read() == "ready"
            for program in programs:
                program.go_on()
            for program in programs:
                program.finish()
        with EventStorageService(**conncfg) as store:
            store.database_create()
            store.insert_event(message("a"))
            assert store.count_events() == 1

    @pytest.mark.usefixtures("store")
    def test_two_processes_bring_the_same_events(self, conncfg: dict[str, Any]) -> None:
        with ExitStack() as stack:
            programs = [stack.enter_context(Program(conncfg, "insert", "a", 200, 20)) for _ in range(2)]
            for program in programs:
                assert program.read() == "ready"
            for program in programs:
                program.go_on()
            new = sum(program.read() for program in programs for _ in range(10))
        assert new == 200


def _read_on(conncfg: dict[str, Any], position: int | None) -> tuple[list[str], int]:
    """Read on from a position with a service of one's own."""
    with EventStorageService(**conncfg) as service:
        events, position = service.read_since(position)
        return [event.id for event in events], position
