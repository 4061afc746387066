from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.eventstorage.postgres import writer_program
from tests.eventstorage.postgres.cutting_proxy import CuttingProxy
from tests.eventstorage.postgres.events import rows
from tests.servers.postgres import PostgresServer

from tocsin.errors import StorageConnectionException, StorageContentionError, StorageFullError
from tocsin.eventstorage import EventStorageService, InsertKind
from tocsin.eventstorage.postgres import PostgresBackend
from tocsin.testing.event_stores import message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.fault

_SIZE = 150


class Writer(threading.Thread):
    """Stores batches of events one after another until `finish`, and notes what was acknowledged.

    Args:
        url: Where to.
        batches: How many at least.
    """

    def __init__(self, url: str, batches: int) -> None:
        super().__init__()
        self._url = url
        self._batches = batches
        self._enough = threading.Event()
        self.acknowledged: list[int] = []
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with EventStorageService(url=self._url, reconnect_seconds=60) as service:
                while len(self.acknowledged) < self._batches or not self._enough.is_set():
                    batch = len(self.acknowledged)
                    service.insert_events([message(f"{batch}/{number}") for number in range(_SIZE)])
                    self.acknowledged.append(batch)
        except Exception as error:  # noqa: BLE001 - told by `finish`
            self.error = error

    def wait_for(self, batches: int) -> None:
        """Wait until so many batches are acknowledged."""
        while len(self.acknowledged) < batches and self.is_alive():
            self.join(0.005)
        assert self.error is None

    def finish(self) -> int:
        """Wait for the end, which must be a good one, and give the number of batches."""
        self._enough.set()
        self.join()
        assert self.error is None
        assert self.acknowledged == list(range(len(self.acknowledged)))
        assert len(self.acknowledged) >= self._batches
        return len(self.acknowledged)


def make_store(url: str) -> None:
    with EventStorageService(url=url) as service:
        service.database_create()


def check_whole(url: str, acknowledged: list[int]) -> int:
    """Make sure that what was acknowledged is there, once, and that no batch is there in part."""
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # somebody may be storing
        ids = [ident for (ident,) in connection.execute("SELECT id FROM events")]
        for table in ("event_messages", "event_ids"):
            row = connection.execute(f"SELECT count(*), count(DISTINCT seq) FROM {table}").fetchone()
            assert row == (len(ids), len(ids))
    assert len(ids) == len(set(ids))
    sizes = Counter(ident.partition("/")[0] for ident in ids)
    assert set(sizes.values()) <= {_SIZE}
    assert {str(batch) for batch in acknowledged} <= set(sizes)
    return len(sizes)


def test_a_writer_that_is_killed_leaves_whole_batches(postgres_database: str) -> None:
    make_store(postgres_database)
    program = [sys.executable, writer_program.__file__, postgres_database, "100000", str(_SIZE)]
    acknowledged: list[int] = []
    for kill_after in range(1, 15):
        with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=environment()) as process:
            assert process.stdout is not None
            for line in process.stdout:
                acknowledged.append(int(line))
                if int(line) >= kill_after:
                    time.sleep(0.004 * kill_after)  # somewhere in the next batch
                    process.kill()
                    break
    wait_until_alone(postgres_database)

    there = check_whole(postgres_database, acknowledged)

    with EventStorageService(url=postgres_database) as service:
        again = service.insert_events(
            [message(f"{batch}/{number}") for batch in range(there) for number in range(_SIZE)]
        )
    assert {result.kind for result in again} == {InsertKind.DUPLICATE}


def environment() -> dict[str, str]:
    root = Path(__file__).resolve().parents[3]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])}


def wait_until_alone(url: str) -> None:
    """Wait until the server has noticed that a killed client is gone."""
    query = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND backend_type = 'client backend'"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(query).fetchone() != (1,):
            time.sleep(0.01)


def test_a_server_that_is_killed_and_restarted_loses_and_doubles_nothing(
    crash_server: PostgresServer,
) -> None:
    url = crash_server.dsn()
    make_store(url)
    writer = Writer(url, 60)
    writer.start()
    kill: list[Callable[[], None]] = [crash_server.kill, lambda: crash_server.stop(immediately=True)]
    for number, end in enumerate(kill * 3):
        writer.wait_for(5 * number + 2)
        end()
        crash_server.start()
        check_whole(url, list(writer.acknowledged))
    batches = writer.finish()

    assert check_whole(url, writer.acknowledged) == batches


def test_a_value_that_a_server_lost_as_it_crashed_is_kept_when_it_comes_again() -> None:
    late = {"synchronous_commit": "off", "wal_writer_delay": "10s"}
    with (
        PostgresServer(fsync=True, settings=late) as server,
        EventStorageService(url=server.dsn()) as service,
    ):
        service.database_create()
        service.insert_event(message("1", Category=["Early"]))
        server.execute("CHECKPOINT")
        service.insert_events([message(str(number), Category=["Late"]) for number in range(2, 9)])
        server.kill()
        server.start()
        service.insert_events([message(str(number), Category=["Late"]) for number in range(2, 9)])

        assert service.count_events({"categories": ["Late"]}) == 7
        assert service.distinct_values("category") == ["Early", "Late"]


def test_backends_that_are_terminated_are_replaced(postgres_database: str) -> None:
    make_store(postgres_database)
    writer = Writer(postgres_database, 30)
    writer.start()
    writer.wait_for(1)  # who cannot connect at all is told so at once
    ended = 0
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        while ended < 8:
            assert writer.is_alive(), writer.error
            rows_ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                "AND application_name = 'tocsin' AND state <> 'idle'"
            ).fetchall()
            ended += len(rows_ended)
            writer.join(0.1)
    batches = writer.finish()

    assert check_whole(postgres_database, writer.acknowledged) == batches


def test_a_lost_acknowledgement_doubles_nothing(
    postgres_server: PostgresServer, postgres_database: str
) -> None:
    make_store(postgres_database)
    with closing(CuttingProxy(postgres_server.port, cut={1, 2, 4})) as proxy:
        url = postgres_database.replace(f":{postgres_server.port}/", f":{proxy.port}/")
        with EventStorageService(url=url) as service:
            results = [
                service.insert_events([message(f"{batch}/{number}") for number in range(_SIZE)])
                for batch in range(4)
            ]
            # Alone, it is not stored again without asking: nobody knows what became of it.
        assert proxy.lost == 3

    assert check_whole(postgres_database, [0, 1, 2, 3]) == 4
    assert all(len(batch) == _SIZE for batch in results)


def test_a_lost_acknowledgement_of_a_single_event_is_told(
    postgres_server: PostgresServer, postgres_database: str
) -> None:
    make_store(postgres_database)
    with closing(CuttingProxy(postgres_server.port, cut={1})) as proxy:
        url = postgres_database.replace(f":{postgres_server.port}/", f":{proxy.port}/")
        with EventStorageService(url=url) as service:
            with pytest.raises(StorageConnectionException):
                service.insert_event(message("1"))
            assert service.fetch_event("1") is not None


def test_a_database_that_is_away_for_a_while_is_waited_for(crash_server: PostgresServer) -> None:
    url = crash_server.dsn()
    make_store(url)
    writer = Writer(url, 12)
    with EventStorageService(url=url, reconnect_seconds=0.3) as impatient:
        assert impatient.count_events() == 0
        writer.start()
        writer.wait_for(3)
        crash_server.stop()
        with pytest.raises(StorageConnectionException) as raised:
            impatient.count_events()
        assert raised.value.transient
        with pytest.raises(StorageConnectionException):
            impatient.insert_event(message("x"))
        assert writer.is_alive()
        crash_server.start()
        batches = writer.finish()
        assert impatient.count_events() == batches * _SIZE


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 24 MiB that the server may write to."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m,mode=777", "tmpfs", folder], capture_output=True, check=False
    )
    if done.returncode:
        message = f"no small file system can be mounted here: {done.stderr.decode().strip()}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(f"{message}; run as root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_told_and_storing_goes_on_when_there_is_room(
    postgres_server: PostgresServer, small_disk: Path
) -> None:
    for folder in small_disk.parents:  # pytest's folders are for their owner only
        if folder.stat().st_uid == os.getuid() and folder.name.startswith(("pytest", "test", "popen")):
            folder.chmod(folder.stat().st_mode | 0o111)
    place = small_disk / "server"
    place.mkdir()
    place.chmod(0o777)
    own_by_server(place, postgres_server)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(4 * 2**20))
    postgres_server.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
    postgres_server.execute("CREATE DATABASE full_disk TEMPLATE template0 TABLESPACE small")
    try:
        with EventStorageService(url=postgres_server.dsn("full_disk")) as service:
            service.database_create()
            acknowledged: list[int] = []

            def fill() -> None:
                for batch in range(1000):
                    note = os.urandom(500).hex()
                    service.insert_events(
                        [message(f"{batch}/{number}", Note=note) for number in range(_SIZE)]
                    )
                    acknowledged.append(batch)

            def fill_one_by_one() -> None:
                for number in range(20_000):
                    service.insert_event(message(f"one {number}", Note=os.urandom(2000).hex()))

            with pytest.raises(StorageFullError, match="no space is left"):
                fill()
            with pytest.raises(StorageFullError, match="no space is left"):
                fill_one_by_one()

            ballast.unlink()  # before anything is read: the server writes to make room in its memory, too
            assert service.count_events() >= len(acknowledged) * _SIZE
            service.delete_events({"ids": [f"one {number}" for number in range(20_000)]})
            assert service.count_events() == len(acknowledged) * _SIZE
            service.insert_events([message(f"room/{number}") for number in range(_SIZE)])
        check_whole(postgres_server.dsn("full_disk"), acknowledged)
    finally:
        postgres_server.drop_database("full_disk")
        postgres_server.execute("DROP TABLESPACE small")


def own_by_server(folder: Path, server: PostgresServer) -> None:
    status = server.data_folder.stat()
    os.chown(folder, status.st_uid, status.st_gid)


def test_writers_of_the_same_events_get_along_and_a_reader_misses_nothing(postgres_database: str) -> None:
    make_store(postgres_database)
    writers, batches, size = 8, 5, 60
    results: list[InsertKind] = []
    errors: list[Exception] = []

    def write(place: int) -> None:
        try:
            with EventStorageService(url=postgres_database, reconnect_seconds=60) as service:
                for batch in range(batches):
                    first = batch * size + place * size // 2
                    events = [message(str(number)) for number in range(first, first + size)]
                    if place % 2:
                        events.reverse()
                    results.extend(result.kind for result in service.insert_events(events))
                    if place == 0:
                        service.delete_event(str(10_000 + batch))
        except Exception as error:  # noqa: BLE001 - told below
            errors.append(error)

    threads = [threading.Thread(target=write, args=(place,)) for place in range(writers)]
    for thread in threads:
        thread.start()
    seen: list[str] = []
    with EventStorageService(url=postgres_database) as reader:
        cursor: int | None = None
        alive = True
        while alive:
            alive = any(thread.is_alive() for thread in threads)  # then one last look
            found, cursor = reader.read_since(cursor, limit=37)
            while found:
                seen.extend(event["ID"] for event in found)
                found, cursor = reader.read_since(cursor, limit=37)
        for thread in threads:
            thread.join()
        assert not errors
        last = (writers - 1) * size // 2 + batches * size
        assert sorted(map(int, seen)) == list(range(last))
        assert results.count(InsertKind.NEW) == reader.count_events() == last


def test_a_deadlock_is_a_contention_that_may_be_tried_again(postgres_database: str) -> None:
    with closing(PostgresBackend({"conninfo": postgres_database})) as backend:
        backend.create()
        first, second = backend.session(), backend.session()
        for ident, session in (("a", first), ("b", second)):
            session.execute_count(
                "INSERT INTO event_ids (id, seq, storagetime) VALUES (%s, 0, now())", (ident,)
            )
            session.commit()
        change = "UPDATE event_ids SET seq = seq + 1 WHERE id = %s"
        first.execute_count(change, ("a",))
        second.execute_count(change, ("b",))
        outcomes: list[str] = []

        def cross(ident: str, place: int) -> None:
            session = (first, second)[place]
            try:
                session.execute_count(change, (ident,))
                session.commit()
                outcomes.append("done")
            except StorageContentionError as error:
                outcomes.append("contention" if error.transient else "failure")

        threads = [
            threading.Thread(target=cross, args=("b", 0)),
            threading.Thread(target=cross, args=("a", 1)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["contention", "done"]
        assert first.insert_rows(rows(1, 3)) == [True] * 3
        first.commit()
