"""`explain` and its sentences: what was found, who was told or not and why, and when again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.alert_scenes import NOWHERE, Scene, scan
from tests.runtime.conftest import START, noisy
from tocsin.alerting.acknowledgements import acknowledge
from tocsin.alerting.silence_book import add_silence, new_silence
from tocsin.errors import ConfigError
from tocsin.model import DecisionKind
from tocsin.runtime.alerts.views import open_incidents
from tocsin.runtime.databases import open_memory
from tocsin.runtime.events.store import open_project_events
from tocsin.runtime.why.facts import Answer, MessageState, Next
from tocsin.testing.channels import HttpReceiver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SteppingClock

OPEN = range(190, 200)
OVER = range(150, 156)


@pytest.fixture
def scene(tmp_path: Path, clock: SteppingClock) -> Scene:
    return Scene.new(tmp_path, clock)


def slot(number: int) -> datetime:
    return START + number * timedelta(minutes=10)


def silence(scene: Scene, *matchers: str, hours: float = 2) -> str:
    project, now = scene.work.load(), scene.work.clock.now()
    made = new_silence(
        matchers,
        starts_at=now,
        ends_at=now + timedelta(hours=hours),
        author="ann",
        comment="a new cable",
        now=now,
    )
    with open_memory(project, scene.work.clock) as memory, memory.transaction() as tx:
        add_silence(tx, made, timedelta(days=1))
    return made.id


def relapse_of(scene: Scene, asked: str) -> tuple[Answer, DecisionKind]:
    """Give what `why` says of something that was told or held back, and what became of its relapse."""
    (answer,) = scene.why(asked).rules[0].answers
    assert answer.relapse is not None, asked
    return answer, answer.relapse.kind


def test_a_point_of_an_incident_that_goes_on_says_who_was_told_of_the_incident(scene: Scene) -> None:
    scene.metric("load", OPEN)
    scene.run()

    why = scene.why("load")

    (story,) = why.rules
    assert (why.found.monitor, why.found.series, why.found.at) == ("load", "load", slot(199))
    assert story.point is not None
    assert story.incident is not None
    assert (story.incident.incident.opened_at, story.incident.points.count) == (slot(190), 10)
    (answer,) = story.answers
    assert (answer.group, answer.channel) == ("everyone", "hook")
    assert [row.kind for row in answer.told] == [DecisionKind.FIRST]
    assert answer.again.kind is Next.CHANGE
    text = scene.words("load")
    assert "Not told by itself: belongs to the incident of 2026-01-06 07:40:00 UTC" in text
    assert "goes on: 10 points, the last at 2026-01-06 09:10:00 UTC." in text
    assert "everyone by hook: told.\n" in text
    assert "first: 3 points in a row lie above the band." in text
    assert "It is not repeated; it is told when it gets worse, and when it is over." in text


def test_an_incident_that_is_over_says_so(scene: Scene) -> None:
    scene.metric("load", OVER)
    scene.run()

    text = scene.words("load", at=slot(155))

    assert "was over at 2026-01-06 02:00:00 UTC: 6 points" in text
    assert "everyone by hook: told twice." in text
    assert "recovered: no longer above the band, after 6 points." in text
    assert text.endswith("It is over, and is not told again; a new incident is told anew.")


def test_a_repeated_rule_says_when_it_is_told_again(scene: Scene) -> None:
    scene.metric("load", OPEN, alerting={"channels": ["hook"], "renotify_every": "6h"})
    scene.run()

    (story,) = scene.why("load").rules

    assert story.answers[0].again.kind is Next.REPEAT
    assert story.answers[0].again.at == slot(192) + timedelta(hours=6)
    assert "told again at the first anomalous point from 2026-01-06 14:00:00 UTC on" in scene.words("load")


def test_an_acknowledged_incident_is_not_repeated(scene: Scene) -> None:
    scene.metric("load", OPEN, alerting={"channels": ["hook"], "renotify_every": "6h"})
    scene.run()
    project = scene.work.load()
    with open_memory(project, scene.work.clock) as memory:
        (one,) = open_incidents(project, memory)
        with memory.transaction() as tx:
            acknowledge(tx, one.key, "ann", "a new cable", scene.work.clock.now())

    text = scene.words("load")

    assert "ann acknowledged it at 2026-03-01 12:00:00 UTC: a new cable." in text
    assert "It is acknowledged, so it is not repeated" in text


def test_a_point_that_is_too_little_for_the_rule_says_what_the_rule_asks_for(scene: Scene) -> None:
    scene.metric("load", range(150, 152))
    scene.run()

    text = scene.words("load", at=slot(151))

    assert (
        "Not told by itself: anomalous, but not yet as long as the rule asks for: 3 points in a row." in text
    )
    assert "everyone" not in text


def test_the_finding_nearest_before_a_time_is_the_one(scene: Scene) -> None:
    scene.metric("load", OVER)
    scene.run()

    assert scene.why("load", at=slot(152) + timedelta(minutes=3)).found.at == slot(152)
    with pytest.raises(ConfigError, match=r"load found nothing at 2025-01-01 00:00:00 UTC or before"):
        scene.why("load", at=datetime(2025, 1, 1, tzinfo=UTC))


def test_a_finding_is_asked_for_by_its_id_or_the_beginning_of_it(scene: Scene) -> None:
    scene.metric("load", OVER)
    scene.run()
    found = scene.why("load", at=slot(155)).found
    assert found.event_id is not None

    for name in (found.event_id, found.event_id[:8]):
        assert scene.why(name).found == found
    assert found.value is not None
    assert found.description is not None
    assert "above the expected" in found.description


def test_a_metric_without_events_is_explained_by_its_verdicts(scene: Scene) -> None:
    scene.metric("load", OVER, findings={"enabled": False})
    scene.run()

    found = scene.why("load", at=slot(155)).found

    assert (found.event_id, found.at) == (None, slot(155))
    assert found.value is not None
    assert found.upper is not None
    assert scene.words("load", at=slot(155)).startswith("load: an anomaly, 2026-01-06 01:50:00 UTC\n")


def test_a_metric_without_rules_says_that_it_has_none(scene: Scene) -> None:
    scene.metric("load", OVER, alerting=[])
    scene.run()

    text = scene.words("load")

    assert "No rule has looked at it, so nobody was told." in text
    assert "The metric load finds such things, but it has no alerting rule." in text


def test_a_group_without_channels_is_told_nothing_and_says_why(scene: Scene) -> None:
    scene.metric("load", OPEN, alerting={})
    scene.run()

    text = scene.words("load")

    assert "everyone: not told." in text
    assert "(stage route): nobody is told: neither the rule nor the group everyone names channels." in text


def test_a_silenced_incident_is_told_when_the_silence_is_over(scene: Scene, clock: SteppingClock) -> None:
    scene.metric("load", OPEN)
    name = silence(scene, "monitor=load")
    scene.run()

    why, text = scene.why("load"), scene.words("load")

    (answer,) = why.rules[0].answers
    assert (answer.last.kind, answer.again.kind) == (DecisionKind.SILENCED, Next.UNSILENCED)
    assert [one.id for one in why.silences] == [name]
    assert "everyone by hook: not told, as people asked for silence." in text
    assert "If it still goes on when the silence is over (2026-03-01 14:00:00 UTC), it is told then." in text
    assert text.endswith(f"Silence {name} (monitor=load) of ann ends at 2026-03-01 14:00:00 UTC: a new cable")

    clock.advance(timedelta(hours=3))
    scene.run()

    (answer,) = scene.why("load").rules[0].answers
    assert [row.kind for row in answer.decisions] == [DecisionKind.SILENCED, DecisionKind.FIRST]


def test_what_another_silence_holds_by_now_names_that_one_and_its_end(
    scene: Scene, clock: SteppingClock
) -> None:
    rule = {"channels": ["hook"], "renotify_every": "20min"}
    scene.metric("load", OPEN, alerting=rule)
    silence(scene, "monitor=load")
    scene.run()  # its beginning, and repetitions after that
    clock.advance(timedelta(hours=1))
    name = silence(scene, "series=load", hours=4)
    clock.advance(timedelta(hours=2))
    scene.run()

    end = "2026-03-01 17:00:00 UTC"
    assert f"If it still goes on when the silence is over ({end}), it is told then." in scene.words("load")
    project = scene.work.load()
    with open_memory(project, clock) as memory:
        (one,) = open_incidents(project, memory)
    assert [row.reason for row in one.held] == [f"silenced by ann until {end} ({name}): a new cable"]


def test_what_follows_from_something_else_says_from_what(scene: Scene) -> None:
    scene.metric("host", range(188, 200))
    scene.metric("load", OPEN)
    scene.groups(inhibitions=[{"when": ["host"], "mutes": ["load"]}])
    scene.run()

    text = scene.words("load")

    assert "everyone by hook: not told, as it follows from something else (inhibition)." in text
    assert "inhibited (stage inhibit): host, which mutes it, has an incident since" in text
    assert "If it still goes on when the other one is over, it is told then." in text


def test_an_event_is_told_once_and_what_is_alike_is_held_back(scene: Scene) -> None:
    scene.monitor()
    scene.store(*(scan(number, number / 10) for number in range(5)))
    scene.run()

    first, held = scene.why("scan-000"), scene.why("scan-003")

    (answer,) = first.rules[0].answers
    assert (answer.last.kind, answer.again.kind) == (DecisionKind.FIRST, Next.IF_IT_GOES_ON)
    assert answer.holding is not None
    assert (answer.holding.held_count, answer.holding.held_ids[0]) == (4, "scan-001")
    (answer,) = held.rules[0].answers
    assert answer.last.kind is DecisionKind.HELD
    assert answer.holding is not None
    assert answer.holding.told_event == "scan-000"
    text = scene.words("scan-003")
    assert text.startswith("scan-003: Recon.Scanning, 2026-02-01 17:12:00 UTC, severity medium\n")
    assert "About source 192.0.2.7, target www.example.org." in text
    assert "Rule default of ids (events):\n" in text
    assert "everyone by hook: not told, as the same was told before (threshold)." in text
    assert (
        "Recon.Scanning of 192.0.2.7 was told at 2026-02-01 10:00:00 UTC with severity medium"
        " (event scan-000)." in text
    )
    assert (
        "Held back after that: 4 events, from 2026-02-01 12:24:00 to 2026-02-01 19:36:00 UTC:"
        " scan-001, scan-002, scan-003 and 1 more." in text
    )
    assert (
        "It is silent until 2026-02-07 10:00:00 UTC, unless it gets worse. If more of it comes from"
        " 2026-02-05 10:00:00 UTC on, it is told again at 2026-02-07 10:00:00 UTC." in text
    )


def test_what_still_goes_on_near_the_end_of_its_silence_is_about_to_be_told(scene: Scene) -> None:
    scene.monitor()
    scene.store(*(scan(number, number) for number in range(6)))
    scene.run()

    (answer,) = scene.why("scan-002").rules[0].answers

    assert (answer.again.kind, answer.again.at) == (Next.RELAPSE, datetime(2026, 2, 7, 10, tzinfo=UTC))
    assert (
        "It still went on near the end of its silence (2026-02-06 10:00:00 UTC): what was held back is told"
        " when the silence is over, at 2026-02-07 10:00:00 UTC by the time of the events."
        in scene.words("scan-002")
    )


def test_a_relapse_is_found_from_what_was_held_back_and_from_what_was_told_before(
    scene: Scene, clock: SteppingClock
) -> None:
    scene.monitor()
    scene.store(*(scan(number, number) for number in range(6)))
    scene.run()
    clock.advance(timedelta(days=3))
    scene.run()

    for name in ("scan-000", "scan-001", "scan-004"):
        answer, kind = relapse_of(scene, name)
        assert kind is DecisionKind.RELAPSED
        assert answer.relapse_message is not None
    assert "everyone by hook: told twice." in scene.words("scan-000")
    text = scene.words("scan-004")
    assert "everyone by hook: held back at first (threshold), and told later with others." in text
    assert "relapsed: Recon.Scanning of 192.0.2.7 went on near the end of its silence" in text


def test_a_relapse_that_came_due_in_a_silence_says_so_and_the_next_is_told(
    scene: Scene, clock: SteppingClock
) -> None:
    scene.monitor()
    scene.store(*(scan(number, number) for number in range(6)))
    scene.run()
    clock.advance(timedelta(days=3))
    name = silence(scene, "source=192.0.2.7")
    scene.run()

    for asked in ("scan-000", "scan-001", "scan-004"):
        answer, kind = relapse_of(scene, asked)
        assert (kind, answer.relapse_message) == (DecisionKind.SILENCED, None)
        assert answer.again.kind is Next.NEVER
    text = scene.words("scan-004")
    assert "everyone by hook: not told, as the same was told before (threshold)." in text
    assert "It went on near the end of that silence, and came due when something else muted it:" in text
    assert f"({name}): a new cable" in text
    assert "\n    It is not told later either; what comes of it next is told as the first.\n\n" in text
    assert text.endswith(
        f"\nSilence {name} (source=192.0.2.7) of ann ends at 2026-03-04 14:00:00 UTC: a new cable"
    )
    assert "everyone by hook: told.\n" in scene.words("scan-000")

    clock.advance(timedelta(hours=3))
    scene.store(scan(7, 32), scan(8, 32.1))
    scene.run()

    kinds = [scene.why(asked).rules[0].answers[0].last.kind for asked in ("scan-007", "scan-008")]
    assert kinds == [DecisionKind.FIRST, DecisionKind.HELD]


def test_a_relapse_that_was_muted_is_found_among_others_of_the_same_instants(
    scene: Scene, clock: SteppingClock
) -> None:
    other: dict[str, Any] = {"Source": [{"IP4": ["192.0.2.8"]}]}
    scene.monitor()
    scene.store(scan(0, 0), scan(10, 0, **other), scan(9, 5), scan(8, 5), scan(11, 5, **other))
    scene.run()
    clock.advance(timedelta(days=3))
    silence(scene, "source=192.0.2.7")
    scene.run()

    for asked in ("scan-000", "scan-008", "scan-009"):
        answer, kind = relapse_of(scene, asked)
        assert kind is DecisionKind.SILENCED
        assert answer.holding is not None
        assert (answer.holding.told_event, answer.holding.held_count) == ("scan-000", 2)
    assert relapse_of(scene, "scan-011")[1] is DecisionKind.RELAPSED


def test_a_relapse_that_was_muted_is_found_when_its_silence_had_become_another_one(
    scene: Scene, clock: SteppingClock
) -> None:
    scene.monitor()
    scene.store(scan(0, 0), scan(1, 2.5))
    scene.run()
    scene.groups(thresholds={"medium": {"silence": "3d", "relapse": "1d"}})
    clock.advance(timedelta(days=3))
    silence(scene, "source=192.0.2.7")
    scene.run()

    for asked in ("scan-000", "scan-001"):
        assert "and came due when something else muted it:\n    2026-02-04 10:00:00" in scene.words(asked)


def test_a_relapse_that_its_group_does_not_want_any_more_does_not_promise_the_next(
    scene: Scene, clock: SteppingClock
) -> None:
    group = {"name": "net", "networks": ["192.0.2.0/24"], "channels": ["hook"]}
    scene.monitor(alerting={})
    scene.groups(group)
    scene.store(scan(0, 0), scan(1, 5))
    scene.run()
    scene.groups({**group, "min_severity": "high"})
    clock.advance(timedelta(days=3))
    scene.run()

    text = scene.words("scan-001")

    assert "It went on near the end of that silence, and came due when nobody was to be told:" in text
    assert "net is told from high on, and this is medium." in text
    assert text.endswith("It is not told later either.")


def test_what_was_told_again_is_found_when_it_was_told_twice_more(scene: Scene, clock: SteppingClock) -> None:
    both: dict[str, Any] = {"Source": [{"IP4": ["192.0.2.7", "192.0.2.8"]}]}
    scene.monitor()
    scene.store(scan(0, 0, **both), scan(1, 5, **both))
    scene.run()
    clock.advance(timedelta(days=3))
    silence(scene, "source=192.0.2.7")
    scene.run()
    clock.advance(timedelta(hours=3))
    scene.store(scan(2, 31, **both))
    scene.run()

    for asked, said in (("scan-000", "told twice."), ("scan-001", "and told later with others.")):
        text = scene.words(asked)
        assert f"everyone by hook: {said}" in text.replace("held back at first (threshold), ", ""), asked
        assert "relapsed: Recon.Scanning of 192.0.2.8 went on near the end of its silence" in text


def test_what_is_worse_is_told_with_what_was_held_back_before(scene: Scene) -> None:
    scene.monitor()
    scene.store(scan(0, 0), scan(1, 0.1), scan(2, 0.2), scan(3, 0.3, severity="high"))
    scene.run()

    (answer,) = scene.why("scan-003").rules[0].answers
    held = scene.words("scan-001")

    assert answer.last.kind is DecisionKind.ESCALATED
    assert answer.holding is not None
    assert answer.holding.before_ids == ("scan-001", "scan-002")
    assert "Held back before, and told with it: 2 events" in scene.words("scan-003")
    assert "held back at first (threshold), and told later with others." in held
    assert "escalated: an event that ids looks for" in held


def test_what_the_thresholds_have_forgotten_is_known_from_the_decisions(
    scene: Scene, clock: SteppingClock
) -> None:
    scene.monitor()
    scene.store(scan(0, 0), scan(1, 0.1), scan(2, 0.2))
    scene.run()
    clock.advance(timedelta(days=60))
    scene.run()

    (first,) = scene.why("scan-000").rules[0].answers
    (held,) = scene.why("scan-002").rules[0].answers

    assert first.holding is not None
    assert (first.holding.held_count, first.holding.held_ids) == (2, ("scan-001", "scan-002"))
    assert held.holding is not None
    assert held.holding.told_event == "scan-000"
    assert held.again.kind is Next.NEVER
    assert scene.words("scan-002").endswith("It is not told later either.")


def test_an_event_of_several_groups_has_an_answer_for_each(scene: Scene) -> None:
    scene.monitor(alerting={})
    scene.groups(
        {"name": "net", "networks": ["192.0.2.0/24"], "channels": ["hook"]},
        {"name": "same", "networks": ["192.0.2.0/24"], "channels": ["hook"], "min_severity": "high"},
    )
    scene.store(scan(0, 0))
    scene.run()

    (story,) = scene.why("scan-000").rules

    assert {answer.group: bool(answer.told) for answer in story.answers} == {"net": True, "same": False}
    assert "same by hook: not told.\n" in scene.words("scan-000")
    assert "same is told from high on, and this is medium." in scene.words("scan-000")


def test_an_event_of_which_a_rule_wants_nothing_says_so(scene: Scene) -> None:
    scene.monitor(alerting={"channels": ["hook"], "min_severity": "high"})
    scene.store(scan(0, 0))
    scene.run()

    assert "its severity is medium; the rule is about high and worse." in scene.words("scan-000")


def test_an_event_that_no_filter_matches_says_which_monitors_there_are(scene: Scene) -> None:
    scene.monitor()
    scene.monitor("hosts", filter={"source_addrs": ["198.51.100.0/24"]})
    scene.store(scan(0, 0, Category=["Attempt.Login"]))
    scene.run()

    text = scene.words("scan-000")

    assert "No rule has looked at it, so nobody was told." in text
    assert "The events monitor ids does not look at it: its filter does not match." in text
    assert "The events monitor hosts does not look at it" in text


def test_an_event_that_waits_for_the_next_run_says_which_rule_looks_at_it(scene: Scene) -> None:
    scene.monitor()
    scene.run()
    scene.store(scan(0, 0))

    text = scene.words("scan-000")

    assert "The events monitor ids has a filter that matches: rule default looks at it" in text


def test_an_event_that_passed_before_the_monitor_looked_for_it_says_so(scene: Scene) -> None:
    scene.monitor(filter={"categories": ["Attempt.Login"]})
    scene.store(scan(0, 0))
    scene.run()
    scene.monitor()

    assert "a changed filter or rule is for events that are stored later." in scene.words("scan-000")


def test_a_project_without_events_monitors_says_so(scene: Scene) -> None:
    scene.store(scan(0, 0))

    assert "The project has no events monitor" in scene.words("scan-000")


def test_a_delivered_message_says_when_and_one_that_waits_why(tmp_path: Path, clock: SteppingClock) -> None:
    with HttpReceiver() as receiver:
        hook = {"type": "webhook", "url": receiver.url, "allow_private": True}
        scene = Scene.new(tmp_path, clock, hook)
        scene.metric("load", OVER)
        receiver.default = type(receiver.default)(503)
        scene.run()
        waits = scene.why("load", at=slot(155)).rules[0].answers[0].messages
        text = scene.words("load", at=slot(155))
        receiver.default = type(receiver.default)()
        clock.advance(timedelta(hours=2))
        scene.run()
        sent = scene.why("load", at=slot(155)).rules[0].answers[0].messages

    assert [one.state for one in waits] == [MessageState.WAITING] * 2
    assert waits[0].attempts == 1
    assert "after 1 attempt that failed: " in text
    assert [one.state for one in sent] == [MessageState.DELIVERED] * 2
    assert sent[0].at == clock.now()
    assert f"Message {sent[0].id} was delivered at 2026-03-01 14:00:00 UTC by hook, after 2 attempts." in (
        scene.words("load", at=slot(155))
    )


def test_a_notice_that_waits_for_hours_says_until_when(scene: Scene) -> None:
    hours = {"days": ["wed"], "from": "08:00", "to": "18:00"}  # the clock begins on a Sunday
    scene.groups({"name": "day", "monitors": ["load"], "channels": ["hook"], "schedule": hours})
    scene.metric("load", OPEN)
    scene.run()

    (message,) = scene.why("load").rules[0].answers[0].messages

    assert (message.state, message.at) == (MessageState.COLLECTING, datetime(2026, 3, 4, 8, tzinfo=UTC))
    assert "leaves at 2026-03-04 08:00:00 UTC." in scene.words("load")


def test_a_threshold_over_incidents_says_what_it_held(scene: Scene) -> None:
    jumps = dict.fromkeys([*range(100, 106), *range(150, 156)], 80.0)
    scene.metric("load", range(0), alerting={"channels": ["hook"], "threshold": True})
    scene.work.csv("load", noisy(200, jumps=jumps))
    scene.run()

    (story,) = scene.why("load", at=slot(155)).rules
    (first,) = scene.why("load", at=slot(105)).rules

    assert story.answers[0].decisions[0].kind is DecisionKind.HELD
    assert story.answers[0].holding is not None
    assert story.answers[0].again.kind is Next.IF_IT_GOES_ON
    assert first.answers[0].holding is not None
    assert first.answers[0].holding.held_count == 1


def test_an_event_that_was_deleted_is_explained_by_what_was_noted(scene: Scene) -> None:
    scene.monitor()
    scene.store(scan(0, 0))
    scene.run()
    with open_project_events(scene.work.load()) as service:
        service.delete_event("scan-000")

    why = scene.why("scan-000")

    assert why.found.seq is None
    assert why.rules[0].answers[0].told
    assert "The event is not in the store (any more)" in scene.words("scan-000")


def test_a_series_of_a_metric_with_a_dimension_is_asked_for_by_its_name(scene: Scene) -> None:
    rows = [
        (at, value, host) for host in ("a", "b") for at, value in noisy(200, jumps={199: 80 * (host == "b")})
    ]
    scene.work.csv("load", rows, "timestamp,value,host")
    query = (
        "SELECT timestamp, value, host FROM read_csv('load.csv') WHERE timestamp >= '{{ tocsin_start_time }}'"
        " AND timestamp < '{{ tocsin_end_time }}'"
    )
    alerting = {"channels": ["hook"], "consecutive_anomalies": 1}
    scene.work.metric("load", query=query, dimension="host", alerting=alerting)
    scene.run()

    of_all, of_one = scene.why("load"), scene.why("load{host=b}")

    assert of_all.found == of_one.found
    assert (of_one.found.series, of_one.found.at) == ("load{host=b}", slot(199))
    assert of_one.rules[0].answers[0].told
    assert "Found by the metric load, series load{host=b}." in scene.words("load{host=b}")


def test_missing_values_are_what_was_found(scene: Scene) -> None:
    rows = noisy(200)
    scene.work.csv("load", [*rows[:150], *rows[190:]])
    scene.work.metric("load", alerting={"channels": ["hook"], "no_data": {"for": "2h"}})
    scene.run()

    text = scene.words("load", at=slot(170))

    assert text.startswith("load: missing values, 2026-01-06 02:50:00 UTC\n  no value in 12 slots in a row")
    assert "no data: no value in 12 slots in a row" in text
    assert "40 slots without a value" in text


def test_an_events_monitor_is_asked_for_what_it_looked_at_last(scene: Scene) -> None:
    scene.monitor()
    scene.store(scan(0, 0), scan(1, 1))
    scene.run()

    assert scene.why("ids").found.event_id == "scan-001"
    assert scene.why("ids", at=datetime(2026, 2, 1, 20, tzinfo=UTC)).found.event_id == "scan-000"


def test_each_rule_that_looked_at_an_event_has_its_story(scene: Scene) -> None:
    hook, silent = {"channels": ["hook"]}, {"name": "bad", "channels": ["hook"], "min_severity": "high"}
    scene.monitor(alerting=[hook, silent])
    scene.monitor("all", filter={}, alerting=hook, findings=True)
    scene.metric("load", OVER)
    scene.store(scan(0, 0))
    scene.run()

    assert [(one.monitor, one.rule) for one in scene.why("scan-000").rules] == [
        ("all", "default"),
        ("ids", "bad"),
        ("ids", "default"),
    ]
    assert {one.monitor for one in scene.why("load", at=slot(155)).rules} == {"load", "all"}


def test_what_data_says_does_not_steer_the_terminal(scene: Scene) -> None:
    scene.monitor()
    scene.store(scan(0, 0, Description="\x1b]0;x\x07", Node=[{"Name": "n\x1b[2J"}]))
    scene.run()

    assert "\x1b" not in scene.words("scan-000")


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ("nothing", "there is no event, monitor or series 'nothing'"),
        ("lod", "there is no event, monitor or series 'lod': did you mean 'load'?"),
        ("scan-00", "several events begin with 'scan-00': say more of the id: scan-000, scan-001"),
        ("sca", "there is no event, monitor or series 'sca'"),
        ("load{host=a}", "load{host=a} found nothing"),
        ("", "there is no event, monitor or series ''"),
        ("%", "there is no event, monitor or series '%'"),
    ],
)
def test_what_is_not_there_is_said(scene: Scene, asked: str, error: str) -> None:
    scene.metric("load", OVER)
    scene.store(scan(0, 0), scan(1, 0))

    with pytest.raises(ConfigError) as found:
        scene.why(asked)

    assert error in str(found.value)


def test_a_time_goes_with_a_series_only(scene: Scene) -> None:
    scene.store(scan(0, 0))

    with pytest.raises(ConfigError, match=r"--at goes with a monitor or a series"):
        scene.why("scan-000", at=slot(1))


def test_what_was_told_after_a_silence_does_not_wait_for_its_end(scene: Scene, clock: SteppingClock) -> None:
    scene.metric("load", OPEN, alerting={"channels": ["hook"], "renotify_every": "1h"})
    silence(scene, "monitor=load")
    scene.run()
    assert scene.why("load").rules[0].answers[0].again.kind is Next.UNSILENCED
    clock.advance(timedelta(hours=3))
    scene.run()

    said = scene.words("load")

    assert "when the silence is over" not in said
    assert "It is told again at the first anomalous point from" in said


def test_what_was_told_before_a_silence_says_that_the_rest_is_silent(
    scene: Scene, clock: SteppingClock
) -> None:
    scene.metric("load", range(190, 194), 194, alerting={"channels": ["hook"], "renotify_every": "30min"})
    scene.run()
    silence(scene, "monitor=load", hours=2)
    scene.metric("load", OPEN, alerting={"channels": ["hook"], "renotify_every": "30min"})
    scene.run()

    assert scene.why("load").rules[0].answers[0].again.kind is Next.SILENCED
    assert "what it comes to is not, until the silence is over (2026-03-01 14:00:00 UTC)" in scene.words(
        "load"
    )
    clock.advance(timedelta(hours=3))
    assert scene.why("load").rules[0].answers[0].again.kind is Next.REPEAT


def test_the_end_of_what_was_told_before_a_silence_is_told_after_it(
    scene: Scene, clock: SteppingClock
) -> None:
    scene.metric("load", range(180, 186), 186)
    scene.run()
    silence(scene, "monitor=load", hours=2)
    scene.metric("load", range(180, 186))
    scene.run()

    assert scene.why("load").rules[0].answers[0].again.kind is Next.SILENCED_END
    assert "That it is over is told when the silence is over (2026-03-01 14:00:00 UTC)." in scene.words(
        "load"
    )
    clock.advance(timedelta(hours=3))
    scene.run()
    answer = scene.why("load").rules[0].answers[0]
    assert [row.kind.value for row in answer.told] == ["first", "recovered"]
    assert answer.again.kind is Next.NEVER


def test_a_channel_that_came_during_a_silence_is_not_promised_to_be_told(scene: Scene) -> None:
    hooks = {"hook": NOWHERE, "late": NOWHERE}
    scene.work.write("profiles.yml", {"alert_channels": hooks})
    scene.metric("load", range(190, 194), 194, alerting={"channels": ["hook"], "renotify_every": "30min"})
    scene.run()
    silence(scene, "monitor=load", hours=2)
    scene.metric("load", OPEN, alerting={"channels": ["hook", "late"], "renotify_every": "30min"})
    scene.run()

    answers = {one.channel: one for one in scene.why("load").rules[0].answers}
    assert [row.kind.value for row in answers["late"].decisions] == ["silenced"] * 2
    assert answers["late"].again.kind is Next.NEVER
    assert answers["hook"].again.kind is Next.SILENCED
    assert "If it still goes on when the silence is over" not in scene.words("load")


def test_what_goes_on_and_was_told_nobody_is_not_said_to_be_over(scene: Scene) -> None:
    scene.metric("load", OPEN, alerting={})
    scene.run()

    said = scene.words("load")

    assert "It is over" not in said
    assert "What it comes to is told to those only who were told that it began." in said


def test_what_fires_of_a_monitor_or_rule_that_is_gone_fires_no_more(scene: Scene) -> None:
    scene.metric("load", OPEN)
    scene.metric("other", range(10, 11))
    scene.run()
    scene.metric("load", OPEN, enabled=False)

    with open_memory(scene.work.load(), scene.work.clock) as memory:
        assert open_incidents(scene.work.load(), memory) == []
    assert "no rule looks for its end any more" in scene.words("load")
    assert "Nothing more of it is told while the project has no such rule" in scene.words("load")
    (scene.work.folder / "metrics" / "load.yml").unlink()
    assert "no rule looks for its end any more" in scene.words("load")


def test_a_channel_that_came_later_is_said_to_have_missed_the_beginning(scene: Scene) -> None:
    scene.groups({"name": "all", "monitors": ["*"], "channels": ["old"]})
    scene.metric("load", range(190, 194), 194, alerting={"renotify_every": "30min"})
    scene.run()
    scene.groups({"name": "all", "monitors": ["*"], "channels": ["new"]})
    scene.metric("load", OPEN, alerting={"renotify_every": "30min"})
    scene.run()

    assert "its beginning was not told: others were told of it." in scene.words("load")


def test_what_is_news_again_is_not_said_to_tell_what_was_held_back_long_before(scene: Scene) -> None:
    scene.monitor()
    scene.store(scan(0, 0), scan(1, 1), scan(2, 10))
    scene.run()

    assert "told with it" not in scene.words("scan-002")
    assert "It is not told later either." in scene.words("scan-001")


def test_what_is_held_after_a_relapse_that_came_due_names_no_event_for_it(
    scene: Scene, clock: SteppingClock
) -> None:
    scene.monitor()
    scene.store(scan(0, 0), scan(1, 5))
    scene.run()
    clock.advance(timedelta(days=2))
    scene.run()
    scene.store(scan(2, 8))
    scene.run()

    said = scene.words("scan-002")

    assert "was told at 2026-02-07 10:00:00 UTC with severity medium (a relapse: what had been held" in said
    assert "event due" not in said
