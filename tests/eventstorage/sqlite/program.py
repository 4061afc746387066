"""What the tests of faults run as a process of its own, which can be killed and limited.

`python program.py COMMAND PATH …`: it says on stdout how far it is, a line of JSON at a time.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tocsin.errors import EventStorageException
from tocsin.eventstorage import EventStorageService
from tocsin.eventstorage.sqlite import SQLiteBackend  # noqa: F401 - nobody may not read where Python is
from tocsin.testing.event_stores import message

if TYPE_CHECKING:
    from collections.abc import Callable

_BATCH = 40
_NOBODY = 65534


def _say(value: object) -> None:
    os.write(1, json.dumps(value).encode() + b"\n")


def _say_error(error: EventStorageException) -> None:
    _say([type(error).__name__, str(error)])


def _insert_for_ever(path: str, prefix: str) -> None:
    """Say after each batch how many events are acknowledged."""
    with EventStorageService(path=path) as store:
        done = 0
        while True:
            numbers = range(done, done + _BATCH)
            results = store.insert_events(
                [message(f"{prefix}-{number:06}", Note=f"note{number % 7}") for number in numbers]
            )
            done += sum(one.kind == "new" for one in results)
            _say(done)


def _retain(path: str, _: str) -> None:
    """Delete everything, little by little."""
    with EventStorageService(path=path) as store:
        _say("begins")
        list(store.retain(datetime(2100, 1, 1, tzinfo=UTC), batch=100))


def _again_and_again(path: str, work: Callable[[str, str], None]) -> None:
    """For each line on stdin: begin to work, say which process does it, and "ended" when it was killed."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _say({"pid": os.getpid()})
            work(path, line.strip())
            os._exit(0)
        os.waitpid(child, 0)
        _say("ended")


def insert_again_and_again(path: str) -> None:
    """Insert with the prefix on each line of stdin, until killed."""
    _again_and_again(path, _insert_for_ever)


def retain_again_and_again(path: str) -> None:
    """Delete for each line of stdin, until killed."""
    _again_and_again(path, _retain)


def fork(path: str) -> None:
    """Use a service with an open transaction in a child that was forked after it was opened."""
    with EventStorageService(path=path) as store:
        cursor = store.cursor_new()
        cursor.insert_event(message("open"))
        child = os.fork()
        if child == 0:
            try:
                store.count_events()
            except EventStorageException as error:
                _say_error(error)
            store.close()
            os._exit(0)
        os.waitpid(child, 0)
        cursor.insert_event(message("still open"))
        cursor.commit()
        _say(store.count_events())


def fill(path: str, limit: str) -> None:
    """Insert until a file may not grow any more, and once more with the limit gone."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with EventStorageService(path=path) as store:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), hard))
        done = 0
        try:
            while True:
                store.insert_events([message(f"fill-{done + n}", Note="x" * 500) for n in range(_BATCH)])
                done += _BATCH
        except EventStorageException as error:
            _say(done)
            _say_error(error)
        _say(store.count_events())
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        store.insert_event(message("after"))
        _say(store.count_events())


def use_as_nobody(path: str) -> None:
    """Read and write without any rights."""
    os.setgid(_NOBODY)
    os.setuid(_NOBODY)
    try:
        with EventStorageService(path=path) as store:
            _say(store.count_events())
            store.insert_event(message("a"))
            _say("written")
    except EventStorageException as error:
        _say_error(error)


def read_as_nobody(path: str) -> None:
    """Say what there is without any rights, once a line."""
    os.setgid(_NOBODY)
    os.setuid(_NOBODY)
    try:
        with EventStorageService(path=path) as store:
            store.database_create()  # the tables are there
            while True:
                _, found = store.search_events({"source_addrs": "192.0.2.1", "sortby": "storagetime.asc"})
                _say([event.id for event in found])
                if not sys.stdin.readline():
                    return
    except EventStorageException as error:
        _say_error(error)


def hold(path: str) -> None:
    """Hold the write lock until a line is read."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    _say("held")
    sys.stdin.readline()
    connection.execute("COMMIT")
    connection.close()
    _say("released")


_COMMANDS: dict[str, Callable[..., None]] = {
    "insert_again_and_again": insert_again_and_again,
    "retain_again_and_again": retain_again_and_again,
    "fork": fork,
    "fill": fill,
    "use_as_nobody": use_as_nobody,
    "read_as_nobody": read_as_nobody,
    "hold": hold,
}

if __name__ == "__main__":
    _COMMANDS[sys.argv[1]](*sys.argv[2:])
