"""One live writer a state: the second is refused, a dead one leaves nothing in the way."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.persistency.snapshots.states import NOW, after, contents_of, cut_of
from tocsin.errors import StateLockedError
from tocsin.persistency.snapshots import FsspecStore, Snapshots

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLD = """
import sys
import threading
from tests.persistency.snapshots.states import NOW, cut_of
from tocsin.persistency.snapshots import FsspecStore, Snapshots
snapshots = Snapshots(FsspecStore(sys.argv[1]))
snapshots.commit({"": cut_of({"a": b"theirs"})}, now=NOW)
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.mark.fault
def test_fifty_killed_writers_leave_fifty_whole_states(tmp_path: Path) -> None:
    program = Path(__file__).with_name("writer_program.py")

    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path), "50"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.startswith("50 of 50"), done.stderr


@pytest.mark.fault
def test_a_second_process_is_refused_until_the_first_has_been_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        second = Snapshots(FsspecStore(tmp_path))
        second.load()
        with pytest.raises(StateLockedError, match=rf"is being written by \S+ on \S+, pid {holder.pid}\b"):
            second.commit({"": cut_of({"a": b"ours"})}, now=after(hours=1))
        holder.send_signal(signal.SIGKILL)
        holder.wait()

    second.commit({"": cut_of({"a": b"ours"})}, now=after(hours=1))
    second.close()
    assert contents_of(Snapshots(FsspecStore(tmp_path)).load()) == {"a": b"ours"}


def test_a_second_writer_in_one_process_is_refused(tmp_path: Path) -> None:
    first = Snapshots(FsspecStore(tmp_path))
    first.commit({"": cut_of({"a": b"1"})}, now=NOW)

    with pytest.raises(StateLockedError, match=rf"pid {os.getpid()}\b"):
        Snapshots(FsspecStore(tmp_path)).claim()

    first.close()
    Snapshots(FsspecStore(tmp_path)).claim()


def test_readers_need_no_lock(tmp_path: Path) -> None:
    Snapshots(FsspecStore(tmp_path)).commit({"": cut_of({"a": b"1"})}, now=NOW)

    assert contents_of(Snapshots(FsspecStore(tmp_path)).load()) == {"a": b"1"}


FORK = """
import os, sys
from tests.persistency.snapshots.states import NOW, cut_of
from tocsin.errors import StateLockedError
from tocsin.persistency.snapshots import FsspecStore, Snapshots
path = sys.argv[1]
snapshots = Snapshots(FsspecStore(path))
snapshots.commit({"": cut_of({"a": b"parent"})}, now=NOW)
if not os.fork():
    try:
        snapshots.commit({"": cut_of({"a": b"child"})}, now=NOW)
    except StateLockedError as error:
        os._exit(3 if "forked" in str(error) else 4)
    os._exit(5)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 3
snapshots.commit({"": cut_of({"a": b"parent again"})}, now=NOW)
reading, writing = os.pipe()
sleeper = os.fork()
if not sleeper:
    os.close(writing)
    os.read(reading, 1)  # a child that outlives us does not hold what was our lock
    os._exit(0)
snapshots.close()
Snapshots(FsspecStore(path)).claim()
os.close(writing)
os.wait()
"""


@pytest.mark.fault
def test_a_forked_child_neither_writes_nor_holds_the_lock(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", FORK, str(tmp_path)], env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True
    )


@pytest.mark.parametrize("uri", ["memory://read-while-written", "local"])
def test_who_reads_while_generations_come_and_go_finds_a_whole_one(uri: str, tmp_path: Path) -> None:
    place = str(tmp_path) if uri == "local" else uri
    events = [f"event {number}" for number in range(5)]
    writer = Snapshots(FsspecStore(place), keep_generations=1)
    ended = threading.Event()

    def write() -> None:
        try:
            for step in range(60):
                contents = dict.fromkeys(events, b"%d" % step)
                writer.commit({"": cut_of(contents)}, now=after(seconds=step), supersede=step % 2 == 0)
        finally:
            ended.set()

    writer.commit({"": cut_of(dict.fromkeys(events, b"begin"))}, now=NOW)
    thread = threading.Thread(target=write)
    thread.start()
    reads = 0
    while not ended.is_set() or not reads:
        found = contents_of(Snapshots(FsspecStore(place)).load())
        assert found is not None
        assert len(set(found.values())) == 1
        reads += 1
    thread.join()
    writer.close()


def test_a_generation_that_vanishes_while_the_folder_is_listed_does_not_make_it_look_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Snapshots(FsspecStore(tmp_path), keep_generations=1)
    writer.commit({"": cut_of({"a": b"old"})}, now=NOW)
    scan = os.scandir
    written: list[bool] = []

    @contextlib.contextmanager
    def scan_then_write(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
        with scan(folder) as entries:
            names = list(entries)
        if not written and any(name.name.endswith(".json") for name in names):
            written.append(True)
            writer.commit({"": cut_of({"a": b"new"})}, now=after(hours=1), supersede=True)
        yield iter(names)

    monkeypatch.setattr(os, "scandir", scan_then_write)
    found = contents_of(Snapshots(FsspecStore(tmp_path)).load())
    writer.close()

    assert written
    assert found == {"a": b"new"}
