"""What is particular to rows of a database, to stores that only rename, and to those that can do neither."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from fsspec import register_implementation
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem

from tests.persistency.snapshots.states import NOW, Learner, after, contents_of, cut_of
from tocsin.database.migrations import migrate
from tocsin.database.sqlite import SQLiteManager
from tocsin.errors import PersistencyError
from tocsin.persistency.snapshots import FsspecStore, KeysMissingError, RowStore, Snapshots
from tocsin.testing.databases import FixedClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[SQLiteManager]:
    with SQLiteManager(tmp_path / "tocsin.db", clock=FixedClock()) as manager:
        migrate(manager)
        yield manager


class Undo(Exception):  # noqa: N818 - it is no error
    """Ends a transaction without keeping it."""


def test_state_is_kept_with_the_transaction(manager: SQLiteManager) -> None:
    with manager.transaction() as tx:
        Snapshots(RowStore(tx, "audit")).commit({"": cut_of({"a": b"1"})}, now=NOW, positions=1)
    with pytest.raises(Undo), manager.transaction() as tx:  # noqa: PT012 - the block is the point
        snapshots = Snapshots(RowStore(tx, "audit"))
        snapshots.load()
        snapshots.commit({"": cut_of({"a": b"2"})}, now=NOW, positions=2)
        raise Undo

    loaded = Snapshots(RowStore(manager, "audit")).load()
    assert loaded is not None
    assert (contents_of(loaded), loaded.positions) == ({"a": b"1"}, 1)


def test_after_a_transaction_that_was_not_kept_changes_are_not_lost(manager: SQLiteManager) -> None:
    snapshots = Snapshots(RowStore(manager, "audit"))
    learner = Learner({"a": b"1", "b": b"1"})
    with manager.transaction():
        snapshots.commit({"": learner.cut()}, now=NOW)
    learner.learn(a=b"2")
    with pytest.raises(Undo), manager.transaction():  # noqa: PT012 - the block is the point
        snapshots.commit({"": learner.cut()}, now=NOW)
        raise Undo
    learner.learn(b=b"2")

    with manager.transaction():
        with pytest.raises(KeysMissingError):  # nobody took the cut back: it shows
            snapshots.commit({"": learner.cut()}, now=NOW)
        snapshots.commit({"": learner.cut(complete=True)}, now=NOW)

    assert contents_of(Snapshots(RowStore(manager, "audit")).load()) == {"a": b"2", "b": b"2"}


def test_owners_do_not_see_each_other(manager: SQLiteManager) -> None:
    with manager.transaction() as tx:
        for owner in ("one", "two"):
            Snapshots(RowStore(tx, owner)).commit({"": cut_of({"who": owner.encode()})}, now=NOW)

    assert contents_of(Snapshots(RowStore(manager, "one")).load()) == {"who": b"one"}
    assert Snapshots(RowStore(manager, "three")).load() is None


class RenamingFileSystem(MemoryFileSystem):  # type: ignore[misc] # fsspec has no types
    """Renames, and takes no condition: as SFTP does."""

    protocol = "renaming"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    pipe_file = AbstractFileSystem.pipe_file

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(MemoryFileSystem._strip_protocol(path.removeprefix("renaming://")))

    def mv(self, path1: str, path2: str, **_: Any) -> None:
        self.store[self._strip_protocol(path2)] = self.store.pop(self._strip_protocol(path1))


class ForgetfulFileSystem(MemoryFileSystem):  # type: ignore[misc] # fsspec has no types
    """Takes a condition and ignores it: as some stores that speak S3 do."""

    protocol = "forgetful"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(MemoryFileSystem._strip_protocol(path.removeprefix("forgetful://")))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:  # noqa: ARG002
        super().pipe_file(path, value)


register_implementation("renaming", RenamingFileSystem, clobber=True)
register_implementation("forgetful", ForgetfulFileSystem, clobber=True)


def test_a_store_that_only_renames_takes_a_single_writer() -> None:
    uri = "renaming://states"
    snapshots = Snapshots(FsspecStore(uri), keep_generations=2)
    learner = Learner()
    for number in range(5):
        learner.learn(**{"a": b"%d" % number, f"b{number}": b"x"})
        snapshots.commit({"": learner.cut()}, now=after(hours=number))

    assert contents_of(Snapshots(FsspecStore(uri)).load()) == learner.contents
    assert [info.generation for info in snapshots.generations()] == [4, 5]
    assert not [name for name in FsspecStore(uri).list() if name.endswith(".tmp")]


def test_a_store_that_can_neither_is_refused_and_left_as_it_was() -> None:
    store = FsspecStore("forgetful://states")

    with pytest.raises(PersistencyError, match="kind forgetful can neither put if absent nor rename"):
        Snapshots(store).commit({"": cut_of({"a": b"1"})}, now=NOW)

    assert store.list() == {}


def test_a_file_uri_is_a_local_folder(tmp_path: Path) -> None:
    Snapshots(FsspecStore(f"file://{tmp_path}/state")).commit({"": cut_of({"a": b"1"})}, now=NOW)

    assert (tmp_path / "state" / "LOCK").exists()
    assert contents_of(Snapshots(FsspecStore(tmp_path / "state")).load()) == {"a": b"1"}


def test_s3_keeps_the_second_of_two_manifests_out(s3: dict[str, Any]) -> None:
    store = FsspecStore("s3://states/conditional", s3)
    store.publish("manifests/000000000001.json", b"first", now=NOW)

    with pytest.raises(FileExistsError):
        store.publish("manifests/000000000001.json", b"second", now=NOW)

    assert store.read("manifests/000000000001.json") == b"first"


def test_a_bucket_that_is_not_there_is_an_error(s3: dict[str, Any]) -> None:
    snapshots = Snapshots(FsspecStore("s3://no-such-bucket/state", s3))

    with pytest.raises(PersistencyError, match="s3://no-such-bucket/state cannot take"):
        snapshots.commit({"": cut_of({"a": b"1"})}, now=NOW)


def test_s3_errors_do_not_tell_the_secret(s3: dict[str, Any]) -> None:
    options = s3 | {
        "client_kwargs": {"endpoint_url": "http://127.0.0.1:9"},
        "config_kwargs": {"retries": {"max_attempts": 0}},
    }
    with pytest.raises(PersistencyError) as caught:
        Snapshots(FsspecStore("s3://states/x", options)).load()

    assert s3["secret"] not in repr(caught.value)
