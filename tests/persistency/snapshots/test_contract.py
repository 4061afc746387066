"""What holds for snapshots wherever they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.persistency.snapshots.states import NOW, after, contents_of, cut_of, same
from tocsin.errors import PersistencyLoadError, StateLockedError
from tocsin.persistency.snapshots import KeysMissingError, Snapshots

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.persistency.snapshots import SnapshotStore

    Open = Callable[[], SnapshotStore]

HOSTILE = {
    "4624": b"text", 4624: b"number", "": b"none", "../../etc/x": b"a way out", "/etc/x": b"root",
    "😀": b"emoji", "two\nlines\0": b"control", "\ud800": b"surrogate", "x" * 100_000: b"long", -1: b"minus",
    2**63: b"too big for a column", 10**5000: b"too big for a word", "CON": b"device", ".": b"here",
    "__class__": b"dunder", "nothing": b"",
}  # fmt: skip


def test_nothing_is_there_before_the_first_save(open_store: Open) -> None:
    assert Snapshots(open_store()).load() is None
    assert Snapshots(open_store()).generations() == []


def test_what_is_saved_is_loaded_with_the_types_of_its_event_ids(open_store: Open) -> None:
    cut = cut_of(HOSTILE, seen=["seen only", 7], metadata={"phase": "detect", "counters": {"judged": 3}})

    Snapshots(open_store()).commit({"": cut}, now=NOW, positions={"audit.log": {"offset": 10}})
    loaded = Snapshots(open_store()).load()

    assert loaded is not None
    assert same(loaded.parts[""], cut, HOSTILE)
    assert loaded.positions == {"audit.log": {"offset": 10}}
    assert (loaded.generation, loaded.created_at, loaded.notes) == (1, NOW, ())


def test_no_event_id_becomes_a_path(open_store: Open) -> None:
    Snapshots(open_store()).commit({"": cut_of(HOSTILE)}, now=NOW)

    names = sorted(open_store().list())

    assert [name.split("/")[0] for name in names if name not in {"CURRENT", "LOCK"}] == [
        "manifests",
        "segments",
    ]


def test_several_parts_are_one_generation(open_store: Open) -> None:
    parts = {"parser": cut_of({"tree": b"t"}), "detector:new": cut_of({1: b"a"}, metadata={"n": 1})}

    Snapshots(open_store()).commit(parts, now=NOW)
    loaded = Snapshots(open_store()).load()

    assert loaded is not None
    assert contents_of(loaded, "parser") == {"tree": b"t"}
    assert contents_of(loaded, "detector:new") == {1: b"a"}


def test_a_commit_writes_what_changed_and_keeps_the_rest(open_store: Open) -> None:
    snapshots = Snapshots(open_store())
    snapshots.commit({"": cut_of({"a": b"1" * 1000, "b": b"2" * 1000})}, now=NOW)

    info = snapshots.commit({"": cut_of({"a": b"1" * 1000, "b": b"3"}, ["b"])}, now=after(hours=1))

    assert (info.generation, info.parent, info.written_bytes) == (2, 1, 1)
    assert contents_of(Snapshots(open_store()).load()) == {"a": b"1" * 1000, "b": b"3"}


def test_the_first_commit_after_a_load_writes_only_what_changed(open_store: Open) -> None:
    contents = {"a": b"1" * 1000, "b": b"2" * 1000}
    first = Snapshots(open_store())
    first.commit({"": cut_of(contents)}, now=NOW)
    first.close()

    snapshots = Snapshots(open_store())
    snapshots.load()
    info = snapshots.commit({"": cut_of(contents | {"c": b"3"}, ["c"])}, now=after(hours=1))

    assert info.written_bytes == 1
    assert contents_of(Snapshots(open_store()).load()) == contents | {"c": b"3"}


def test_a_commit_that_changes_nothing_gives_the_generation_that_is_there(open_store: Open) -> None:
    snapshots = Snapshots(open_store())
    first = snapshots.commit({"": cut_of({"a": b"1"})}, now=NOW, positions=[1])

    again = snapshots.commit({"": cut_of({"a": b"1"}, [])}, now=after(hours=1), positions=[1])
    moved = snapshots.commit({"": cut_of({"a": b"1"}, [])}, now=after(hours=1), positions=[True])

    assert (again.generation, again.written_bytes) == (first.generation, 0)
    assert moved.generation == 2


def test_events_can_be_forgotten(open_store: Open) -> None:
    snapshots = Snapshots(open_store())
    snapshots.commit({"": cut_of({"a": b"1", "b": b"2"})}, now=NOW)

    snapshots.commit({"": cut_of({"b": b"2"}, [])}, now=NOW)

    assert contents_of(Snapshots(open_store()).load()) == {"b": b"2"}


def test_an_unchanged_event_that_is_not_in_the_store_is_an_error(open_store: Open) -> None:
    snapshots = Snapshots(open_store())

    with pytest.raises(KeysMissingError, match="complete=True"):
        snapshots.commit({"": cut_of({"a": b"1", "b": b"2"}, ["a"])}, now=NOW)

    assert Snapshots(open_store()).load() is None


def test_old_generations_go_and_nothing_of_them_stays(open_store: Open) -> None:
    snapshots = Snapshots(open_store(), keep_generations=2)
    for number in range(5):
        snapshots.commit({"": cut_of({"a": b"%d" % number})}, now=after(hours=number))

    assert [info.generation for info in snapshots.generations()] == [4, 5]
    files = [name for name in open_store().list() if name not in {"CURRENT", "LOCK"}]
    assert len(files) == 4
    assert contents_of(snapshots.load(4)) == {"a": b"3"}


def test_an_older_generation_can_be_loaded_and_gone_on_from(open_store: Open) -> None:
    snapshots = Snapshots(open_store())
    snapshots.commit({"": cut_of({"a": b"1", "b": b"1"})}, now=NOW)
    snapshots.commit({"": cut_of({"a": b"2", "b": b"2"})}, now=NOW)

    snapshots.load(1)
    info = snapshots.commit({"": cut_of({"a": b"1", "b": b"3"}, ["b"])}, now=NOW)

    assert info.generation == 3
    assert contents_of(Snapshots(open_store()).load()) == {"a": b"1", "b": b"3"}


def test_a_generation_that_is_not_there_is_an_error_that_names_those_that_are(open_store: Open) -> None:
    snapshots = Snapshots(open_store())
    with pytest.raises(PersistencyLoadError, match="no generation 7: nothing is saved"):
        snapshots.load(7)
    snapshots.commit({"": cut_of({"a": b"1"})}, now=NOW)

    with pytest.raises(PersistencyLoadError, match="no generation 7: there are 1"):
        snapshots.load(7)


def test_reverting_makes_an_old_generation_the_newest(open_store: Open) -> None:
    snapshots = Snapshots(open_store())
    snapshots.commit({"": cut_of({"a": b"1"})}, now=NOW, positions=1)
    snapshots.commit({"": cut_of({"a": b"2"})}, now=NOW, positions=2)

    info = snapshots.revert(1, now=after(hours=1))

    loaded = Snapshots(open_store()).load()
    assert (info.generation, info.parent) == (3, 1)
    assert loaded is not None
    assert (contents_of(loaded), loaded.positions, loaded.created_at) == ({"a": b"1"}, 1, after(hours=1))


def test_the_batches_of_one_run_are_one_generation(open_store: Open) -> None:
    before = Snapshots(open_store())
    before.commit({"": cut_of({"a": b"0"})}, now=NOW)
    before.close()
    run = Snapshots(open_store())
    run.load()
    for number in range(1, 6):
        run.commit({"": cut_of({"a": b"%d" % number})}, now=after(minutes=number), supersede=True)

    assert [info.generation for info in run.generations()] == [1, 6]
    assert run.generations()[1].parent == 1
    assert contents_of(Snapshots(open_store()).load()) == {"a": b"5"}
    assert len([name for name in open_store().list() if name.startswith("segments/")]) == 2


def test_a_writer_that_was_overtaken_is_refused(open_store: Open) -> None:
    old = Snapshots(open_store())
    old.commit({"": cut_of({"a": b"1"})}, now=NOW)
    old.close()
    new = Snapshots(open_store())
    new.load()
    new.commit({"": cut_of({"a": b"2"})}, now=NOW)
    new.close()

    with pytest.raises(StateLockedError, match=r"taken over by .* on .*, pid"):
        old.commit({"": cut_of({"a": b"3"})}, now=NOW)

    assert contents_of(Snapshots(open_store()).load()) == {"a": b"2"}


def test_generations_tell_when_and_how_large(open_store: Open) -> None:
    snapshots = Snapshots(open_store())
    made = snapshots.commit({"": cut_of({"a": b"12345"}, seen=["b"])}, now=NOW)

    (info,) = Snapshots(open_store()).generations()

    assert info == made
    assert (info.created_at, info.size_bytes, info.events, info.damage) == (NOW, 5, 2, None)
    assert "pid" in info.writer


def test_mostly_dead_segments_are_written_again(open_store: Open) -> None:
    snapshots = Snapshots(open_store(), keep_generations=1)
    contents = {f"e{number}": bytes([number]) * 1000 for number in range(10)}
    snapshots.commit({"": cut_of(contents)}, now=NOW)

    for number in range(6):
        contents[f"e{number}"] = b"now small"
        snapshots.commit({"": cut_of(contents, [f"e{number}"])}, now=NOW)

    stored = sum(size for name, size in open_store().list().items() if name.startswith("segments/"))
    assert contents_of(Snapshots(open_store()).load()) == contents
    assert stored < 2 * sum(map(len, contents.values()))
