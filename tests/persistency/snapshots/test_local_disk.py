"""A local disk that fails at any call, fills up, or loses power."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.persistency.snapshots.disk import Disk, after_power_loss
from tests.persistency.snapshots.states import NOW, Learner, after, contents_of, cut_of
from tests.persistency.snapshots.test_faults import COMMITS, save, steps
from tocsin.errors import PersistencyError
from tocsin.persistency.snapshots import FsspecStore, MemoryStore, Snapshots, local_files

if TYPE_CHECKING:
    from pathlib import Path

    from tests.persistency.snapshots.test_faults import State


def found_at(path: Path) -> State:
    return contents_of(Snapshots(FsspecStore(path)).load())


@pytest.mark.parametrize("half", [False, True])
def test_a_call_that_fails_leaves_the_old_generation_or_the_new_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    half: bool,  # noqa: FBT001
) -> None:
    fail_at = 0
    struck = True
    while struck:
        fail_at += 1
        path = tmp_path / str(fail_at)
        disk = Disk(fail_at=fail_at, half=half)
        with monkeypatch.context() as patch:
            patch.setattr(local_files, "os", disk)
            learner = Learner()
            snapshots = Snapshots(FsspecStore(path), keep_generations=2)
            kept: State = None
            for number in steps(learner):
                try:
                    save(snapshots, learner, number)
                except PersistencyError as error:
                    assert "No space left on device" in str(error)  # noqa: PT017 - it need not fail
                    patch.setattr(local_files, "os", Disk())
                    assert found_at(path) == kept
                    patch.setattr(local_files, "os", disk)
                else:
                    kept = dict(learner.contents)
            struck = disk.calls >= fail_at
        save(snapshots, learner, COMMITS)
        assert found_at(path) == learner.contents
        left = [one.name for one in path.rglob("*") if one.name.endswith(".tmp")]
        assert left == []
    assert fail_at > 50


def test_a_power_cut_leaves_the_old_generation_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    monkeypatch.setattr(local_files, "os", disk)
    learner = Learner()
    snapshots = Snapshots(FsspecStore(tmp_path / "state"), keep_generations=2)
    saved: list[tuple[int, State]] = [
        (0, None)
    ]  # how long the log was when a save returned, and what it saved
    for number in steps(learner):
        save(snapshots, learner, number)
        saved.append((len(disk.log), dict(learner.contents)))
    monkeypatch.undo()
    chance = random.Random(20261122)  # noqa: S311 - no secret

    assert len(disk.log) > 80
    for length in range(len(disk.log) + 1):
        acknowledged = [state for end, state in saved if end <= length]
        coming = [state for end, state in saved if end > length]
        allowed = [acknowledged[-1], *coming[:1]]
        for odds in (0.0, 1.0, 0.2, 0.5, 0.5, 0.5, 0.8):
            files = after_power_loss(
                disk.log[:length],
                tmp_path / "state",
                lambda odds=odds: chance.random() < odds,  # type: ignore[misc]
            )
            assert contents_of(Snapshots(MemoryStore(files)).load()) in allowed, (length, odds)


def test_after_a_power_cut_saving_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk()
    monkeypatch.setattr(local_files, "os", disk)
    learner = Learner()
    snapshots = Snapshots(FsspecStore(tmp_path / "state"), keep_generations=2)
    for number in steps(learner):
        save(snapshots, learner, number)
    monkeypatch.undo()
    chance = random.Random(7)  # noqa: S311 - no secret

    for length in range(0, len(disk.log), 7):
        store = MemoryStore(
            after_power_loss(disk.log[:length], tmp_path / "state", lambda: chance.random() < 0.5)
        )
        heir = Snapshots(store, keep_generations=2)
        successor = Learner(contents_of(heir.load()) or {})
        successor.dirty.clear()
        successor.learn(e=b"learned after the power came back")
        for number in range(3):
            save(heir, successor, number)
            successor.learn(e=b"%d" % number)
        save(heir, successor, 3)
        assert contents_of(Snapshots(store).load()) == successor.contents
        assert not [name for name in store.files if name.endswith(".tmp")]


def test_a_model_without_syncs_loses_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Show that the power cuts above are hard enough: without its syncs, the log fails."""
    disk = Disk()
    monkeypatch.setattr(local_files, "os", disk)
    Snapshots(FsspecStore(tmp_path / "state")).commit({"": cut_of({"a": b"1"})}, now=NOW)
    monkeypatch.undo()
    unsynced = [entry for entry in disk.log if entry[0] != "fsync"]

    assert after_power_loss(unsynced, tmp_path / "state", lambda: False) == {}


FULL = """
import resource, sys
from pathlib import Path
from tests.persistency.snapshots.states import NOW, Learner, contents_of
from tests.persistency.snapshots.test_faults import save
from tocsin.errors import PersistencyError
from tocsin.persistency.snapshots import FsspecStore, Snapshots

path = Path(sys.argv[1])
learner = Learner({"a": b"1" * 1000, "b": b"2" * 1000})
snapshots = Snapshots(FsspecStore(path))
save(snapshots, learner, 0)
saved = dict(learner.contents)
before = {one: one.read_bytes() for one in path.rglob("*.*")}

resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
learner.learn(a=b"3" * 5000)
for _ in range(3):
    try:
        save(snapshots, learner, 1)
    except PersistencyError as error:
        assert "File too large" in str(error), error
    else:
        raise SystemExit("it was saved")
    assert {one: one.read_bytes() for one in path.rglob("*.*")} == before
    assert contents_of(Snapshots(FsspecStore(path)).load()) == saved

resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
save(snapshots, learner, 2)
assert contents_of(Snapshots(FsspecStore(path)).load()) == learner.contents
"""


@pytest.mark.fault
def test_a_full_disk_keeps_the_old_generation_and_saving_goes_on_when_there_is_room(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", FULL, str(tmp_path / "state")], check=True)


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(PersistencyError, match="file/state cannot be locked: NotADirectoryError"):
        Snapshots(FsspecStore(tmp_path / "file" / "state")).commit({"": cut_of({"a": b"1"})}, now=NOW)


def test_a_reader_makes_no_folder(tmp_path: Path) -> None:
    assert Snapshots(FsspecStore(tmp_path / "none")).load() is None

    assert not (tmp_path / "none").exists()


def test_what_a_killed_writer_left_is_cleared_away_by_the_next_commit(tmp_path: Path) -> None:
    snapshots = Snapshots(FsspecStore(tmp_path))
    snapshots.commit({"": cut_of({"a": b"1"})}, now=NOW)
    left = [
        tmp_path / "segments" / ".000000000002-0123456789abcdef.seg.11.tmp",
        tmp_path / "segments" / "000000000002-0123456789abcdef.seg",
        tmp_path / "manifests" / ".000000000002.json.22.tmp",
        tmp_path / ".CURRENT.33.tmp",
    ]
    foreign = tmp_path / "segments" / "notes.txt"
    for path in (*left, foreign):
        path.write_bytes(b"half")

    snapshots.commit({"": cut_of({"a": b"2"})}, now=after(hours=1))

    assert not any(path.exists() for path in left)
    assert foreign.exists()
