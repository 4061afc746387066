"""Who is interrupted, as by Ctrl-C in a notebook, goes on with the same service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interrupter import interrupted, patience

from tocsin.eventstorage import EventStorageService
from tocsin.testing.event_stores import message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SOURCE = [{"IP4": ["192.0.2.1"], "Hostname": ["a.example.org"], "Port": [22]}]


@pytest.fixture(params=["sqlite", "postgres"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventStorageService]:
    """An empty store."""
    sqlite = request.param == "sqlite"
    where = {"path": tmp_path / "e.db"} if sqlite else {"url": request.getfixturevalue("postgres_database")}
    with EventStorageService(**where) as opened:
        opened.database_create()
        yield opened


# A connection that is just being made is closed when Python finds that nobody has it; psycopg warns of it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_who_is_interrupted_at_any_step_goes_on(service: EventStorageService) -> None:
    interruptions = 0
    for number, step in enumerate(range(1, 4000, 61)):
        events = [message(f"{number}/{place}", Source=_SOURCE) for place in range(3)]
        interruptions += interrupted(step, lambda events=events: service.insert_events(events))  # type: ignore[misc]
        with patience():
            service.insert_events(events)
            assert service.count_events() == 3 * number + 3
        interruptions += interrupted(
            step // 3 + 1, lambda: service.search_events({"source_addrs": "192.0.2.0/24"})
        )
        with patience():
            found = service.search_events({"source_addrs": "192.0.2.0/24"})[1]
        assert len(found) == 3 * number + 3
    assert interruptions > 30


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_who_is_interrupted_at_each_step_of_a_small_search_goes_on(service: EventStorageService) -> None:
    assert service.insert_events([message("one")])[0].kind == "new"
    step = 1
    while interrupted(step, service.count_events):
        with patience():
            assert service.count_events() == 1
        step += 1
    assert step > 50
