"""Incidents whose monitor or rule is gone, or not enabled: nobody would ever end them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.alert_scenes import Scene
from tests.runtime.test_why import silence

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SteppingClock


def told(scene: Scene, series: str) -> list[Any]:
    rows = scene.work.query(
        "SELECT kind FROM _tocsin_decisions WHERE series = %(series)s AND candidate_id <> ''"
        " ORDER BY event_at, decided_at, kind",
        series=series,
    )
    return [row["kind"] for row in rows]


@pytest.mark.parametrize("change", [{"enabled": False}, {"alerting": {"name": "other"}}, {"alerting": []}])
def test_a_trouble_that_nobody_would_end_mutes_nothing(
    tmp_path: Path, clock: SteppingClock, change: dict[str, Any]
) -> None:
    scene = Scene.new(tmp_path, clock)
    scene.groups(inhibitions=[{"when": ["host"], "mutes": ["shop"]}])
    scene.metric("host", range(180, 190), 190)
    scene.metric("shop", range(190, 200))
    scene.run()
    assert told(scene, "shop") == ["inhibited"]

    scene.metric("host", range(180, 190), 200, **change)  # as a rule of another name it is over
    clock.advance(timedelta(hours=1))
    scene.run()

    assert told(scene, "shop") == ["inhibited", "first"]


def test_a_muted_incident_of_a_monitor_that_is_not_enabled_is_told_when_it_is_again(
    tmp_path: Path, clock: SteppingClock
) -> None:
    scene = Scene.new(tmp_path, clock)
    scene.metric("load", range(190, 200))
    scene.metric("other", range(10, 11))
    silence(scene, "monitor=load")
    scene.run()

    scene.metric("load", range(190, 200), enabled=False)
    clock.advance(timedelta(hours=3))
    scene.run()
    assert told(scene, "load") == ["silenced"]

    scene.metric("load", range(190, 200))
    scene.run()
    assert told(scene, "load") == ["silenced", "first"]


def test_a_full_refresh_does_not_end_an_incident_before_it_began(
    tmp_path: Path, clock: SteppingClock
) -> None:
    scene = Scene.new(tmp_path, clock)
    scene.metric("load", range(190, 200), 200, alerting={"channels": ["hook"], "renotify_every": "1h"})
    scene.run()
    before = told(scene, "load")

    assert scene.work.run(full_refresh=True).exit_code == 0

    assert told(scene, "load") == before == ["first", "repeat"]
    incidents = "SELECT anomalies, state, resolved_at FROM _tocsin_incidents"
    assert scene.work.query(incidents) == [{"anomalies": 10, "state": "firing", "resolved_at": None}]
    scene.metric("load", range(190, 200), 205, alerting={"channels": ["hook"], "renotify_every": "1h"})
    scene.run()
    assert told(scene, "load") == ["first", "repeat", "recovered"]
