"""Wherever a search begins, it finds the same."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

from tocsin.eventstorage import EventStorageService
from tocsin.eventstorage.query import planning
from tocsin.eventstorage.query.parameters import read_parameters
from tocsin.eventstorage.query.planning import plan
from tocsin.eventstorage.query.statements import Statement
from tocsin.eventstorage.sqlite import SQLiteBackend
from tocsin.testing.event_stores.base import FixedClock, examples
from tocsin.testing.event_stores.model import is_found, search
from tocsin.testing.event_stores.populations import messages, searches
from tocsin.testing.event_stores.searching import Population, found, populate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tocsin.eventstorage.sqlite import SQLiteSession


@pytest.fixture
def population(tmp_path: Path) -> Iterator[Population]:
    clock = FixedClock(datetime(2026, 3, 1, 10, 0, 20, tzinfo=UTC))
    with EventStorageService(path=tmp_path / "events.db", clock=clock) as store:
        store.database_create()
        yield populate(store, clock, messages(random.Random(11), 120))  # noqa: S311 - the same every time


@pytest.fixture
def on_server(postgres_database: str) -> Iterator[Population]:
    clock = FixedClock(datetime(2026, 3, 1, 10, 0, 20, tzinfo=UTC))
    with EventStorageService(url=postgres_database, clock=clock) as store:
        store.database_create()
        yield populate(store, clock, messages(random.Random(11), 120))  # noqa: S311 - the same every time


@pytest.fixture
def session(tmp_path: Path, population: Population) -> Iterator[SQLiteSession]:
    assert population.events
    backend = SQLiteBackend(tmp_path / "events.db")
    session = backend.session()
    yield session
    session.close()
    backend.close()


@examples(80)
@given(parameters=searches())
def test_every_beginning_finds_the_same(
    population: Population, session: SQLiteSession, parameters: dict[str, Any]
) -> None:
    expected = search(population.events, parameters)
    count = sum(is_found(one, parameters) for one in population.events)
    places = range(len(Statement(read_parameters(parameters), "sqlite").conditions))

    for leading in [set[int](), set(places), *({place} for place in places)]:
        for sort_by_index in (True, False):
            statement = Statement(read_parameters(parameters), "sqlite")
            statement.lead(leading, sort_by_index=sort_by_index)
            assert [row[1] for row in session.execute(*statement.write("select"))] == expected
            assert session.execute(*statement.write("count")) == [(count,)]


@examples(60)
@given(parameters=searches())
def test_what_is_many_is_looked_through_in_its_order(
    population: Population, parameters: dict[str, Any]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "_FEW", 2)
        patch.setattr(planning, "_FEW_KNOWN", 1)
        assert found(population.store, parameters) == search(population.events, parameters)
        assert population.store.count_events(parameters) == sum(
            is_found(one, parameters) for one in population.events
        )
        total = population.store.aggregate_events(parameters).total
        assert total == population.store.count_events(parameters)


@examples(40)
@given(parameters=searches())
def test_what_is_many_is_left_to_postgresql(on_server: Population, parameters: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "_FEW_KNOWN", 0)
        assert found(on_server.store, parameters) == search(on_server.events, parameters)
        assert on_server.store.count_events(parameters) == sum(
            is_found(one, parameters) for one in on_server.events
        )


@pytest.mark.parametrize(
    ("parameters", "beginning"),
    [
        ({"source_addrs": "10.0.0.1"}, "event_ip_by_address"),
        ({"host_addrs": ["10.0.0.0/8", "::1"], "classes": "x", "not_classes": True}, "event_ip_by_address"),
        ({"host_addrs": ".example.org"}, "event_host_by_name"),
        ({"host_ports": "20-25"}, "event_port_by_port"),
        ({"categories": "Test"}, "events_by_category"),
        ({"dt_from": "2026-03-01T10:00:10Z", "dt_to": "2026-03-01T10:00:10Z"}, "events_by_detecttime"),
        ({"limit": 5, "after": ("2026-03-01T10:00:10Z", "a")}, "((detecttime,id)<(?,?))"),
        ({"limit": 5, "sortby": "storagetime.asc", "after": ("2026-03-01", "a")}, "events_by_storagetime"),
        ({"ids": ["a-001"]}, "(id=?)"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("population")
def test_a_search_begins_where_few_are(
    session: SQLiteSession, parameters: dict[str, Any], beginning: str
) -> None:
    ran: list[str] = []
    with session.raw() as connection:
        connection.set_trace_callback(ran.append)  # it is told the values as well
    session.execute(*plan(session, read_parameters(parameters)).write("seq"))
    with session.raw() as connection:
        connection.set_trace_callback(None)
        plans = [connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall() for query in ran]
    steps = [row[-1] for rows in plans for row in rows]
    assert any(beginning in step for step in steps), steps
    scanned = [step for step in steps if step.split()[:2] in (["SCAN", "e"], ["SCAN", "s"])]
    assert all("INDEX" in step for step in scanned), steps
