"""A search by an address, port or ID is one statement, whose plan the server keeps."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from tests.eventstorage.postgres.events import row, rows, store

from tocsin.eventstorage import EventStorageService
from tocsin.eventstorage.idea import row_of
from tocsin.eventstorage.query import kept
from tocsin.eventstorage.query.parameters import read_parameters
from tocsin.eventstorage.query.planning import find
from tocsin.eventstorage.query.statements import Statement
from tocsin.testing.event_stores import message
from tocsin.testing.event_stores.base import FixedClock, examples
from tocsin.testing.event_stores.model import search
from tocsin.testing.event_stores.populations import messages, searches
from tocsin.testing.event_stores.searching import Population, found, populate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import SteppingClock

    from tocsin.eventstorage.postgres import PostgresBackend

_AT = "10.0.0.1"


@pytest.fixture
def generic(postgres_database: str) -> Iterator[Population]:
    """Give a store whose sessions keep every plan from the first time on."""
    clock = FixedClock(datetime(2026, 3, 1, 10, 0, 20, tzinfo=UTC))
    kept_plans: dict[str, Any] = {"options": "-c plan_cache_mode=force_generic_plan"}
    with EventStorageService(url=postgres_database, clock=clock, **kept_plans) as store:
        store.database_create()
        yield populate(store, clock, messages(random.Random(5), 120))  # noqa: S311 - the same every time


@examples(100)
@given(parameters=searches())
def test_a_kept_plan_finds_what_the_model_finds(generic: Population, parameters: dict[str, Any]) -> None:
    assert found(generic.store, parameters) == search(generic.events, parameters)


@examples(60)
@given(parameters=searches())
def test_who_finds_too_many_at_the_beginning_begins_elsewhere(
    generic: Population, parameters: dict[str, Any]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "FEW", 2)
        assert found(generic.store, parameters) == search(generic.events, parameters)


@pytest.mark.parametrize(
    "parameters",
    [
        {"source_addrs": ["{}"]},
        {"host_addrs": ["{}/28"], "limit": 3},
        {"target_addrs": ["{}-10.9.9.9"], "dt_from": "2026-03-01", "not_categories": True, "categories": "x"},
        {"ids": ["{}"]},
    ],
)
def test_the_plan_is_kept_and_the_next_search_is_another(
    backend: PostgresBackend, parameters: dict[str, Any]
) -> None:
    session = backend.session()
    session.begin()  # one connection for all
    for number in range(8):
        first, *_ = names = list(parameters)
        value = [text.format(f"10.0.0.{number * 16}") for text in parameters[first]]
        find(
            session,
            read_parameters({first: value, **{name: parameters[name] for name in names[1:]}}),
            "select",
        )

    [(generic_plans, custom_plans)] = session.execute(
        "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE %s",
        ("WITH begun%",),
    )

    assert (generic_plans, custom_plans) == (3, 5)  # PostgreSQL looks at five before it decides
    session.close()


@pytest.mark.parametrize(
    ("parameters", "plans"),
    [
        ({}, 1),
        ({"after": ("{}", "e1")}, 1),
        ({"dt_from": "{}", "after": ("{}", "e1"), "sortby": "detecttime.asc"}, 1),
        ({"st_from": "{}", "st_to": "2026-05-01", "sortby": "storagetime.desc"}, 1),
        ({"page": 2}, 0),
        ({"limit": 1001}, 0),
        ({"st_from": "{}"}, 0),  # the index of one time says nothing of the other
    ],
)
def test_the_plan_of_a_page_is_kept(backend: PostgresBackend, parameters: dict[str, Any], plans: int) -> None:
    def filled(value: Any, minute: int) -> Any:
        if isinstance(value, tuple):
            return tuple(filled(one, minute) for one in value)
        return value.format(f"2026-03-01T00:{minute:02}:00Z") if isinstance(value, str) else value

    session = backend.session()
    session.begin()  # one connection for all
    for minute in range(8):
        page = {"limit": 7, **{name: filled(value, minute) for name, value in parameters.items()}}
        find(session, read_parameters(page), "select")

    rows = session.execute(
        "SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE statement LIKE %s",
        ("SELECT f.%",),
    )

    assert rows == [(8,)] * plans
    session.close()


def test_a_page_of_a_long_stretch_is_read_in_its_order(
    backend: PostgresBackend, clock: SteppingClock
) -> None:
    for hour in range(30):
        clock.advance(timedelta(minutes=1))
        times = [f"2026-03-01T{hour % 24:02}:{number % 60:02}:00Z" for number in range(200)]
        batch = [message(f"{hour} {number}", DetectTime=time) for number, time in enumerate(times)]
        store(backend, [row_of(one, words=False) for one in batch])
    session = backend.session()
    session.begin()

    for short, column in (("dt", "detecttime"), ("st", "storagetime")):
        for way in ("asc", "desc"):
            parameters = {
                "sortby": f"{column}.{way}",
                f"{short}_from": "2026-01-01",
                f"{short}_to": "2027-01-01",
            }
            for more in ({"limit": 100}, {"limit": 20, "after": ("2026-03-01T12:00:00Z", "e7")}):
                statement = Statement(read_parameters({**parameters, **more}), "postgresql")
                query, args = kept.write_page(statement, "select")
                plan = "\n".join(line for (line,) in session.execute(f"EXPLAIN {query}", args))
                assert "Index Cond" in plan
                assert "Bitmap" not in plan, plan
                assert "->  Sort" not in plan, plan
    session.close()


@pytest.mark.parametrize("qtype", ["select", "select_ghost"])
def test_a_kept_plan_knows_of_new_and_dropped_months(
    backend: PostgresBackend, clock: SteppingClock, postgres_database: str, qtype: str
) -> None:
    with EventStorageService(url=postgres_database, clock=clock) as service:
        for month in range(8):
            service.insert_event(message(str(month), Source=[{"IP4": [_AT]}]))
            if month > 5:
                assert sum(service.retain(clock.time - timedelta(days=40))) == (5 if month == 6 else 1)
            events = service.search_events({"source_addrs": _AT, "sortby": "storagetime.asc"}, qtype=qtype)[1]
            assert [event.id for event in events] == [
                str(one) for one in range(month - 1 if month > 5 else 0, month + 1)
            ]
            clock.advance(timedelta(days=31))
        service.database_drop()
        service.database_create()
        assert service.search_events({"source_addrs": _AT}, qtype=qtype) == (0, [])
    backend.close()


def test_a_named_search_leaves_no_plan_behind(backend: PostgresBackend) -> None:
    session = backend.session()
    session.begin()
    with session.named("mine", None):
        assert find(session, read_parameters({"source_addrs": _AT}), "select") == []
    assert session.execute(
        "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%begun%%'"
    ) == [(0,)]
    session.close()


def test_a_page_of_a_rare_value_begins_at_that_value(backend: PostgresBackend) -> None:
    store(backend, rows(1, 300, Target=[{"Proto": ["tcp"]}]))
    session = backend.session()
    session.begin()
    session.execute_count("ANALYZE events")
    session.commit()
    store(backend, [row("x", Target=[{"Proto": ["odd"]}])])
    session.begin()

    def beginnings(protocol: str, **more: Any) -> tuple[int, int]:
        found = find(session, read_parameters({"protocols": [protocol], **more}), "select")
        query = (
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'WITH begun%%e.protocol &&%%'"
        )
        return len(found), session.execute(query)[0][0]

    assert beginnings("tcp", limit=5) == (5, 0)
    assert beginnings("odd") == (1, 0)  # all of them are not looked for in their order anyway
    assert beginnings("odd", limit=5) == (1, 1)
    assert beginnings("never", limit=5) == (0, 1)
    session.close()


@examples(60)
@given(parameters=searches())
def test_a_value_that_turns_out_to_be_frequent_is_looked_for_in_the_order(
    generic: Population, parameters: dict[str, Any]
) -> None:
    limited = {"limit": 7, **parameters}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "FEW", 1)
        assert found(generic.store, limited) == search(generic.events, limited)
    assert found(generic.store, limited) == search(generic.events, limited)
