"""A service from a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin import eventstorage
from tocsin.eventstorage import DataError, EventStorageException

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVENT = {"Format": "IDEA0", "ID": "a", "DetectTime": "2026-11-20T10:00:00Z", "Category": ["Test"]}


def config_of(**keys: Any) -> dict[str, Any]:
    return {"__core__database": {"eventstorage": keys}}


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    eventstorage.close()


def test_a_manager_gives_one_service_until_it_is_closed(tmp_path: Path) -> None:
    manager = eventstorage.EventStorageServiceManager(config_of(path=str(tmp_path / "events.db")))

    first = manager.service()
    again = manager.service()
    first.database_create()
    first.insert_event(EVENT)
    manager.close()
    manager.close()
    later = manager.service()

    assert first is again
    assert later is not first
    assert later.count_events() == 1
    manager.close()


def test_updates_are_merged_over_the_configuration(tmp_path: Path) -> None:
    config = config_of(path=str(tmp_path / "wrong.db"), text_index=False)

    manager = eventstorage.EventStorageServiceManager(config, config_of(path=str(tmp_path / "right.db")))
    service = manager.service()
    service.database_create()

    assert (tmp_path / "right.db").exists()
    assert not (tmp_path / "wrong.db").exists()
    with pytest.raises(DataError, match="text"):
        service.count_events({"text": "word"})
    manager.close()


@pytest.mark.parametrize("config", [{}, {"__core__database": {}}, {"__core__database": {"eventstorage": {}}}])
def test_a_configuration_without_the_part_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="eventstorage"):
        eventstorage.EventStorageServiceManager(config)


@pytest.mark.parametrize(
    "config", [{"__core__database": 7}, {"__core__database": {"eventstorage": ["path"]}}]
)
def test_a_configuration_of_another_form_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="mapping"):
        eventstorage.EventStorageServiceManager(config)


def test_the_process_has_one_manager(tmp_path: Path) -> None:
    with pytest.raises(EventStorageException, match=r"eventstorage\.init\(\)"):
        eventstorage.service()

    eventstorage.init(config_of(path=str(tmp_path / "one.db")))
    one = eventstorage.service()
    eventstorage.init(config_of(path=str(tmp_path / "two.db")))
    two = eventstorage.service()

    assert one is not two
    assert eventstorage.manager().service() is two
    eventstorage.close()
    with pytest.raises(EventStorageException):
        eventstorage.manager()


@pytest.mark.parametrize(
    ("conncfg", "message"),
    [
        ({}, "needs a path, a url"),
        ({"path": "a", "url": "sqlite:///b"}, "either a path or a url"),
        ({"url": "mysql://localhost/x"}, "mysql"),
        ({"url": "sqlite://"}, "sqlite:///relative"),
        ({"url": "sqlite:///a#b/events.db"}, "write [?] and # as %3F and %23"),
        ({"url": "sqlite:///events.db?mode=ro"}, "write [?] and # as %3F and %23"),
    ],
)
def test_a_storage_without_a_place_is_refused(conncfg: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        eventstorage.EventStorageService(**conncfg)


def test_the_url_of_a_file_is_its_path(tmp_path: Path) -> None:
    with eventstorage.EventStorageService(url=f"sqlite:///{tmp_path}/with%20space.db") as service:
        service.database_create()

    assert (tmp_path / "with space.db").exists()
