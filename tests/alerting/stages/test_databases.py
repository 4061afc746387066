"""The stages on each kind of memory."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.alerting.stages.builders import NOON, at, event, incident
from tocsin.alerting.tell import TellReport
from tocsin.model import DecisionKind, Group, Inhibition, Severity
from tocsin.testing.alerting import MemoryThresholds

if TYPE_CHECKING:
    from tests.alerting.stages.builders import World


def test_a_day_goes_through_all_stages(any_world: World) -> None:
    world = any_world
    world.groups(
        Group(
            "soc",
            networks=("192.0.2.0/24",),
            channels=("mail",),
            group_by=("monitor",),
            group_wait=timedelta(minutes=5),
        ),
        Group("everyone", channels=("ops",)),
        inhibitions=(Inhibition(("host",), ("web",)),),
    )
    world.book = MemoryThresholds({Severity.MEDIUM: (timedelta(minutes=60), timedelta(minutes=30))})
    world.now = NOON
    host, web = incident("host"), incident("web", minutes=2)
    for one in (host, web):
        world.open_incident(one)
    world.queue(host, web)
    world.silence("monitor=ids", "source=192.0.2.66")

    assert world.tell_waiting(limit=1) == TellReport(taken=1, told=1)
    assert world.tell_waiting(limit=1) == TellReport(taken=1, inhibited=1)
    found = world.tell(
        event("e1"), event("e2", sources=("192.0.2.2",)), event("e3"), event("e4", sources=("192.0.2.66",))
    )
    assert found == TellReport(taken=4, told=2, held=1, silenced=1)
    assert world.send(close_all=False) == 1
    world.later(5)
    assert world.send(close_all=False) == 1
    assert [one["kind"] for one in world.messages("mail")] == ["digest"]

    world.now = at(40)
    world.tell(event("e5", 40))
    world.open_incident(host, resolved=45)
    world.now = at(70)
    world.queue(incident("host", DecisionKind.RECOVERED, 45), incident("web", DecisionKind.REPEAT, 50))
    assert world.tell_waiting() == TellReport(taken=2, told=3)
    assert world.tell_relapses() == TellReport(taken=1, told=1)
    assert world.send(close_all=True) == 4
    assert [one["kind"] for one in world.messages("ops")] == ["first", "first", "recovered", "repeat"]
    (_, relapse) = world.messages("mail")
    assert (relapse["kind"], relapse["held_count"]) == ("relapsed", 2)
    held = [row for row in world.decisions() if row["kind"] == "held"]
    assert {row["message_id"] for row in held} == {relapse["id"]}
    assert world.rows("candidates", "candidate_id") == world.rows("notices", "notice_id") == []
