"""A memory in PostgreSQL: the same is told as with a file."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.runtime.events.conftest import BEGIN, EventsWorkspace, event

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SteppingClock


class OnServer(EventsWorkspace):
    """A project that remembers on a server."""

    def remember_at(self, url: str) -> None:
        hook = {"type": "webhook", "url": "http://127.0.0.1:9", "allow_private": True}
        self.write(
            "profiles.yml",
            {
                "profiles": {"server": {"type": "postgres", "url": url, "internal_schema": "tocsin"}},
                "default_profile": "server",
                "alert_channels": {"ops": hook, "boss": hook},
            },
        )

    def query(self, query: str, **params: Any) -> list[dict[str, Any]]:
        return super().query(query.replace("_tocsin_", "tocsin._tocsin_"), **params)


def test_the_same_is_told_as_with_a_file(
    tmp_path: Path, clock: SteppingClock, postgres_database: str
) -> None:
    file, server = (
        EventsWorkspace(tmp_path / "file", clock, "http://127.0.0.1:9"),
        OnServer(tmp_path / "pg", clock),
    )
    server.remember_at(postgres_database)
    severe = {"_Tocsin": {"EventSeverity": "high"}}
    days = [0, 0.5, 1, 1.5, 2.4, 2.6, 4, 5, 6.5, 9, 11, 12.5, 13, 14]
    events = [
        event(n, day, f"192.0.2.{n % 3}", **(severe if n % 5 == 4 else {})) for n, day in enumerate(days)
    ]
    for workspace in (file, server):
        workspace.events(source={"folder": "queue"})
        workspace.events(
            "boss", alerting={"channels": ["boss"], "threshold": False}, filter={"severities": ["high"]}
        )
        workspace.drop("1.jsonl", events[:7])
        workspace.run(steps=("load",))
        workspace.notify()
        workspace.drop("2.jsonl", events[7:])
        workspace.run(steps=("load",))
        clock.time = BEGIN + timedelta(days=20)
        workspace.notify()

    told = [{**message, "queued_at": None} for message in file.told()]
    assert {message["kind"] for message in told} >= {"first", "escalated", "relapsed"}
    assert [{**message, "queued_at": None} for message in server.told()] == told
    assert sorted(server.decisions()) == sorted(file.decisions())
    assert server.notify().taken == 0


def test_two_at_once_tell_nothing_twice_on_a_server(
    tmp_path: Path, clock: SteppingClock, postgres_database: str
) -> None:
    server = OnServer(tmp_path / "pg", clock)
    server.remember_at(postgres_database)
    clock.time = BEGIN + timedelta(days=1)
    server.events()
    server.store([event(n, n / 10_000, f"192.0.2.{n % 20}") for n in range(1500)])

    reports = server.notify_at_once(3)

    assert sum(report.events for report in reports) == 1500
    assert sum(report.messages for report in reports) == len(server.told()) == 20
