"""The statements that searches become, for those who run them themselves."""

from __future__ import annotations

import random
import re
import sqlite3
from typing import TYPE_CHECKING, Any, Literal

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import DataError
from tocsin.eventstorage import EventStorageService, build_query, record_to_idea, record_to_idea_ghost
from tocsin.testing.event_stores.base import FixedClock
from tocsin.testing.event_stores.populations import HOSTILE_TEXTS, messages, searches
from tocsin.testing.event_stores.searching import found

if TYPE_CHECKING:
    from pathlib import Path

MESSAGES = messages(random.Random(3), 60)  # noqa: S311 - the same every time
DIALECTS: list[Literal["sqlite", "postgresql"]] = ["sqlite", "postgresql"]
SEARCHES: list[dict[str, Any]] = [
    {},
    {"host_addrs": ["10.0.0.0/8", "2001:db8::1", ".example.org"], "limit": 5},
    {"categories": ["Test", "__EMPTY__"], "not_categories": True, "sortby": "storagetime.asc"},
    {"dt_from": "2026-03-01T10:00:10Z", "text": "ssh lo*", "after": ("2026-03-01T10:00:30Z", "a-001")},
    {"description_like": "%", "host_ports": "0-65535", "classes": "__ANY__"},
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("qtype", ["", "SELECT", "seq", "update", "select; --", None])
def test_an_unknown_kind_of_query_is_a_value_error(
    qtype: Any, dialect: Literal["sqlite", "postgresql"]
) -> None:
    with pytest.raises(ValueError, match="there is no qtype"):
        build_query({}, qtype, dialect=dialect)


def test_an_unknown_dialect_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="there is no dialect 'mysql'"):
        build_query({}, dialect="mysql")  # type: ignore[arg-type]


@given(
    parameters=searches(),
    qtype=st.sampled_from(["select", "select_ghost", "count", "delete"]),
    dialect=st.sampled_from(DIALECTS),
)
def test_every_value_has_its_placeholder(
    parameters: dict[str, Any], qtype: str, dialect: Literal["sqlite", "postgresql"]
) -> None:
    query, args = build_query(parameters, qtype, "a.name:1-2_3", dialect=dialect)

    assert query.startswith("/* tocsin:a.name:1-2_3 */ " + ("DELETE" if qtype == "delete" else "SELECT"))
    assert query.count("?" if dialect == "sqlite" else "%s") == len(args)
    assert not re.search(r"%[^s]", query)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_value_is_in_the_statement(dialect: Literal["sqlite", "postgresql"]) -> None:
    names = ["categories", "classes", "groups", "description", "description_like", "ids", "host_types"]
    for name in names:
        queries = {build_query({name: text}, dialect=dialect)[0] for text in HOSTILE_TEXTS}
        assert len(queries) == 1, name
    for text in HOSTILE_TEXTS:
        if not re.fullmatch(r"[A-Za-z0-9_.:-]{1,63}", text):
            with pytest.raises(DataError):
                build_query(None, qname=text, dialect=dialect)


@pytest.mark.parametrize("parameters", SEARCHES)
def test_a_built_query_runs_on_sqlite(parameters: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    with EventStorageService(path=path, clock=FixedClock()) as store:
        store.database_create()
        store.insert_events(MESSAGES)
        expected = found(store, parameters)
        connection = sqlite3.connect(path)
        try:
            records = connection.execute(*build_query(parameters, qname="q", dialect="sqlite")).fetchall()
            ghosts = connection.execute(*build_query(parameters, "select_ghost", dialect="sqlite")).fetchall()
            (count,) = connection.execute(*build_query(parameters, "count", dialect="sqlite")).fetchone()
            gone = connection.execute(*build_query(parameters, "delete", dialect="sqlite")).rowcount
        finally:
            connection.close()
        assert expected
        assert [record_to_idea(record).id for record in records] == expected
        assert [record_to_idea_ghost(record).id for record in ghosts] == expected
        assert (count, gone) == (store.count_events(parameters), len(expected))


def test_a_built_query_runs_on_postgresql(postgres_database: str) -> None:
    with EventStorageService(url=postgres_database, clock=FixedClock()) as store:
        store.database_create()
        store.insert_events(MESSAGES)
        for parameters in SEARCHES:
            expected = found(store, parameters)
            with psycopg.connect(postgres_database) as connection:
                records = connection.execute(*build_query(parameters, qname="q")).fetchall()
                ghosts = connection.execute(*build_query(parameters, "select_ghost")).fetchall()
                [(count,)] = connection.execute(*build_query(parameters, "count")).fetchall()
                gone = connection.execute(*build_query(parameters, "delete")).rowcount
                connection.rollback()
            assert expected
            assert [record_to_idea(record).id for record in records] == expected
            assert [record_to_idea_ghost(record).id for record in ghosts] == expected
            assert (count, gone) == (store.count_events(parameters), len(expected))
