"""What the tests of faults run as processes of their own; see `processes.py` beside it.

Each command says on stdout how far it is, a line at a time, and goes on when it reads a line.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import urllib.parse  # noqa: F401  # a user who may not read where Python is cannot import it later

import numpy as np

from tocsin.database import BaseDatabaseManager, series_store
from tocsin.database.leases import this_process
from tocsin.database.migrations import migrate
from tocsin.database.sqlite import SQLiteManager
from tocsin.errors import DatabaseError
from tocsin.testing.databases import FixedClock, series_names

_NOW = FixedClock().now()


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _wait() -> None:
    sys.stdin.readline()


def _open(place: str) -> BaseDatabaseManager:
    if place.startswith("postgresql:"):
        from tocsin.database.postgres import PostgresManager

        return PostgresManager(place, clock=FixedClock(), settings={"lock_timeout_seconds": 60})
    return SQLiteManager(place, clock=FixedClock(), settings={"busy_timeout_seconds": 60})


def _write_slots(manager: BaseDatabaseManager, name: str, count: int) -> None:
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
            _NOW,
        )


def write(path: str, name: str, count: str) -> None:
    """Bring the store up to date and write many small series."""
    _say("ready")
    _wait()
    with _open(path) as manager:
        migrate(manager)
        for number in range(int(count)):
            _write_slots(manager, f"{name}{{n={number}}}", 10)


def die_writing(path: str) -> None:
    """Write into a transaction that is never committed."""
    with _open(path) as manager, manager.transaction() as transaction:
        for number in range(2000):
            series_store.write_position(transaction, f"p{number}", {"text": "x" * 2000}, _NOW)
        _say("written")
        _wait()


def hold_lease(path: str) -> None:
    """Take a lease and keep it."""
    with _open(path) as manager:
        lease = manager.acquire_lease("m", this_process(), 3600)
        _say(None if lease is None else [lease.owner, lease.token])
        _wait()


def contend(path: str, count: str) -> None:
    """Take and release a lease many times, and say every token; others do the same."""
    _say("ready")
    _wait()
    tokens: list[int] = []
    with _open(path) as manager:
        while len(tokens) < int(count):
            lease = manager.acquire_lease("m", this_process(), 3600)
            if lease is not None:
                with manager.transaction(lease=lease) as transaction:
                    series_store.write_position(transaction, f"token{lease.token}", {}, _NOW)
                tokens.append(lease.token)
                manager.release(lease)
    _say(tokens)


def _say_error(path: str) -> None:
    """Write until that fails, say how, and whether the manager still reads."""
    try:
        with _open(path) as manager:
            try:
                for number in range(200):
                    _write_slots(manager, f"s{number}", 5000)
            except DatabaseError:
                _say(len(series_names(manager)))
                raise
    except DatabaseError as error:
        _say([type(error).__name__, str(error)])


def fill(path: str, most_bytes: str) -> None:
    """Write with a limit on the size of files, which the kernel enforces as for a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(most_bytes), int(most_bytes)))
    _say_error(path)


def write_as_nobody(path: str) -> None:
    """Write as a user to whom permissions matter."""
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    _say_error(path)


def read_as_nobody(path: str) -> None:
    """Read as a user who cannot write there."""
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    with SQLiteManager(path, clock=FixedClock(), read_only=True) as manager:
        _say(series_names(manager))


def fork(path: str) -> None:
    """Use a manager in a child that was forked after it was opened."""
    with _open(path) as manager:
        manager.execute_query("SELECT 1")
        child = os.fork()
        if child == 0:
            try:
                manager.execute_query("SELECT 1")
            except DatabaseError as error:
                _say(str(error))
            os._exit(0)
        os.waitpid(child, 0)
        _say(manager.execute_query("SELECT 1 AS a"))


if __name__ == "__main__":
    {
        command.__name__: command
        for command in (write, die_writing, hold_lease, contend, fill, write_as_nobody, read_as_nobody, fork)
    }[sys.argv[1]](*sys.argv[2:])
