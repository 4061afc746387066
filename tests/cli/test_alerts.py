"""`tocsin alerts list | history | ack | silence | unsilence`."""

from __future__ import annotations

import getpass
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.alert_scenes import Scene, scan
from tocsin.cli import alerts_list
from tocsin.runtime.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli

OPEN = range(190, 200)
OVER = range(150, 156)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Give the current folder as a project in which one metric fires and one did."""
    scene = Scene.new(tmp_path, SystemClock())
    scene.metric("load", OPEN)
    scene.metric("disk", OVER)
    return scene


def listed(cli: Cli, *options: str) -> Any:
    return cli("alerts", "list", *options, "--json").json


def test_list_shows_what_fires_and_who_was_told(cli: Cli, scene: Scene) -> None:
    scene.run()

    (incident,) = listed(cli)["incidents"]

    assert (incident["series"], incident["rule"], incident["state"]) == ("load", "default", "firing")
    assert (incident["since"], incident["last_seen"]) == (
        "2026-01-06T07:40:00+00:00",
        "2026-01-06T09:10:00+00:00",
    )
    assert (incident["severity"], incident["points"], incident["groups"]) == ("medium", 10, ["everyone"])
    assert [(one["kind"], one["group"], one["channel"]) for one in incident["told"]] == [
        ("first", "everyone", "hook")
    ]
    assert (incident["not_told"], incident["acknowledged"]) == ([], None)
    lines = cli("alerts", "list").out.splitlines()
    assert lines[0] == "What fires now: 1 incident"
    assert lines[2].split()[:2] == [incident["id"], "load"]
    assert "everyone by hook  -" in lines[2]
    assert incident["told"][0]["message_id"] is not None


def test_list_before_the_first_run_is_empty(cli: Cli, scene: Scene) -> None:
    assert scene.work.folder.is_dir()
    assert cli("alerts", "list").out == "Nothing fires.\n"
    assert cli("alerts", "history").out.startswith("no decision is like that; --all shows")
    assert cli("alerts", "history", "--all").out == "no decision is like that\n"


def test_list_says_why_nobody_was_told(cli: Cli, scene: Scene) -> None:
    scene.metric("load", OPEN, alerting={})
    scene.run()

    (incident,) = listed(cli)["incidents"]

    assert (incident["told"], incident["not_told"][0]["kind"]) == ([], "none")
    assert f"nobody is told of {incident['id']}: neither the rule" in cli("alerts", "list").out


def test_list_shows_what_is_silent_and_what_waits(cli: Cli, scene: Scene) -> None:
    scene.monitor()
    scene.store(*(scan(number, number / 10) for number in range(3)))
    scene.run()

    answer = listed(cli)

    assert answer["silent"]["total"] == 1
    assert answer["silent"]["at"].startswith("2026-02-01T14:48:0")
    assert answer["silent"]["first"] == [
        {
            "classes": ["Recon.Scanning"],
            "entity": "192.0.2.7",
            "group": "everyone",
            "channel": "hook",
            "severity": "medium",
            "until": "2026-02-07T10:00:00+00:00",
            "held": 2,
        }
    ]
    (message,) = answer["messages"]
    assert (message["channel"], message["waiting"], message["given_up"]) == ("hook", 4, 0)
    assert "could not be reached" in message["last_error"]
    text = cli("alerts", "list").out
    assert "Silent, as it was told: 1, by the time of the events (2026-02-01 14:48" in text
    assert "4 messages for hook to be sent: 127.0.0.1 could not be reached" in text


def test_list_shows_the_first_twenty_that_are_silent_with_their_number(cli: Cli, scene: Scene) -> None:
    scene.monitor()
    scene.store(*(scan(n, n / 100, Source=[{"IP4": [f"192.0.2.{n}"]}]) for n in range(25)))
    scene.run()

    silent = listed(cli)["silent"]

    assert (silent["total"], len(silent["first"]), silent["first"][0]["entity"]) == (25, 20, "192.0.2.0")
    title = next(line for line in cli("alerts", "list").out.splitlines() if line.startswith("Silent"))
    assert title.startswith("Silent, as it was told: 25, by the time of the events")
    assert title.endswith(", the first 20 to end")


def test_list_shows_the_worst_of_many_incidents_and_json_has_all(
    cli: Cli, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts_list, "_MOST_INCIDENTS", 1)
    for name in ("load", "disk"):
        scene.metric(name, range(190, 200))
    scene.run()

    lines = cli("alerts", "list").out.splitlines()

    assert lines[0] == "What fires now: 2 incidents, the worst 1 (--json has all)"
    assert sum("2026-01-06" in line for line in lines) == 1
    assert len(listed(cli)["incidents"]) == 2


def test_a_long_text_of_an_event_is_cut_in_words(cli: Cli, scene: Scene) -> None:
    scene.store(scan(1, 0, Description="x" * 50_000))

    text = cli("alerts", "why", "scan-001").out

    assert "and 48,001 more characters" in text
    assert len(text) < 4_000


def test_list_is_narrowed_to_a_group_or_a_monitor(cli: Cli, scene: Scene) -> None:
    scene.metric("host", OPEN, tags=["ops"], alerting={})
    scene.groups({"name": "ops", "tags": ["ops"], "channels": ["hook"]})
    scene.run()

    def series(*options: str) -> list[str]:
        return sorted(one["series"] for one in listed(cli, *options)["incidents"])

    assert series() == ["host", "load"]
    assert series("--group", "ops") == ["host"]
    assert series("--group", "nobody") == []
    assert cli("alerts", "list", "--group", "nobody").out.startswith("Nothing like that fires.\n")
    assert series("--monitor", "l*") == ["load"]
    assert listed(cli, "--monitor", "load")["silent"]["total"] == 0


def test_notices_that_wait_for_hours_are_listed(cli: Cli, scene: Scene) -> None:
    in_three_days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(SystemClock().now().weekday() + 3) % 7]
    scene.groups(
        {"name": "later", "monitors": ["load"], "channels": ["hook"], "schedule": {"days": [in_three_days]}}
    )
    scene.run()

    (notices,) = listed(cli)["notices"]

    assert (notices["group"], notices["channel"], notices["count"]) == ("later", "hook", 1)
    assert notices["due_at"].endswith("T00:00:00+00:00")
    said = cli("alerts", "list").out
    assert "1 notice for later by hook, to be sent at " in said
    assert "later by hook (waits)" in said
    assert listed(cli)["incidents"][0]["told"][0]["message_id"] is None


def test_history_shows_who_was_told_newest_first(cli: Cli, scene: Scene) -> None:
    scene.run()

    answer = cli("alerts", "history", "--json").json

    assert [(one["series"], one["kind"]) for one in answer["decisions"]] == [
        ("load", "first"),
        ("disk", "recovered"),
        ("disk", "first"),
    ]
    assert (answer["count"], answer["before"]) == (3, None)
    first = answer["decisions"][0]
    assert (first["stage"], first["at"]) == ("rule", "2026-01-06T08:00:00+00:00")
    assert first["reason"] == "3 points in a row lie above the band"
    lines = cli("alerts", "history").out.splitlines()
    assert "first      load (rule default) at 2026-01-06 08:00, medium: everyone by hook" in lines[0]
    assert lines[1] == "    3 points in a row lie above the band"
    assert lines[-1] == "3 decisions; --all shows those that told nobody, too"


def test_the_columns_of_the_history_are_below_each_other(cli: Cli, scene: Scene) -> None:
    scene.run()
    noon = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()) * 1000
    with closing(sqlite3.connect(scene.work.load().memory_path)) as memory, memory:
        memory.execute("UPDATE _tocsin_decisions SET decided_at = ? + 1000 * (kind = 'first')", (noon,))

    heads = [line for line in cli("alerts", "history").out.splitlines() if line.startswith("2026")]

    assert {line[:21] for line in heads} == {"2026-03-01 12:00     ", "2026-03-01 12:00:01  "}


def test_history_with_all_has_the_silent_decisions(cli: Cli, scene: Scene) -> None:
    scene.run()

    every = cli("alerts", "history", "--all", "--series", "load", "--limit", "100", "--json").json[
        "decisions"
    ]
    silent = cli("alerts", "history", "--kind", "none", "--series", "load", "--json").json["decisions"]

    assert [one for one in every if one["kind"] == "none"] == silent
    assert sum(one["opened_at"] is not None for one in silent) == 9
    assert {one["stage"] for one in silent} == {"rule"}
    event = silent[0]["event_id"]
    (one,) = cli("alerts", "history", "--event", event, "--json").json["decisions"]
    assert one == silent[0]


def test_history_of_an_event_has_what_told_of_it_with_others(cli: Cli, scene: Scene) -> None:
    params = {"window_size": 50, "min_samples": 10}
    scene.metric("load", OPEN, detectors=[{"type": kind, "params": params} for kind in ("mad", "zscore")])
    scene.run()
    events = {
        (one["_Tocsin"]["DetectorType"], one["DetectTime"]): one["ID"]
        for one in map(json.loads, cli("events", "export", "--detector", "tocsin").out.splitlines())
        if one["_Tocsin"]["Series"] == "load"
    }

    def decided(detector: str, at: str) -> list[tuple[str, str]]:
        answer = cli("alerts", "history", "--event", events[detector, f"2026-01-06T{at}:00Z"], "--json").json
        return [(one["kind"], one["at"][11:16]) for one in answer["decisions"]]

    for detector in ("mad", "zscore"):
        assert decided(detector, "08:00") == [("first", "08:00")]
        assert ("first", "08:00") in decided(detector, "07:50")
        assert {at for _, at in decided(detector, "07:50")} == {"07:50", "08:00"}
    assert decided("mad", "08:30") == [("none", "08:30")]  # nobody was told since


def test_history_of_an_event_that_was_held_back_has_the_relapse_that_told_of_it(
    cli: Cli, scene: Scene
) -> None:
    scene.monitor()
    other = scan(3, 7, Source=[{"IP4": ["192.0.2.8"]}])
    scene.store(scan(0, 0), scan(1, 5.9), scan(2, 5.95), other)
    scene.run()

    answers = [cli("alerts", "history", "--event", f"scan-00{one}", "--json").json for one in (0, 1, 2)]

    assert [[one["kind"] for one in answer["decisions"]] for answer in answers] == [
        ["first"],
        ["relapsed", "held"],
        ["relapsed", "held"],
    ]


def test_a_limit_beyond_all_numbers_is_refused_as_one(cli: Cli) -> None:
    assert "less than or equal to" in cli("alerts", "history", "--limit", "9" * 20, code=2).err


@pytest.mark.parametrize(
    ("options", "number"),
    [
        (("--monitor", "disk"), 2),
        (("--series", "load"), 1),
        (("--group", "everyone"), 3),
        (("--group", "nobody"), 0),
        (("--channel", "hook"), 3),
        (("--kind", "first", "--kind", "repeat"), 2),
        (("--from", "1h"), 3),
        (("--to", "1h"), 0),
        (("--from", "2026-01-01", "--to", "2026-02-01"), 0),
    ],
)
def test_history_is_narrowed(cli: Cli, scene: Scene, options: tuple[str, ...], number: int) -> None:
    scene.run()

    assert cli("alerts", "history", *options, "--json").json["count"] == number


def test_pages_of_the_history_have_each_decision_once(cli: Cli, scene: Scene) -> None:
    scene.run()
    every = cli("alerts", "history", "--all", "--limit", "1000", "--json").json["decisions"]

    found, before = [], None
    while True:
        options = ("--before", before) if before else ()
        page = cli("alerts", "history", "--all", "--limit", "4", *options, "--json").json
        found += page["decisions"]
        before = page["before"]
        if before is None:
            break

    assert found == every
    assert len(every) > 8
    text = cli("alerts", "history", "--limit", "2").out
    assert "; for the next ones add --before '" in text


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--kind", "frst"), "--kind 'frst' is not understood: one of none, first, repeat"),
        (("--before", "2026-01-01"), "--before '2026-01-01' is not understood"),
        (("--before", "a,b,c"), "--before 'a' is not a date or time"),
        (("--from", "soon"), "--from 'soon' is not a date or time"),
    ],
)
def test_what_history_does_not_understand_is_said(
    cli: Cli, scene: Scene, options: tuple[str, ...], error: str
) -> None:
    assert scene.work.folder.is_dir()
    assert error in cli("alerts", "history", *options, code=2).error


@pytest.mark.parametrize("by", ["id", "prefix", "monitor", "series"])
def test_an_incident_is_acknowledged_by_what_people_call_it(cli: Cli, scene: Scene, by: str) -> None:
    scene.run()
    (incident,) = listed(cli)["incidents"]
    name = {"id": incident["id"], "prefix": incident["id"][:5], "monitor": "load", "series": "load"}[by]

    text = cli("alerts", "ack", name, "--comment", "a new disk", "--author", "ann").out

    assert text == f"{incident['id']}: load, since 2026-01-06 07:40 UTC, is acknowledged by ann\n"
    (after,) = listed(cli)["incidents"]
    assert (after["acknowledged"]["author"], after["acknowledged"]["comment"]) == ("ann", "a new disk")


def test_who_acknowledges_is_the_user_unless_it_is_said(cli: Cli, scene: Scene) -> None:
    scene.run()

    (incident,) = cli("alerts", "ack", "load", "--json").json["incidents"]

    assert incident["acknowledged"]["author"] == getpass.getuser()
    assert cli("alerts", "list").out.splitlines()[2].split()[-1] == getpass.getuser()


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("disk", "nothing of disk fires"),
        ("lod", "nothing that fires is called 'lod'"),
        ("00000000", "nothing that fires is called '00000000'"),
    ],
)
def test_what_does_not_fire_cannot_be_acknowledged(cli: Cli, scene: Scene, name: str, error: str) -> None:
    scene.run()

    assert error in cli("alerts", "ack", name, code=2).error


def test_a_silence_is_made_listed_matched_and_ended(cli: Cli, scene: Scene) -> None:
    made = cli("alerts", "silence", "monitor=load", "--for", "2h", "--comment", "a move", "--json").json
    scene.run()

    (silence,) = listed(cli)["silences"]
    assert silence["id"] == made["silence"]["id"]
    assert (silence["state"], silence["matched"], silence["comment"]) == ("active", 1, "a move")
    (incident,) = listed(cli)["incidents"]
    assert (incident["told"], incident["not_told"][0]["kind"]) == ([], "silenced")
    text = cli("alerts", "list").out
    assert f"{silence['id']}  active  monitor=load" in text
    assert f"nobody is told of {incident['id']}: silenced by" in text

    ended = cli("alerts", "unsilence", silence["id"]).out

    assert ended == f"{silence['id']}: monitor=load is no longer silent; it silenced 1 alert\n"
    assert listed(cli)["silences"] == []
    assert [one["state"] for one in listed(cli, "--all")["silences"]] == ["over"]
    scene.run()
    assert [one["kind"] for one in listed(cli)["incidents"][0]["told"]] == ["first"]


def test_who_asks_twice_for_the_same_silence_has_one_that_lasts_longer(cli: Cli, scene: Scene) -> None:
    assert scene.work.folder.is_dir()
    words = ("alerts", "silence", "monitor=load", "--comment", "a move", "--json")

    first, longer = (cli(*words, "--for", length).json["silence"] for length in ("2h", "3h"))
    kept = listed(cli)["silences"]
    shorter = cli(*words, "--for", "1h").json["silence"]

    assert first["id"] == longer["id"] == shorter["id"]
    assert first["ends_at"] < longer["ends_at"]
    assert kept == listed(cli)["silences"] == [shorter]


@pytest.mark.parametrize("key", ["monitor", "tag", "group", "channel"])
def test_a_silence_of_what_the_project_does_not_have_is_made_and_says_so(
    cli: Cli, scene: Scene, key: str
) -> None:
    scene.metric("load", OPEN, tags=["shop"])
    scene.groups({"name": "team", "channels": ["hook"]})
    words = ("alerts", "silence", "--for", "2h", "--comment", "a move")
    there = {"monitor": "lo*", "tag": "shop", "group": "team", "channel": "hook"}[key]

    wrong = cli(*words, f"{key}=laod", f"{key}!=x", "series=any", "severity=low")
    right = cli(*words, f"{key}={there}", "host=192.0.2.7")

    assert wrong.err == f"note: {key}=laod: the project has no such {key} now\n"
    assert right.err == ""
    assert len(listed(cli)["silences"]) == 2


def test_a_silence_may_begin_later(cli: Cli, scene: Scene) -> None:
    assert scene.work.folder.is_dir()
    month = f"{SystemClock().now().year + 2}-01"
    span = ("--from", f"{month}-01", "--until", f"{month}-02T12:00")

    text = cli("alerts", "silence", "host=192.0.2.0/24", "severity!=critical", *span, "--comment", "x").out

    assert text.endswith(
        f": host=192.0.2.0/24 severity!=critical is silent from {month}-01 00:00 until {month}-02 12:00 UTC\n"
    )
    assert [one["state"] for one in listed(cli)["silences"]] == ["pending"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("monitor=x", "--comment", "c"), "say how long to be silent: give either --for 2h or --until TIME"),
        (
            ("monitor=x", "--for", "1h", "--until", "2030-01-01", "--comment", "c"),
            "say how long to be silent",
        ),
        (("monitor=x", "--for", "31d", "--comment", "c"), "a silence may last 30 days"),
        (("monitor=x", "--until", "2020-01-01", "--comment", "c"), "a silence must end after it starts"),
        (("monitr=x", "--for", "1h", "--comment", "c"), "nothing is called 'monitr': did you mean monitor?"),
        (("everything", "--for", "1h", "--comment", "c"), "'everything' is no matcher"),
        (("monitor=x", "--for", "soon", "--comment", "c"), "--for"),
        (("monitor=x", "--for", "99999999w", "--comment", "c"), "--for"),
    ],
)
def test_a_silence_that_cannot_be_is_refused(
    cli: Cli, scene: Scene, options: tuple[str, ...], error: str
) -> None:
    assert scene.work.folder.is_dir()
    assert error in cli("alerts", "silence", *options, code=2).error
    assert listed(cli)["silences"] == []


def test_a_silence_needs_a_comment(cli: Cli, scene: Scene) -> None:
    assert scene.work.folder.is_dir()
    assert "--comment" in cli("alerts", "silence", "monitor=x", "--for", "1h", code=2).err


def test_a_silence_that_is_not_there_cannot_be_ended(cli: Cli, scene: Scene) -> None:
    assert scene.work.folder.is_dir()
    assert "there is no silence '12345678'" in cli("alerts", "unsilence", "12345678", code=2).error


def test_why_prints_sentences_and_the_same_as_json(cli: Cli, scene: Scene) -> None:
    scene.run()
    # When it is tried again must not pass between two looks.
    scene.work.query("UPDATE _tocsin_outbox SET next_attempt_at = created_at")

    answer = cli("alerts", "why", "load", "--at", "2026-01-06T08:30:00", "--json").json
    text = cli("alerts", "why", "load", "--at", "2026-01-06T08:30:00").out

    assert (answer["asked"], answer["found"]["at"]) == ("load", "2026-01-06T08:30:00+00:00")
    (rule,) = answer["rules"]
    assert rule["point"]["reason"].startswith("belongs to the incident of 2026-01-06 07:40:00 UTC")
    assert rule["incident"]["points"]["count"] == 10
    (told,) = rule["answers"]
    assert (told["told"], told["again"]) == (True, {"kind": "change", "at": None})
    assert told["messages"][0]["state"] == "waiting"
    assert "everyone by hook: told.\n" in text
    assert cli("alerts", "why", answer["found"]["event_id"][:10]).out == text
    assert "there is no event, monitor or series" in cli("alerts", "why", "nothing", code=2).error


def test_looking_writes_nothing(cli: Cli, scene: Scene) -> None:
    scene.monitor()
    scene.store(scan(0, 0), scan(1, 0.1))
    scene.run()
    memory = scene.work.folder / "tocsin.db"
    before = memory.read_bytes()

    for command in (("list",), ("history", "--all"), ("why", "scan-001"), ("why", "load")):
        cli("alerts", *command)

    assert memory.read_bytes() == before
