"""What a trouble elsewhere holds back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.alerting.stages.builders import at, event, incident
from tocsin.alerting.inhibit import Inhibitor, Trouble, read_troubles
from tocsin.alerting.plan import AlertingPlan
from tocsin.model import Inhibition

if TYPE_CHECKING:
    from datetime import datetime

    from tests.alerting.stages.builders import World

TAGS = {"host": ("machine",), "switch": ("machine",), "web": ("service",), "db": ("service",), "ids": ()}
HOST_MUTES_WEB = (Inhibition(("host",), ("web",)),)


def trouble(monitor: str, opened: float, resolved: float | None = None, *, series: str = "") -> Trouble:
    end = None if resolved is None else at(resolved)
    return Trouble(at(opened), monitor, series or monitor, "default", "anomaly", end)


def inhibitor(*troubles: Trouble, rules: tuple[Inhibition, ...] = HOST_MUTES_WEB) -> Inhibitor:
    return Inhibitor(AlertingPlan(inhibitions=rules, monitor_tags=TAGS), troubles)


@pytest.mark.parametrize(
    ("minutes", "until"),
    [(-1, None), (0, 30), (29, 30), (30, None), (31, None)],
)
def test_a_trouble_mutes_from_its_first_point_to_its_end(minutes: float, until: float | None) -> None:
    hold = inhibitor(trouble("host", 0, 30)).hold(incident("web"), at(minutes))
    assert (None if hold is None else hold.until) == (None if until is None else at(until))
    assert (hold is None) is (until is None)


def test_one_that_goes_on_has_no_end() -> None:
    hold = inhibitor(trouble("host", 0)).hold(incident("web"), at(500))
    assert hold is not None
    assert hold.until is None
    assert hold.by.monitor == "host"


@pytest.mark.parametrize(
    ("second", "until"),
    [
        (trouble("host", 30, 45), 45),
        (trouble("host", 10, 45), 45),
        (trouble("host", 31, 45), 30),
        (trouble("host", 5, 20), 30),
        (trouble("host", 29), None),
    ],
)
def test_troubles_that_follow_each_other_hold_back_together(second: Trouble, until: float | None) -> None:
    hold = inhibitor(trouble("host", 0, 30), second).hold(incident("web"), at(10))
    assert hold is not None
    assert hold.until == (None if until is None else at(until))


@pytest.mark.parametrize(
    ("rules", "muting", "muted", "holds"),
    [
        ([Inhibition(("host",), ("web",))], "host", "web", True),
        ([Inhibition(("host",), ("web",))], "host", "db", False),
        ([Inhibition(("host",), ("web",))], "web", "host", False),
        ([Inhibition(("h*",), ("*",))], "host", "db", True),
        ([Inhibition(("h*",), ("*",))], "host", "host", False),
        ([Inhibition(("tag:machine",), ("tag:service",))], "switch", "db", True),
        ([Inhibition(("tag:machine",), ("*",))], "switch", "host", False),
        ([Inhibition(("tag:machine",), ("*",))], "switch", "ids", True),
        ([Inhibition(("tag:m*",), ("tag:serv*",))], "host", "web", True),
        ([Inhibition(("*",), ("*",))], "host", "web", False),
        ([], "host", "web", False),
    ],
)
def test_names_and_tags_say_who_mutes_whom(
    rules: list[Inhibition], muting: str, muted: str, *, holds: bool
) -> None:
    candidate = incident(muted, opened=5)
    found = inhibitor(trouble(muting, 0), rules=tuple(rules)).hold(candidate, at(5))
    assert (found is not None) is holds


def test_an_event_is_muted_as_well() -> None:
    rules = (Inhibition(("host",), ("ids",)),)
    assert inhibitor(trouble("host", 0), rules=rules).hold(event(), at(5)) is not None
    assert inhibitor(trouble("host", 0), rules=rules).hold(event(), at(-5)) is None


def ring(*names: str) -> tuple[Inhibition, ...]:
    return tuple(
        Inhibition((one,), (other,)) for one, other in zip(names, (*names[1:], names[0]), strict=True)
    )


@pytest.mark.parametrize("names", [("web", "db"), ("web", "db", "host"), ("web", "host", "switch", "db")])
@pytest.mark.parametrize("together", [False, True])
def test_in_a_ring_the_first_one_is_told_and_all_others_are_not(
    names: tuple[str, ...], *, together: bool
) -> None:
    opened = {
        name: 0 if together else place for place, name in enumerate(sorted(names, reverse=not together))
    }
    troubles = [trouble(name, minutes) for name, minutes in opened.items()]
    stage = inhibitor(*troubles, rules=ring(*names))
    told = [
        name
        for name, minutes in opened.items()
        if stage.hold(incident(name, opened=minutes, condition="anomaly"), at(60)) is None
    ]
    first = min(opened, key=lambda name: (opened[name], name))
    assert first in told
    assert len(told) < len(names)


def test_in_a_ring_the_order_in_time_decides_who_mutes_whom() -> None:
    stage = inhibitor(trouble("web", 0), trouble("db", 1), rules=ring("web", "db"))
    assert stage.hold(incident("web", opened=0), at(60)) is None
    assert stage.hold(incident("db", opened=1), at(60)) is not None
    # Out of a ring, what began later mutes what began before and is told later.
    stage = inhibitor(trouble("web", 0), trouble("db", 1), rules=(Inhibition(("db",), ("web",)),))
    assert stage.hold(incident("web", opened=0), at(60)) is not None


def test_a_ring_is_one_although_a_part_of_it_is_quiet() -> None:
    stage = inhibitor(trouble("web", 0), trouble("db", 1), rules=ring("db", "web", "host"))
    assert stage.hold(incident("web", opened=0), at(60)) is None


def test_troubles_are_the_told_incidents_that_were_open_then(world: World) -> None:
    world.plan = AlertingPlan(inhibitions=HOST_MUTES_WEB)
    for minutes, resolved in ((0, 10), (20, 30), (40, None)):
        found = incident("host", series="host{rack=1}", minutes=minutes + 3, opened=minutes)
        world.open_incident(found, resolved=resolved)

    def opened(since: datetime) -> list[datetime]:
        with world.database.transaction() as tx:
            found = read_troubles(tx, world.plan, since)
        assert {one.monitor for one in found} <= {"host"}
        return sorted(one.opened_at for one in found)

    assert opened(at(-5)) == [at(0), at(20), at(40)]
    assert opened(at(10)) == [at(20), at(40)]
    assert opened(at(500)) == [at(40)]
    # Nobody would end what a monitor that is no more began.
    world.plan = AlertingPlan(inhibitions=HOST_MUTES_WEB, monitor_tags={"web": ()})
    assert opened(at(-5)) == []
    world.plan = AlertingPlan()
    assert opened(at(-5)) == []
