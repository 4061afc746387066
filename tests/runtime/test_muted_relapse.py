"""What comes due while people ask for silence: it is held by what holds a new event of its kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.alert_scenes import Scene, scan
from tests.runtime.test_why import silence
from tocsin.runtime.events.store import open_project_events

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SteppingClock

CLASS: dict[str, Any] = {"_Tocsin": {"EventSeverity": "medium", "EventClass": "scans"}}
OTHER_TARGET: dict[str, Any] = {"Target": [{"IP4": ["192.0.2.99"]}]}


@pytest.fixture(params=["sqlite", "postgres"])
def scene(request: pytest.FixtureRequest, tmp_path: Path, clock: SteppingClock) -> Scene:
    """Give a project in which an event was told, others are held back, and it is nearly due."""
    scene = Scene.new(tmp_path, clock)
    if request.param == "postgres":
        scene.remember_at(request.getfixturevalue("postgres_database"), "tocsin")
    scene.monitor()
    scene.store(scan(0, 0, **CLASS), scan(1, 1, **CLASS, **OTHER_TARGET), scan(2, 5.9, **CLASS))
    clock.time = datetime(2026, 2, 7, 9, tzinfo=UTC)
    scene.run()
    clock.advance(timedelta(hours=3))
    return scene


def kinds(scene: Scene) -> list[str]:
    table = "_tocsin_decisions" if scene.work.load().memory_server is None else "tocsin._tocsin_decisions"
    return [
        row["kind"] for row in scene.work.query(f"SELECT kind FROM {table} ORDER BY decided_at, event_at")
    ]


@pytest.mark.parametrize(
    "matcher", ["target=www.example.org", "category=Recon.*", "class=scans", "source=192.0.2.0/24"]
)
def test_a_silence_of_what_its_events_say_holds_a_relapse(scene: Scene, matcher: str) -> None:
    silence(scene, matcher, hours=4)
    scene.run()
    assert kinds(scene) == ["first", "held", "held", "silenced"]


@pytest.mark.parametrize("matcher", ["target=192.0.2.7", "source=www.example.org", "target=192.0.2.99"])
def test_a_silence_of_something_else_does_not(scene: Scene, matcher: str) -> None:
    """Nor does one of an address that is its source, where the silence is about targets."""
    silence(scene, matcher, hours=4)
    scene.run()
    assert kinds(scene) == ["first", "held", "held", "relapsed"]


@pytest.mark.parametrize(
    ("matcher", "kind"), [("source=192.0.2.7", "silenced"), ("target=192.0.2.7", "relapsed")]
)
def test_whom_it_is_about_is_known_when_its_events_are_not_stored_any_more(
    scene: Scene, matcher: str, kind: str
) -> None:
    with open_project_events(scene.work.load()) as events:
        assert events.delete_events({"categories": ["Recon.Scanning"]}) == 3
    silence(scene, matcher, hours=4)
    scene.run()
    assert kinds(scene) == ["first", "held", "held", kind]
