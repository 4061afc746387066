"""Statements that users write, and errors of drivers that they meet."""

from __future__ import annotations

import importlib
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import pytest

from tocsin import eventstorage
from tocsin.errors import DataError, EventStorageException
from tocsin.eventstorage import IPBaseAdapter, IPListAdapter
from tocsin.eventstorage.addresses import Range
from tocsin.testing.event_stores.base import EventStoreContract, message
from tocsin.testing.event_stores.sessions import session_of

if TYPE_CHECKING:
    from tocsin.eventstorage import EventStorageService

__all__ = ["StatementContract"]


class StatementContract(EventStoreContract):
    """Statements with their values, for people; and what `handle_db_exceptions` does."""

    def test_a_statement_can_be_read_with_its_values(
        self, conncfg: dict[str, Any], store: EventStorageService
    ) -> None:
        hostile = "o'clock \\ %s ? --"

        text = store.mogrify("SELECT %s, %s, '?%%'", [hostile, 7])

        with session_of(conncfg) as session:
            assert session.execute(text.replace("%", "%%")) == [(hostile, 7, "?%")]
        with pytest.raises(DataError, match="1 placeholders for 2 values"):
            store.mogrify("SELECT %s", [1, 2])
        with pytest.raises(DataError, match="0 placeholders for 1 values"):
            store.mogrify("SELECT 1", [1])

    def test_the_statement_of_a_search_can_be_read_with_its_values(
        self, conncfg: dict[str, Any], store: EventStorageService
    ) -> None:
        store.insert_events([message("a", Description="50 % o'clock?"), message("b")])
        parameters = {
            "description": "50 % o'clock?",
            "categories": message("a")["Category"],
            "ids": ["a", "b"],
        }
        dialect: Any = "sqlite" if "path" in conncfg else "postgresql"

        text = store.mogrify(*eventstorage.build_query(parameters, "count", dialect=dialect))

        with session_of(conncfg) as session:
            assert session.execute(text.replace("%", "%%")) == [(1,)]

    def test_functions_of_others_raise_errors_of_the_storage(self, conncfg: dict[str, Any]) -> None:
        @eventstorage.handle_db_exceptions
        def ask(error: type[Exception]) -> None:
            raise error("broken")

        module = importlib.import_module("sqlite3" if "path" in conncfg else "psycopg")
        with pytest.raises(EventStorageException) as caught:
            ask(module.ProgrammingError)
        assert isinstance(caught.value.__cause__, module.ProgrammingError)
        with pytest.raises(KeyError):
            ask(KeyError)

    def test_addresses_are_values_of_statements(
        self, conncfg: dict[str, Any], store: EventStorageService
    ) -> None:
        values = {
            "192.0.2.7": (ip_address("192.0.2.7"), IPBaseAdapter("192.0.2.7")),
            "2001:db8::/32": (ip_network("2001:db8::/32"), IPBaseAdapter("2001:db8::/32")),
            "0.0.0.3-0.0.0.6": (Range(4, 3, 6),),
            "{192.0.2.7,10.0.0.0/8}": (IPListAdapter(["192.0.2.7", "10.0.0.0/8"]),),
        }
        with session_of(conncfg) as session:
            for text, forms in values.items():
                for value in forms:
                    assert str(session.execute(store.mogrify("SELECT %s", [value]))[0][0]) == text

    @pytest.mark.parametrize("query", ["SELECT '50 %'", "SELECT %d", "SELECT %(name)s", "SELECT %s, '% '"])
    def test_a_percent_sign_that_means_nothing_is_refused(
        self, store: EventStorageService, query: str
    ) -> None:
        with pytest.raises(DataError, match="write %% for a %"):
            store.mogrify(query, [1] * query.count("%s"))
