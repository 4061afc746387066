"""Rates of events as series: every slot is a count, also of nothing."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.database.tables import TABLE_DATAPOINTS
from tocsin.runtime.events.store import open_project_events
from tocsin.runtime.run_report import RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.conftest import SteppingClock
    from tests.runtime.conftest import Workspace

START = datetime(2026, 3, 1, tzinfo=UTC)


def event(number: int, minute: float, **keys: Any) -> dict[str, Any]:
    at = START + timedelta(minutes=minute)
    return {"Format": "IDEA0", "ID": f"e{number}", "DetectTime": at.isoformat(), "Category": ["Scan"], **keys}


def store(workspace: Workspace, events: Iterable[dict[str, Any]]) -> None:
    with open_project_events(workspace.load()) as service:
        service.insert_events(events)


def series(workspace: Workspace) -> dict[str, dict[int, float | None]]:
    """Give each series as minute → value."""
    rows = workspace.query(
        f"SELECT metric_name, timestamp, value FROM {TABLE_DATAPOINTS} ORDER BY metric_name, timestamp"
    )
    found: dict[str, dict[int, float | None]] = {}
    for row in rows:
        minute = (row["timestamp"] - START) // timedelta(minutes=1)
        found.setdefault(row["metric_name"], {})[minute] = row["value"]
    return found


def rate(workspace: Workspace, **keys: Any) -> None:
    workspace.write(
        "metrics/rate.yml", {"name": "rate", "source": "events", "interval": "10min", "detectors": [], **keys}
    )


def test_a_slot_without_an_event_counts_none(workspace: Workspace, clock: SteppingClock) -> None:
    clock.time = START + timedelta(minutes=55)
    store(workspace, [event(n, minute) for n, minute in enumerate([3, 12, 12.5, 19.999, 40])])
    rate(workspace)

    report = workspace.run_one()

    assert report.status is RunStatus.COMPLETED, report.error
    assert series(workspace) == {"rate": {0: 1, 10: 3, 20: 0, 30: 0, 40: 1}}


@pytest.mark.parametrize("interval", ["10min", "7d"])
def test_events_of_the_ends_of_all_times_are_in_nobodys_way(
    workspace: Workspace, clock: SteppingClock, interval: str
) -> None:
    clock.time = START + timedelta(days=20)
    ends = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"]
    store(workspace, [event(n, n) for n in range(3)])
    store(workspace, [{**event(10 + n, 0), "DetectTime": at} for n, at in enumerate(ends)])
    rate(workspace, interval=interval)

    report = workspace.run_one()

    assert report.status is RunStatus.COMPLETED, report.error
    assert sum(value or 0 for value in series(workspace)["rate"].values()) == 3


def test_search_parameters_say_which_events_count(workspace: Workspace, clock: SteppingClock) -> None:
    clock.time = START + timedelta(minutes=30)
    store(
        workspace,
        [
            event(1, 1, Source=[{"IP4": ["192.0.2.1"]}]),
            event(2, 2, Source=[{"IP4": ["198.51.100.1"]}]),
            event(3, 3, Source=[{"IP4": ["192.0.2.0/28"]}], Category=["Other"]),
        ],
    )
    rate(workspace, events={"source_addrs": ["192.0.2.0/24"], "categories": ["Scan"]})

    workspace.run()

    assert series(workspace) == {"rate": {0: 1, 10: 0, 20: 0}}


def test_each_value_of_the_dimension_is_a_series_from_its_first_event_on(
    workspace: Workspace, clock: SteppingClock
) -> None:
    clock.time = START + timedelta(minutes=40)
    store(
        workspace,
        [
            event(1, 1, Category=["Scan"]),
            event(2, 15, Category=["Scan", "Login"]),
            event(3, 25, Category=["Login"]),
        ],
    )
    rate(workspace, dimension="categories")

    workspace.run()

    assert series(workspace) == {
        "rate{categories=Login}": {10: 1, 20: 1, 30: 0},
        "rate{categories=Scan}": {0: 1, 10: 1, 20: 0, 30: 0},
    }


def test_runs_in_between_change_nothing(workspace: Workspace, clock: SteppingClock) -> None:
    minutes = [1, 2, 14, 31, 32, 33, 58, 59, 71, 118]
    rate(workspace, dimension="detectors", lookback="20min")
    for step in range(13):
        clock.time = START + timedelta(minutes=10 * step + 5)
        fresh = [n for n, minute in enumerate(minutes) if 10 * step - 5 <= minute < 10 * step + 5]
        store(workspace, [event(n, minutes[n], Node=[{"Name": f"org.probe{n % 2}"}]) for n in fresh])
        workspace.run()

    found = series(workspace)

    for probe in (0, 1):
        counts = Counter(minute // 10 * 10 for n, minute in enumerate(minutes) if n % 2 == probe)
        first = min(counts)
        assert found[f"rate{{detectors=org.probe{probe}}}"] == {
            slot: counts[slot] for slot in range(first, 120, 10)
        }


def test_a_late_event_is_counted_within_the_lookback(workspace: Workspace, clock: SteppingClock) -> None:
    clock.time = START + timedelta(minutes=60)
    store(workspace, [event(1, 5), event(2, 45)])
    rate(workspace, lookback="30min")
    workspace.run()
    store(workspace, [event(3, 35), event(4, 5)])

    workspace.run()

    assert series(workspace) == {"rate": {0: 1, 10: 0, 20: 0, 30: 1, 40: 1, 50: 0}}


@pytest.mark.parametrize(("interval", "anchor"), [("1w", "2026-03-02"), ("1h", "2026-01-01 00:17:00")])
def test_slots_begin_where_the_anchor_says(
    workspace: Workspace, clock: SteppingClock, interval: str, anchor: str
) -> None:
    clock.time = START + timedelta(days=30)
    minutes = [n * 977 for n in range(40)]
    store(workspace, [event(n, minute) for n, minute in enumerate(minutes)])
    rate(workspace, interval=interval, anchor=anchor)

    workspace.run()

    length = 7 * 24 * 60 if interval == "1w" else 60
    phase = (datetime.fromisoformat(anchor).replace(tzinfo=UTC) - START) // timedelta(minutes=1) % length
    counts = Counter((minute - phase) // length * length + phase for minute in minutes)
    found = series(workspace)["rate"]
    assert {slot: value for slot, value in found.items() if value} == dict(counts)


def test_no_events_are_no_error(workspace: Workspace) -> None:
    rate(workspace)

    report = workspace.run_one()

    assert report.status is RunStatus.COMPLETED
    assert report.notes == ["the query gave no rows"]


def test_a_rate_is_judged_as_any_series_is(workspace: Workspace, clock: SteppingClock) -> None:
    clock.time = START + timedelta(hours=20)
    usual = [10 * slot + n for slot in range(110) for n in range(3 + slot % 2)]
    store(
        workspace,
        [event(n, minute) for n, minute in enumerate([*usual, *[1055.0 + n / 100 for n in range(60)]])],
    )
    rate(workspace, loading_end="data", detectors=[{"type": "mad", "params": {"window_size": 50}}])

    report = workspace.run_one()

    assert report.anomalies == 1
