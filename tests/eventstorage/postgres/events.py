"""Events for the tests, as messages and as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.eventstorage.idea import row_of
from tocsin.testing.event_stores import message

if TYPE_CHECKING:
    from tocsin.eventstorage.postgres import PostgresBackend, PostgresSession
    from tocsin.eventstorage.row import EventRow

__all__ = ["SIDES", "counts", "row", "rows", "store"]

SIDES = ("events", "event_messages", "event_ip", "event_host", "event_port", "event_ids")


def row(ident: str, **content: Any) -> EventRow:
    """Make the row of an event with something in every table."""
    everything = {
        "Source": [{"IP4": ["192.0.2.1"], "Hostname": ["a.example.org"], "Port": [22], "Type": ["Origin"]}],
        "Target": [{"IP6": ["2001:db8::/64"], "Hostname": ["b.example.org"], "Proto": ["tcp"]}],
        "Node": [{"Name": "org.example.probe", "Type": ["Relay"]}],
        "Description": "Somebody knocked",
        "_Tocsin": {
            "EventClass": "knocking",
            "EventSeverity": "low",
            "ResolvedAbuses": ["abuse@example.org"],
        },
    }
    return row_of(message(ident, **{**everything, **content}), words=True)


def rows(first: int, last: int, **content: Any) -> list[EventRow]:
    """Make rows whose ids are numbers."""
    return [row(str(number), **content) for number in range(first, last + 1)]


def store(backend: PostgresBackend, *batches: list[EventRow]) -> list[list[bool]]:
    """Store batches, each in a transaction of its own."""
    session = backend.session()
    verdicts = []
    for batch in batches:
        verdicts.append(session.insert_rows(batch))
        session.commit()
    session.close()
    return verdicts


def counts(session: PostgresSession, *, but_gone: bool = False) -> dict[str, int]:
    """Count the events that the tables have rows of, or of these but those that are gone."""
    which = "WHERE seq > (SELECT dropped_seq FROM event_store)" if but_gone else ""
    return {
        table: session.execute(f"SELECT count(DISTINCT seq) FROM {table} {which}")[0][0] for table in SIDES
    }
