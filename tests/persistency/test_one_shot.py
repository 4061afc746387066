"""Saving and loading once, into bytes and to a place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.errors import PersistencyError, PersistencyLoadError, StateLockedError
from tocsin.persistency import (
    EventPersistency,
    EventStabilityTracker,
    PersistencySaver,
    PersistencySaverConfig,
    load,
    save,
)
from tocsin.persistency.snapshots import FsspecStore, Snapshots

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SteppingClock


def new_memory() -> EventPersistency:
    return EventPersistency(EventStabilityTracker)


def learned() -> EventPersistency:
    memory = new_memory()
    memory.ingest_event("4624", "<*> logged on to <*>", ["alice"], {"host": "pc-1"}, timestamp=1.5)
    memory.ingest_event(4624, "a number", [b"bytes", None, 1.5])
    memory.ingest_event("seen", "no variables")
    memory.metadata["phase"] = "detect"
    return memory


def told(memory: EventPersistency) -> object:
    return (
        memory.get_events_seen(),
        memory.get_event_templates(),
        memory.metadata,
        {
            event_id: {
                name: (one.distinct_count, str(one.classify()), list(one.change_series.runs()))
                for name, one in backend.get_data().items()
            }
            for event_id, backend in memory.get_events_data().items()
        },
    )


def test_bytes_hold_all_of_it() -> None:
    memory, other = learned(), new_memory()
    other.ingest_event("gone", "is replaced", ["x"])

    load(other, save(memory))

    assert told(other) == told(memory)


def test_a_place_holds_all_of_it(tmp_path: Path, clock: SteppingClock) -> None:
    memory, other = learned(), new_memory()

    info = save(memory, tmp_path / "state", clock=clock)
    load(other, tmp_path / "state")

    assert (info.generation, info.created_at) == (1, clock.now())
    assert told(other) == told(memory)


def test_what_follows_a_restore_is_as_if_nothing_had_happened() -> None:
    memory, other = learned(), new_memory()
    load(other, save(memory))

    for one in (memory, other):
        one.ingest_event("4624", "<*> logged on to <*>", ["bob"], {"host": "pc-1"}, timestamp=2.5)

    assert told(other) == told(memory)


def test_no_flipped_byte_and_no_truncation_gives_another_state() -> None:
    memory = learned()
    content = save(memory)
    before = told(memory)

    for at in range(len(content)):
        for damaged in (content[:at], content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]):
            with pytest.raises(PersistencyLoadError):
                load(memory, damaged)
    with pytest.raises(PersistencyLoadError, match="there should be"):
        load(memory, content + b"\n")

    assert told(memory) == before


@given(st.binary(max_size=200))
@settings(max_examples=100)
def test_other_bytes_are_refused(content: bytes) -> None:
    memory = learned()
    for damaged in (content, b"tocsin-snapshot-bytes 1 5\n" + content):
        with pytest.raises(PersistencyLoadError):
            load(memory, damaged)


def test_nothing_saved_is_an_error_and_leaves_the_state(tmp_path: Path) -> None:
    memory = learned()
    before = told(memory)

    with pytest.raises(PersistencyLoadError, match="nothing is saved at"):
        load(memory, tmp_path)

    assert told(memory) == before


def test_a_state_of_several_parts_is_not_taken_for_one(tmp_path: Path, clock: SteppingClock) -> None:
    parts = {"parser": learned().cut(), "detector": learned().cut()}
    Snapshots(FsspecStore(tmp_path)).commit(parts, now=clock.now())

    with pytest.raises(PersistencyLoadError, match="'detector', 'parser'"):
        load(new_memory(), tmp_path)


def test_each_save_is_a_generation(tmp_path: Path) -> None:
    memory = learned()
    save(memory, tmp_path)
    memory.ingest_event("new", "t", ["x"])
    save(memory, tmp_path)

    assert [info.generation for info in Snapshots(FsspecStore(tmp_path)).generations()] == [1, 2]


def test_an_older_generation_can_be_loaded(tmp_path: Path) -> None:
    memory, other = learned(), new_memory()
    save(memory, tmp_path)
    memory.ingest_event("new", "t", ["x"])
    save(memory, tmp_path)

    load(other, tmp_path, generation=1)
    assert told(other) == told(learned())
    with pytest.raises(PersistencyLoadError, match="no generation 3: there are 1, 2"):
        load(other, tmp_path, generation=3)

    newest = tmp_path / "manifests" / "000000000002.json"
    newest.write_bytes(newest.read_bytes()[:-1])
    load(memory, tmp_path, on_corruption="previous")
    assert told(memory) == told(learned())


def test_a_place_that_a_saver_writes_to_is_not_saved_to(tmp_path: Path) -> None:
    memory = learned()
    with PersistencySaver(memory, PersistencySaverConfig(tmp_path)), pytest.raises(StateLockedError):
        save(learned(), tmp_path)


def test_a_place_that_cannot_be_opened_is_an_error() -> None:
    with pytest.raises(PersistencyError, match="nosuch"):
        save(learned(), "nosuch://x")


def test_no_path_is_not_the_current_folder() -> None:
    for call in (save, load):
        with pytest.raises(PersistencyError, match="is empty"):
            call(learned(), "")


def test_memory_is_a_place_too() -> None:
    memory, other = learned(), new_memory()
    save(memory, "memory://one-shot")
    load(other, "memory://one-shot")
    assert told(other) == told(memory)
