"""What logs tell: one message an incident, with line and explanation; its end; what goes on."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.logs.conftest import LogWorkspace, entry, quiet
from tocsin.testing.channels import HttpReceiver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BURST = [
    *quiet(70),
    entry(100, "sudo", "eve"),
    entry(101, "login", "eve"),
    entry(102, "mount", "ann"),
]


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


@pytest.fixture
def alerting(logs: LogWorkspace, receiver: HttpReceiver) -> LogWorkspace:
    hook = {"type": "webhook", "url": receiver.url, "allow_private": True}
    logs.write(
        "profiles.yml",
        {
            "profiles": {"files": {"type": "duckdb"}},
            "default_profile": "files",
            "alert_channels": {"ops": hook},
        },
    )
    logs.log(alerting={"channels": ["ops"], "renotify_every": "1h"}, description="Who did what", tags=["sec"])
    return logs


def messages(receiver: HttpReceiver) -> list[dict[str, Any]]:
    return [request.json() for request in receiver.requests]


def test_a_burst_of_anomalous_lines_is_one_message_with_line_and_explanation(
    alerting: LogWorkspace, receiver: HttpReceiver
) -> None:
    alerting.lines(BURST)

    report = alerting.run_one()

    assert (report.anomalies, report.alerts_sent) == (3, 1)
    (message,) = messages(receiver)
    assert (message["kind"], message["monitor"], message["series"]) == ("first", "app", "app")
    assert message["description"] == "Who did what"
    assert message["tags"] == ["sec"]
    assert "event 'sudo' was never seen in 60 events" in message["text"]
    assert BURST[70] in message["text"]
    assert "band" not in message["text"]
    assert "band" not in message["title"]
    (incident,) = alerting.incidents()
    assert (incident["anomalies"], incident["state"]) == (3, "firing")


def test_an_incident_that_is_over_is_told_when_lines_go_on(
    alerting: LogWorkspace, receiver: HttpReceiver
) -> None:
    alerting.lines(BURST)
    alerting.run()
    alerting.append(quiet(1, first=102 + 599))
    alerting.run()
    assert [message["kind"] for message in messages(receiver)] == ["first"]
    alerting.append(quiet(1, first=102 + 601))

    alerting.run()

    assert [message["kind"] for message in messages(receiver)] == ["first", "recovered"]
    assert "band" not in messages(receiver)[1]["text"]
    assert alerting.run_one().alerts_sent == 0


def test_an_incident_that_goes_on_is_told_again_after_a_time(
    alerting: LogWorkspace, receiver: HttpReceiver
) -> None:
    alerting.lines([*BURST, *(entry(102 + 300 * number, "mount") for number in range(1, 14))])

    alerting.run()

    assert [message["kind"] for message in messages(receiver)] == ["first", "repeat"]
    assert "13" not in messages(receiver)[0]["text"]


def test_a_rule_that_is_added_later_looks_at_all_that_is_kept(
    alerting: LogWorkspace, receiver: HttpReceiver
) -> None:
    alerting.log()
    alerting.lines(BURST)
    alerting.run()
    assert not receiver.requests
    alerting.log(alerting={"channels": ["ops"]})

    alerting.run()

    assert [message["kind"] for message in messages(receiver)] == ["first"]


def test_a_disabled_rule_tells_nothing(alerting: LogWorkspace, receiver: HttpReceiver) -> None:
    alerting.log(alerting={"channels": ["ops"], "enabled": False})
    alerting.lines(BURST)

    alerting.run()

    assert not receiver.requests
    assert alerting.incidents() == []


@pytest.mark.parametrize("steps", list(permutations(["load", "detect", "alert"])))
def test_steps_in_any_order_give_what_one_run_gives(
    alerting: LogWorkspace, receiver: HttpReceiver, other: LogWorkspace, steps: tuple[str, ...]
) -> None:
    alerting.lines(BURST)
    for step in steps:
        alerting.run(steps=(step,))
    alerting.run(steps=("alert",))

    assert alerting.anomalous() == [71, 72, 73]
    assert [message["kind"] for message in messages(receiver)] == ["first"]
    other.log(alerting={"renotify_every": "1h"})
    other.lines(BURST)
    other.run()
    assert [one["anomalies"] for one in alerting.incidents()] == [
        one["anomalies"] for one in other.incidents()
    ]


def test_the_end_of_an_incident_is_told_by_a_run_that_only_alerts(
    alerting: LogWorkspace, receiver: HttpReceiver
) -> None:
    alerting.lines(BURST)
    alerting.run()
    alerting.append(quiet(1, first=5000))
    alerting.run(steps=("load", "detect"))

    alerting.run(steps=("alert",))

    assert [message["kind"] for message in messages(receiver)] == ["first", "recovered"]


def test_a_full_refresh_learns_anew_and_tells_nothing_twice(
    alerting: LogWorkspace, receiver: HttpReceiver
) -> None:
    alerting.lines([*BURST, *quiet(1, first=5000)])
    alerting.run()
    before = alerting.learned()["detectors"], alerting.found(), alerting.incidents()

    report = alerting.run_one(full_refresh=True)

    assert (report.lines_read, report.anomalies, report.alerts_sent) == (len(BURST) + 1, 3, 0)
    assert (alerting.learned()["detectors"], alerting.found()) == before[:2]
    assert [one["opened_at"] for one in alerting.incidents()] == [one["opened_at"] for one in before[2]]
    assert [message["kind"] for message in messages(receiver)] == ["first", "recovered"]


def test_what_is_found_after_a_revert_is_told_and_nothing_else(
    alerting: LogWorkspace, receiver: HttpReceiver
) -> None:
    alerting.lines(quiet(80))
    alerting.run()
    alerting.append([entry(4000, "login", "bob"), entry(8000, "sudo"), entry(9000, "login")])
    alerting.run()
    assert [message["kind"] for message in messages(receiver)] == ["first", "recovered"]
    alerting.command("state", "revert", "app", "1")
    alerting.command("state", "allow", "--event", "sudo")
    alerting.command("state", "forget", "--event", "login", "--variable", "user", "--value", "bob")

    report = alerting.run_one()

    assert [line.line for line in report.lines] == [81]
    assert [message["kind"] for message in messages(receiver)] == [
        "first", "recovered", "first", "recovered",
    ]  # fmt: skip
    assert "bob" in messages(receiver)[2]["text"]
    assert alerting.run_one().alerts_sent == 0


@pytest.mark.data
def test_the_attack_in_the_audit_log_is_one_message(
    alerting: LogWorkspace, receiver: HttpReceiver, data_dir: Path
) -> None:
    path = data_dir / "logs" / "audit" / "audit.log"
    alerting.log(
        source={"files": [str(path)]},
        parser={"type": "auditd"},
        train=1800,
        alerting={"channels": ["ops"]},
    )

    report = alerting.run_one()

    assert (report.anomalies, [line.line for line in report.lines]) == (9, list(range(1860, 1869)))
    first, recovered = messages(receiver)
    assert (first["kind"], recovered["kind"], recovered["points"]) == ("first", "recovered", 9)
    line = path.read_text(encoding="utf-8").splitlines()[1859]
    assert line[:60] in first["text"]
    assert "was never seen in 1,800 events" in first["text"]
    assert alerting.run_one(full_refresh=True).alerts_sent == 0
