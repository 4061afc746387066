"""Notices on their way into messages: alone or together, now or later, in order."""

from __future__ import annotations

from datetime import time, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.alerting.stages.builders import World, at, event, incident, worse
from tocsin.alerting.batches import notice_id, send_batches
from tocsin.model import DecisionKind, Group, Schedule, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE = timedelta(minutes=1)
NIGHTLY = Schedule(start=time(22), end=time(6))


def tell(world: World, *names: str, severity: Severity = Severity.MEDIUM, minutes: float = 0) -> None:
    world.tell(*(worse(event(name, minutes, sources=(name,)), severity) for name in names))


def waiting(world: World) -> list[str]:
    return [row["notice_id"] for row in world.rows("notices", "notice_id")]


def test_without_waiting_each_travels_by_itself_at_once(world: World) -> None:
    tell(world, "a", "b")
    assert world.send(close_all=False) == 2
    assert [message["kind"] for message in world.messages()] == ["first", "first"]
    ids = [notice_id(f"candidate-{name}", "everyone", "ops") for name in "ab"]
    assert sorted(message["id"] for message in world.messages()) == sorted(ids)
    assert waiting(world) == []
    assert world.send() == 0
    assert [row["message_id"] for row in world.decisions()] == [row["notice_id"] for row in world.decisions()]


def test_the_first_of_a_batch_waits_for_others(world: World) -> None:
    world.groups(Group("everyone", channels=("ops",), group_wait=5 * MINUTE))
    tell(world, "a")
    assert world.send(close_all=False) == 0
    world.later(4)
    tell(world, "b")
    assert world.send(close_all=False) == 0
    world.later(1)
    assert world.send(close_all=False) == 1
    (digest,) = world.messages()
    assert digest["kind"] == "digest"
    assert [item["event_id"] for item in digest["items"]] == ["a", "b"]
    assert {row["message_id"] for row in world.decisions()} == {digest["id"]}


def test_the_next_batch_leaves_after_the_interval_at_the_earliest(world: World) -> None:
    world.groups(Group("everyone", channels=("ops",), group_wait=MINUTE, group_interval=10 * MINUTE))
    tell(world, "a")
    world.later(1)
    assert world.send(close_all=False) == 1
    world.later(1)
    tell(world, "b")
    world.later(8)
    assert world.send(close_all=False) == 0
    world.later(1)
    assert world.send(close_all=False) == 1
    # After a quiet time the next one waits as the first did.
    world.later(60)
    tell(world, "c")
    assert world.send(close_all=False) == 0
    world.later(1)
    assert world.send(close_all=False) == 1
    assert [message["event"]["id"] for message in world.messages()] == ["a", "b", "c"]


def test_waiting_and_intervals_survive_a_restart(new_world: Callable[[], World]) -> None:
    world = new_world()
    world.groups(Group("everyone", channels=("ops",), group_wait=MINUTE, group_interval=10 * MINUTE))
    tell(world, "a")
    world.later(1)
    world.send(close_all=False)
    again = World(world.database, plan=world.plan, now=world.now + MINUTE)
    tell(again, "b")
    again.later(8)
    assert again.send(close_all=False) == 0
    again.later(1)
    assert again.send(close_all=False) == 1


def test_of_repetitions_that_leave_at_once_the_last_is_sent(world: World) -> None:
    repeat = DecisionKind.REPEAT
    world.tell(incident(), incident("db"))
    world.send(close_all=False)
    world.later(60)
    world.tell(
        *(incident(kind=repeat, minutes=minutes) for minutes in (10, 20, 30)),
        *(incident("db", repeat, minutes, opened=opened) for minutes, opened in ((15, 0), (25, 0))),
        incident(kind=DecisionKind.RECOVERED, minutes=31),
    )
    assert world.send(close_all=False) == 3
    assert [(one["monitor"], one["kind"], one["timestamp"]) for one in world.messages()[2:]] == [
        ("db", "repeat", "2026-03-02T12:25:00Z"),
        ("web", "repeat", "2026-03-02T12:30:00Z"),
        ("web", "recovered", "2026-03-02T12:31:00Z"),
    ]
    assert waiting(world) == []
    repetitions = [row for row in world.decisions() if row["kind"] == "repeat"]
    assert len(repetitions) == 5
    sent = {one["id"]: one["monitor"] for one in world.messages()}
    assert [sent[row["message_id"]] for row in repetitions] == [row["series"] for row in repetitions]
    world.tell(incident("db", repeat, 35))
    assert world.send(close_all=False) == 1


def test_a_run_that_ends_closes_every_batch(world: World) -> None:
    world.groups(Group("everyone", channels=("ops",), group_wait=60 * MINUTE))
    tell(world, "a", "b")
    assert world.send(close_all=False) == 0
    assert world.send(close_all=True) == 1
    assert waiting(world) == []


def test_what_is_unlike_in_group_by_travels_apart(world: World) -> None:
    world.groups(
        Group("everyone", channels=("ops", "mail"), group_wait=MINUTE, group_by=("monitor", "severity"))
    )
    world.tell(
        *(
            worse(event(f"e{number}", sources=(str(number),), monitor=monitor), severity)
            for number, (monitor, severity) in enumerate(
                [("ids", Severity.LOW), ("ids", Severity.HIGH), ("fox", Severity.LOW), ("ids", Severity.LOW)]
            )
        )
    )
    world.send()
    for channel in ("ops", "mail"):
        together = [
            [item["event_id"] for item in message["items"]] or [message["event"]["id"]]
            for message in world.messages(channel)
        ]
        assert together == [["e0", "e3"], ["e1"], ["e2"]]


def test_groups_do_not_travel_together(world: World) -> None:
    world.groups(
        Group("a", networks=("192.0.2.1",), channels=("ops",), group_wait=MINUTE),
        Group("b", networks=("192.0.2.2",), channels=("ops",), group_wait=MINUTE),
    )
    world.tell(event("e1", sources=("192.0.2.1",)), event("e2", sources=("192.0.2.2",)))
    assert world.send() == 2
    assert [message["group"] for message in world.messages()] == ["a", "b"]


def test_messages_of_a_channel_are_in_the_order_of_event_time(world: World) -> None:
    world.groups(Group("everyone", channels=("ops",)))
    tell(world, "late", minutes=50)
    tell(world, "early", minutes=10)
    world.tell(incident("web", minutes=30, channels=("ops",)))
    world.send()
    assert [message["timestamp"][11:16] for message in world.messages()] == ["12:10", "12:30", "12:50"]


def test_a_digest_has_the_same_id_whatever_the_order(new_world: Callable[[], World]) -> None:
    found = set()
    for names in (("a", "b", "c"), ("c", "a", "b")):
        world = new_world()
        world.groups(Group("everyone", channels=("ops",), group_wait=MINUTE))
        for name in names:
            tell(world, name)
        world.send()
        (digest,) = world.messages()
        found.add(digest["id"])
    assert len(found) == 1


def test_a_digest_of_many_names_the_first_and_counts_the_rest(world: World) -> None:
    world.groups(Group("everyone", channels=("ops",), group_wait=MINUTE))
    world.tell(*(event(f"e{number:03}", number / 10, sources=(f"h{number}",)) for number in range(120)))
    assert world.send() == 1
    (digest,) = world.messages()
    assert [item["event_id"] for item in digest["items"]] == [f"e{number:03}" for number in range(50)]
    assert digest["more"] == 70
    assert digest["title"] == "120 messages for everyone"
    assert digest["text"].splitlines()[-1] == "and 70 more"
    assert {row["message_id"] for row in world.decisions()} == {digest["id"]}
    assert waiting(world) == []


def test_a_digest_says_what_it_is_about(world: World) -> None:
    world.groups(Group("everyone", channels=("ops",), group_wait=MINUTE))
    opening = incident("web", channels=())
    ended = incident("web", DecisionKind.RECOVERED, 20, channels=())
    world.tell(opening, ended, worse(event("e1", 10), Severity.HIGH))
    world.send()
    (digest,) = world.messages()
    assert digest["title"] == "3 messages for everyone: 2 new, 1 over"
    assert digest["severity_word"] == "high"
    assert (digest["monitor"], digest["subject"], digest["rule"]) == (None, "events", "default")
    assert digest["timestamp"] == "2026-03-02T12:20:00Z"
    assert digest["kinds"] == {"first": 2, "recovered": 1}
    assert digest["text"].splitlines() == [
        "- 2026-03-02 12:00 UTC [medium] web is above its band",
        "- 2026-03-02 12:10 UTC [high] Recon.Scanning from 192.0.2.1",
        "- 2026-03-02 12:20 UTC [medium] web is above its band",
    ]
    assert digest["items"][1]["title"] == "Recon.Scanning from 192.0.2.1"


class TestHours:
    def world(self, world: World, **values: object) -> World:
        world.groups(Group("everyone", channels=("ops",), schedule=NIGHTLY, **values))  # type: ignore[arg-type]
        return world

    def test_what_comes_outside_of_the_hours_waits_for_them(self, world: World) -> None:
        self.world(world)
        tell(world, "a")
        assert world.send(close_all=False) == 0
        assert world.send(close_all=True) == 0
        world.now = at(10 * 60)
        assert world.send(close_all=False) == 1
        assert world.reasons() == [
            "the filter selects it; it waits for the hours of everyone, from 2026-03-02 22:00:00 UTC on"
        ]

    def test_what_is_bad_enough_does_not_wait(self, world: World) -> None:
        self.world(world, group_wait=MINUTE)
        tell(world, "a", "b")
        tell(world, "bad", severity=Severity.CRITICAL)
        assert world.send() == 1
        assert len(waiting(world)) == 2
        assert world.messages()[0]["event"]["id"] == "bad"

    def test_other_hours_count_at_once(self, world: World) -> None:
        self.world(world)
        tell(world, "a")
        assert world.send() == 0
        world.groups(Group("everyone", channels=("ops",)))
        assert world.send(close_all=False) == 1

    def test_a_day_on_which_the_clock_goes_forward_has_its_digest(self, world: World) -> None:
        mornings = Schedule("Europe/Prague", start=time(8), end=time(8, 15))
        day = timedelta(days=1)
        world.groups(
            Group("everyone", channels=("ops",), group_wait=MINUTE, group_interval=day, schedule=mornings)
        )
        sent = []
        for hours in range(25 * 24, 28 * 24):  # from Friday the 27th of March on
            world.now = at(hours * 60)
            tell(world, f"e{hours}", minutes=hours * 60)
            world.later(2)
            if world.send(close_all=False):
                sent.append(world.now.isoformat(timespec="minutes"))
        assert sent == ["2026-03-28T07:02+00:00", "2026-03-29T06:02+00:00", "2026-03-30T06:02+00:00"]

    def test_a_group_that_is_no_more_is_told_what_was_decided(self, world: World) -> None:
        self.world(world)
        tell(world, "a")
        world.groups()
        assert world.send(close_all=False) == 1


def test_what_is_killed_before_the_end_is_done_again_alike(world: World) -> None:
    world.groups(Group("everyone", channels=("ops",), group_wait=MINUTE))
    tell(world, "a", "b")

    def send_and_die() -> None:
        with world.database.transaction() as tx:
            send_batches(tx, plan=world.plan, now=world.now, close_all=True)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send_and_die()
    assert world.messages() == []
    assert len(waiting(world)) == 2
    assert world.send() == 1
    assert len(world.messages()[0]["items"]) == 2
