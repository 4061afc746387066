"""The running named queries of a database, and how one of them is ended."""

from __future__ import annotations

import time
from datetime import UTC
from typing import TYPE_CHECKING, Any

from tocsin.eventstorage.postgres.connections import run
from tocsin.eventstorage.postgres.naming import GATE, name_in

if TYPE_CHECKING:
    from tocsin.eventstorage.postgres.connections import Connection
    from tocsin.eventstorage.session import Row

__all__ = ["cancel", "running"]

# Of the sessions of other roles only those see the statement who may; for the others it is not there.
_RUNNING = """\
SELECT pid, usename, application_name, coalesce(host(client_addr), 'local'), query_start,
    wait_event_type IS NOT DISTINCT FROM 'Lock', state,
    extract(epoch FROM clock_timestamp() - query_start)::float8, left(query, 200)
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND state IN ('active', 'idle in transaction') AND query LIKE '/* tocsin:%%'
ORDER BY query_start, pid"""
_STATE = f"{_RUNNING.partition('ORDER BY')[0]} AND pid = %s"
_PATIENCE_SECONDS, _PAUSE_SECONDS = 5.0, 0.01


def running(connection: Connection) -> dict[str, dict[str, Any]]:
    """Describe those that run, by name; of several with one name the oldest."""
    found: dict[str, dict[str, Any]] = {}
    for row in run(connection, _RUNNING).fetchall():
        name = name_in(row[-1])
        if name is not None:
            found.setdefault(name, _described(name, row))
    return found


def cancel(connection: Connection, qname: str) -> bool:
    """End all queries of a name; false when there is none.

    Args:
        connection: Outside of a transaction, and for this alone: advisory locks belong to it.
        qname: The name.
    """
    pids = [row[0] for row in run(connection, _RUNNING).fetchall() if name_in(row[-1]) == qname]
    ended = [_cancel_one(connection, qname, pid) for pid in pids]
    return any(ended)


def _cancel_one(connection: Connection, qname: str, pid: int) -> bool:
    """End the query of a name in a backend, which cannot begin with anything else meanwhile.

    A stream between two pages has nothing to end; it is waited for at its gate.
    """
    run(connection, "SELECT pg_advisory_lock(%s, %s)", (GATE, pid))
    try:
        end = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < end:
            row = run(connection, _STATE, (pid,)).fetchone()
            if row is None or name_in(row[-1]) != qname:
                return False
            if row[6] == "active":
                return run(connection, "SELECT pg_cancel_backend(%s)", (pid,)).fetchone() == (True,)
            time.sleep(_PAUSE_SECONDS)
        return False
    finally:
        run(connection, "SELECT pg_advisory_unlock(%s, %s)", (GATE, pid))


def _described(name: str, row: Row) -> dict[str, Any]:
    pid, user, application, client, started_at, waiting, state, duration, _ = row
    return {
        "pid": pid,
        "user": user,
        "application": application,
        "client": client,
        "started_at": started_at.astimezone(UTC),
        "waiting": waiting,
        "state": state,
        "duration": duration,
        "query_name": name,
    }
