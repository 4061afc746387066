"""That an incident got worse while something muted it is told when that is over, once, if it goes on."""

from __future__ import annotations

import copy
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.alerting.stages.builders import World, at, incident
from tocsin.alerting.acknowledgements import acknowledge
from tocsin.alerting.batches import send_batches
from tocsin.alerting.case import TellReport
from tocsin.alerting.plan import AlertingPlan
from tocsin.alerting.tell import tell_waiting
from tocsin.model import DecisionKind, Group, Inhibition

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.model import AlertCandidate

REPEAT, ESCALATED, RECOVERED = DecisionKind.REPEAT, DecisionKind.ESCALATED, DecisionKind.RECOVERED
OPENING = incident("web", minutes=2)
WORSE = incident("web", ESCALATED, 25)
MUCH_WORSE = incident("web", ESCALATED, 40)
OVER = incident("web", RECOVERED, 50)
HOST_MUTES_WEB = AlertingPlan(project="p", inhibitions=(Inhibition(("host",), ("web",)),))


@pytest.fixture
def told(any_world: World) -> World:
    """Give a world in which people heard that an incident began, and asked for an hour of silence."""
    any_world.open_incident(OPENING)
    any_world.queue(OPENING)
    assert any_world.tell_waiting() == TellReport(taken=1, told=1)
    any_world.send()
    any_world.silence("monitor=web", comment="move")
    return any_world


def stands(world: World, *, resolved: float | None = None, severity: float = 12.0) -> None:
    """Write how the incident stands after a while."""
    world.open_incident(replace(OPENING, at=at(45)), anomalies=40, severity=severity, resolved=resolved)


def asked(world: World, *candidates: AlertCandidate) -> TellReport:
    world.queue(*candidates)
    report = world.tell_waiting()
    world.send()
    return report


def sent(world: World) -> list[tuple[str, str]]:
    return [(one["kind"], one["timestamp"][11:16]) for one in world.messages()]


class TestSilenced:
    def test_it_is_told_when_the_silence_is_over_with_where_the_incident_stands(self, told: World) -> None:
        assert asked(told, WORSE) == TellReport(taken=1, silenced=1)
        stands(told)
        told.later(30)
        assert asked(told) == TellReport()
        told.later(30)
        assert asked(told) == TellReport(told=1)
        assert asked(told) == TellReport()
        assert sent(told) == [("first", "12:02"), ("escalated", "12:25")]
        text = told.messages()[-1]["text"].splitlines()
        assert text[-2].startswith(
            "It was held back until now: silenced by ada until 2026-03-02 14:00:00 UTC"
        )
        assert text[-1] == "By now there are 40 points, the last at 2026-03-02 12:45 UTC, severity 12."
        assert told.kinds(WORSE) == ["silenced", "escalated"]
        assert told.rows("candidates", "candidate_id") == []

    def test_it_comes_again_and_nothing_changes(self, told: World) -> None:
        asked(told, WORSE)
        told.later(60)
        asked(told)
        decisions, messages = told.decisions(), told.messages()
        assert asked(told, OPENING, WORSE) == TellReport(taken=2)
        assert (told.decisions(), told.messages()) == (decisions, messages)

    def test_what_is_over_by_then_is_said_to_be_over_only(self, told: World) -> None:
        asked(told, WORSE)
        stands(told, resolved=50)
        told.later(1)
        assert asked(told, OVER) == TellReport(taken=1, silenced=1, silent=1)
        told.later(60)
        assert asked(told) == TellReport(told=1)
        assert sent(told) == [("first", "12:02"), ("recovered", "12:50")]
        assert told.kinds(WORSE) == ["silenced", "none"]
        assert told.rows("candidates", "candidate_id") == []

    def test_what_was_corrected_away_by_then_is_not_told(self, told: World) -> None:
        message = {**WORSE.message, "severity": 12.0}
        asked(told, replace(WORSE, message=message))
        stands(told, severity=4.5)
        told.later(60)
        assert asked(told) == TellReport(silent=1)
        assert told.reasons()[-1] == "a later correction of the data took it away"

    def test_of_several_that_leave_at_once_the_last_is_sent(self, told: World) -> None:
        asked(told, WORSE)
        asked(told, MUCH_WORSE)
        told.later(60)
        assert asked(told) == TellReport(told=2)
        assert sent(told) == [("first", "12:02"), ("escalated", "12:40")]
        ids = {row["message_id"] for row in told.decisions() if row["kind"] == "escalated"}
        assert ids == {told.messages()[-1]["id"]}

    def test_before_what_comes_next(self, told: World) -> None:
        asked(told, WORSE)
        told.later(60)
        assert asked(told, incident("web", REPEAT, 55)) == TellReport(taken=1, told=2)
        assert sent(told)[1:] == [("escalated", "12:25"), ("repeat", "12:55")]

    def test_another_silence_goes_on_holding_it(self, told: World) -> None:
        asked(told, WORSE)
        told.later(59)
        second = told.silence("monitor=web", minutes=60, comment="still moving")
        told.later(1)
        assert asked(told) == TellReport()
        assert [second in reason for reason in told.reasons()] == [False, False, True]
        told.later(60)
        assert asked(told) == TellReport(told=1)

    def test_only_those_are_told_that_were_told_of_the_beginning(self, told: World) -> None:
        both = replace(WORSE, channels=("ops", "mail"))
        assert asked(told, both) == TellReport(taken=1, silenced=1, silent=1)
        told.later(60)
        asked(told)
        assert [one["kind"] for one in told.messages("mail")] == []

    def test_what_was_held_back_before_the_beginning_was_told_is_said_with_that(
        self, any_world: World
    ) -> None:
        any_world.open_incident(OPENING)
        any_world.silence("monitor=web")
        asked(any_world, OPENING)
        asked(any_world, WORSE)
        stands(any_world)
        any_world.later(60)
        assert asked(any_world) == TellReport(told=1)
        assert sent(any_world) == [("first", "12:02")]
        assert any_world.messages()[0]["text"].endswith("severity 12.")

    def test_one_group_may_have_heard_of_the_beginning_and_one_not(self, any_world: World) -> None:
        any_world.groups(*(Group(name, monitors=("web",), channels=(name,)) for name in ("a", "b")))
        opening, later = (replace(one, channels=()) for one in (OPENING, WORSE))
        any_world.open_incident(opening)
        any_world.silence("group=b", minutes=120)
        asked(any_world, opening)
        any_world.silence("monitor=web")
        assert asked(any_world, later) == TellReport(taken=1, silenced=1, silent=1)
        stands(any_world)
        any_world.later(120)
        assert asked(any_world) == TellReport(told=2)
        assert [one["kind"] for one in any_world.messages("a")] == ["first", "escalated"]
        assert [one["kind"] for one in any_world.messages("b")] == ["first"]

    def test_it_waits_while_nobody_looks_after_its_rule(self, told: World) -> None:
        asked(told, WORSE)
        told.later(60)
        plan = told.plan
        told.plan = replace(plan, monitor_rules={"web": frozenset({"another"})})
        assert asked(told) == TellReport()
        told.plan = plan
        assert asked(told) == TellReport(told=1)

    def test_it_is_told_although_somebody_works_on_it(self, told: World) -> None:
        asked(told, WORSE)
        with told.database.transaction() as tx:
            acknowledge(tx, ("web", "default", "anomaly", at(0)), "bob", "disk ordered", told.now)
        told.later(60)
        assert asked(told) == TellReport(told=1)

    def test_the_clock_may_be_set_back(self, told: World) -> None:
        asked(told, WORSE)
        told.later(60)
        told.later(-60)
        assert asked(told) == TellReport()
        told.later(60)
        assert asked(told) == TellReport(told=1)
        told.later(-60)
        assert asked(told) == TellReport()
        assert sent(told) == [("first", "12:02"), ("escalated", "12:25")]

    def test_killed_between_it_is_told_once_under_the_same_id(self, new_world: Callable[[], World]) -> None:
        ids = []
        for dies in (False, True):
            world = new_world()
            world.open_incident(OPENING)
            asked(world, OPENING)
            world.silence("monitor=web")
            world.queue(WORSE)
            for _ in range(2):
                if dies:
                    die(world)
                asked(world)
                world.later(60)
            ids.append([one["id"] for one in world.messages()])
        assert ids[0] == ids[1]
        assert len(ids[0]) == 2


def die(world: World) -> None:
    """Begin the step, and lose all of it."""
    book = copy.deepcopy(world.book)
    with suppress(KeyboardInterrupt), world.database.transaction() as tx:
        tell_waiting(tx, plan=world.plan, book=book, now=world.now)
        send_batches(tx, plan=world.plan, now=world.now, close_all=True)
        raise KeyboardInterrupt


class TestInhibited:
    @pytest.fixture
    def world(self, world: World) -> World:
        world.plan = HOST_MUTES_WEB
        world.open_incident(OPENING)
        asked(world, OPENING)
        return world

    def test_it_is_told_when_the_trouble_is_over(self, world: World) -> None:
        world.open_incident(incident("host", opened=10))
        assert asked(world, WORSE) == TellReport(taken=1, inhibited=1)
        world.later(1)
        assert asked(world) == TellReport()
        world.open_incident(incident("host", opened=10), resolved=45)
        stands(world)
        assert asked(world) == TellReport(told=1)
        assert world.kinds(WORSE) == ["inhibited", "escalated"]
        why = "host, which mutes it, has an incident since 2026-03-02 12:10:00 UTC"
        assert f"\nIt was held back until now: {why}." in world.messages()[-1]["text"]

    @pytest.mark.parametrize(("resolved", "kind"), [(44, "none"), (45, "none"), (46, "escalated")])
    def test_a_trouble_that_is_over_decides_as_if_it_had_been_watched(
        self, world: World, resolved: float, kind: str
    ) -> None:
        world.open_incident(incident("host", opened=10), resolved=45)
        stands(world, resolved=resolved)
        asked(world, WORSE)
        assert world.kinds(WORSE) == [kind]

    def test_what_began_meanwhile_is_told_with_where_it_stands(self, world: World) -> None:
        opening = incident("web", minutes=62, opened=60)
        worse = incident("web", ESCALATED, 65, opened=60)
        world.later(60)
        world.open_incident(incident("host", opened=55), resolved=70)
        world.open_incident(replace(opening, at=at(75)), anomalies=15, severity=12.0)
        assert asked(world, opening, worse) == TellReport(taken=2, told=1, silent=1)
        assert world.messages()[-1]["kind"] == "first"
        assert world.messages()[-1]["text"].endswith(
            "By now there are 15 points, the last at 2026-03-02 13:15 UTC, severity 12."
        )


class TestLastTold:
    def test_a_repetition_says_when_those_were_told_that_hear_it(self, any_world: World) -> None:
        any_world.open_incident(OPENING)
        asked(any_world, OPENING)
        asked(any_world, incident("web", REPEAT, 12))
        any_world.silence("monitor=web", minutes=30)
        asked(any_world, incident("web", REPEAT, 22), incident("web", REPEAT, 32))
        any_world.later(30)
        asked(any_world, incident("web", REPEAT, 42))
        asked(any_world, incident("web", REPEAT, 52))
        reasons = [one["reason"].rpartition(", ")[2] for one in any_world.messages()[1:]]
        assert reasons == [f"last told {time} before" for time in ("0:10:00", "0:30:00", "0:10:00")]
        history = [row["reason"] for row in any_world.decisions() if row["kind"] == "repeat"]
        assert history == [one["reason"] for one in any_world.messages()[1:]]

    def test_an_opening_that_was_held_back_counts_from_when_it_was_told(self, any_world: World) -> None:
        any_world.open_incident(OPENING)
        any_world.silence("monitor=web", minutes=30)  # from 13:00 on
        asked(any_world, OPENING)
        any_world.later(30)
        asked(any_world)
        any_world.later(60)
        asked(any_world, incident("web", REPEAT, 120))
        assert any_world.messages()[-1]["reason"].endswith(", last told 0:30:00 before")

    def test_the_text_says_it_where_it_has_the_reason(self, world: World) -> None:
        world.open_incident(OPENING)
        asked(world, OPENING)
        repeat = incident("web", REPEAT, 12)
        asked(world, replace(repeat, message={**repeat.message, "text": f"Why: {repeat.reason}."}))
        said = f"Why: {repeat.reason}, last told 0:10:00 before."
        assert world.messages()[-1]["text"] == said


class TestWhatHoldsItNow:
    @pytest.fixture
    def held(self, any_world: World) -> World:
        """Give a world in which a host's trouble held an opening, then a silence, then the trouble again."""
        any_world.plan = HOST_MUTES_WEB
        any_world.open_incident(incident("host"))
        any_world.open_incident(OPENING)
        asked(any_world, OPENING)
        any_world.later(1)
        any_world.silence("monitor=web", minutes=10)
        asked(any_world)
        any_world.later(10)
        asked(any_world)
        return any_world

    def test_what_held_it_before_and_does_again_has_the_last_word(self, held: World) -> None:
        assert held.kinds(OPENING) == ["inhibited", "silenced", "inhibited"]
        held.later(1)
        assert asked(held) == TellReport()
        assert len(held.decisions()) == 3
        held.open_incident(incident("host"), resolved=70)
        assert asked(held) == TellReport(told=1)

    def test_with_a_clock_that_was_set_back_it_is_not_said_again_and_again(self, held: World) -> None:
        held.silence("monitor=web", minutes=10)
        held.later(-5)
        held.silence("monitor=web", minutes=10)
        for _ in range(4):
            asked(held)
        assert len(held.decisions()) <= 5
