"""However candidates come, the stages decide what a plain model says, once, and in order."""

from __future__ import annotations

import copy
import itertools
import json
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.alerting.stages.builders import NOON, World
from tests.alerting.stages.model import COVERED, ESCALATED, MINUTE, REPEAT, SILENCE, Life, Scene, expected
from tocsin.alerting.batches import notice_id, send_batches
from tocsin.alerting.tell import tell, tell_waiting
from tocsin.model import AlertCandidate, DecisionKind, Group, Inhibition, MonitorKind, Severity
from tocsin.testing.alerting import MemoryThresholds

if TYPE_CHECKING:
    from collections.abc import Callable

MONITORS = ["host", "web", "db"]
ADDRESSES = ["192.0.2.1", "192.0.2.2", "198.51.100.1"]
GROUPS = ["a", "b", "everyone"]
TOLD = {"first", "repeat", "escalated", "relapsed", "recovered", "no_data"}


@st.composite
def lives(draw: st.DrawFn) -> list[Life]:
    """Make incidents of monitors; those of one monitor follow each other."""
    found: list[Life] = []
    for monitor in MONITORS:
        minute = draw(st.integers(0, 20))
        for _ in range(draw(st.integers(0, 2))):
            length = draw(st.integers(2, 40))
            kinds = st.tuples(
                st.integers(minute + 1, minute + length - 1), st.sampled_from([REPEAT, ESCALATED])
            )
            between = tuple(sorted(draw(st.lists(kinds, max_size=2, unique_by=lambda one: one[0]))))
            resolved = draw(st.sampled_from([minute + length, minute + length, None]))
            found.append(Life(monitor, minute, resolved, between, threshold=draw(st.booleans())))
            if resolved is None:
                break
            minute = resolved + draw(st.integers(1, 10))
    return found


EVENTS = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(ADDRESSES), st.sampled_from(list(SILENCE))), max_size=20
).map(lambda found: sorted(found, key=lambda one: one[0]))
PAIRS = [(one, other) for one in MONITORS for other in [*MONITORS, "ids"] if one != other]


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    some_groups = st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True).map(
        lambda found: tuple(sorted(found)) or ("everyone",)
    )
    some_channels = st.lists(st.sampled_from(["ops", "mail"]), max_size=2, unique=True).map(tuple)
    return Scene(
        owners={name: draw(some_groups) for name in [*MONITORS, *ADDRESSES]},
        channels={name: draw(some_channels) for name in GROUPS},
        least={name: draw(st.sampled_from([Severity.INFO, Severity.MEDIUM])) for name in GROUPS},
        lives=draw(lives()),
        events=draw(EVENTS),
        mutes=draw(st.lists(st.sampled_from(PAIRS), max_size=4, unique=True)),
        silent=draw(st.sets(st.sampled_from([*MONITORS, *ADDRESSES, "a"]), max_size=2)),
    )


def settle(world: World, scene: Scene) -> None:
    """Give a world what a scene says."""
    world.groups(
        *(
            Group(
                name,
                networks=tuple(one for one in ADDRESSES if name in scene.owners[one]),
                monitors=tuple(one for one in MONITORS if name in scene.owners[one]),
                channels=scene.channels[name],
                min_severity=scene.least[name],
            )
            for name in GROUPS
        ),
        inhibitions=tuple(Inhibition((muting,), (muted,)) for muting, muted in scene.mutes),
        monitor_tags=dict.fromkeys([*MONITORS, "ids"], ()),
    )
    minutes = {
        severity: (timedelta(minutes=silence), timedelta(minutes=relapse))
        for severity, (silence, relapse) in SILENCE.items()
    }
    world.book = MemoryThresholds(minutes)
    world.now = NOON + timedelta(hours=12)
    for name in sorted(scene.silent):
        key = "group" if name in GROUPS else "source" if name in ADDRESSES else "monitor"
        world.silence(f"{key}={name}", minutes=60 * 24)


def pass_on(world: World, scene: Scene, some: list[AlertCandidate], *, last: bool, dies: bool) -> None:
    """Do a step as a run does: what detectors know by then is in the memory, then people are told."""
    until = 1000 if last else max((one.at - NOON) // timedelta(minutes=1) for one in some)
    for life in scene.lives:
        if life.opened <= until:
            resolved = life.resolved if life.resolved is not None and life.resolved <= until else None
            world.open_incident(life.candidates()[0], resolved=resolved)
    incidents = [one for one in some if one.source is not MonitorKind.EVENTS]
    events = [one for one in some if one.source is MonitorKind.EVENTS]
    world.queue(*incidents)
    if dies:
        die(world, events)
    world.tell(*events)
    while world.tell_waiting(limit=3).taken:
        pass
    world.send()
    world.later(1)


def die(world: World, events: list[AlertCandidate]) -> None:
    """Begin the step, and lose all of it."""
    book = copy.deepcopy(world.book)
    with suppress(KeyboardInterrupt), world.database.transaction() as tx:
        tell(tx, events, plan=world.plan, book=book, now=world.now)
        tell_waiting(tx, plan=world.plan, book=book, now=world.now)
        send_batches(tx, plan=world.plan, now=world.now, close_all=True)
        raise KeyboardInterrupt


def outcome(world: World) -> dict[tuple[str, str, str], list[str]]:
    """Give what was decided about each candidate, group and channel, in the order of deciding."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in world.decisions():
        found.setdefault((row["candidate_id"], row["group_name"], row["channel"]), []).append(row["kind"])
    return found


def final(kinds: list[str]) -> str:
    """Give the last word on something: what mutes it comes before."""
    others = [kind for kind in kinds if kind not in {"silenced", "inhibited"}]
    assert len(others) <= 1, kinds
    assert len(set(kinds)) == len(kinds)
    return others[0] if others else kinds[-1]


def groups(row: dict[str, Any]) -> list[str]:
    found: list[str] = json.loads(row["payload"])["groups"]
    return found


def sent(world: World) -> list[dict[str, Any]]:
    return world.rows("outbox", "created_at, event_at, sequence, message_id")


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scenes(), st.sets(st.integers(1, 40), max_size=8), st.sets(st.integers(0, 5), max_size=3))
def test_the_stages_do_what_the_model_says(
    new_world: Callable[[], World], scene: Scene, cuts: set[int], deaths: set[int]
) -> None:
    world = new_world()
    settle(world, scene)
    candidates = scene.candidates()
    borders = [0, *sorted(cut for cut in cuts if cut < len(candidates)), len(candidates)]
    parts = [candidates[start:stop] for start, stop in itertools.pairwise(borders)]
    for number, part in enumerate(parts):
        if part:
            pass_on(world, scene, part, last=number == len(parts) - 1, dies=number in deaths)
    pass_on(world, scene, [], last=True, dies=False)  # what was over meanwhile is said to be over

    said, found = expected(scene), outcome(world)
    for key in [key for key, kind in said.items() if kind == COVERED]:
        said[key] = final(found[key])
        assert said[key] in {"none", "escalated"}
    assert {key: final(kinds) for key, kinds in found.items()} == said
    for kind in sorted(set(said.values())):
        event(kind)

    messages = {row["message_id"]: (row["channel"], row["kind"], groups(row)) for row in sent(world)}
    told: dict[tuple[str, str], list[str]] = {}  # groups that share a channel are told the same once
    for (candidate, group, channel), kind in said.items():
        if kind in TOLD:
            told.setdefault((candidate, channel), []).append(group)
    notices = {(one, channel): notice_id(one, min(names), channel) for (one, channel), names in told.items()}
    replaced = replaced_repetitions(world, scene, {one.id: one for one in candidates}, notices)
    assert messages == {
        notices[candidate, channel]: (channel, said[candidate, min(names), channel], sorted(names))
        for (candidate, channel), names in told.items()
        if (candidate, channel) not in replaced
    }

    decisions = world.decisions()
    world.queue(*(one for one in candidates if one.source is not MonitorKind.EVENTS))
    world.tell(*(one for one in candidates if one.source is MonitorKind.EVENTS))
    world.tell_waiting()
    world.send()
    assert len(sent(world)) == len(messages)
    assert world.decisions() == decisions

    check_order(world)


def replaced_repetitions(
    world: World, scene: Scene, candidates: dict[str, AlertCandidate], notices: dict[tuple[str, str], str]
) -> set[tuple[str, str]]:
    """Give the repetitions in whose place a later one of the same incident was sent; or that it got worse."""
    told_of = {notice: candidate for (candidate, _), notice in notices.items()}
    replaced = set()
    for row in world.decisions():
        key = row["candidate_id"], row["channel"]
        if row["kind"] not in TOLD or row["message_id"] == notices[key]:
            continue
        one, other = candidates[row["candidate_id"]], candidates[told_of[row["message_id"]]]
        assert one.kind is other.kind
        assert one.kind is REPEAT or (
            one.kind is ESCALATED and scene.is_muted(one, (one.at - NOON) // MINUTE)
        )
        assert (one.series, one.opened_at) == (other.series, other.opened_at)
        assert one.at < other.at
        replaced.add(key)
    return replaced


def check_order(world: World) -> None:
    """Messages of a channel leave in the order of time, and those of an incident from first to last."""
    for channel in ("ops", "mail"):
        of_incidents: dict[tuple[Any, ...], list[str]] = {}
        last: dict[Any, Any] = {}
        for row in sent(world):
            if row["channel"] != channel:
                continue
            assert row["event_at"] >= last.get(row["created_at"], row["event_at"])
            last[row["created_at"]] = row["event_at"]
            message = json.loads(row["payload"])
            if message["opened_at"] is not None:
                key = message["series"], message["opened_at"], message["group"]
                of_incidents.setdefault(key, []).append(row["kind"])
        for kinds in of_incidents.values():
            assert DecisionKind(kinds[0]) in {DecisionKind.FIRST, DecisionKind.RELAPSED}
            assert "recovered" not in kinds[:-1]
