"""Incidents that a threshold held back when they began, and that go on after its silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.alerting.stages.builders import World, at, incident
from tocsin.alerting import outlasting
from tocsin.alerting.case import TellReport
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
