"""The last save of a process: SIGTERM, the end of the program, and who else wants to know."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.persistency import (
    EventPersistency,
    EventStabilityTracker,
    PersistencySaver,
    PersistencySaverConfig,
)
from tocsin.persistency.snapshots import FsspecStore, Snapshots

if TYPE_CHECKING:
    from pathlib import Path

BEGIN = """
import os, signal, sys, threading, time
from tocsin.persistency import (
    EventDataStructure, EventPersistency, EventStabilityTracker, PersistencySaver, PersistencySaverConfig,
    process_end,
)
paths = sys.argv[1:]
savers = []
class Rows(EventDataStructure):  # it needs no large library: these programs are many
    kind = "rows"
    def add_data(self, data, timestamp=None): pass
    def get_data(self): pass
    def dump(self): return b"rows"
    @classmethod
    def load(cls, content, **kwargs): return cls()
def remember(path, backend=Rows, **options):
    memory = EventPersistency(backend)
    saver = PersistencySaver(memory, PersistencySaverConfig(path, storage_options=options)).start()
    memory.ingest_event("4624", "<*> logged on", ["alice"])
    savers.append(saver)
    return memory
def ready():
    print("ready", flush=True)
"""


def run(program: str, *paths: Path, signals: int = 0) -> tuple[int, str]:
    """Run a program, send it SIGTERM when it is ready; give how it ended and what it said."""
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN + program, *map(str, paths)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        assert process.stdout is not None
        if signals:
            assert process.stdout.readline() == "ready\n"
        for _ in range(signals):
            process.send_signal(signal.SIGTERM)
        said = process.stdout.read()
        return process.wait(timeout=60), said


def saved_at(path: str | Path, options: dict[str, Any] | None = None) -> set[int | str]:
    loaded = Snapshots(FsspecStore(path, options)).load()
    return set() if loaded is None else set(loaded.parts[""].seen)


@pytest.mark.fault
def test_sigterm_saves_and_ends_the_process_as_it_would_have(tmp_path: Path) -> None:
    program = """
memory = remember(paths[0])
ready()
while True:
    memory.ingest_event("4624", "<*> logged on", ["alice"])
"""
    code, said = run(program, tmp_path / "a", signals=1)

    assert (code, said) == (-signal.SIGTERM, "")
    assert saved_at(tmp_path / "a") == {"4624"}


@pytest.mark.fault
def test_sigterm_saves_while_the_main_thread_waits(tmp_path: Path) -> None:
    code, _ = run("remember(paths[0])\nready()\ntime.sleep(60)", tmp_path / "a", signals=1)

    assert code == -signal.SIGTERM
    assert saved_at(tmp_path / "a") == {"4624"}


@pytest.mark.fault
def test_sigterm_saves_for_every_saver(tmp_path: Path) -> None:
    program = "[remember(path) for path in paths]\nready()\ntime.sleep(60)"
    code, _ = run(program, tmp_path / "a", tmp_path / "b", signals=1)

    assert code == -signal.SIGTERM
    assert saved_at(tmp_path / "a") == saved_at(tmp_path / "b") == {"4624"}


@pytest.mark.fault
def test_a_handler_that_was_there_is_called_after_the_save(tmp_path: Path) -> None:
    program = """
def handler(number, frame):
    print("handled", number == signal.SIGTERM, savers[0].status().saves, flush=True)
    sys.exit(7)
signal.signal(signal.SIGTERM, handler)
remember(paths[0])
ready()
time.sleep(60)
"""
    code, said = run(program, tmp_path / "a", signals=1)

    assert (code, said) == (7, "handled True 1\n")
    assert [info.generation for info in Snapshots(FsspecStore(tmp_path / "a")).generations()] == [1]


@pytest.mark.fault
def test_a_handler_that_goes_on_gets_each_signal(tmp_path: Path) -> None:
    program = """
times = []
signal.signal(signal.SIGTERM, lambda *_: times.append(1))
memory = remember(paths[0])
for round in (1, 2):
    os.kill(os.getpid(), signal.SIGTERM)
    while len(times) < round:
        time.sleep(0.001)
    memory.ingest_event(round, "t", ["x"])
savers[0].stop()
os.kill(os.getpid(), signal.SIGTERM)
assert len(times) == 3
"""
    assert run(program, tmp_path / "a") == (0, "")
    assert saved_at(tmp_path / "a") == {"4624", 1, 2}


@pytest.mark.fault
def test_a_second_sigterm_is_passed_on_while_a_save_hangs(tmp_path: Path) -> None:
    program = """
memory = remember(paths[0])
holding = threading.Event()
def hold():
    with memory.exclusive():
        holding.set()
        while not process_end._process.passing_on:
            time.sleep(0.001)
        while True:  # until it is another moment than that of the first one
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.001)
threading.Thread(target=hold, daemon=True).start()
holding.wait()
ready()
time.sleep(60)
"""
    code, _ = run(program, tmp_path / "a", signals=1)

    assert code == -signal.SIGTERM


@pytest.mark.fault
def test_a_sigterm_that_is_heard_twice_does_not_cut_the_save_short(tmp_path: Path) -> None:
    """As `timeout` sends it: to its child, and then to the child's process group."""
    program = """
import math, tocsin.threads
tocsin.threads.SAME_MOMENT = math.inf  # however long this machine takes
memory = remember(paths[0])
heard = []
handle = process_end._process.handle
def hear(number, frame):
    handle(number, frame)
    heard.append(number)
signal.signal(signal.SIGTERM, hear)
def hold():
    with memory.exclusive():
        holding.set()
        for times in (1, 2):
            os.kill(os.getpid(), signal.SIGTERM)
            while len(heard) < times:
                time.sleep(0.001)
holding = threading.Event()
threading.Thread(target=hold, daemon=True).start()
holding.wait()
while True:
    time.sleep(0.001)
"""
    code, _ = run(program, tmp_path / "a")

    assert code == -signal.SIGTERM
    assert saved_at(tmp_path / "a") == {"4624"}


@pytest.mark.fault
@pytest.mark.parametrize(
    "end", ["", "sys.exit(0)", "raise SystemExit", "threading.Thread(target=ready).start()"]
)
def test_the_end_of_the_program_saves(tmp_path: Path, end: str) -> None:
    code, _ = run(f"remember(paths[0])\n{end}", tmp_path / "a")

    assert code == 0
    assert saved_at(tmp_path / "a") == {"4624"}


@pytest.mark.fault
def test_the_end_of_the_program_saves_with_the_libraries_that_take_threads(s3: dict[str, Any]) -> None:
    """Arrow imports much when it is first used; the driver of S3 asks an executor for addresses."""
    uri = f"s3://states/{secrets.token_hex(8)}"
    endpoint = s3["client_kwargs"]["endpoint_url"].replace("127.0.0.1", "localhost")
    options = s3 | {"client_kwargs": {"endpoint_url": endpoint}}

    assert run(f"remember({uri!r}, EventStabilityTracker, **{options!r})") == (0, "")
    assert saved_at(uri, s3) == {"4624"}


@pytest.mark.fault
def test_what_a_thread_learns_after_the_end_of_the_main_program_is_saved(tmp_path: Path) -> None:
    program = """
memory = remember(paths[0])
def work():
    threading.main_thread().join()
    memory.ingest_event("late", "t", ["x"])
threading.Thread(target=work).start()
"""
    assert run(program, tmp_path / "a") == (0, "")
    assert saved_at(tmp_path / "a") == {"4624", "late"}


@pytest.mark.fault
def test_an_error_that_ends_the_program_saves(tmp_path: Path) -> None:
    code, said = run("remember(paths[0])\n1/0", tmp_path / "a")

    assert code == 1
    assert "ZeroDivisionError" in said
    assert saved_at(tmp_path / "a") == {"4624"}


@pytest.mark.fault
def test_a_save_that_fails_at_the_end_is_told(tmp_path: Path) -> None:
    program = "remember(paths[0])\nimport shutil; shutil.rmtree(paths[0]); open(paths[0], 'w').close()"
    code, said = run(program, tmp_path / "a")

    assert code == 0
    assert f"saving to {tmp_path / 'a'} failed" in said


@pytest.mark.fault
def test_a_forked_child_does_not_save_at_its_end(tmp_path: Path) -> None:
    program = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads, as it is meant
memory = remember(paths[0])
if not os.fork():
    memory.ingest_event("child", "t", ["x"])
    sys.exit(0)
os.wait()
"""
    code, said = run(program, tmp_path / "a")

    assert (code, said) == (0, "")
    assert saved_at(tmp_path / "a") == {"4624"}


def test_stopping_gives_the_signal_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    savers = [a_saver(tmp_path / name) for name in "ab"]
    for saver in savers:
        saver.start()
    assert signal.getsignal(signal.SIGTERM) != before

    savers[0].stop()
    assert signal.getsignal(signal.SIGTERM) != before
    savers[1].stop()

    assert signal.getsignal(signal.SIGTERM) == before
    assert not [one.name for one in threading.enumerate() if one.name.startswith("tocsin-saver")]


def test_a_handler_that_came_after_ours_stays(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    saver = a_saver(tmp_path / "a").start()
    ours = signal.getsignal(signal.SIGTERM)

    def theirs(number: int, frame: Any) -> None:
        assert callable(ours)
        ours(number, frame)

    signal.signal(signal.SIGTERM, theirs)
    try:
        saver.stop()
        assert signal.getsignal(signal.SIGTERM) is theirs
    finally:
        signal.signal(signal.SIGTERM, ours)
        a_saver(tmp_path / "b").start().stop()
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_saver_may_be_started_in_any_thread(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    saver = a_saver(tmp_path / "a")
    thread = threading.Thread(target=saver.start)
    thread.start()
    thread.join()

    assert signal.getsignal(signal.SIGTERM) == before
    saver.stop()


def a_saver(path: Path) -> PersistencySaver:
    return PersistencySaver(EventPersistency(EventStabilityTracker), PersistencySaverConfig(path))


def test_the_threads_do_not_keep_the_process(tmp_path: Path) -> None:
    saver = a_saver(tmp_path / "a").start()

    threads = [one for one in threading.enumerate() if one.name.startswith("tocsin-saver")]

    assert len(threads) == 2
    assert all(one.daemon for one in threads)
    saver.stop()
    assert os.path.exists(tmp_path / "a" / "LOCK")  # noqa: PTH110
