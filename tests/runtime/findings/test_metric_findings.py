"""Every anomaly of a metric is an event: what it says, and that it is said once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.runtime.conftest import START, noisy
from tests.runtime.findings.conftest import IQR, MAD, FindingsWorkspace
from tocsin.runtime.create_project import create_project
from tocsin.runtime.example import write_example

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SteppingClock

_JUMPS = {60: 80.0, 61: 90.0, 62: -70.0, 90: 75.0}
_STEP = timedelta(minutes=10)


def _iso(slot: int) -> str:
    return (START + slot * _STEP).isoformat().replace("+00:00", "Z")


@pytest.fixture
def cpu(project: FindingsWorkspace) -> FindingsWorkspace:
    """Give a project with a metric that has four anomalies, three of them in a row."""
    project.metric("cpu", detectors=[MAD], unit="%", tags=["web"])
    project.csv("cpu", noisy(120, jumps=_JUMPS))
    return project


def test_an_event_says_who_found_what_when_and_how_far_from_what_was_expected(cpu: FindingsWorkspace) -> None:
    report = cpu.run_one()

    first, second, third, last = cpu.events()
    assert report.notes == []
    assert (first["DetectTime"], first["EventTime"], first["CeaseTime"]) == (_iso(60), _iso(60), _iso(61))
    assert first["Category"] == ["Anomaly.Behaviour"]
    assert first["Node"] == [{"Name": "tocsin", "Type": ["Statistical"]}]
    assert first["Description"].startswith("cpu is 18")
    assert " %, above the expected " in first["Description"]
    facts = dict(first["_Tocsin"])
    (verdict,) = cpu.query(
        "SELECT value, confidence_lower AS low, confidence_upper AS high, detector_id FROM _tocsin_detections"
        " WHERE timestamp = %(at)s",
        at=START + 60 * _STEP,
    )
    assert facts.pop("Severity") > 1
    assert facts == {
        "Monitor": "cpu", "Kind": "metric", "Series": "cpu", "DetectorID": verdict["detector_id"],
        "DetectorType": "mad", "Value": verdict["value"], "Bounds": [verdict["low"], verdict["high"]],
        "Direction": "up", "EventClass": "cpu", "EventSeverity": "medium",
    }  # fmt: skip
    assert not {"Source", "Target", "Confidence"} & set(first)
    assert (second["EventTime"], second["CeaseTime"]) == (_iso(60), _iso(62))
    assert second["Description"].endswith(", 2 points in a row")
    # On the other side of the band another run begins.
    assert (third["EventTime"], third["_Tocsin"]["Direction"]) == (_iso(62), "down")
    assert "below" in third["Description"]
    assert last["EventTime"] == _iso(90)
    assert all(event.inspection_errors == () for event in (first, second, third, last))


def test_the_same_run_again_and_a_full_refresh_add_nothing(cpu: FindingsWorkspace) -> None:
    cpu.run()
    kept = cpu.messages()

    cpu.run()
    again = cpu.messages()
    cpu.run(full_refresh=True)

    assert len(kept) == 4
    assert kept == again == cpu.messages()


def test_each_detector_has_events_of_its_own(cpu: FindingsWorkspace) -> None:
    cpu.metric("cpu", detectors=[MAD, IQR])

    cpu.run()

    found = cpu.events()
    assert len(found) == cpu.anomalies() > 4
    assert {event["_Tocsin"]["DetectorType"] for event in found} == {"mad", "iqr"}


def test_what_the_configuration_says_of_findings_is_in_the_events(cpu: FindingsWorkspace) -> None:
    cpu.metric(
        "cpu",
        detectors=[MAD],
        findings={"category": "Availability.DoS", "class": "load", "severity": "high"},
        tags=["web"],
    )
    cpu.write("groups.yml", {"groups": [{"name": "ops", "tags": ["web"]}, {"name": "other"}]})

    cpu.run()

    found = cpu.events(categories=["Availability.DoS"], classes=["load"], severities=["high"], groups=["ops"])
    assert len(found) == 4


def test_findings_that_are_not_wanted_are_not_stored(cpu: FindingsWorkspace) -> None:
    cpu.metric("cpu", detectors=[MAD], findings={"enabled": False})

    assert cpu.run_one().anomalies == 4
    assert cpu.events() == []


def test_a_dimension_may_be_the_source_or_the_target(project: FindingsWorkspace) -> None:
    project.metric(
        "disk",
        query="SELECT timestamp, value, host FROM read_csv('disk.csv')",
        dimension="host",
        detectors=[MAD],
        findings={"source": {"ip": ["host"]}, "target": {"host": ["host"], "port": ["host"]}},
    )
    names = ("192.0.2.7", "2001:DB8::7", "db-1", "db.example.org")
    rows = [(*row, name) for seed, name in enumerate(names) for row in noisy(80, seed, {70: 90.0})]
    project.csv("disk", rows, "timestamp,value,host")
    project.write("groups.yml", {"groups": [{"name": "net", "networks": ["192.0.2.0/24"]}]})

    report = project.run_one()

    found = {
        event["_Tocsin"]["Series"][10:-1]: event
        for event in project.events()
        if event["DetectTime"] == _iso(70)
    }
    assert found["192.0.2.7"]["Source"] == found["192.0.2.7"]["Target"] == [{"IP4": ["192.0.2.7"]}]
    assert found["192.0.2.7"]["_Tocsin"]["ResolvedAbuses"] == ["net"]
    assert found["2001:DB8::7"]["Target"] == [{"IP6": ["2001:db8::7"]}]
    assert found["db.example.org"]["Source"] == [{"Hostname": ["db.example.org"]}]
    assert found["db-1"]["Target"] == [{"Hostname": ["db-1"]}]
    assert "Source" not in found["db-1"]
    assert (
        len(project.events(source_addrs=["192.0.2.0/25"]))
        == len(project.events(target_addrs=["192.0.2.7"]))
        > 0
    )
    assert report.notes == []  # what is no address of some series is one of others


def test_a_variable_that_a_metric_does_not_have_is_said(cpu: FindingsWorkspace) -> None:
    cpu.metric("cpu", detectors=[MAD], findings={"target": {"host": ["server"]}})

    report = cpu.run_one()

    assert report.notes == ["findings: a metric has no other variable than its dimension, not server"]
    assert len(cpu.events()) == 4


def test_what_was_found_stands_when_a_correction_takes_it_back(cpu: FindingsWorkspace) -> None:
    cpu.metric("cpu", detectors=[MAD], lookback="4d")
    cpu.run()
    before = cpu.messages()

    cpu.csv("cpu", noisy(120, jumps={60: 80.0, 61: 90.0, 100: 75.0}))
    cpu.run()

    after = cpu.messages()
    assert before.items() < after.items()
    assert len(after) == 5


def test_the_example_has_an_event_for_each_anomalous_verdict(tmp_path: Path, clock: SteppingClock) -> None:
    create_project(tmp_path / "shop", "shop", example=False)
    write_example(tmp_path / "shop")
    shop = FindingsWorkspace.there(tmp_path / "shop", clock)
    counts: list[tuple[int, int]] = []
    for select, full_refresh in ((None, False), (None, False), ("db_disk_used_gb", True)):
        shop.run(select, full_refresh=full_refresh)
        counts.append((len(shop.events(detectors=["tocsin"])), shop.anomalies()))

    (found, anomalies), again, refreshed = counts
    assert found == anomalies > 400
    assert again == refreshed == (found, anomalies)
