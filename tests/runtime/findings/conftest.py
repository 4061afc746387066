"""A project whose findings are looked at as events."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.logs.conftest import LogWorkspace
from tocsin.runtime.events.store import open_project_events

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SteppingClock
    from tocsin.abc import Clock
    from tocsin.eventstorage import Idea

MAD = {"type": "mad", "params": {"window_size": 40, "min_samples": 10, "threshold": 8}}
IQR = {"type": "iqr", "params": {"window_size": 40, "min_samples": 10}}


class FindingsWorkspace(LogWorkspace):
    """A project folder, and the events in its memory."""

    def events(self, **parameters: Any) -> list[Idea]:
        """Give the events that are kept, in the order of their times and ids."""
        with closing(open_project_events(self.load())) as events:
            _, found = events.search_events({"sortby": "detecttime.asc", "limit": 100_000, **parameters})
            return list(found)

    @classmethod
    def there(cls, folder: Path, clock: Clock) -> FindingsWorkspace:
        """Give a project as it is."""
        workspace = cls.__new__(cls)
        workspace.folder, workspace.clock = folder, clock
        return workspace

    def messages(self) -> dict[str, bytes]:
        """Give the bytes of all events by id."""
        return {event.id: event.original for event in self.events()}

    def anomalies(self) -> int:
        """Give how many anomalous verdicts are kept."""
        (row,) = self.query("SELECT count(*) AS n FROM _tocsin_detections WHERE is_anomaly")
        return int(row["n"])


@pytest.fixture
def project(tmp_path: Path, clock: SteppingClock) -> FindingsWorkspace:
    return FindingsWorkspace(tmp_path / "project", clock)


@pytest.fixture
def second(tmp_path: Path, clock: SteppingClock) -> FindingsWorkspace:
    """Give another project of the same name, to compare with."""
    return FindingsWorkspace(tmp_path / "second", clock)
