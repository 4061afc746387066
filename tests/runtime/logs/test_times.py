"""Anomalous lines in time: late ones, future ones, ones without a time, and thousands of one second."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runtime.logs.conftest import START, LogWorkspace, entry, quiet
from tocsin.alerting.log_reading import read_anomalous_lines
from tocsin.runtime.logs import detections as log_detections

if TYPE_CHECKING:
    from tests.conftest import SteppingClock

CHANNEL = {"ops": {"type": "webhook", "url": "http://127.0.0.1:9/x", "allow_private": True}}


@pytest.fixture
def alerting(logs: LogWorkspace) -> LogWorkspace:
    """Give a log with a rule whose channel nobody answers on: messages stay in the outbox."""
    files = {"profiles": {"files": {"type": "duckdb"}}, "default_profile": "files", "alert_channels": CHANNEL}
    logs.write("profiles.yml", files)
    logs.log(alerting={"channels": ["ops"]})
    return logs


def spans(logs: LogWorkspace) -> list[tuple[float, float, int, str]]:
    """Give the incidents: begin and last anomaly in seconds, lines, state."""
    return [
        (
            (one["opened_at"] - START).total_seconds(),
            (one["last_anomaly_at"] - START).total_seconds(),
            one["anomalies"],
            one["state"],
        )
        for one in logs.incidents()
    ]


def kinds(logs: LogWorkspace) -> list[str]:
    rows = logs.query("SELECT kind FROM _tocsin_outbox ORDER BY created_at, kind")
    return [row["kind"] for row in rows]


def test_thousands_of_anomalous_lines_of_one_second_have_a_row_each(logs: LogWorkspace) -> None:
    logs.log(detectors=[{"type": "new_event"}])
    logs.lines(quiet(70))
    logs.run()
    count = 6_000
    logs.append(entry(100, f"odd{number % 7}") for number in range(count // 2))
    logs.run()
    logs.append(entry(100, f"odd{number % 7}") for number in range(count // 2))
    logs.append([entry(100.5, "last")])

    logs.run()

    rows = logs.query(
        "SELECT timestamp, detection_metadata FROM _tocsin_detections WHERE metric_name = 'app'"
        " ORDER BY timestamp"
    )
    assert [(row["timestamp"] - START) // timedelta(milliseconds=1) - 100_000 for row in rows] == list(
        range(count + 1)
    )
    metadata = [json.loads(row["detection_metadata"]) for row in rows]
    assert [one["line"] for one in metadata] == list(range(71, 71 + count + 1))
    exact = START.timestamp() + 100
    assert metadata[count // 2]["time"] == exact
    assert "time" not in metadata[0]
    assert metadata[-1]["time"] == exact + 0.5


@given(taken=st.sets(st.integers(0, 40)), wanted=st.lists(st.integers(0, 40), max_size=60))
def test_each_line_gets_the_first_free_instant(taken: set[int], wanted: list[int]) -> None:
    following = dict.fromkeys(taken, 1)

    found = [log_detections._first_free(following, at) for at in wanted]

    model = set(taken)
    for at, instant in zip(wanted, found, strict=True):
        expected = next(free for free in range(at, 10_000) if free not in model)
        assert instant == expected
        model.add(expected)


def test_a_line_from_the_future_is_kept_at_the_instant_it_is_read(
    alerting: LogWorkspace, clock: SteppingClock
) -> None:
    clock.time = START + timedelta(hours=1)
    alerting.lines([*quiet(70), entry(10**9, "odd"), entry(200, "mount")])

    report = alerting.run_one()

    odd, mount = report.to_dict()["lines"]
    assert odd["timestamp"].startswith("2057-")
    assert mount["timestamp"] == "2026-02-01T00:03:20.000Z"
    assert [event for _, _, event, _ in alerting.found()] == ["mount", "odd"]
    assert spans(alerting) == [(200, 200, 1, "resolved"), (3600, 3600, 1, "firing")]


def test_a_line_from_the_future_does_not_hurry_on_those_that_follow(
    alerting: LogWorkspace, clock: SteppingClock
) -> None:
    clock.time = START + timedelta(hours=1)
    alerting.lines([*quiet(70), entry(10**9, "login", "ann")])
    alerting.run()
    alerting.append([entry(3500, "odd"), entry(3700, "odd")])
    clock.time = START + timedelta(hours=2)

    alerting.run()

    assert spans(alerting) == [(3500, 3700, 2, "firing")]


def test_a_late_anomaly_is_told_and_what_was_told_stands(alerting: LogWorkspace) -> None:
    alerting.lines([*quiet(70), entry(4000, "odd"), *quiet(3, first=8000)])
    alerting.run()
    assert sorted(kinds(alerting)) == ["first", "recovered"]
    alerting.append([entry(1000, "late"), entry(4100, "late, but within what was told")])

    alerting.run()

    assert spans(alerting) == [(1000, 1000, 1, "resolved"), (4000, 4000, 1, "resolved")]
    assert sorted(kinds(alerting)) == ["first", "first", "recovered", "recovered"]


def test_lines_without_a_time_count_at_the_time_they_were_received(alerting: LogWorkspace) -> None:
    lines = [json.dumps({"event": "login", "user": "ann"}) for _ in range(70)]
    alerting.lines([*lines, json.dumps({"event": "odd", "user": "ann"})])

    report = alerting.run_one()

    assert report.anomalies == 1
    assert report.lines[0].timestamp == START  # the file's last change
    assert spans(alerting) == [(0, 0, 1, "firing")]


def test_incidents_do_not_depend_on_how_lines_are_cut_into_runs(
    alerting: LogWorkspace, other: LogWorkspace
) -> None:
    (other.folder / "profiles.yml").write_text((alerting.folder / "profiles.yml").read_text())
    rule = {"channels": ["ops"], "renotify_every": "1h"}
    lines = [
        *quiet(70),
        *(entry(1000 + 500 * number, "odd") for number in range(12)),  # goes on, and is told again
        entry(10_000, "login", "ann"),
        entry(20_000, "odd"),
        entry(20_600, "login", "ann"),  # to the millisecond when it is over
        entry(20_600, "odd"),
        entry(30_000, "login", "ann"),
    ]
    for workspace in (alerting, other):
        workspace.log(alerting=rule)
    other.lines(lines)
    other.run()
    alerting.lines(lines[:65])
    alerting.run()
    for line in lines[65:]:
        alerting.append([line])
        alerting.run()

    def facts(workspace: LogWorkspace) -> list[Any]:
        return [
            {key: one[key] for key in one if key not in {"created_at", "updated_at"}}
            for one in workspace.incidents()
        ]

    assert facts(alerting) == facts(other)
    assert len(facts(other)) == 2
    ids = "SELECT message_id FROM _tocsin_outbox ORDER BY message_id"
    assert alerting.query(ids) == other.query(ids)
    assert sorted(kinds(other)) == ["first", "first", "recovered", "recovered", "repeat"]


@given(
    anomalies=st.lists(st.integers(0, 60), unique=True, max_size=12),
    since=st.integers(0, 60),
    until=st.integers(0, 80),
    quiet_for=st.lists(st.integers(0, 20), min_size=1, max_size=2),
)
def test_points_from_an_instant_on_are_those_of_all_points(
    anomalies: list[int], since: int, until: int, quiet_for: list[int]
) -> None:
    whole = read_anomalous_lines(_Rows(anomalies), "app", ["d"], since=None, until=until, quiet_ms=quiet_for)  # type: ignore[arg-type]

    part = read_anomalous_lines(_Rows(anomalies), "app", ["d"], since=since, until=until, quiet_ms=quiet_for)  # type: ignore[arg-type]

    last = max([until, *anomalies])
    expected = [at for at in whole.points.timestamp.tolist() if at >= since]
    seen_by_part = [at for at in anomalies if at >= since - max(1, *quiet_for)]
    if max([until, *seen_by_part]) == last:
        assert part.points.timestamp.tolist() == expected
    assert {at for at in anomalies if at >= since} <= set(part.points.timestamp.tolist())


class _Rows:
    """A transaction whose detections are at some instants (ms)."""

    def __init__(self, instants: list[int]) -> None:
        self._instants = sorted(instants)

    def get_full_table_name(self, table: str) -> str:
        return table

    def execute_query(self, _query: str, params: dict[str, Any]) -> list[dict[str, Any]]:
        from tocsin.runtime.metrics.load_position import from_ms

        rows = [
            {"timestamp": from_ms(at), "detector_id": "d", "detection_metadata": '{"severity": 1.0}'}
            for at in self._instants
        ]
        return [row for row in rows if "first" not in params or row["timestamp"] >= params["first"]]
