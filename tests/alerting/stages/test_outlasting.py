"""Incidents that a threshold held back when they began, and that go on after its silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.alerting.stages.builders import World, at, incident
from tocsin.alerting import outlasting
from tocsin.alerting.case import TellReport
from tocsin.alerting.collect import drop_held_candidates
from tocsin.model import AlertCandidate, DecisionKind, Group, Inhibition, Severity
from tocsin.testing.alerting import MemoryThresholds

if TYPE_CHECKING:
    from tests.alerting.conftest import Memory

HOUR_AND_HALF_OF_IT = {Severity.MEDIUM: (timedelta(minutes=60), timedelta(minutes=30))}


def web(opened: float = 0, **values: Any) -> AlertCandidate:
    return incident("web", opened=opened, minutes=opened, **{"threshold": True, **values})


EARLY, LATE = web(10), web(40)


@pytest.fixture
def world(memory: Memory) -> World:
    """Give a world in which an incident was told at noon, and is silent until 13:00."""
    world = World(memory.database, book=MemoryThresholds(HOUR_AND_HALF_OF_IT))
    world.now = at(50)
    world.tell(web())
    world.open_incident(web(), resolved=5)
    return world


@pytest.fixture
def any_world(any_world: World) -> World:
    any_world.book = MemoryThresholds(HOUR_AND_HALF_OF_IT)
    any_world.now = at(50)
    any_world.tell(web())
    return any_world


def begin(world: World, held: AlertCandidate, *, resolved: float | None = None) -> None:
    world.tell(held)
    world.open_incident(held, resolved=resolved, anomalies=7)
    assert world.kinds(held) == ["held"]


def take(world: World, held: AlertCandidate, *, resolved: float | None = None) -> None:
    """Let the stages take what a rule wants told, as a run does."""
    world.queue(held)
    world.tell_waiting()
    world.open_incident(held, resolved=resolved, anomalies=7)
    assert "held" in world.kinds(held)


def set_aside(world: World) -> list[str]:
    return [row["candidate_id"] for row in world.rows("candidates", "candidate_id")]


def forget(world: World) -> None:
    with world.database.transaction() as tx:
        drop_held_candidates(tx, world.now)


def about(world: World, held: AlertCandidate) -> list[str]:
    """Give what was decided about an incident, in order."""
    return [row["kind"] for row in world.decisions() if row["opened_at"] == held.opened_at]


def test_one_that_goes_on_is_told_when_the_silence_is_over_and_then_its_end(any_world: World) -> None:
    begin(any_world, EARLY)
    any_world.now = at(60)
    assert any_world.tell_outlasting() == TellReport()

    any_world.now = at(61)
    assert any_world.tell_relapses() == TellReport()
    assert any_world.tell_outlasting() == TellReport(taken=1, told=1)
    assert any_world.tell_outlasting() == TellReport()
    ended = incident("web", DecisionKind.RECOVERED, 70, opened=10)
    assert any_world.tell(ended) == TellReport(taken=1, told=1)

    any_world.send()
    message = next(one for one in any_world.messages() if one["title"] == "web goes on")
    assert (message["kind"], message["points"], message["opened_at"]) == ("first", 7, "2026-03-02T12:10:00Z")
    why, began, until = message["text"].splitlines()
    assert why == f"Why: {message['reason']}. Severity medium."
    assert message["reason"].endswith("the same was told before, and goes on after 2026-03-02 13:00:00 UTC")
    assert began == (
        "It began at 2026-03-02 12:10:00 UTC and goes on, seen 7 times, last at 2026-03-02 12:10:00 UTC."
    )
    assert until == "The same is not told again until 2026-03-02 14:01 UTC."


def test_one_that_is_over_by_then_is_not_told(world: World) -> None:
    begin(world, EARLY, resolved=20)
    world.now = at(61)
    assert world.tell_outlasting() == TellReport()


def test_one_that_relapsed_is_told_by_that_alone(world: World) -> None:
    begin(world, LATE)
    world.now = at(61)
    assert world.tell_relapses().told == 1
    assert world.tell_outlasting() == TellReport()


@pytest.mark.parametrize("held", [EARLY, LATE], ids=["early", "near the end"])
def test_one_that_is_silenced_then_is_told_when_that_is_over(world: World, held: AlertCandidate) -> None:
    begin(world, held)
    world.now = at(61)
    world.silence("monitor=web", minutes=60, comment="a new cable")
    for minutes in (61, 90):
        world.now = at(minutes)
        world.tell_relapses()
        world.tell_outlasting()
    assert about(world, held) == ["held", "silenced"]
    assert [row["matched"] for row in world.rows("silences", "silence_id")] == [1]

    world.now = at(130)
    assert world.tell_relapses() == TellReport()
    assert world.tell_outlasting() == TellReport(taken=1, told=1)
    world.send()
    assert "\nIt was held back until now: silenced by ada until " in world.messages()[-1]["text"]


def test_one_that_relapsed_while_it_was_silenced_and_is_over_is_not_told(world: World) -> None:
    begin(world, LATE)
    world.open_incident(LATE, resolved=55)
    world.now = at(61)
    world.silence("monitor=web", minutes=60)
    assert world.tell_relapses() == TellReport(taken=1, silenced=1)
    world.now = at(130)
    assert world.tell_outlasting() == TellReport()


def test_one_that_follows_from_something_else_is_told_when_that_is_over(world: World) -> None:
    up = incident("up", opened=55, minutes=55)
    world.groups(
        Group("everyone", channels=("ops",)), inhibitions=(Inhibition(when=("up",), mutes=("web",)),)
    )
    world.open_incident(up)
    begin(world, EARLY)
    world.now = at(61)
    assert world.tell_outlasting() == TellReport(taken=1, inhibited=1)
    world.open_incident(up, resolved=80)
    world.now = at(90)
    assert world.tell_outlasting() == TellReport(taken=1, told=1)


def test_one_that_the_next_telling_of_the_same_holds_back_waits_for_that_one(world: World) -> None:
    begin(world, EARLY)
    world.now = at(62)
    world.tell(empty := web(61, id="no data", condition="no_data", kind=DecisionKind.NO_DATA))
    assert about(world, empty) == ["no_data"]
    assert world.tell_outlasting() == TellReport(taken=1, held=1)
    assert world.tell_outlasting() == TellReport()
    world.now = at(122)
    assert world.tell_outlasting() == TellReport(taken=1, told=1)


@pytest.mark.parametrize("held", [EARLY, LATE], ids=["early", "near the end"])
def test_a_silence_of_whom_it_is_about_holds_it_late_as_it_would_have_when_it_began(
    any_world: World, held: AlertCandidate
) -> None:
    held = replace(held, sources=("192.0.2.7",), targets=("db.example.org",), tags=("shop",))
    take(any_world, held)
    any_world.now = at(61)
    any_world.silence("source=192.0.2.0/24", "target=.example.org", "host!=web", "tag=shop", minutes=60)
    any_world.tell_relapses()
    assert any_world.tell_outlasting().told == 0
    assert about(any_world, held) == ["held", "silenced"]

    any_world.now = at(130)
    assert any_world.tell_outlasting() == TellReport(taken=1, told=1)


@pytest.mark.parametrize("matcher", ["host=web", "host=198.51.100.0/24", "host!=192.0.2.7", "tag=other"])
def test_a_silence_of_others_does_not_hold_it(world: World, matcher: str) -> None:
    """Its series is the name of no host, even where it looks like one."""
    take(world, replace(EARLY, sources=("192.0.2.7",), tags=("shop",)))
    world.now = at(61)
    world.silence(matcher)
    assert world.tell_outlasting() == TellReport(taken=1, told=1)


def test_it_says_of_its_monitor_what_was_said_when_it_began(world: World) -> None:
    said = {"subject": "lines", "description": "See the wiki", "tags": ["shop"], "context": {"team": "a"}}
    take(world, replace(EARLY, message={**EARLY.message, **said, "timezone": "Europe/Zurich"}))
    world.now = at(61)
    name = world.silence("monitor=web", minutes=30)
    world.tell_outlasting()
    world.open_incident(EARLY, anomalies=9)
    world.now = at(100)
    assert world.tell_outlasting().told == 1
    world.send()
    message = world.messages()[-1]
    assert {key: message[key] for key in said} == said
    assert "seen 9 times" in message["text"]
    assert "\nWhen it began there was to say:\nweb has been above its band.\n" in message["text"]
    assert f"({name})" in message["text"]
    assert "not told again until 2026-03-02 15:40 CET." in message["text"]


def test_missing_values_that_go_on_are_told_as_such(world: World) -> None:
    empty = web(10, condition="no_data", kind=DecisionKind.NO_DATA)
    world.queue(empty)
    world.tell_waiting()
    world.open_incident(empty, direction=None)
    world.now = at(61)
    assert world.tell_outlasting() == TellReport(taken=1, told=1)
    world.send()
    message = world.messages()[-1]
    assert (message["kind"], message["title"]) == ("no_data", "web still has no data")
    assert about(world, empty) == ["held", "no_data"]


def test_one_whose_channel_is_gone_is_told_by_what_its_group_has_now(world: World) -> None:
    take(world, EARLY)
    world.groups(Group("everyone", channels=("mail",)), channels=frozenset({"mail"}))
    world.now = at(61)
    assert world.tell_outlasting() == TellReport(taken=1, told=1)
    assert world.tell_outlasting() == TellReport()
    assert [row["channel"] for row in world.decisions() if row["opened_at"] == EARLY.opened_at] == [
        "ops",
        "mail",
    ]
    ended = incident("web", DecisionKind.RECOVERED, 70, opened=10, channels=("mail",))
    assert world.tell(ended) == TellReport(taken=1, told=1)


def test_what_was_held_back_is_remembered_until_it_comes_to_nothing_any_more(any_world: World) -> None:
    for held in (EARLY, LATE):
        take(any_world, held)
    forget(any_world)
    assert set_aside(any_world) == [EARLY.id, LATE.id]  # both go on

    any_world.open_incident(EARLY, resolved=20)
    any_world.open_incident(LATE, resolved=45)
    forget(any_world)
    assert set_aside(any_world) == [LATE.id]  # a relapse is told as the last of it

    any_world.now = at(61)
    any_world.tell_relapses()
    forget(any_world)
    assert set_aside(any_world) == []


def test_one_that_is_muted_for_one_group_and_held_back_for_another_waits_for_both(world: World) -> None:
    world.tell(web(7, id="by the pager", channels=("pager",)))
    world.silence("channel=mail", minutes=5)
    both = replace(EARLY, channels=("mail", "pager"), sources=("192.0.2.7",))
    take(world, both)
    assert sorted(world.kinds(both)) == ["held", "silenced"]
    world.now = at(57)
    world.tell_waiting()
    assert sorted(world.kinds(both)) == ["first", "held", "silenced"]
    assert set_aside(world) == [both.id]

    world.now = at(68)
    world.silence("host=192.0.2.7")
    assert world.tell_outlasting() == TellReport(taken=1, silenced=1)


def test_one_that_nobody_looks_after_is_not_told(world: World) -> None:
    begin(world, EARLY)
    world.plan = replace(world.plan, monitor_rules={"web": frozenset({"another"})})
    world.now = at(61)
    assert world.tell_outlasting() == TellReport()


def test_who_was_told_of_it_is_not_told_again(world: World) -> None:
    world.tell(web(7, id="by the pager", channels=("pager",)))
    begun = replace(EARLY, channels=("ops", "pager", "mail"))
    world.tell(begun)
    world.open_incident(begun)
    assert sorted(world.kinds(begun)) == ["first", "held", "held"]
    world.now = at(61)
    assert world.tell_outlasting() == TellReport(taken=1, told=1)
    world.now = at(68)
    assert world.tell_outlasting() == TellReport(taken=1, told=1)
    assert world.tell_outlasting() == TellReport()


def test_groups_that_share_a_channel_are_told_by_one_message(world: World) -> None:
    """As they are of an opening that nothing holds back."""
    shared = [Group(name, channels=("ops",), monitors=("web",)) for name in ("one", "two")]
    world.groups(*shared)
    first = web(7, id="told", channels=())
    world.tell(first)
    take(world, replace(EARLY, channels=()))
    world.now = at(68)
    assert world.tell_outlasting() == TellReport(taken=2, told=2)
    world.send()
    assert [message["groups"] for message in world.messages() if message["series"] == "web"][-2:] == [
        ["one", "two"],
        ["one", "two"],
    ]
    assert len(world.messages()) == 3  # with that of the fixture
    assert about(world, EARLY) == ["held", "held", "first", "first"]
    assert world.tell_outlasting() == TellReport()


def test_a_group_that_wants_less_is_asked_once(world: World) -> None:
    begin(world, EARLY)
    world.groups(Group("everyone", channels=("ops",), min_severity=Severity.HIGH))
    world.now = at(61)
    assert world.tell_outlasting() == TellReport(taken=1, silent=1)
    assert world.tell_outlasting() == TellReport()
    assert about(world, EARLY) == ["held", "none"]


def test_it_looks_at_open_incidents_and_not_at_all_decisions(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project may have millions of decisions, and this is asked at every step."""
    asked: list[tuple[str, Any]] = []
    with world.database.transaction() as tx:
        ask = tx.execute_query

        def note(query: str, args: Any) -> Any:
            asked.append((query, args))
            return ask(query, args)

        monkeypatch.setattr(tx, "execute_query", note)
        assert (
            outlasting.tell_outlasting(tx, plan=world.plan, book=world.book, now=world.now, at=world.now)
            == TellReport()
        )
        ((query, args),) = asked
        steps = [row["detail"] for row in ask(f"EXPLAIN QUERY PLAN {query}", args)]

    assert "SCAN i" in steps
    assert not [step for step in steps if step.startswith(("SCAN d", "SCAN t"))]
