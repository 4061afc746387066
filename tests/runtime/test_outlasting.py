"""A metric that flaps, whose rule has a threshold: what goes on is told, sooner or later, and says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.runtime.alert_scenes import Scene
from tests.runtime.conftest import noisy
from tests.runtime.test_why import silence, slot
from tocsin.model import DecisionKind
from tocsin.runtime.alerts.history import HistoryFilter, point_of, read_history
from tocsin.runtime.alerts.memory import memory_to_read
from tocsin.runtime.alerts.views import OpenIncident, open_incidents
from tocsin.runtime.why.facts import Next

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SteppingClock

# Told at slot 152, and silent for 36 slots; what is held back in the last 12 of them is told again.
OVER, END = range(150, 156), 188
LIMIT = {"type": "manual_bounds", "params": {"upper_bound": 150}}


@dataclass
class Flapping:
    """A series that was told, and jumps again from some slot on."""

    scene: Scene
    clock: SteppingClock
    again: int = 160
    host: str | None = None

    def of_host(self, host: str) -> None:
        """Make it the series of a host, which its findings name as their target."""
        self.host = host
        self.scene.metric(
            "load",
            range(0),
            149,
            alerting={"channels": ["hook"], "threshold": True},
            detectors=[LIMIT],
            query="SELECT * FROM read_csv('load.csv')",
            dimension="host",
            findings={"target": {"ip": ["host"]}},
        )

    def run(self, *counts: int) -> None:
        """Run when there are so many slots, one after the other."""
        for number in counts:
            jumps = [one for one in (*OVER, *range(self.again, number)) if one < number]
            rows = noisy(number, jumps=dict.fromkeys(jumps, 80))
            if self.host is None:
                self.scene.work.csv("load", rows)
            else:
                self.scene.work.csv("load", [(*row, self.host) for row in rows], "timestamp,value,host")
            self.clock.time = slot(number) + timedelta(minutes=1)
            self.scene.run()

    def kinds(self) -> list[str]:
        """Give what was decided, of what begins and what follows."""
        rows = self.scene.work.query(
            "SELECT kind FROM _tocsin_decisions WHERE candidate_id <> '' ORDER BY decided_at, event_at"
        )
        return [row["kind"] for row in rows]

    def history_of(self, at: int) -> list[str]:
        """Give what history says of the event of a slot, newest first."""
        project = self.scene.work.load()
        event = self.scene.why("load", slot(at)).found.event_id
        assert event is not None
        with memory_to_read(project, self.clock) as memory:
            point = point_of(project, memory, event)
            rows = read_history(memory, HistoryFilter(event=event), limit=50, point=point)
        return [row.kind for row in rows]

    def listed(self) -> OpenIncident:
        project = self.scene.work.load()
        with memory_to_read(project, self.clock) as memory:
            (one,) = open_incidents(project, memory)
        return one


@pytest.fixture
def flapping(tmp_path: Path, clock: SteppingClock) -> Flapping:
    clock.time = slot(149)
    scene = Scene.new(tmp_path, clock)
    scene.groups(thresholds={"medium": {"silence": "6h", "relapse": "2h"}})
    scene.metric("load", range(0), 149, alerting={"channels": ["hook"], "threshold": True}, detectors=[LIMIT])
    return Flapping(scene, clock)


def test_what_began_early_in_the_silence_and_outlasts_it_is_told(flapping: Flapping) -> None:
    flapping.run(149, 158, 170)
    (answer,) = flapping.scene.why("load").rules[0].answers
    assert (answer.again.kind, answer.again.at) == (Next.IF_IT_GOES_ON, slot(END))
    text = flapping.scene.words("load")
    assert text.endswith(
        "It is silent until 2026-01-06 07:20:00 UTC; if it still goes on after that, it is told then."
    )

    flapping.run(200, 210, 220)
    assert flapping.kinds() == ["first", "recovered", "held", "first"]
    text = flapping.scene.words("load")
    assert "first: it was held back, as the same was told before, and goes on after 2026-01-06 07:20" in text
    assert "Held back after that" not in text


@pytest.mark.parametrize("again", [160, 180], ids=["early", "near the end"])
def test_what_outlasts_it_while_people_asked_for_silence_is_told_after_that(
    flapping: Flapping, again: int
) -> None:
    flapping.again = again
    flapping.run(149, 158, 165, 187)
    name = silence(flapping.scene, "monitor=load", hours=4)
    flapping.run(200, 205)
    assert flapping.kinds() == ["first", "recovered", "held", "silenced"]
    (answer,) = flapping.scene.why("load").rules[0].answers
    assert answer.again.kind is Next.UNSILENCED
    (held,) = flapping.listed().held
    assert (held.kind, f"({name})" in held.reason) == (DecisionKind.SILENCED, True)

    flapping.run(230, 240)
    assert flapping.kinds() == ["first", "recovered", "held", "silenced", "first"]
    assert flapping.listed().told


@pytest.mark.parametrize("again", [160, 180], ids=["early", "near the end"])
def test_a_silence_of_its_host_holds_what_outlasts_it_too(flapping: Flapping, again: int) -> None:
    flapping.of_host("192.0.2.7")
    flapping.again = again
    flapping.run(149, 158, 165, 187)
    silence(flapping.scene, "host=192.0.2.0/24", hours=4)
    flapping.run(200, 205)
    assert flapping.kinds() == ["first", "recovered", "held", "silenced"]
    flapping.run(230)
    assert flapping.kinds() == ["first", "recovered", "held", "silenced", "first"]


def test_history_of_an_event_has_that_its_incident_goes_on(flapping: Flapping) -> None:
    flapping.run(149, 158, 170)
    silence(flapping.scene, "monitor=load", hours=6)
    flapping.run(200, 230)
    assert flapping.history_of(162) == ["first", "silenced", "held"]  # it was decided at this one
    assert flapping.history_of(160) == ["first", "silenced", "held", "none"]
    assert flapping.history_of(170) == ["first", "silenced", "none"]
    assert flapping.history_of(152) == ["first"]
