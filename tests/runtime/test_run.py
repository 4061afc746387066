"""A run does what is new, once, and the same whenever it runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import SteppingClock
from tests.runtime.conftest import START, Workspace, at, noisy
from tocsin.runtime.config.monitors import MetricMonitor

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_first_run_stores_every_slot_with_a_verdict_or_a_reason(workspace: Workspace) -> None:
    workspace.csv("cpu", noisy(200, jumps={150: 80}))
    workspace.metric("cpu")

    report = workspace.run_one()

    assert (report.points_loaded, report.points_detected, report.error) == (200, 200, None)
    assert report.anomalies >= 1
    assert len(workspace.slots()) == len(workspace.verdicts()) == 200
    unjudged = [row for row in workspace.verdicts() if row[4] is None]
    assert unjudged
    assert all("insufficient_data" in row[8] for row in unjudged)


def test_a_second_run_does_nothing(workspace: Workspace) -> None:
    workspace.csv("cpu", [*noisy(100), (at(100.2), "7"), (at(100.4), "x"), ("never", "1")])
    workspace.metric("cpu", query="SELECT timestamp, value FROM read_csv('cpu.csv', all_varchar=true)")
    first = workspace.run()

    second = workspace.run()

    assert first.totals["rows_rejected"] == 2
    assert set(second.totals.values()) == {0}
    assert second.exit_code == 0


def test_appended_rows_are_loaded_and_only_those(workspace: Workspace) -> None:
    rows = noisy(120)
    workspace.csv("cpu", rows[:100])
    workspace.metric("cpu")
    workspace.run()
    workspace.csv("cpu", rows)

    report = workspace.run_one()

    assert (report.points_loaded, report.points_detected) == (20, 20)


def test_rows_appended_to_the_last_slot_are_counted_once(workspace: Workspace) -> None:
    rows = [(at(0), 1), (at(1), 2), (at(1.5), 3)]
    workspace.metric("cpu", aggregate="sum")
    counts = []
    for seen in range(1, 4):
        workspace.csv("cpu", rows[:seen])
        counts.append(workspace.run_one())

    assert [c.points_loaded for c in counts] == [1, 1, 1]
    assert [c.rows_merged for c in counts] == [0, 0, 1]
    assert [row[2] for row in workspace.slots()] == [1.0, 5.0]
    assert workspace.run_one().rows_merged == 0


def test_a_corrected_value_within_lookback_is_judged_again_where_it_reaches(workspace: Workspace) -> None:
    rows = noisy(400)
    workspace.csv("cpu", rows)
    workspace.metric("cpu", lookback="2d")
    workspace.run()
    rows[200] = (rows[200][0], 500.0)
    workspace.csv("cpu", rows)

    report = workspace.run_one()

    (monitor,) = workspace.load().monitors
    assert isinstance(monitor, MetricMonitor)
    detector = monitor.detectors[0]
    assert report.points_loaded == 1
    assert report.anomalies >= 1
    assert report.points_detected == 1 + min(detector.context_slots, 199)
    verdicts = workspace.verdicts()
    fresh = Workspace(workspace.folder / "fresh", workspace.clock)
    fresh.csv("cpu", rows)
    fresh.metric("cpu")
    fresh.run()
    assert verdicts == fresh.verdicts()


def test_a_value_corrected_before_the_lookback_is_not_seen(workspace: Workspace) -> None:
    rows = noisy(100)
    workspace.csv("cpu", rows)
    workspace.metric("cpu", lookback="1h")
    workspace.run()
    rows[50] = (rows[50][0], 500.0)
    workspace.csv("cpu", rows)

    assert workspace.run_one().points_loaded == 0


def test_gaps_become_slots_without_a_value(workspace: Workspace) -> None:
    rows = noisy(60)
    workspace.csv("cpu", rows[:20] + rows[40:])
    workspace.metric("cpu")

    report = workspace.run_one()

    assert report.points_loaded == 60
    assert sum(row[2] is None for row in workspace.slots()) == 20


def test_each_dimension_value_is_a_series_and_all_end_together(workspace: Workspace) -> None:
    rows = [(time, value, host) for host in ("a", "b") for time, value in noisy(50)]
    workspace.csv(
        "cpu", [row for row in rows if not (row[2] == "b" and row[0] >= at(40))], "timestamp,value,host"
    )
    workspace.metric("cpu", dimension="host", query="SELECT timestamp, value, host FROM read_csv('cpu.csv')")

    report = workspace.run_one()

    assert report.points_loaded == 100
    assert {row[0] for row in workspace.slots()} == {"cpu{host=a}", "cpu{host=b}"}
    assert sum(row[2] is None for row in workspace.slots() if row[0] == "cpu{host=b}") == 10


def test_a_source_without_an_end_gives_complete_intervals_only(tmp_path: Path) -> None:
    clock = SteppingClock(START + timedelta(minutes=95))
    workspace = Workspace(tmp_path, clock)
    workspace.csv("cpu", noisy(60))
    workspace.metric("cpu", loading_end="now", loading_start_time="2026-01-05", loading_batch_size=4)

    assert workspace.run_one().points_loaded == 9
    assert workspace.run_one().points_loaded == 0
    clock.advance(timedelta(minutes=25))
    assert workspace.run_one().points_loaded == 3


def test_a_source_without_rows_gives_gaps_until_now(tmp_path: Path) -> None:
    clock = SteppingClock(START + timedelta(hours=1))
    workspace = Workspace(tmp_path, clock)
    workspace.csv("cpu", [])
    workspace.metric(
        "cpu",
        query="SELECT timestamp, value FROM read_csv('cpu.csv', all_varchar=true)",
        loading_end="now",
        loading_start_time="2026-01-05",
    )

    assert workspace.run_one().points_loaded == 6
    assert {row[2] for row in workspace.slots()} == {None}


def test_full_refresh_forgets_and_loads_again(workspace: Workspace) -> None:
    workspace.csv("cpu", noisy(100))
    workspace.metric("cpu")
    workspace.run()
    before = workspace.verdicts()

    report = workspace.run_one(full_refresh=True)

    assert (report.points_loaded, report.points_detected) == (100, 100)
    assert workspace.verdicts() == before


def test_from_loads_and_judges_again_from_there(workspace: Workspace) -> None:
    rows = noisy(100)
    workspace.csv("cpu", rows)
    workspace.metric("cpu")
    workspace.run()
    rows[50] = (rows[50][0], 300.0)
    workspace.csv("cpu", rows)

    report = workspace.run_one(start=START + 40 * timedelta(minutes=10))

    assert report.points_loaded == 1
    assert report.points_detected == 60


def test_steps_can_be_run_one_by_one(workspace: Workspace) -> None:
    workspace.csv("cpu", noisy(100))
    workspace.metric("cpu")

    load = workspace.run_one(steps=("load",))
    detect = workspace.run_one(steps=("detect",))

    assert (load.points_loaded, load.points_detected) == (100, 0)
    assert (detect.points_loaded, detect.points_detected) == (0, 100)


def test_what_was_judged_again_in_a_run_without_alerts_is_evaluated_in_the_next_with_them(
    workspace: Workspace,
) -> None:
    rows = noisy(100)
    workspace.csv("cpu", rows)
    workspace.metric("cpu", lookback="1d", alerting={"consecutive_anomalies": 1})
    workspace.run()
    rows[70], rows[90] = (rows[70][0], 500.0), (rows[90][0], 500.0)
    for changed in (rows[:71] + noisy(100)[71:], rows):
        workspace.csv("cpu", changed)
        workspace.run(steps=("load", "detect"))
    query = "SELECT opened_at FROM _tocsin_incidents WHERE severity > 20 ORDER BY opened_at"
    before = workspace.query(query)

    workspace.run(steps=("alert",))

    assert before == []
    assert [f"{row['opened_at']:%Y-%m-%d %H:%M:%S}" for row in workspace.query(query)] == [at(70), at(90)]
    assert workspace.query("SELECT name FROM _tocsin_positions") == [{"name": "load:cpu"}]


def test_a_failing_metric_does_not_stop_the_others(workspace: Workspace) -> None:
    workspace.csv("good", noisy(50))
    workspace.metric("good")
    workspace.metric("bad_query", query="SELEC 1")
    workspace.metric("missing_file")
    workspace.metric("misspelt", intervall="10min")

    report = workspace.run()

    by_name = {monitor.name: monitor for monitor in report.monitors}
    assert by_name["good"].points_loaded == 50
    assert [m.name for m in report.monitors if m.error] == ["bad_query", "missing_file", "misspelt"]
    assert "did you mean 'interval'?" in (by_name["misspelt"].error or "")
    assert "missing_file.csv" in (by_name["missing_file"].error or "")
    assert all("\n" not in (m.error or "") for m in report.monitors)
    assert report.exit_code == 2


def test_a_metric_that_recovers_is_no_longer_failed(workspace: Workspace) -> None:
    workspace.metric("cpu")
    assert workspace.run().exit_code == 1
    workspace.csv("cpu", noisy(50))

    assert workspace.run().exit_code == 0
    assert not workspace.query("SELECT * FROM _tocsin_tasks WHERE status = 'failed'")


def test_a_changed_interval_is_refused_with_what_to_do(workspace: Workspace) -> None:
    workspace.csv("cpu", noisy(50))
    workspace.metric("cpu")
    workspace.run()
    workspace.metric("cpu", interval="5min")

    error = workspace.run_one().error

    assert error is not None
    assert "--full-refresh" in error


def test_a_clock_that_went_back_is_told(tmp_path: Path) -> None:
    clock = SteppingClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
    workspace = Workspace(tmp_path, clock)
    workspace.csv("cpu", noisy(50))
    workspace.metric("cpu")
    workspace.run()
    clock.advance(timedelta(hours=-1))

    report = workspace.run()

    assert report.exit_code == 0
    assert any("60 min behind" in note for note in report.notes)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 299), min_size=1, max_size=5, unique=True), seasonal=st.booleans())
def test_many_runs_give_what_one_run_gives(
    tmp_path_factory: pytest.TempPathFactory,
    clock: SteppingClock,
    cuts: list[int],
    seasonal: bool,  # noqa: FBT001
) -> None:
    rows = noisy(300, jumps={70: 50, 71: 50, 200: -90})
    params = {"window_size": 40, "min_samples": 10}
    keys: dict[str, object] = {"lookback": "1h"}
    if seasonal:
        keys["seasonality_columns"] = ["hour"]
        params |= {"seasonality_components": ["hour"], "min_samples_per_group": 3}  # type: ignore[dict-item]
    detectors = [{"type": kind, "params": params} for kind in ("mad", "zscore", "iqr")]
    once, often = (Workspace(tmp_path_factory.mktemp(name), clock) for name in ("once", "often"))
    for workspace in (once, often):
        workspace.metric("cpu", detectors=detectors, **keys)
    once.csv("cpu", rows)
    once.run()

    for cut in [*sorted(cuts), 300]:
        often.csv("cpu", rows[:cut])
        often.run()

    assert often.slots() == once.slots()
    assert often.verdicts() == once.verdicts()


def test_threads_give_what_one_thread_gives(tmp_path: Path, clock: SteppingClock) -> None:
    workspaces = [Workspace(tmp_path / name, clock) for name in ("one", "four")]
    for workspace in workspaces:
        for number in range(8):
            workspace.csv(f"m{number}", noisy(120, seed=number))
            workspace.metric(f"m{number}")

    alone, together = workspaces[0].run(), workspaces[1].run(threads=4)

    assert alone.to_dict() == together.to_dict()
    assert workspaces[0].verdicts() == workspaces[1].verdicts()


def test_loading_starts_with_the_first_whole_interval(workspace: Workspace) -> None:
    workspace.csv("cpu", noisy(20))
    workspace.metric("cpu", loading_start_time="2026-01-05 00:25:00")

    assert workspace.run_one().points_loaded == 17
    assert workspace.slots()[0][1] == START + timedelta(minutes=30)
