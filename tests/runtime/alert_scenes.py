"""Projects in which something fires, is silent, and waits: what the tests about alerts look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.runtime.conftest import Workspace, noisy
from tocsin.runtime.alerts.memory import memory_to_read
from tocsin.runtime.events.store import open_project_events
from tocsin.runtime.why.explain import explain

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from tocsin.abc import Clock
    from tocsin.runtime.why.facts import Why

__all__ = ["Scene", "scan"]

NOWHERE = {"type": "webhook", "url": "http://127.0.0.1:9/", "allow_private": True, "timeout": 1}


def scan(number: int, day: float, severity: str = "medium", **keys: Any) -> dict[str, Any]:
    """Make an event of a scan by one address, so many days after the first of February."""
    from datetime import UTC, datetime, timedelta

    at = datetime(2026, 2, 1, 10, tzinfo=UTC) + timedelta(days=day)
    return {
        "Format": "IDEA0",
        "ID": f"scan-{number:03}",
        "DetectTime": at.isoformat(),
        "Category": ["Recon.Scanning"],
        "Description": "Ports are looked at",
        "Source": [{"IP4": ["192.0.2.7"]}],
        "Target": [{"Hostname": ["www.example.org"]}],
        "Node": [{"Name": "ids-1"}],
        "_Tocsin": {"EventSeverity": severity},
        **keys,
    }


@dataclass
class Scene:
    """A project with a channel, made step by step."""

    work: Workspace

    @classmethod
    def new(cls, folder: Path, clock: Clock, channel: dict[str, Any] | None = None) -> Scene:
        """Make a project whose channel leads nowhere, unless another one is given."""
        work = Workspace(folder, clock)
        (folder / "events").mkdir(exist_ok=True)
        work.write("profiles.yml", {"alert_channels": {"hook": channel or NOWHERE}})
        return cls(work)

    def remember_at(self, url: str, schema: str) -> None:
        """Let the project remember on a PostgreSQL server."""
        store = {"type": "postgres", "url": url, "internal_schema": schema}
        files = {"type": "duckdb", "memory": {"profile": "store"}}
        profiles = {"profiles": {"files": files, "store": store}, "default_profile": "files"}
        self.work.write("profiles.yml", {**profiles, "alert_channels": {"hook": NOWHERE}})

    def groups(self, *groups: dict[str, Any], **keys: Any) -> None:
        self.work.write("groups.yml", {"groups": list(groups), **keys})

    def metric(self, name: str, jumps: range, count: int = 200, **keys: Any) -> None:
        """Make a metric that jumps in some slots; up to the last one, it still fires."""
        self.work.csv(name, noisy(count, jumps=dict.fromkeys(jumps, 80)))
        self.work.metric(name, **{"alerting": {"channels": ["hook"]}, **keys})

    def monitor(self, name: str = "ids", **keys: Any) -> None:
        """Make an events monitor that tells of scans."""
        rule = {"channels": ["hook"]}
        content = {"name": name, "filter": {"categories": ["Recon.Scanning"]}, "alerting": rule, **keys}
        self.work.write(f"events/{name}.yml", content)

    def store(self, *events: dict[str, Any]) -> None:
        with open_project_events(self.work.load()) as service:
            for event in events:
                service.insert_event(event)

    def run(self) -> None:
        assert self.work.run().exit_code == 0

    def why(self, asked: str, at: datetime | None = None) -> Why:
        project = self.work.load()
        with memory_to_read(project, self.work.clock) as memory:
            return explain(project, memory, asked, at=at, now=self.work.clock.now())

    def words(self, asked: str, at: datetime | None = None) -> str:
        """Give all that is said, as one text."""
        from tocsin.cli.alerts_words import lines_of

        return "\n".join(lines_of(self.why(asked, at), self.work.clock.now()))
