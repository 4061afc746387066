"""`tocsin alerts history` says of an event what it was, and whom it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_tables import on_a_terminal
from tests.runtime.alert_scenes import Scene, scan
from tocsin.eventstorage.service import EventStorageService
from tocsin.runtime.clock import SystemClock
from tocsin.runtime.events.store import open_project_events

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli

HOSTILE = "Recon\x1b[2J\x1b]0;owned\x07\nfirst  all is well"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Give the current folder as a project with an events monitor."""
    scene = Scene.new(tmp_path, SystemClock())
    scene.monitor(filter={})
    return scene


def lines(cli: Cli, *options: str) -> list[str]:
    """Give what is said below the head of each decision, and the last line."""
    return [line for line in cli("alerts", "history", *options).out.splitlines() if line.startswith("    ")]


def test_history_says_what_an_event_was_and_whom_it_is_about(cli: Cli, scene: Scene) -> None:
    scene.store(scan(0, 0), scan(1, 0.1))
    scene.run()

    assert lines(cli) == [
        "    Recon.Scanning, 192.0.2.7 → www.example.org",
        "    an event that ids looks for",
    ]
    held, first = cli("alerts", "history", "--all", "--json").json["decisions"]
    assert (held["kind"], held["event_id"], first["kind"], first["event_id"]) == (
        "held",
        "scan-001",
        "first",
        "scan-000",
    )
    assert (
        held["event"]
        == first["event"]
        == {
            "stored": True,
            "categories": ["Recon.Scanning"],
            "sources": ["192.0.2.7"],
            "targets": ["www.example.org"],
        }
    )


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"Target": []}, "Recon.Scanning, 192.0.2.7"),
        ({"Source": []}, "Recon.Scanning, → www.example.org"),
        ({"Source": [], "Target": []}, "Recon.Scanning"),
        ({"Category": []}, "192.0.2.7 → www.example.org"),
        (
            {"Source": [{"IP4": [f"192.0.2.{n}" for n in range(7, 12)]}]},
            "Recon.Scanning, 192.0.2.7, 192.0.2.8 +3 → www.example.org",
        ),
    ],
)
def test_what_an_event_does_not_say_is_left_out(
    cli: Cli, scene: Scene, keys: dict[str, Any], said: str
) -> None:
    scene.store(scan(0, 0, **keys))
    scene.run()

    assert lines(cli)[0] == f"    {said}"


def test_an_event_that_says_nothing_has_no_line_of_its_own(cli: Cli, scene: Scene) -> None:
    scene.store(scan(0, 0, Category=[], Source=[], Target=[]))
    scene.run()

    assert lines(cli) == ["    an event that ids looks for"]


def test_of_an_event_that_is_no_longer_stored_that_is_said(cli: Cli, scene: Scene) -> None:
    scene.store(scan(0, 0), scan(1, 0.1))
    scene.run()
    with open_project_events(scene.work.load()) as service:
        assert service.delete_event("scan-000")

    assert lines(cli)[0] == "    the event is no longer stored"
    held, first = cli("alerts", "history", "--all", "--json").json["decisions"]
    assert first["event"] == {"stored": False, "categories": [], "sources": [], "targets": []}
    assert held["event"]["stored"]


def test_a_page_of_events_is_read_in_one_query(
    cli: Cli, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.store(*(scan(n, 0, Source=[{"IP4": [f"192.0.2.{n}"]}]) for n in range(20)))
    scene.run()
    asked: list[Any] = []
    search = EventStorageService.search_events

    def counted(service: EventStorageService, parameters: Any, **more: Any) -> tuple[int, list[Any]]:
        asked.append(parameters)
        return search(service, parameters, **more)

    monkeypatch.setattr(EventStorageService, "search_events", counted)

    assert cli("alerts", "history", "--limit", "15", "--json").json["count"] == 15
    assert [len(one["ids"]) for one in asked] == [15]


def test_what_an_event_says_does_not_steer_the_terminal(cli: Cli, scene: Scene) -> None:
    scene.store(scan(0, 0, Category=[HOSTILE], Source=[{"Hostname": ["a\x1b[31m"]}]))
    scene.run()

    text = cli("alerts", "history").out

    assert "\x1b" not in text
    assert "\x07" not in text
    assert len(text.splitlines()) == 4
    assert "    Recon\\x1b[2J" in text


def test_a_long_category_is_cut_in_words_and_whole_in_json(cli: Cli, scene: Scene) -> None:
    scene.store(scan(0, 0, Category=["x" * 200]))
    scene.run()

    assert len(lines(cli)[0]) < 120
    (first,) = cli("alerts", "history", "--json").json["decisions"]
    assert first["event"]["categories"] == ["x" * 200]


@pytest.mark.parametrize("width", [80, 200])
def test_what_is_said_of_an_event_is_the_same_on_every_terminal(
    cli: Cli, scene: Scene, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    scene.store(scan(0, 0))
    scene.run()
    on_a_terminal(monkeypatch, width)

    assert lines(cli) == [
        "    Recon.Scanning, 192.0.2.7 → www.example.org",
        "    an event that ids looks for",
    ]


def test_on_a_narrow_terminal_a_decision_goes_on_below_and_its_reason_is_further_in(
    cli: Cli, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.store(scan(0, 0))
    scene.run()
    (head,) = [line for line in cli("alerts", "history").out.splitlines() if "scan-000" in line]
    on_a_terminal(monkeypatch, 60)

    *above, what, _reason, _total = cli("alerts", "history").out.splitlines()

    assert all(len(line) <= 60 for line in above)
    assert [len(line) - len(line.lstrip()) for line in (*above, what)] == [0, 2, 4]
    assert " ".join(" ".join(above).split()) == " ".join(head.split())


def test_a_metric_says_it_in_its_reason_also_where_its_findings_are_told_as_events(
    cli: Cli, scene: Scene
) -> None:
    scene.monitor(filter={}, findings=True)
    scene.metric("load", range(190, 200))
    scene.run()

    decisions = cli("alerts", "history", "--all", "--limit", "100", "--json").json["decisions"]

    of_metric = [one for one in decisions if one["series"] == "load"]
    of_events = [one for one in decisions if one["series"] == "ids"]
    assert {one["event_id"] for one in of_metric} & {one["event_id"] for one in of_events}
    assert all(one["event"] is None for one in of_metric)
    assert all(one["event"]["stored"] and one["event"]["categories"] for one in of_events)
    assert lines(cli, "--series", "load") == ["    3 points in a row lie above the band"]
