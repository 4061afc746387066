"""PostgreSQL when others are in the way, connections are cut, and the server goes away: real faults."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.servers.postgres import PostgresServer

from tocsin.database.batches import Constant
from tocsin.database.leases import this_process
from tocsin.database.migrations import migrate
from tocsin.database.postgres import PostgresManager
from tocsin.errors import DatabaseError, StoreConnectionError, StoreFullError, StoreLockedError
from tocsin.model import ColumnDefinition, TableModel
from tocsin.testing.databases import FixedClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.fault

_TABLE = TableModel((ColumnDefinition("a", "Int64"), ColumnDefinition("b", "Int64")), ("a",))
_RIVALS, _GRANTS = 8, 5


def _with_rows(manager: PostgresManager) -> PostgresManager:
    manager.create_table("t", _TABLE)
    manager.insert_batch("t", {"a": [1, 2], "b": [0, 0]})
    return manager


def _update(database: Any, place: int) -> None:
    database.execute_query("UPDATE t SET b = b + 1 WHERE a = %(place)s", {"place": place})


def _total(manager: PostgresManager) -> int:
    return int(manager.execute_query("SELECT sum(b) AS total FROM t")[0]["total"])


@pytest.fixture
def manager(postgres_database: str) -> Iterator[PostgresManager]:
    with PostgresManager(
        postgres_database, clock=FixedClock(), settings={"lock_timeout_seconds": 0.2}
    ) as manager:
        yield _with_rows(manager)


@pytest.fixture
def own_server(postgres_server: PostgresServer) -> Iterator[PostgresServer]:  # noqa: ARG001  # says if there is one
    with PostgresServer(fsync=True) as server:
        yield server


def test_a_lock_of_another_program_is_waited_for_and_then_said(
    manager: PostgresManager, postgres_database: str
) -> None:
    with PostgresManager(postgres_database, clock=FixedClock()) as other:
        with other.transaction() as transaction:
            _update(transaction, 1)
            transaction.lock("x")
            with pytest.raises(StoreLockedError, match="holds a lock") as caught:
                _update(manager, 1)
            assert caught.value.transient
            with pytest.raises(StoreLockedError), manager.transaction() as mine:
                mine.lock("x")
            with manager.transaction() as mine:
                mine.lock("y")
        _update(manager, 1)
    assert _total(manager) == 2


def test_of_two_transactions_that_wait_for_each_other_one_is_undone(postgres_database: str) -> None:
    with PostgresManager(postgres_database, clock=FixedClock()) as manager:
        _with_rows(manager)
        both = threading.Barrier(2)
        errors: list[BaseException] = []

        def work(first: int, second: int) -> None:
            try:
                with manager.transaction() as transaction:
                    transaction.execute_query("SET LOCAL deadlock_timeout = '10ms'")
                    _update(transaction, first)
                    both.wait()
                    _update(transaction, second)
            except BaseException as error:  # noqa: BLE001 - handed to the main thread
                errors.append(error)

        threads = [threading.Thread(target=work, args=places) for places in ((1, 2), (2, 1))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        [error] = errors
        assert isinstance(error, StoreLockedError)
        assert error.transient
        assert "waited for each other" in str(error)
        assert _total(manager) == 2


def test_a_transaction_that_read_what_another_one_changed_is_told_to_try_again(
    manager: PostgresManager, postgres_database: str
) -> None:
    def read_and_change(other: PostgresManager) -> None:
        with manager.transaction() as transaction:
            transaction.execute_query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            transaction.execute_query("SELECT * FROM t")
            _update(other, 1)
            _update(transaction, 1)

    with (
        PostgresManager(postgres_database, clock=FixedClock()) as other,
        pytest.raises(StoreLockedError) as caught,
    ):
        read_and_change(other)
    assert caught.value.transient
    assert _total(manager) == 1


def _cut(server: PostgresServer, manager: PostgresManager) -> None:
    """End the server's side of a manager's connection, and wait until it has ended."""
    [row] = manager.execute_query("SELECT pg_backend_pid() AS pid")
    server.execute("SELECT pg_terminate_backend(%s, 60000)", (row["pid"],))


def test_a_connection_that_was_cut_is_said_once_and_replaced(
    manager: PostgresManager, postgres_server: PostgresServer
) -> None:
    _cut(postgres_server, manager)
    with pytest.raises(StoreConnectionError, match="lost") as caught:
        manager.execute_query("SELECT 1")
    assert caught.value.transient
    assert manager.execute_query("SELECT 1 AS a") == [{"a": 1}]


def test_a_transaction_begins_on_a_new_connection_when_the_old_one_was_cut(
    manager: PostgresManager, postgres_server: PostgresServer
) -> None:
    _cut(postgres_server, manager)
    with manager.transaction() as transaction:
        _update(transaction, 1)
    assert _total(manager) == 1
    assert len(manager._sessions) == 1


def test_a_transaction_that_is_cut_leaves_nothing_and_the_next_one_works(
    manager: PostgresManager, postgres_server: PostgresServer
) -> None:
    def go_on_after_a_cut() -> None:
        with manager.transaction() as transaction:
            _update(transaction, 1)
            _cut(postgres_server, manager)
            _update(transaction, 2)

    with pytest.raises(StoreConnectionError) as caught:
        go_on_after_a_cut()
    assert caught.value.transient
    assert _total(manager) == 0

    def commit_after_a_cut() -> None:
        with manager.transaction() as transaction:
            _update(transaction, 1)
            _cut(postgres_server, manager)

    with pytest.raises(DatabaseError):
        commit_after_a_cut()
    assert _total(manager) == 0
    with manager.transaction() as transaction:
        _update(transaction, 1)
    assert _total(manager) == 1


def test_a_stream_that_is_cut_is_said(manager: PostgresManager, postgres_server: PostgresServer) -> None:
    reader = manager.read_arrow("SELECT generate_series(1, 100000) AS a")
    reader.read_next_batch()
    [(pid,)] = postgres_server.execute(
        "SELECT pid FROM pg_stat_activity WHERE query LIKE 'FETCH FORWARD%%' AND datname = %s",
        (manager.execute_query("SELECT current_database()::text AS name")[0]["name"],),
    )
    postgres_server.execute("SELECT pg_terminate_backend(%s, 60000)", (pid,))
    with pytest.raises(StoreConnectionError):
        reader.read_all()
    assert _total(manager) == 0


@pytest.mark.parametrize("violent", [False, True])
def test_a_server_that_was_away_is_there_again(own_server: PostgresServer, *, violent: bool) -> None:
    url = own_server.dsn(own_server.create_database())
    with PostgresManager(url, clock=FixedClock()) as manager:
        _with_rows(manager)
        _update(manager, 1)
        if violent:
            own_server.kill()
        else:
            own_server.stop()
        for _ in range(2):
            with pytest.raises(StoreConnectionError) as caught:
                manager.execute_query("SELECT 1")
            assert caught.value.transient
        with pytest.raises(StoreConnectionError), manager.transaction():
            pass
        own_server.start()
        assert _total(manager) == 1
        _update(manager, 2)
        own_server.restart()
        with manager.transaction() as transaction:
            _update(transaction, 2)
        assert _total(manager) == 3


@pytest.fixture
def small_tablespace(own_server: PostgresServer) -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(dir=own_server.folder))
    command = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=777", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here: run as root")
    place = folder / "space"
    place.mkdir()
    shutil.copystat(own_server.data_folder, place)
    owner = own_server.data_folder.stat()
    shutil.chown(place, owner.st_uid, owner.st_gid)
    try:
        own_server.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
        own_server.execute("CREATE DATABASE small TABLESPACE small TEMPLATE template0")
        yield own_server.dsn("small")
    finally:
        own_server.stop(immediately=True)
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_said_and_nothing_of_the_batch_is_kept(small_tablespace: str) -> None:
    with PostgresManager(small_tablespace, clock=FixedClock()) as manager:
        _with_rows(manager)
        manager.create_table(
            "large", TableModel((ColumnDefinition("a", "Int64"), ColumnDefinition("text", "String")), ("a",))
        )
        count = 40_000
        with pytest.raises(StoreFullError, match="no space"):
            manager.insert_batch("large", {"a": range(count), "text": Constant("x" * 1000, count)}, "replace")
        assert manager.execute_query("SELECT count(*) AS n FROM large") == [{"n": 0}]
        manager.execute_query("TRUNCATE large")
        assert manager.insert_batch("large", {"a": range(10), "text": Constant("x" * 1000, 10)}) == 10
        assert _total(manager) == 0


def test_tokens_only_grow_when_processes_contend(postgres_database: str, start: Callable[..., Any]) -> None:
    with PostgresManager(postgres_database, clock=FixedClock()) as manager:
        migrate(manager)
        rivals = [start("contend", postgres_database, _GRANTS) for _ in range(_RIVALS)]
        for rival in rivals:
            assert rival.read() == "ready"
        for rival in rivals:
            rival.go_on()
        tokens = [rival.read() for rival in rivals]
        for own in tokens:
            assert own == sorted(own)
        assert sorted(chain.from_iterable(tokens)) == list(range(1, _RIVALS * _GRANTS + 1))
        rows = manager.execute_query("SELECT count(*) AS n FROM _tocsin_positions")
        assert rows == [{"n": _RIVALS * _GRANTS}]
        for rival in rivals:
            rival.finish()


def test_processes_bring_a_new_database_up_to_date_at_once_and_write(
    postgres_database: str, start: Callable[..., Any]
) -> None:
    writers = [start("write", postgres_database, name, 10) for name in "abcd"]
    for writer in writers:
        assert writer.read() == "ready"
    for writer in writers:
        writer.go_on()
    for writer in writers:
        writer.finish()
    with PostgresManager(postgres_database, clock=FixedClock()) as manager:
        assert manager.execute_query("SELECT count(*) AS n FROM _tocsin_datapoints") == [{"n": 4 * 10 * 10}]


def test_the_lease_of_a_killed_process_is_taken_over_at_once(
    postgres_database: str, start: Callable[..., Any]
) -> None:
    with PostgresManager(postgres_database, clock=FixedClock()) as manager:
        migrate(manager)
        holder = start("hold_lease", postgres_database)
        _, token = holder.read()
        assert manager.acquire_lease("m", this_process(), 60) is None
        holder.kill()
        holder.process.wait()
        lease = manager.acquire_lease("m", this_process(), 60)
        assert lease is not None
        assert lease.token == token + 1


def test_a_held_lease_is_seen_at_once_while_its_holder_writes(
    manager: PostgresManager, postgres_database: str
) -> None:
    migrate(manager)
    lease = manager.acquire_lease("m", "x@y/b/1/1/7", 60)
    assert lease is not None
    with PostgresManager(
        postgres_database, clock=FixedClock(), settings={"lock_timeout_seconds": 0.05}
    ) as other:
        with manager.transaction(lease=lease) as transaction:
            _update(transaction, 1)
            assert other.acquire_lease("m", "x@y/b/1/2/7", 60) is None
            with pytest.raises(StoreLockedError):
                other.release(lease)  # what its holder is writing is waited for, so that it is all or nothing
        other.release(lease)
        assert other.acquire_lease("m", "x@y/b/1/2/7", 60) is not None


def test_a_manager_is_refused_in_a_forked_process(postgres_database: str, start: Callable[..., Any]) -> None:
    program = start("fork", postgres_database)
    assert "another process" in program.read()
    assert program.read() == [{"a": 1}]
    program.finish()
