"""SQLite when the disk is full, the file is read-only, locked, damaged or missing: real faults."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tocsin.database import series_store
from tocsin.database.migrations import migrate
from tocsin.database.sqlite import SQLiteManager
from tocsin.errors import DatabaseError, StoreFullError, StoreLockedError, StoreReadOnlyError
from tocsin.testing.databases import FixedClock, series_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.fault


def _write(manager: SQLiteManager, name: str, count: int = 10) -> None:
    seasonality = np.full(count, "{}" * 50, dtype=object)
    with manager.transaction() as transaction:
        series_store.write_datapoints(
            transaction,
            name,
            {
                "timestamp": np.arange(count).astype("datetime64[ms]"),
                "value": np.ones(count),
                "seasonality_data": seasonality,
                "seasonality_columns": [],
            },
            60,
            FixedClock().now(),
        )


def test_a_locked_store_says_so_and_is_fine_afterwards(path: Path, store: SQLiteManager) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with SQLiteManager(path, clock=FixedClock(), settings={"busy_timeout_seconds": 0.05}) as manager:
        with pytest.raises(StoreLockedError, match="locked") as caught:
            _write(manager, "a")
        assert caught.value.transient
        assert str(path) in str(caught.value)
        assert series_names(manager) == []
        other.execute("ROLLBACK")
        _write(manager, "a")
    other.close()
    assert series_names(store) == ["a"]


def test_a_store_beyond_its_quota_is_full_and_keeps_what_it_had(path: Path) -> None:
    with SQLiteManager(path, clock=FixedClock(), settings={"max_size_mib": 0.5}) as manager:
        migrate(manager)
        _write(manager, "before")
        with pytest.raises(StoreFullError, match="no space"):
            _write(manager, "large", 20_000)
        assert series_names(manager) == ["before"]
        _write(manager, "after")
        assert series_names(manager) == ["after", "before"]


def test_after_a_full_disk_the_rest_of_the_transaction_is_not_kept(path: Path) -> None:
    # SQLite itself undoes the transaction then, and would commit every later statement at once.
    with SQLiteManager(path, clock=FixedClock(), settings={"max_size_mib": 0.5}) as manager:
        migrate(manager)

        large = {
            "name": [f"p{number}" for number in range(10_000)],
            "position": ["x" * 500] * 10_000,
            "updated_at": [FixedClock().now()] * 10_000,
        }

        def write_on() -> None:
            with manager.transaction() as transaction:
                with pytest.raises(StoreFullError):
                    transaction.insert_batch("_tocsin_positions", large)
                with pytest.raises(DatabaseError, match="failed"):
                    series_store.write_position(transaction, "late", {}, FixedClock().now())

        with pytest.raises(DatabaseError, match="nothing of it was kept"):
            write_on()
        assert manager.execute_query("SELECT * FROM _tocsin_positions") == []


def test_a_file_that_cannot_grow_is_full(path: Path, store: SQLiteManager, start: Callable[..., Any]) -> None:
    _write(store, "before")
    writer = start("fill", path, 3_000_000)
    assert writer.read() >= 1
    kind, message = writer.read()
    assert kind == "StoreFullError"
    assert str(path) in message
    writer.finish()
    assert store.execute_query("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    _write(store, "after")


@pytest.fixture
def small_disk() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        folder.rmdir()
        pytest.skip("a small file system cannot be mounted here: run as root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


def test_a_store_on_a_full_disk_says_so_and_keeps_what_it_had(small_disk: Path) -> None:
    with SQLiteManager(small_disk / "tocsin.db", clock=FixedClock()) as manager:
        migrate(manager)
        _write(manager, "before")
        with pytest.raises(StoreFullError, match="no space"):
            _write(manager, "large", 20_000)
        assert series_names(manager) == ["before"]


def test_a_store_cannot_be_made_on_a_disk_without_any_space(small_disk: Path) -> None:
    free = shutil.disk_usage(small_disk).free
    (small_disk / "ballast").write_bytes(bytes(free))
    assert shutil.disk_usage(small_disk).free == 0
    with (
        pytest.raises(StoreFullError),
        SQLiteManager(small_disk / "tocsin.db", clock=FixedClock()) as manager,
    ):
        migrate(manager)


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """Give a folder that other users can reach, unlike pytest's."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("exists", [True, False])
def test_a_read_only_folder_is_named(public_folder: Path, start: Callable[..., Any], *, exists: bool) -> None:
    path = public_folder / "tocsin.db"
    if exists:
        with SQLiteManager(path, clock=FixedClock()) as manager:
            migrate(manager)
        path.chmod(0o444)
    public_folder.chmod(0o555)
    writer = start("write_as_nobody", path)
    kind, message = writer.read()
    assert kind == "StoreReadOnlyError"
    assert str(path) in message
    assert "read-only" in message


def test_a_read_only_file_in_a_folder_that_can_be_written_is_named(
    public_folder: Path, start: Callable[..., Any]
) -> None:
    path = public_folder / "tocsin.db"
    with SQLiteManager(path, clock=FixedClock()) as manager:
        migrate(manager)
    path.chmod(0o444)
    public_folder.chmod(0o777)
    writer = start("write_as_nobody", path)
    found = writer.read()
    if isinstance(found, int):
        found = writer.read()
    assert found[0] == "StoreReadOnlyError"


def test_a_store_in_a_read_only_folder_can_be_read(public_folder: Path, start: Callable[..., Any]) -> None:
    path = public_folder / "tocsin.db"
    with SQLiteManager(path, clock=FixedClock()) as manager:
        migrate(manager)
        _write(manager, "a")
    path.chmod(0o444)
    public_folder.chmod(0o555)
    assert start("read_as_nobody", path).read() == ["a"]


def test_a_manager_for_reading_reads_and_does_not_write(path: Path, store: SQLiteManager) -> None:
    _write(store, "a")
    with SQLiteManager(path, clock=FixedClock(), read_only=True) as manager:
        assert series_names(manager) == ["a"]
        with pytest.raises(StoreReadOnlyError, match="read-only"):
            _write(manager, "b")
        with pytest.raises(StoreReadOnlyError):
            manager.execute_query("DELETE FROM _tocsin_datapoints")
        assert series_names(manager) == ["a"]


def test_a_store_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="does not exist"):
        SQLiteManager(tmp_path / "none.db", clock=FixedClock(), read_only=True)
    with pytest.raises(DatabaseError, match="folder does not exist"):
        SQLiteManager(tmp_path / "none" / "tocsin.db", clock=FixedClock())
    with pytest.raises(DatabaseError, match="is a folder"):
        SQLiteManager(tmp_path, clock=FixedClock())
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_not_touched(path: Path) -> None:
    path.write_bytes(b"timestamp,value\n" * 100)
    with pytest.raises(DatabaseError, match="not an SQLite database"):
        SQLiteManager(path, clock=FixedClock())
    assert path.read_bytes() == b"timestamp,value\n" * 100


def test_a_damaged_store_says_so(path: Path) -> None:
    with SQLiteManager(path, clock=FixedClock()) as manager:
        migrate(manager)
        _write(manager, "a", 5000)
    content = bytearray(path.read_bytes())
    content[4096 * 20 :] = bytes(len(content) - 4096 * 20)
    path.write_bytes(content)
    with (
        pytest.raises(DatabaseError, match="damaged"),
        SQLiteManager(path, clock=FixedClock()) as manager,
    ):
        series_store.read_datapoints(manager, "a")
