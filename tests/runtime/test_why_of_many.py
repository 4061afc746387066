"""`explain` where one telling has held very much back: what it reads does not grow with that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.alert_scenes import Scene, scan
from tocsin.eventstorage.thresholds import Thresholder
from tocsin.runtime.alerts.history import HistoryFilter, read_history
from tocsin.runtime.alerts.memory import memory_to_read
from tocsin.runtime.events.store import open_project_events
from tocsin.runtime.why.explain import explain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import SteppingClock
    from tocsin.runtime.why.facts import Answer

FAR_TOO_MANY = ("SCAN d", "SCAN h", "SCAN _tocsin_decisions", "SEARCH h USING INDEX series")
FORGOTTEN = datetime(2026, 2, 20, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgres"])
def new_scene(request: pytest.FixtureRequest, tmp_path: Path, clock: SteppingClock) -> Callable[[str], Scene]:
    """Give a way to make projects whose memories are of either kind."""

    def make(name: str) -> Scene:
        (tmp_path / name).mkdir()
        scene = Scene.new(tmp_path / name, clock)
        if request.param == "postgres":
            scene.remember_at(request.getfixturevalue("postgres_database"), name)
        scene.monitor()
        return scene

    return make


def hold_back(scene: Scene, count: int, *, last_at: float = 3) -> None:
    """Tell of an event, hold so many back, and go on until the thresholds have forgotten it."""
    held = [scan(1 + number, 1 + number / 1000) for number in range(count - 1)]
    scene.store(scan(0, 0), *held, scan(900, last_at), scan(901, 25, Source=[{"IP4": ["192.0.2.9"]}]))
    scene.run()
    with open_project_events(scene.work.load()) as events:
        Thresholder(events).clean_some(FORGOTTEN, 100)


def asked(
    scene: Scene, event: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[Answer, list[tuple[int, str]], list[str]]:
    """Give what is said of an event, how many rows were read for it by which query, and how (of SQLite)."""
    project, now = scene.work.load(), scene.work.clock.now()
    read: list[tuple[int, str]] = []
    steps: list[str] = []
    with memory_to_read(project, scene.work.clock) as memory, monkeypatch.context() as patch:
        ask = memory.execute_query

        def note(query: str, params: Any = None) -> list[dict[str, Any]]:
            rows = ask(query, params)
            read.append((len(rows), query))
            if project.memory_server is None and query.startswith("SELECT"):
                steps.extend(str(row["detail"]) for row in ask(f"EXPLAIN QUERY PLAN {query}", params))
            return rows

        patch.setattr(memory, "execute_query", note)
        (answer,) = explain(project, memory, event, now=now).rules[0].answers
    return answer, read, steps


@pytest.mark.parametrize("event", ["scan-000", "scan-003"], ids=["told", "held"])
@pytest.mark.parametrize("last_at", [3, 5.9], ids=["forgotten", "relapsed"])
def test_what_is_read_does_not_grow_with_what_was_held_back(
    new_scene: Callable[[str], Scene], monkeypatch: pytest.MonkeyPatch, event: str, last_at: float
) -> None:
    counts = []
    for held in (8, 80):
        hold_back(scene := new_scene(f"with_{held}"), held, last_at=last_at)
        answer, read, steps = asked(scene, event, monkeypatch)
        assert answer.holding is not None
        assert answer.holding.relapse_from is None  # the thresholds know nothing of it
        assert answer.holding.held_count == held
        assert answer.holding.held_ids == ("scan-001", "scan-002", "scan-003")
        first, last = scan(1, 1)["DetectTime"], scan(900, last_at)["DetectTime"]
        assert (answer.holding.first_held, answer.holding.last_held) == (
            datetime.fromisoformat(first),
            datetime.fromisoformat(last),
        )
        assert sum(row.told for row in (*answer.decisions, *filter(None, [answer.relapse]))) == (
            (event == "scan-000") + (last_at > 4)
        )
        counts.append(sum(number for number, _ in read))
        assert not [step for step in steps if step.startswith(FAR_TOO_MANY)]
    assert counts[0] == counts[1]


def test_what_was_held_back_of_one_of_many_addresses_is_counted_once(
    new_scene: Callable[[str], Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = new_scene("addresses")
    many = [f"192.0.2.{number}" for number in range(1, 251)]
    held = [scan(n, n / 100, Source=[{"IP4": [many[n % 250]]}]) for n in (240, 150, 120, 2, 3)]
    last = scan(901, 25, Source=[{"IP4": ["198.51.100.9"]}])
    scene.store(scan(0, 0, Source=[{"IP4": many}]), *held, last)
    scene.run()
    with open_project_events(scene.work.load()) as events:
        Thresholder(events).clean_some(FORGOTTEN, 1000)
    for event, count, ids in (
        ("scan-000", 5, ("scan-002", "scan-003", "scan-120")),
        ("scan-120", 1, ("scan-120",)),
    ):
        answer, _, _ = asked(scene, event, monkeypatch)
        assert answer.holding is not None
        assert answer.holding.relapse_from is None
        assert (answer.holding.held_count, answer.holding.held_ids) == (count, ids)


def test_history_has_the_relapse_of_the_last_of_many(new_scene: Callable[[str], Scene]) -> None:
    """The relapse is noted at the first hundred of them alone."""
    hold_back(scene := new_scene("many"), 130, last_at=5.9)
    project = scene.work.load()
    with memory_to_read(project, scene.work.clock) as memory:
        told = {
            event: [row.kind.value for row in read_history(memory, HistoryFilter(event=event), limit=9)]
            for event in ("scan-000", "scan-001", "scan-120", "scan-900", "scan-901")
        }
    assert told == {
        "scan-000": ["first"],
        "scan-001": ["relapsed", "held"],
        "scan-120": ["relapsed", "held"],
        "scan-900": ["relapsed", "held"],
        "scan-901": ["first"],
    }


def test_what_mutes_a_relapse_is_looked_up_by_its_events(
    new_scene: Callable[[str], Scene], clock: SteppingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not among all that was held back, once for each of the many that were silenced."""
    from tests.runtime.test_why import silence

    scene = new_scene("muted")
    clock.time = datetime(2026, 2, 7, 9, tzinfo=UTC)
    scene.store(scan(0, 0), scan(1, 1), scan(2, 5.9))
    scene.run()
    clock.advance(timedelta(hours=3))
    silence(scene, "monitor=ids", hours=4)
    scene.run()
    answer, _, steps = asked(scene, "scan-001", monkeypatch)
    assert answer.relapse is not None
    assert (answer.relapse.kind, answer.relapse.event_id) == ("silenced", "scan-001")
    assert not [step for step in steps if step.startswith(FAR_TOO_MANY)]
