"""A project whose events arrive in a folder, and whose messages come to a receiver on this machine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.conftest import Workspace
from tocsin.runtime.alerts.notify_step import NotifyReport, notify
from tocsin.runtime.databases import open_memory
from tocsin.runtime.events.store import open_project_events
from tocsin.testing.channels import HttpReceiver

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.conftest import SteppingClock

BEGIN = datetime(2026, 2, 1, tzinfo=UTC)


def event(number: int, days: float, address: str = "192.0.2.1", **keys: Any) -> dict[str, Any]:
    """Make an event: which, how many days after the beginning, from whom."""
    at = BEGIN + timedelta(days=days)
    return {
        "Format": "IDEA0",
        "ID": f"e{number}",
        "DetectTime": at.isoformat(),
        "Category": ["Recon.Scanning"],
        "Source": [{"IP4": [address]}],
        **keys,
    }


@dataclass
class EventsWorkspace(Workspace):
    """A project with an events monitor.

    Attributes:
        url: Where messages go.
    """

    url: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        (self.folder / "events").mkdir(exist_ok=True)
        hook = {"type": "webhook", "url": self.url or "${HOOK}", "allow_private": True}
        self.write("profiles.yml", {"alert_channels": {"ops": hook, "boss": hook}})

    def events(self, name: str = "ids", **keys: Any) -> Path:
        return self.write(f"events/{name}.yml", {"name": name, "alerting": {"channels": ["ops"]}, **keys})

    def drop(self, name: str, events: Iterable[dict[str, Any]]) -> Path:
        """Move a file of events into the folder `queue`."""
        folder = self.folder / "queue"
        folder.mkdir(exist_ok=True)
        path = folder / name
        path.write_text("".join(f"{json.dumps(one)}\n" for one in events), encoding="utf-8")
        return path

    def store(self, events: Iterable[dict[str, Any]]) -> None:
        with open_project_events(self.load()) as service:
            service.insert_events(events)

    def notify(self, **options: Any) -> NotifyReport:
        project = self.load()
        with open_memory(project, self.clock) as memory:
            return notify(project, memory, clock=self.clock, **options)

    def notify_at_once(self, number: int) -> list[NotifyReport]:
        """Let several threads notify at once."""
        reports: list[NotifyReport] = []
        threads = [Thread(target=lambda: reports.append(self.notify())) for _ in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return reports

    def told(self) -> list[dict[str, Any]]:
        """Give the messages of the outbox, in the order of event time."""
        rows = self.query("SELECT payload FROM _tocsin_outbox ORDER BY event_at, message_id")
        return [json.loads(row["payload"]) for row in rows]

    def decisions(self) -> list[tuple[str, ...]]:
        """Give (event, kind, stage) of all decisions, in the order of event time."""
        rows = self.query(
            "SELECT event_id, kind, stage FROM _tocsin_decisions ORDER BY event_at, event_id, kind, channel"
        )
        return [tuple(row.values()) for row in rows]

    def position(self, name: str) -> dict[str, Any] | None:
        rows = self.query("SELECT position FROM _tocsin_positions WHERE name = %(name)s", name=name)
        return json.loads(rows[0]["position"]) if rows else None


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


@pytest.fixture
def project(tmp_path: Path, clock: SteppingClock, receiver: HttpReceiver) -> EventsWorkspace:
    clock.time = BEGIN
    return EventsWorkspace(tmp_path, clock, receiver.url)
