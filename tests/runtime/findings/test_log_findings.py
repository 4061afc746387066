"""Every alert about a line of a log is an event, with the addresses, hosts and users that the line names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.runtime.logs.conftest import TRAIN, entry, quiet
from tocsin.runtime.logs import step as log_step

if TYPE_CHECKING:
    from tests.runtime.findings.conftest import FindingsWorkspace

_MAPPED = {
    "source": {"ip": ["client", "$from"], "port": ["client_port"], "user": ["user"]},
    "target": {"host": ["server"]},
}
_WATCHED = [{"type": "new_value", "params": {"variables": ["user"]}}]


def _project(project: FindingsWorkspace, **findings: object) -> FindingsWorkspace:
    project.log(detectors=_WATCHED, groups={"from": ["peer"]}, findings={**_MAPPED, **findings})
    project.lines(quiet(TRAIN + 5))
    return project


def test_an_event_says_which_line_of_which_file_and_why(project: FindingsWorkspace) -> None:
    _project(project)
    line = entry(100, user="eve", client="192.0.2.7", client_port=4711, server="web-1.example.org")
    project.append([line])

    report = project.run_one()

    (found,) = project.events()
    facts = found["_Tocsin"]
    assert report.notes == []
    assert found["DetectTime"] == found["EventTime"] == found["CeaseTime"] == "2026-02-01T00:01:40Z"
    assert found["Description"].startswith("user 'eve' was never seen")
    assert found["Source"] == [{"IP4": ["192.0.2.7"], "Port": [4711]}]
    assert found["Target"] == [{"Hostname": ["web-1.example.org"]}]
    assert (facts["Monitor"], facts["Kind"], facts["Series"]) == ("app", "log", "app")
    assert (facts["DetectorType"], facts["LogEventID"], facts["Variables"]) == (
        "new_value",
        "login",
        ["user"],
    )
    assert (facts["Line"], facts["Log"], facts["SourceUsers"]) == (TRAIN + 6, line, ["eve"])
    assert facts["File"].endswith("app.log")
    assert found.inspection_errors == ()


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("192.0.2.7", [{"IP4": ["192.0.2.7"]}]),
        ("::ffff:192.0.2.7", [{"IP4": ["192.0.2.7"]}]),
        ("2001:DB8:0::7", [{"IP6": ["2001:db8::7"]}]),
        ("fe80::1%eth0", [{"IP6": ["fe80::1"]}]),
        ("/192.0.2.7:50010", [{"IP4": ["192.0.2.7"], "Port": [50010]}]),
        ("[2001:db8::7]:443", [{"IP6": ["2001:db8::7"], "Port": [443]}]),
        ("192.0.2.0/24", [{"IP4": ["192.0.2.0/24"]}]),
        ("mail.example.org", [{"Hostname": ["mail.example.org"]}]),
        (["192.0.2.7", "192.0.2.8", "192.0.2.7"], [{"IP4": ["192.0.2.7", "192.0.2.8"]}]),
        ("-", None),
        (None, None),
    ],
)
def test_addresses_are_read_as_logs_write_them(
    project: FindingsWorkspace, value: object, source: list[object] | None
) -> None:
    _project(project)
    project.append([entry(100, user="eve", peer=value)])

    report = project.run_one()

    (found,) = project.events()
    assert found.get("Source") == source
    assert found.inspection_errors == ()
    assert report.notes == []


@pytest.mark.parametrize("value", ["unknown", "12345", "a b.example.org", "300.1.2.3.4.5/6!", "\ud800"])
def test_what_is_no_address_is_left_out_and_said(project: FindingsWorkspace, value: str) -> None:
    _project(project)
    project.append([entry(100, user="eve", peer=value, server=f"{value} {value}")])

    report = project.run_one()

    (found,) = project.events()
    assert not {"Source", "Target"} & set(found)
    assert sorted(report.notes) == [
        "findings: 1 value of peer could not be used, and is not in the events",
        "findings: 1 value of server could not be used, and is not in the events",
    ]


def test_events_are_found_by_the_addresses_that_lines_name(project: FindingsWorkspace) -> None:
    _project(project)
    project.append([entry(100 + n, user=f"eve-{n}", client=f"192.0.2.{n}") for n in range(6)])

    project.run()

    assert len(project.events(source_addrs=["192.0.2.4/31"])) == 2
    assert len(project.events(host_addrs=["192.0.2.0/24"], detectors=["tocsin"])) == 6


def test_the_owner_of_an_address_is_in_the_event_and_known_to_alerting(project: FindingsWorkspace) -> None:
    _project(project)
    project.write("groups.yml", {"groups": [{"name": "lan", "networks": ["192.0.2.0/24"]}]})
    project.log(detectors=_WATCHED, groups={"from": ["peer"]}, findings=_MAPPED, alerting=[{"channels": []}])
    project.append([entry(100, user="eve", client="192.0.2.7", server="web")])

    project.run(steps=("load", "detect"))
    project.run(steps=("load", "detect", "alert"))

    (found,) = project.events(groups=["lan"])
    assert project.query("SELECT DISTINCT event_id, group_name FROM _tocsin_decisions") == [
        {"event_id": found.id, "group_name": "lan"}
    ]


def test_reading_everything_again_adds_nothing(project: FindingsWorkspace) -> None:
    _project(project)
    lines = [entry(100 + n // 3, user=f"eve-{n}", client="192.0.2.7") for n in range(9)]
    project.append(lines)
    project.run()
    kept = project.messages()

    project.run()
    project.append([entry(200, user="mallory")])
    project.run(full_refresh=True)

    assert len(kept) == 9 == len(project.events(source_addrs=["192.0.2.7"]))
    assert kept.items() < project.messages().items()
    assert len(project.messages()) == 10 == project.anomalies()


def test_lines_without_a_time_have_the_same_event_whenever_they_are_read(project: FindingsWorkspace) -> None:
    _project(project)
    untimed = [json.dumps({"event": "login", "user": user}) for user in ("eve", "mallory")]
    project.append(untimed[:1])
    project.run()
    (before,) = project.messages()
    project.append(untimed[1:])
    (project.folder / "app.log").touch()

    project.run(full_refresh=True)

    assert before in project.messages()
    assert len(project.messages()) == 2


def test_files_that_begin_alike_and_come_and_go_hide_nothing_of_each_other(
    project: FindingsWorkspace,
) -> None:
    _project(project)
    project.log(source={"files": ["*.log"]}, detectors=_WATCHED, groups={"from": ["peer"]}, findings=_MAPPED)
    learned = quiet(TRAIN + 5)
    project.lines([*learned, entry(100, user="eve")])
    project.run()
    (project.folder / "app.log").unlink()
    project.lines([*learned, entry(200, user="bad")], "other.log")

    project.run(full_refresh=True)

    assert [event["_Tocsin"]["SourceUsers"] for event in project.events()] == [["eve"], ["bad"]]


def test_commits_between_lines_change_no_event(
    project: FindingsWorkspace, second: FindingsWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_step, "_CHUNK_LINES", 10)
    for one in (project, second):
        _project(one)
    lines = [entry(100 + n, user=f"eve-{n}", client=f"192.0.2.{n}") for n in range(35)]
    monkeypatch.setattr(log_step, "_MOST_LINES", 1)
    for cut in (7, 20, 35):
        project.lines(quiet(TRAIN + 5) + lines[:cut])
        project.run()
    monkeypatch.undo()
    second.lines(quiet(TRAIN + 5) + lines)
    second.run()

    in_parts, at_once = project.messages(), second.messages()

    assert len(in_parts) == 35
    assert in_parts.keys() == at_once.keys()
    places = [str(one.folder).encode() for one in (project, second)]
    assert {message.replace(places[0], places[1]) for message in in_parts.values()} == set(at_once.values())


def test_no_text_of_a_line_can_break_an_event(project: FindingsWorkspace) -> None:
    _project(project)
    users = ['"}]', "\ud83d", "\x00", "é" * 3000, "%s %(x)s {{ x }}", "\u2028"]
    project.append([entry(100 + n, user=user, peer=user) for n, user in enumerate(users)])

    report = project.run_one()

    assert report.error is None
    assert len(project.events()) == len(users) == report.anomalies
    assert all(event.inspection_errors == () for event in project.events())


def test_findings_that_are_not_wanted_are_not_stored(project: FindingsWorkspace) -> None:
    _project(project, enabled=False)
    project.append([entry(100, user="eve")])

    assert project.run_one().anomalies == 1
    assert project.events() == []


def test_a_group_of_variables_that_is_not_there_is_named(project: FindingsWorkspace) -> None:
    _project(project, source={"ip": ["$form"]})

    report = project.run_one()

    assert report.bad_configuration
    assert report.error == "findings: there is no group $form: known are $from"
