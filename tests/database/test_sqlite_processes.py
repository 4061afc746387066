"""SQLite as the memory of several processes at once."""

from __future__ import annotations

import os
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.database import series_store
from tocsin.database.leases import is_dead, this_process
from tocsin.database.sqlite import SQLiteManager
from tocsin.testing.databases import FixedClock, series_names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.fault


def test_two_processes_write_at_once_and_nothing_is_lost(path: Path, start: Callable[..., Any]) -> None:
    writers = [start("write", path, name, 30) for name in "ab"]
    for writer in writers:
        assert writer.read() == "ready"
    for writer in writers:
        writer.go_on()
    for writer in writers:
        writer.finish()
    with SQLiteManager(path, clock=FixedClock()) as manager:
        assert manager.execute_query("SELECT count(*) AS n FROM _tocsin_datapoints") == [{"n": 2 * 30 * 10}]
        assert len([name for name in series_names(manager) if name.startswith("b")]) == 30


def test_a_writer_that_is_killed_in_a_transaction_leaves_nothing(
    path: Path, store: SQLiteManager, start: Callable[..., Any]
) -> None:
    with store.transaction() as transaction:
        series_store.write_position(transaction, "before", {}, FixedClock().now())
    writer = start("die_writing", path)
    assert writer.read() == "written"
    writer.kill()
    writer.process.wait()
    with store.transaction() as transaction:
        series_store.write_position(transaction, "after", {}, FixedClock().now())
    rows = store.execute_query("SELECT name FROM _tocsin_positions ORDER BY name")
    assert [row["name"] for row in rows] == ["after", "before"]
    assert store.execute_query("PRAGMA integrity_check") == [{"integrity_check": "ok"}]


@pytest.mark.parametrize("reaped", [True, False])
def test_the_lease_of_a_killed_process_is_taken_over_at_once(
    path: Path, store: SQLiteManager, start: Callable[..., Any], *, reaped: bool
) -> None:
    holder = start("hold_lease", path)
    owner, token = holder.read()
    assert not is_dead(owner)
    assert store.acquire_lease("m", this_process(), 60) is None
    holder.kill()
    if reaped:
        holder.process.wait()
    else:
        # It is dead, and a zombie until somebody takes its exit code.
        os.waitid(os.P_PID, holder.process.pid, os.WEXITED | os.WNOWAIT)
    lease = store.acquire_lease("m", this_process(), 60)
    assert lease is not None
    assert lease.token == token + 1


def test_tokens_only_grow_when_processes_contend(
    path: Path, store: SQLiteManager, start: Callable[..., Any]
) -> None:
    rivals = [start("contend", path, 15) for _ in range(3)]
    for rival in rivals:
        assert rival.read() == "ready"
    for rival in rivals:
        rival.go_on()
    tokens = [rival.read() for rival in rivals]
    for own in tokens:
        assert own == sorted(own)
    assert sorted(chain.from_iterable(tokens)) == list(range(1, 46))
    assert store.execute_query("SELECT count(*) AS n FROM _tocsin_positions") == [{"n": 45}]


def test_a_manager_is_refused_in_a_forked_process(path: Path, start: Callable[..., Any]) -> None:
    program = start("fork", path)
    assert "another process" in program.read()
    assert program.read() == [{"a": 1}]
    program.finish()


def test_of_unknown_processes_nothing_is_known() -> None:
    host, boot, namespace, pid, begun = this_process().split("/")
    assert not is_dead(this_process())
    assert is_dead(f"{host}/{boot}/{namespace}/{pid}/{int(begun) - 1}")
    assert is_dead(f"{host}/{boot}/{namespace}/{2**22 + 1}/5")
    assert is_dead(f"{host}/another-boot/{namespace}/{pid}/{begun}")
    assert not is_dead(f"another/another-boot/{namespace}/{pid}/5")
    assert not is_dead(f"{host}/{boot}/1/{2**22 + 1}/5")
    assert not is_dead(f"{host}//{namespace}/{2**22 + 1}/5")
    for other in ("", "somebody", "a/b/c/d/e", f"{host}/{boot}/{namespace}/²/5"):
        assert not is_dead(other)
