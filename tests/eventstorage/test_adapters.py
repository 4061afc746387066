"""Addresses as parameters of queries."""

from __future__ import annotations

import ipaddress
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import ipranges
import psycopg
import pytest

from tocsin.errors import DataError
from tocsin.eventstorage import EventStorageService
from tocsin.eventstorage.adapters import (
    IPBaseAdapter,
    IPListAdapter,
    register_with_psycopg,
)
from tocsin.eventstorage.addresses import Range

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OBJECTS: list[tuple[Any, str]] = [
    (ipaddress.ip_address("1.2.3.4"), "1.2.3.4"),
    (ipaddress.ip_network("2001:db8::/32"), "2001:db8::/32"),
    (Range(4, 3, 6), "0.0.0.3-0.0.0.6"),
    (ipranges.IP4("1.2.3.4"), "1.2.3.4"),
    (ipranges.IP4Net("1.2.3.0/24"), "1.2.3.0/24"),
    (ipranges.IP4Range("1.2.3.4-1.2.3.9"), "1.2.3.4-1.2.3.9"),
    (ipranges.IP6("::1"), "::1"),
    (ipranges.IP6Net("2001:db8::/32"), "2001:db8::/32"),
    (ipranges.IP6Range("::1-::5"), "::1-::5"),
    (IPBaseAdapter("1.2.3.0/24"), "1.2.3.0/24"),
]


@pytest.fixture
def connection(postgres_database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_database) as connection:
        register_with_psycopg(connection)
        yield connection


@pytest.mark.parametrize(("value", "text"), OBJECTS)
def test_an_address_is_a_literal(value: Any, text: str) -> None:
    adapter = value if isinstance(value, IPBaseAdapter) else IPBaseAdapter(value)
    adapter.prepare(None)

    assert (adapter.getquoted(), str(adapter)) == (f"'{text}'".encode(), text)


def test_a_list_of_addresses_is_an_array_literal() -> None:
    objects = [(value, text) for value, text in OBJECTS if not isinstance(value, IPBaseAdapter)]
    adapter = IPListAdapter([value for value, _ in objects])
    adapter.prepare(None)

    assert adapter.getquoted() == ("'{" + ",".join(text for _, text in objects) + "}'").encode()
    assert IPListAdapter([]).getquoted() == b"'{}'"


def test_nothing_else_becomes_a_literal() -> None:
    with pytest.raises(DataError):
        IPBaseAdapter("'; DROP TABLE events; --")
    with pytest.raises(DataError):
        IPListAdapter(["1.2.3.4", "'"])


def test_sqlite_takes_them_as_text(tmp_path: Path) -> None:
    """Whoever opens a storage need not ask for it."""
    EventStorageService(path=tmp_path / "events.db").close()

    with closing(sqlite3.connect(":memory:")) as connection:
        for value, text in OBJECTS:
            assert connection.execute("SELECT ?", (value,)).fetchone() == (text,)


def test_postgresql_takes_them_as_text_and_as_inet(connection: psycopg.Connection) -> None:
    for value, text in OBJECTS:
        assert connection.execute("SELECT %s::text", (value,)).fetchone() in [(text,), (text + "/32",)]
        if "-" not in text:
            query = "SELECT inet '1.2.3.4' <<= %s OR inet '2001:db8::1' <<= %s OR inet '::1' <<= %s"
            assert connection.execute(query, (value,) * 3).fetchone() == (True,)


def test_postgresql_takes_literals_of_arrays(connection: psycopg.Connection) -> None:
    adapter = IPListAdapter(["1.2.3.4", "10.0.0.0/8"])

    literal = b"SELECT inet '10.0.0.0/8' = ANY(" + adapter.getquoted() + b")"
    assert connection.execute(literal).fetchone() == (True,)
    query = "SELECT inet '10.0.0.0/8' = ANY(%s::inet[])"
    assert connection.execute(query, (adapter,)).fetchone() == (True,)
