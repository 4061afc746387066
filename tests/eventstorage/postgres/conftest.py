"""What the tests of the PostgreSQL event storage share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.servers.postgres import PostgresServer

from tocsin.eventstorage import EventStorageService
from tocsin.eventstorage.postgres import PostgresBackend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import SteppingClock


@pytest.fixture
def backend(postgres_database: str, clock: SteppingClock) -> Iterator[PostgresBackend]:
    """Give a backend with its tables made, stamping with `clock`."""
    backend = PostgresBackend({"conninfo": postgres_database}, clock=clock)
    backend.create()
    yield backend
    backend.close()


@pytest.fixture
def service(postgres_database: str) -> Iterator[EventStorageService]:
    """Give a service with its tables made, stamping with the database's time."""
    with EventStorageService(url=postgres_database) as service:
        service.database_create()
        yield service


@pytest.fixture
def crash_server(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """Give a server of this test alone that writes as carefully as a real one; it may be killed."""
    assert postgres_server.port, "the machine has a server"
    with PostgresServer(fsync=True) as server:
        yield server
