"""The stages on each kind of memory."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.alerting.stages.builders import NOON, at, event, incident
from tests.conftest import SteppingClock
from tocsin.alerting.case import TellReport
from tocsin.alerting.outbox import deliver
from tocsin.alerting.passing import PATIENCE
from tocsin.alerting.records import Queued, queue_messages
from tocsin.errors import ChannelError
from tocsin.model import DecisionKind, Group, Inhibition, Severity
from tocsin.testing.alerting import MemoryThresholds

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def test_messages_pass_by_one_that_fails_and_those_for_nobody_are_given_up(any_world: World) -> None:
    def queue(channel: str, *groups: str) -> None:
        messages = [
            Queued(
                f"{channel} {number:03}",
                channel,
                "first",
                "r",
                "s",
                json.dumps({"id": f"{channel} {number:03}", "group": name}),
                NOON,
            )
            for number, name in enumerate(groups)
        ]
        with any_world.database.transaction() as tx:
            queue_messages(tx, messages, NOON)

    class Picky:
        taken: list[str] = []  # noqa: RUF012 - one receiver

        def send(self, message: Mapping[str, Any]) -> None:
            if message["group"] == "bad":
                raise ChannelError("answered 500", transient=True)
            self.taken.append(message["id"])

    queue("ops", *["bad"] * 150, "good")
    queue("gone", "a")
    clock, rng = SteppingClock(NOON), random.Random(7)  # noqa: S311 - jitter keeps no secret
    for _ in range(PATIENCE):
        assert not Picky.taken
        report = deliver(any_world.database, {"ops": Picky()}, clock=clock, rng=rng)
        clock.advance(timedelta(minutes=10))
    assert (Picky.taken, report.failed, report.pending) == (["ops 150"], 1, 151)
    assert "1 message waits for it" in report.errors["gone"]
    clock.advance(timedelta(hours=32))
    report = deliver(any_world.database, {"ops": Picky()}, clock=clock, rng=rng)
    assert (report.dead, report.pending) == (1, 150)
