"""What programs hand over by mistake: it is refused or kept as a dead letter, and harms nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tocsin.errors import DataError
from tocsin.eventstorage import EventStorageService, InsertKind
from tocsin.model import RejectedLine
from tocsin.testing.event_stores.base import message
from tocsin.testing.event_stores.sessions import session_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LETTERS = os.fsdecode(b"Gr\xf6\xdfe ?#%41.db")  # in Latin 1, whatever the system has
NEW, REJECTED = InsertKind.NEW, InsertKind.REJECTED


@pytest.fixture(params=["sqlite", "postgresql"])
def conncfg(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    if request.param == "sqlite":
        return {"path": tmp_path / "events.db"}
    return {"url": request.getfixturevalue("postgres_database")}


@pytest.fixture
def store(conncfg: dict[str, Any]) -> Iterator[EventStorageService]:
    """Give an empty store on each backend."""
    with EventStorageService(**conncfg) as service:
        service.database_create()
        yield service


def _within_itself() -> dict[str, Any]:
    content = message("circle")
    content["Note"] = content
    return content


def _nested(depth: int) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for _ in range(depth):
        content = {"a": content}
    return message("deep", Note=content)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"ID": "keys", ("a", "b"): 1}, id="a key that is no text"),
        pytest.param(_within_itself(), id="within itself"),
        pytest.param(_nested(20_000), id="too deep to be written"),
        pytest.param(object(), id="no mapping"),
    ],
)
def test_what_cannot_be_written_as_json_is_rejected_alone(
    store: EventStorageService, conncfg: dict[str, Any], wrong: Any
) -> None:
    results = store.insert_events([message("a"), wrong, message("b")])

    assert [result.kind for result in results] == [NEW, REJECTED, NEW]
    assert store.count_events() == 2
    with session_of(conncfg) as session:
        [(reason, content)] = session.execute("SELECT reason, content FROM event_rejects")
    assert reason == results[1].reason
    assert content


def test_a_reason_with_what_no_database_keeps_is_kept_without_it(
    store: EventStorageService, conncfg: dict[str, Any]
) -> None:
    line = RejectedLine("name-\udcff.csv", 7, "text \udcff", "reason \0")

    assert [result.kind for result in store.insert_events([message("a"), line])] == [NEW, REJECTED]

    with session_of(conncfg) as session:
        assert session.execute("SELECT reason FROM event_rejects") == [("name-�.csv:7: reason �",)]


@pytest.mark.parametrize(
    "nothing",
    [
        {"categories": [], "not_categories": True},
        {"ids": (), "not_ids": True},
        {"host_addrs": [], "not_host_addrs": True, "limit": 1},
        {"source_ports": set(), "not_source_ports": True},
    ],
)
def test_none_of_nothing_is_no_filter_to_delete_by(
    store: EventStorageService, nothing: dict[str, Any]
) -> None:
    store.insert_events([message("a"), message("b")])

    with pytest.raises(DataError, match="no filter says which events to delete"):
        store.delete_events(nothing)
    assert store.count_events() == 2
    assert store.delete_events({**nothing, "categories": ["Other"], "not_categories": True}) > 0


def test_a_stream_takes_the_name_of_its_query_second(store: EventStorageService) -> None:
    store.insert_event(message("a"))

    assert [event.id for event in store.stream_events({}, "mine")] == ["a"]
    assert [event.id for event in store.stream_events({}, "mine", qtype="select_ghost")] == ["a"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"text_index": "no"},
        {"text_index": None},
        {"reconnect_seconds": "30"},
        {"reconnect_seconds": None},
        {"reconnect_seconds": True},
    ],
)
def test_a_wrong_argument_is_refused_at_once(conncfg: dict[str, Any], arguments: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=next(iter(arguments))):
        EventStorageService(**{**conncfg, **arguments})


@pytest.mark.parametrize("path", ["a\0b.db", b"a\0b.db", 5, ["a.db"]])
def test_what_names_no_file_is_refused(path: Any) -> None:
    with pytest.raises(DataError, match="file"):
        EventStorageService(path=path)


def test_any_name_of_a_file_will_do_in_every_form(tmp_path: Path) -> None:
    path = tmp_path / LETTERS
    forms: list[dict[str, Any]] = [
        {"path": path},
        {"path": str(path)},
        {"path": os.fsencode(path)},
        {"url": f"sqlite:///{quote(os.fsencode(path))}"},
    ]
    for number, form in enumerate(forms):
        with EventStorageService(**form) as store:
            store.database_create()
            store.insert_event(message(f"{number}"))
            assert store.count_events() == number + 1
    assert [one.name for one in tmp_path.iterdir()] == [LETTERS]
