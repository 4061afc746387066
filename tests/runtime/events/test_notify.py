"""What events monitors select is told once, held while it goes on, and told again when it relapses."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.events.conftest import BEGIN, EventsWorkspace, event

if TYPE_CHECKING:
    from tests.conftest import SteppingClock
    from tocsin.testing.channels import HttpReceiver


def kinds(project: EventsWorkspace) -> list[str]:
    return [message["kind"] for message in project.told()]


def test_an_event_of_the_folder_is_told_by_the_channel_and_the_next_ones_are_held(
    project: EventsWorkspace, receiver: HttpReceiver, clock: SteppingClock
) -> None:
    clock.time = BEGIN + timedelta(days=1)
    project.events(source={"folder": "queue"})
    project.drop("1.jsonl", [event(n, n / 100) for n in range(10)])

    report = project.run()

    (request,) = receiver.requests
    message = request.json()
    assert (message["kind"], message["monitor"], message["event"]["id"]) == ("first", "ids", "e0")
    assert message["event"]["sources"] == ["192.0.2.1"]
    assert project.decisions() == [
        ("e0", "first", "threshold"),
        *((f"e{n}", "held", "threshold") for n in range(1, 10)),
    ]
    assert report.monitors[0].alerts_sent == 1
    assert report.notes == []


def test_the_same_again_tells_nothing(project: EventsWorkspace, receiver: HttpReceiver) -> None:
    project.events()
    project.store([event(1, 0)])
    project.run()
    project.store([event(1, 0)])

    report = project.notify()

    assert (report.events, report.taken, len(receiver.requests)) == (0, 0, 1)


def test_what_goes_on_near_the_end_of_the_silence_is_told_again_without_a_new_event(
    project: EventsWorkspace, clock: SteppingClock
) -> None:
    project.events()
    for day in (0, 1, 5):
        clock.time = BEGIN + timedelta(days=day)
        project.store([event(day, day)])
        project.notify()
    assert kinds(project) == ["first"]

    clock.time = BEGIN + timedelta(days=6, hours=1)
    report = project.notify()

    assert (report.told, kinds(project)) == (1, ["first", "relapsed"])
    relapse = project.told()[-1]
    assert relapse["held_count"] == 2
    assert [one["event_id"] for one in relapse["items"]] == ["e1", "e5"]
    assert relapse["until"] == "2026-02-13T00:00:00Z", "its silence begins when the one before it ended"
    assert project.notify().told == 0


def test_history_is_decided_alike_at_any_speed(tmp_path: Any, clock: SteppingClock) -> None:
    events = [
        event(number, day, f"192.0.2.{number % 3}")
        for number, day in enumerate(
            [0, 0.1, 0.2, 1, 4.9, 5.1, 5.2, 5.3, 9, 11.2, 11.3, 11.4, 13, 30, 36.5, 40]
        )
    ]
    slow, fast, late = (EventsWorkspace(tmp_path / name, clock, "http://127.0.0.1:9") for name in "abc")
    for workspace in (slow, fast, late):
        workspace.events()

    for one in events:  # as it happens
        clock.time = datetime.fromisoformat(one["DetectTime"])
        slow.notify()
        slow.store([one])
        slow.notify()
    clock.time = BEGIN + timedelta(days=300)  # months later, in one go, and one by one
    fast.store(events)
    fast.notify()
    for one in events:
        late.store([one])
        late.notify()
    slow.notify()

    told = [(message["kind"], message["until"], message["id"]) for message in slow.told()]
    assert {kind for kind, _, _ in told} == {"first", "relapsed"}
    assert sorted((message["kind"], message["until"], message["id"]) for message in fast.told()) == sorted(
        told
    )
    assert sorted((message["kind"], message["until"], message["id"]) for message in late.told()) == sorted(
        told
    )


def test_a_worse_event_passes(project: EventsWorkspace) -> None:
    project.events()
    worse: dict[str, Any] = {"_Tocsin": {"EventSeverity": "high"}}
    project.store([event(1, -0.2), event(2, -0.1), event(3, 0, **worse)])

    project.notify()

    assert kinds(project) == ["first", "escalated"]


def test_a_filter_says_which_events_are_looked_at_and_the_others_are_passed_by(
    project: EventsWorkspace,
) -> None:
    project.events(filter={"categories": ["Attempt.Login"]})
    project.events("nothing", filter={"source_addrs": ["198.51.100.0/24"]})
    project.store([event(1, -1), event(2, -0.5, Category=["Attempt.Login"]), event(3, 0)])

    report = project.notify()

    assert (report.events, report.told) == (1, 1)
    assert project.decisions() == [("e2", "first", "threshold")]
    cursors = [project.position(f"events:{name}") for name in ("ids", "nothing")]
    assert [position["cursor"] for position in cursors if position] == [3, 3]


def test_an_event_that_is_not_bad_enough_for_the_rule_is_recorded_and_not_told(
    project: EventsWorkspace,
) -> None:
    project.events(
        alerting=[{"channels": ["ops"], "min_severity": "high"}, {"channels": ["boss"], "name": "all"}]
    )
    project.store([event(1, 0)])

    report = project.notify()

    assert (report.told, report.silent) == (1, 1)
    assert project.decisions() == [("e1", "first", "threshold"), ("e1", "none", "rule")]
    reasons = [
        row["reason"] for row in project.query("SELECT reason FROM _tocsin_decisions WHERE kind = 'none'")
    ]
    assert reasons == ["its severity is medium; the rule is about high and worse"]


def test_what_a_monitor_of_this_project_found_is_told_on_demand_only(project: EventsWorkspace) -> None:
    found: dict[str, Any] = {"_Tocsin": {"Monitor": "cpu", "Kind": "metric"}, "Node": [{"Name": "tocsin"}]}
    project.events()
    project.events("all", findings=True, alerting={"channels": ["boss"]})
    project.store([event(1, 0, **found)])

    project.notify()

    (message,) = project.told()
    assert message["monitor"] == "all"


def test_without_thresholds_each_event_is_told(project: EventsWorkspace) -> None:
    project.events(alerting={"channels": ["ops"], "threshold": False})
    project.store([event(n, n / 10 - 1) for n in range(5)])

    assert project.notify().told == 5
    assert project.position("alerts:clock") is None


def test_thresholds_are_as_long_as_the_groups_file_says(
    project: EventsWorkspace, clock: SteppingClock
) -> None:
    clock.time = BEGIN + timedelta(days=1)
    project.write("groups.yml", {"thresholds": {"medium": {"silence": "1h"}}})
    project.events()
    project.store([event(n, n / 48) for n in range(7)])  # every half hour

    project.notify()

    assert [kind for _, kind, _ in project.decisions()] == ["first", "held", "held"] * 2 + ["first"]


def test_an_event_from_the_future_counts_as_of_now(project: EventsWorkspace) -> None:
    project.events()
    project.store([event(1, 300), event(2, -1)])

    project.notify()

    (row,) = project.query("SELECT event_at FROM _tocsin_decisions WHERE event_id = 'e1'")
    assert row["event_at"] == BEGIN


def test_a_target_is_what_a_rule_looks_at_when_it_says_so(project: EventsWorkspace) -> None:
    project.events(alerting={"channels": ["ops"], "side": "target"})
    victims: list[dict[str, Any]] = [{"Target": [{"Hostname": [name]}]} for name in ("a", "b", "a")]
    project.store([event(n, n / 10 - 1, **victim) for n, victim in enumerate(victims)])

    project.notify()

    assert [message["event"]["entity"] for message in project.told()] == ["a", "b"]


def test_a_group_that_owns_the_source_is_told_by_its_channels(project: EventsWorkspace) -> None:
    project.write(
        "groups.yml", {"groups": [{"name": "office", "networks": "192.0.2.0/24", "channels": ["boss"]}]}
    )
    project.events(alerting={})
    project.store([event(1, 0), event(2, 0, "198.51.100.1")])

    project.notify()

    assert [message["event"]["id"] for message in project.told()] == ["e1"]
    assert ("e2", "none", "route") in project.decisions()


def test_a_limit_leaves_the_rest_for_the_next_time(project: EventsWorkspace, clock: SteppingClock) -> None:
    clock.time = BEGIN + timedelta(days=1)
    project.events()
    project.store([event(n, n / 5000) for n in range(1200)])

    first, second, third = (project.notify(limit=500) for _ in range(3))

    assert (first.more, third.more) == (True, False)
    assert first.events + second.events + third.events == 1200
    assert len(project.decisions()) == 1200


def test_a_monitor_without_rules_passes_by_what_it_does_not_tell(project: EventsWorkspace) -> None:
    project.events(alerting=[])
    project.store([event(1, 0)])

    assert project.notify().events == 0
    assert project.position("events:ids") == {"cursor": 1}


def test_a_store_that_was_made_anew_is_read_from_its_beginning(project: EventsWorkspace) -> None:
    from tocsin.runtime.events.store import open_project_events

    project.events(alerting={"channels": ["ops"], "threshold": False})
    project.store([event(n, 0) for n in range(5)])
    project.notify()
    with open_project_events(project.load()) as service:
        service.database_drop()

    project.store([event(7, 0)])

    assert project.notify().told == 1


def test_two_at_once_tell_nothing_twice(project: EventsWorkspace, clock: SteppingClock) -> None:
    clock.time = BEGIN + timedelta(days=1)
    project.events()
    project.store([event(n, n / 10_000, f"192.0.2.{n % 50}") for n in range(3000)])

    reports = project.notify_at_once(2)

    assert sum(report.events for report in reports) == 3000
    assert sum(report.messages for report in reports) == len(project.told()) == 50
    assert len(project.decisions()) == 3000


def test_a_silence_that_nothing_matched_ends_with_a_note(
    project: EventsWorkspace, clock: SteppingClock
) -> None:
    from tocsin.alerting.silence_book import add_silence, new_silence
    from tocsin.runtime.databases import open_memory

    project.events()
    ends = BEGIN + timedelta(hours=1)
    silence = new_silence(["monitor=ids"], starts_at=BEGIN, ends_at=ends, author="me", comment="", now=BEGIN)
    with open_memory(project.load(), clock) as memory, memory.transaction() as tx:
        add_silence(tx, silence, timedelta(days=1))
    clock.time = BEGIN + timedelta(hours=2)

    assert project.notify().notes == [
        f"the silence {silence.id} (monitor=ids) of me has ended without having matched anything"
    ]
    assert project.notify().notes == []


@pytest.mark.parametrize("key", ["dt_from", "limit", "sortby", "nonsense"])
def test_a_filter_takes_search_parameters_but_no_times_and_pages(project: EventsWorkspace, key: str) -> None:
    project.events(filter={key: 1})

    (report,) = project.run().monitors

    assert report.bad_configuration
    assert f"{key}" in (report.error or "")
    assert "ids.yml:" in (report.error or "")


def test_last_years_events_are_held_although_todays_were_decided_before(
    project: EventsWorkspace, clock: SteppingClock
) -> None:
    project.events()
    project.store([event(1, 0)])
    project.notify()
    project.events("new")  # it looks at all there is, in steps

    for number in range(2, 6):
        project.store([event(number, number / 2 - 400, "198.51.100.7")])
        clock.advance(timedelta(hours=1))
        project.notify(limit=1)
        project.notify()

    of_old = [one for one in project.told() if one["event"]["sources"] == ["198.51.100.7"]]
    assert sorted((one["monitor"], one["event"]["id"]) for one in of_old) == [("ids", "e2")]


def test_an_event_that_several_monitors_and_rules_look_for_is_told_once_by_each_channel(
    project: EventsWorkspace,
) -> None:
    both = [{"channels": ["ops"]}, {"name": "bad", "channels": ["ops", "boss"], "min_severity": "medium"}]
    project.events(alerting=both)
    project.events("other")
    project.store([event(1, 0)])
    project.notify()

    project.events("renamed")  # it looks at all there is
    project.notify()

    assert sorted((one["monitor"], one["rule"]) for one in project.told()) == [
        ("ids", "bad"),
        ("ids", "default"),
    ]
    held = project.query("SELECT monitor, channel, reason FROM _tocsin_decisions WHERE kind = 'held'")
    assert {row["reason"] for row in held} == {"this very event was told by ids (rule default)"}
    assert sorted((row["monitor"], row["channel"]) for row in held) == [
        ("ids", "ops"),
        ("other", "ops"),
        ("renamed", "ops"),
    ]


def test_an_event_from_elsewhere_that_fills_in_tocsins_own_fields_is_told(project: EventsWorkspace) -> None:
    project.events()
    project.store([event(1, 0, _Tocsin={"Monitor": "checkout"}, Node=[{"Name": "probe"}])])

    project.notify()

    assert [one["event"]["id"] for one in project.told()] == ["e1"]


def test_what_was_over_long_before_all_that_is_asked_about_is_forgotten(
    project: EventsWorkspace, clock: SteppingClock
) -> None:
    project.events()
    for day in range(30):
        clock.time = BEGIN + timedelta(days=day)
        project.store([event(day, day, f"192.0.2.{day}")])
        project.notify()

    (row,) = project.query("SELECT count(*) AS n FROM threshold_reports")
    names = project.query("SELECT name FROM _tocsin_positions WHERE name LIKE 'alerts:%' ORDER BY name")

    assert 6 < row["n"] < 10
    assert [one["name"] for one in names] == [
        "alerts:clock", "alerts:lowest:2026-03-01", "alerts:lowest:2026-03-02",
    ]  # fmt: skip
