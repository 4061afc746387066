from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.eventstorage.postgres.events import rows, store

from tocsin.errors import EventStorageException, StorageIntegrityError
from tocsin.eventstorage import EventStorageService
from tocsin.eventstorage.columns import TABLES
from tocsin.eventstorage.postgres import PostgresBackend
from tocsin.eventstorage.postgres.migrations import VERSION
from tocsin.eventstorage.postgres.schema import OWN_TABLES
from tocsin.testing.event_stores import message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.postgres import PostgresServer


def tables(url: str, schema: str = "public") -> set[str]:
    with psycopg.connect(url) as connection:
        query = "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace"
        found = connection.execute(query, (schema,))
        return {name for (name,) in found}


def test_tables_are_made_once_and_removed_without_a_trace(
    backend: PostgresBackend, postgres_database: str
) -> None:
    store(backend, rows(1, 3))
    backend.create()
    assert backend.session().execute("SELECT count(*) FROM events") == [(3,)]

    for _ in range(2):
        backend.drop()
        assert tables(postgres_database) == set()
    backend.create()
    assert set(OWN_TABLES) | set(TABLES) <= tables(postgres_database)


def test_many_who_make_the_tables_at_once_make_them_once(postgres_database: str) -> None:
    backends = [PostgresBackend({"conninfo": postgres_database, "schema": "new"}) for _ in range(4)]
    threads = [threading.Thread(target=backend.create) for backend in backends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(store(backend, rows(place, place))[0] == [True] for place, backend in enumerate(backends))
    assert backends[0].session().execute("SELECT count(*) FROM event_store") == [(1,)]
    for backend in backends:
        backend.close()


def test_tables_of_a_newer_version_are_not_touched(backend: PostgresBackend) -> None:
    session = backend.session()
    session.execute_count("UPDATE event_store SET version = version + 1")
    session.commit()

    for change in (backend.create, backend.drop, backend.index_create):
        with pytest.raises(
            StorageIntegrityError, match=f"version {VERSION + 1}, this tocsin reads up to {VERSION}"
        ):
            change()


@pytest.mark.parametrize(
    "foreign", ["TABLE events (a int)", "VIEW thresholds AS SELECT 1", "TABLE event_store (version int)"]
)
def test_what_is_of_another_program_is_refused_and_left_alone(postgres_database: str, foreign: str) -> None:
    with psycopg.connect(postgres_database) as connection:
        connection.execute(f"CREATE {foreign}")
    before = tables(postgres_database)
    backend = PostgresBackend({"conninfo": postgres_database})

    with pytest.raises(StorageIntegrityError, match="of another program"):
        backend.create()
    with pytest.raises(StorageIntegrityError, match="of another program"):
        backend.drop()

    assert tables(postgres_database) == before
    backend.close()


def test_a_lost_table_is_told(backend: PostgresBackend, postgres_database: str) -> None:
    with psycopg.connect(postgres_database) as connection:
        connection.execute("DROP TABLE event_host")

    with pytest.raises(StorageIntegrityError, match="lacks tables of the event storage: event_host"):
        backend.create()


def test_what_others_built_on_the_tables_is_not_removed(
    backend: PostgresBackend, postgres_database: str
) -> None:
    with psycopg.connect(postgres_database) as connection:
        connection.execute("CREATE VIEW mine AS SELECT id FROM events")

    with pytest.raises(StorageIntegrityError, match="depend"):
        backend.drop()

    assert "mine" in tables(postgres_database)


def test_missing_tables_are_told(postgres_database: str) -> None:
    with EventStorageService(url=postgres_database) as service:
        for call in (service.count_events, lambda: service.insert_event(message("1")), service.index_drop):
            with pytest.raises(StorageIntegrityError) as raised:
                call()
            assert raised.value.hint == "database_create()"


@pytest.fixture
def plain_role(postgres_server: PostgresServer, postgres_database: str) -> Iterator[str]:
    """Give the URL for a role that owns one schema and may do nothing else."""
    postgres_server.execute("CREATE ROLE plain LOGIN")
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA theirs AUTHORIZATION plain")
        connection.execute(f"REVOKE ALL ON DATABASE {connection.info.dbname} FROM PUBLIC")
        connection.execute(f"GRANT CONNECT ON DATABASE {connection.info.dbname} TO plain")
        connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    yield postgres_database.replace("postgres@", "plain@")
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        connection.execute("DROP OWNED BY plain")
        connection.execute(f"REVOKE ALL ON DATABASE {connection.info.dbname} FROM plain")
    postgres_server.execute("DROP ROLE plain")


def test_a_role_that_may_not_look_into_the_schema_is_told_so(plain_role: str, postgres_database: str) -> None:
    with EventStorageService(url=postgres_database, schema="others") as service:
        service.database_create()

    with (
        EventStorageService(url=plain_role, schema="others") as service,
        pytest.raises(EventStorageException, match="permission denied for schema others") as raised,
    ):
        service.database_create()
    assert not isinstance(raised.value, StorageIntegrityError)


def test_a_role_needs_no_more_than_its_schema(plain_role: str) -> None:
    with EventStorageService(url=plain_role, schema="theirs") as service:
        service.database_create()
        service.insert_events([message(str(number)) for number in range(10)])
        service.insert_event(message("10"))
        assert service.search_events({"text": "scanning"}, qname="mine", timeout=60)[0] == 11
        assert len(list(service.stream_events())) == 11
        assert service.queries_status() == {}
        assert service.query_cancel("nobody") is None
        service.index_drop()
        service.index_create()
        assert service.database_status()["tables"]["events"]["rows"] == 11
        [(now,)] = service._session().execute("SELECT clock_timestamp() + interval '1 hour'")
        service.rollback()
        assert sum(service.retain(now)) == 11
        service.database_drop()


def test_who_may_not_make_tables_is_told(plain_role: str) -> None:
    backend = PostgresBackend({"conninfo": plain_role, "schema": "elsewhere"})
    with pytest.raises(EventStorageException, match="permission denied"):
        backend.create()
    backend.close()


def test_a_schema_may_have_any_name(postgres_database: str) -> None:
    schema = 'Odd "name" %s; --'
    with EventStorageService(url=postgres_database, schema=schema) as service:
        service.database_create()
        service.insert_events([message(str(number)) for number in range(5)])
        assert service.count_events() == 5
        assert service.database_status(brief=True)["tables"]["events"]["rows"] == 5
        service.database_drop()
    assert tables(postgres_database) == set()


def test_two_stores_in_one_database_know_nothing_of_each_other(postgres_database: str) -> None:
    with (
        EventStorageService(url=postgres_database, schema="one") as one,
        EventStorageService(url=postgres_database, schema="two", text_index=False) as two,
    ):
        for service in (one, two):
            service.database_create()
            service.insert_events([message("1")])
        one.delete_events(all=True)
        assert (one.count_events(), two.count_events()) == (0, 1)


def test_searches_work_without_their_indexes(backend: PostgresBackend) -> None:
    store(backend, rows(1, 5))
    backend.index_drop()
    backend.index_drop()
    store(backend, rows(6, 9))
    backend.index_create()
    backend.index_create()

    [(indexes,)] = backend.session().execute(
        "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent "
        "WHERE c.relname IN ('events_by_lists', 'events_by_words', 'event_ip_by_address')"
    )
    assert indexes == 3 * 2  # two months


def test_tables_without_partitions_have_a_size_as_well(backend: PostgresBackend) -> None:
    store(backend, rows(1, 50))
    session = backend.session()

    status = backend.status(brief=True)

    for table, facts in status["tables"].items():
        assert facts["bytes_index"] > 0, table  # an index has a page from its beginning
    of_tables = sum(facts["bytes_total"] for facts in status["tables"].values())
    [(of_ids,)] = session.execute("SELECT pg_total_relation_size('event_ids')")
    assert status["bytes_total"] >= of_tables + of_ids > of_tables


def test_sizes_add_up_and_settings_have_no_secrets(backend: PostgresBackend) -> None:
    store(backend, rows(1, 50))

    full, brief = backend.status(brief=False), backend.status(brief=True)

    assert set(full["tables"]) == set(TABLES)
    for table in full["tables"].values():
        assert table["bytes_total"] == table["bytes_table"] + table["bytes_index"] + table["bytes_toast"]
    assert full["tables"]["events"]["rows"] == 50
    assert full["settings"]["server_encoding"] == "UTF8"
    assert not [name for name in full["settings"] if "conninfo" in name or "password" in name]
    assert "settings" not in brief
    assert brief["tables"] == full["tables"]


def test_a_lost_state_is_told(backend: PostgresBackend, postgres_database: str) -> None:
    store(backend, rows(1, 1))
    with psycopg.connect(postgres_database) as connection:
        connection.execute("DELETE FROM event_store")

    with EventStorageService(url=postgres_database) as service:
        for change in (
            lambda: service.insert_event(message("2")),
            lambda: list(service.insert_events([message("2")])),
            lambda: list(service.retain(datetime(2027, 1, 1, tzinfo=UTC))),
        ):
            with pytest.raises(StorageIntegrityError, match="lost its state: restore"):
                change()
