"""SQLite when the writer is killed, the disk is full, rights are missing, or the file locked or damaged."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.errors import (
    StorageConnectionException,
    StorageContentionError,
    StorageFullError,
    StorageIntegrityError,
)
from tocsin.eventstorage import EventStorageService
from tocsin.testing.event_stores import message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.fault

_KILLS = 20
_BATCH = 40


def _many(prefix: str, count: int, **content: Any) -> list[dict[str, Any]]:
    return [message(f"{prefix}-{number}", **content) for number in range(count)]


def test_a_writer_that_is_killed_loses_nothing_acknowledged_and_leaves_no_half_batch(
    path: Path,
    store: EventStorageService,
    start: Callable[..., Any],
    assert_sound: Callable[[Path], None],
) -> None:
    program = start("insert_again_and_again", path)
    moments = random.Random(20261122)  # noqa: S311 - the same moments every time, as far as that goes
    cursor: int | None = None
    for round_ in range(_KILLS):
        program.write(f"round-{round_}")
        pid = program.read()["pid"]
        acknowledged = 0
        for _ in range(moments.randrange(4)):
            acknowledged = program.read()
        threading.Event().wait(moments.random() * 0.03)  # somewhere in the middle of whatever it does
        os.kill(pid, signal.SIGKILL)
        while (said := program.read()) != "ended":
            acknowledged = said

        events, cursor = store.read_since(cursor, limit=100_000)
        ids = [event.id for event in events]
        assert len(ids) >= acknowledged
        assert len(ids) % _BATCH == 0
        assert ids == [f"round-{round_}-{number:06}" for number in range(len(ids))]
    store.insert_event(message("after"))
    assert_sound(path)


def test_retention_that_is_killed_leaves_a_sound_file(
    path: Path,
    store: EventStorageService,
    start: Callable[..., Any],
    assert_sound: Callable[[Path], None],
) -> None:
    program = start("retain_again_and_again", path)
    moments = random.Random(20261122)  # noqa: S311 - as above
    for turn in range(6):
        store.insert_events(_many(f"{turn}", 2000, Note="x" * 300))
        program.write()
        pid = program.read()["pid"]
        assert program.read() == "begins"
        threading.Event().wait(moments.random() * 0.02)
        with contextlib.suppress(ProcessLookupError):  # it was done before
            os.kill(pid, signal.SIGKILL)
        while program.read() != "ended":
            pass
        assert store.count_events() == store.count_events({"text": "idea0"})
        store.insert_event(message(str(pid)))
    assert_sound(path)


@pytest.mark.parametrize("size", [400, 5000])
def test_a_file_beyond_its_quota_is_full_and_keeps_what_it_had(
    path: Path, size: int, assert_sound: Callable[[Path], None]
) -> None:
    with EventStorageService(path=path, max_size_mib=1) as store:
        store.database_create()
        store.insert_events(_many("before", 10))
        with pytest.raises(StorageFullError, match="no space"):
            store.insert_events(_many("large", size, Note="x" * 4000))
        assert store.count_events() == 10
        assert store.search_events({"text": "idea0"})[0] == 10
        assert store.delete_events({"ids": ["before-0"]}) == 1
        store.insert_event(message("after"))
        assert store.count_events() == 10
    assert_sound(path)


def test_a_full_disk_undoes_the_whole_transaction_of_a_cursor(path: Path) -> None:
    # SQLite itself undoes the transaction then, and would commit every later statement at once.
    with EventStorageService(path=path, max_size_mib=1) as store:
        store.database_create()
        with store.cursor_new() as cursor:
            cursor.insert_event(message("first"))
            with pytest.raises(StorageFullError):
                cursor.insert_events(_many("large", 5000, Note="x" * 4000))
        assert store.count_events() == 0


def test_a_file_that_may_not_grow_is_full_until_it_may(
    path: Path,
    store: EventStorageService,
    start: Callable[..., Any],
    assert_sound: Callable[[Path], None],
) -> None:
    program = start("fill", path, 2_000_000)
    done = program.read()
    kind, sentence = program.read()
    assert kind == "StorageFullError"
    assert str(path) in sentence
    assert program.read() == done > 0
    assert program.read() == done + 1
    assert store.count_events() == done + 1
    assert_sound(path)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        folder.rmdir()
        pytest.skip("a small file system cannot be mounted here: run as root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


def test_a_full_disk_says_so_and_all_is_well_when_there_is_space_again(
    small_disk: Path, assert_sound: Callable[[Path], None]
) -> None:
    path = small_disk / "events.db"
    with EventStorageService(path=path) as store:
        store.database_create()
        store.insert_events(_many("before", 10))
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 50_000))
        with pytest.raises(StorageFullError, match="no space"):
            store.insert_events(_many("large", 500, Note="x" * 1000))
        assert store.count_events() == 10
        ballast.unlink()
        assert len(store.insert_events(_many("large", 100))) == 100
    assert_sound(path)


def test_a_storage_cannot_be_made_on_a_disk_without_any_space(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(shutil.disk_usage(small_disk).free))

    def make() -> None:
        with EventStorageService(path=small_disk / "events.db") as store:
            store.database_create()

    with pytest.raises(StorageFullError):
        make()


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """Give a folder that other users can reach, unlike pytest's."""
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize(("exists", "folder"), [(True, 0o555), (True, 0o777), (False, 0o555)])
def test_missing_rights_are_named(
    public_folder: Path, start: Callable[..., Any], *, exists: bool, folder: int
) -> None:
    path = public_folder / "events.db"
    if exists:
        with EventStorageService(path=path) as store:
            store.database_create()
        path.chmod(0o444)
    public_folder.chmod(folder)
    program = start("use_as_nobody", path)
    said = program.read()
    if said == 0:
        said = program.read()
    kind, sentence = said
    assert kind == "StorageConnectionException"
    assert str(path) in sentence
    assert "read-only" in sentence


_SOURCE = {"Source": [{"IP4": ["192.0.2.1"]}]}


def test_a_store_in_a_read_only_folder_is_read_as_it_is_at_the_time(
    public_folder: Path, start: Callable[..., Any]
) -> None:
    path = public_folder / "events.db"
    with EventStorageService(path=path) as store:
        store.database_create()
        store.insert_event(message("a", **_SOURCE))
    path.chmod(0o444)
    public_folder.chmod(0o555)
    reader = start("read_as_nobody", path)
    assert reader.read() == ["a"]
    with EventStorageService(path=path) as store:  # root may do it still
        store.insert_event(message("b", **_SOURCE))
        reader.write()
        assert reader.read() == ["a", "b"]
    with closing(sqlite3.connect(path)) as writer:
        assert writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
    reader.write()
    assert reader.read() == ["a", "b"]
    with EventStorageService(path=path) as store:
        assert store.delete_event("a")
    reader.write()
    assert reader.read() == ["b"]


def test_a_log_that_cannot_be_read_is_not_left_out(public_folder: Path, start: Callable[..., Any]) -> None:
    path, copy = public_folder / "events.db", public_folder / "copy.db"
    with EventStorageService(path=path) as store:
        store.database_create()
        store.insert_event(message("a", **_SOURCE))
        for name in ("", "-wal"):
            shutil.copy(f"{path}{name}", f"{copy}{name}")
    public_folder.chmod(0o555)
    kind, sentence = start("read_as_nobody", copy).read()
    assert kind == "StorageConnectionException"
    assert "write-ahead log" in sentence
    assert "copy it with its log" in sentence


def test_a_file_that_another_program_holds_is_locked_and_can_be_read(
    path: Path, store: EventStorageService, start: Callable[..., Any]
) -> None:
    store.insert_event(message("before"))
    holder = start("hold", path)
    assert holder.read() == "held"
    with EventStorageService(path=path, busy_timeout_seconds=0.05, reconnect_seconds=0) as other:
        with pytest.raises(StorageContentionError, match="locked") as caught:
            other.insert_event(message("a"))
        assert caught.value.transient
        assert str(path) in str(caught.value)
        assert other.count_events() == 1
        holder.write()
        assert holder.read() == "released"
        other.insert_event(message("a"))
    assert store.count_events() == 2


def test_who_waits_long_enough_gets_the_lock(
    path: Path, store: EventStorageService, start: Callable[..., Any]
) -> None:
    holder = start("hold", path)
    assert holder.read() == "held"
    writer = threading.Thread(target=store.insert_event, args=(message("a"),))
    writer.start()
    holder.write()
    writer.join(60)
    assert store.count_events() == 1


def test_a_file_that_is_no_database_is_not_touched(path: Path) -> None:
    path.write_bytes(b"time,name,ip\n" * 1000)
    with pytest.raises(StorageIntegrityError, match="not an SQLite database"):
        EventStorageService(path=path)
    assert path.read_bytes() == b"time,name,ip\n" * 1000


@pytest.mark.parametrize("text_index", [True, False])
def test_a_damaged_file_says_so(path: Path, *, text_index: bool) -> None:
    with EventStorageService(path=path, text_index=text_index) as store:
        store.database_create()
        store.insert_events(_many("a", 2000))
    content = bytearray(path.read_bytes())
    half = len(content) // 2 // 4096 * 4096
    content[half:] = b"\xa5" * (len(content) - half)
    path.write_bytes(content)
    with EventStorageService(path=path) as store:
        for use in (
            lambda: store.search_events({"limit": 2000}),
            lambda: store.insert_events(_many("b", 2000)),
            lambda: store.delete_events(all=True),
            store.database_status,
        ):
            with pytest.raises(StorageIntegrityError, match=r"damaged.*backup"):
                use()


def test_a_file_that_is_restored_is_found_by_a_running_service(
    path: Path, tmp_path: Path, store: EventStorageService
) -> None:
    store.insert_event(message("saved"))
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    store.insert_event(message("lost"))
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink()
    copy.rename(path)
    assert [event.id for event in store.search_events()[1]] == ["saved"]
    store.insert_event(message("a"))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (2,)


def test_a_transaction_in_a_file_that_was_moved_away_is_refused(
    path: Path, store: EventStorageService
) -> None:
    cursor = store.cursor_new()
    assert cursor.count_events() == 0
    path.rename(path.with_suffix(".old"))
    with pytest.raises(StorageConnectionException, match="moved") as caught:
        cursor.insert_event(message("a"))
    assert caught.value.transient
    with pytest.raises(StorageIntegrityError, match="database_create"):
        store.count_events()  # where the file was is a new one, without tables
    store.database_create()
    store.insert_event(message("a"))
    assert store.count_events() == 1


def test_what_cannot_be_opened_is_explained(tmp_path: Path) -> None:
    with pytest.raises(StorageConnectionException, match="folder does not exist"):
        EventStorageService(path=tmp_path / "none" / "events.db")
    with pytest.raises(StorageConnectionException, match="is a folder"):
        EventStorageService(path=tmp_path)
    with pytest.raises(StorageConnectionException, match="cannot be opened"):
        EventStorageService(path=tmp_path / ("x" * 256))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(StorageConnectionException, match="cannot be opened"):
        EventStorageService(path=tmp_path / "circle")


@pytest.mark.parametrize("folder", ["closed", "closed/inner"])
def test_a_folder_that_must_not_be_searched_is_explained(
    public_folder: Path, start: Callable[..., Any], folder: str
) -> None:
    (public_folder / "closed" / "inner").mkdir(parents=True)
    (public_folder / "closed").chmod(0o700)
    path = public_folder / folder / "events.db"

    kind, sentence = start("use_as_nobody", path).read()

    assert kind == "StorageConnectionException"
    assert str(path) in sentence
