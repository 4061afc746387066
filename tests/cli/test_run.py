"""`tocsin run` on the command line: what it shows, its JSON, its exit codes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.runtime.conftest import noisy

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli
    from tests.runtime.conftest import Workspace

COUNTS = (
    "points_loaded", "points_detected", "rows_merged", "rows_rejected", "lines_read", "lines_rejected",
    "events_new", "events_duplicate", "events_rejected", "anomalies", "alerts_sent",
)  # fmt: skip


def test_json_is_the_documented_object(cli: Cli, project: Workspace) -> None:
    del project

    answer = cli("run", "--json")

    report = answer.json
    assert list(report) == ["schema_version", "monitors", "totals", "decisions", "exit_code"]
    assert (report["schema_version"], report["exit_code"]) == (1, 0)
    (monitor,) = report["monitors"]
    assert list(monitor) == ["name", "kind", "status", *COUNTS, "error"]
    assert monitor == {
        "name": "cpu", "kind": "metric", "status": "completed", "points_loaded": 200, "points_detected": 200,
        "rows_merged": 0, "rows_rejected": 0, "lines_read": 0, "lines_rejected": 0,
        "events_new": 0, "events_duplicate": 0, "events_rejected": 0,
        "anomalies": monitor["anomalies"], "alerts_sent": 0,
        "error": None,
    }  # fmt: skip
    assert monitor["anomalies"] >= 6
    assert report["totals"] == {count: monitor[count] for count in COUNTS}
    assert set(report["decisions"]) == {"told", "held", "silenced", "inhibited", "silent"}
    assert not answer.err


def test_a_second_run_says_that_there_is_nothing_new(cli: Cli, project: Workspace) -> None:
    del project
    cli("run")

    human, machine = cli("run"), cli("run", "--json")

    assert human.err == "[1/1] cpu: nothing new\n"
    assert human.out == "1 monitor: 0 points loaded, 0 judged, 0 anomalies, 0 alerts sent\n"
    assert set(machine.json["totals"].values()) == {0}


def test_a_run_shows_what_it_found(cli: Cli, project: Workspace) -> None:
    del project

    answer = cli("run")

    assert "Anomalies: " in answer.out
    assert "2026-01-06 01:00  up" in answer.out
    assert answer.out.splitlines()[-1].startswith("1 monitor: 200 points loaded, 200 judged, ")


def test_a_run_with_a_clock_that_was_put_back_shows_what_it_found_itself(
    cli: Cli, project: Workspace
) -> None:
    cli("run")
    project.query("UPDATE _tocsin_detections SET created_at = created_at + 3600000")
    project.query("UPDATE _tocsin_incidents SET updated_at = updated_at + 3600000")
    rows = noisy(201, jumps=dict.fromkeys(range(150, 156), 80))
    project.csv("cpu", [*rows[:200], (rows[200][0], 500)])

    out = cli("run").out

    assert "Anomalies: 1" in out
    assert out.count("  up  ") == 1
    assert f"{rows[200][0]}"[:16] in out


def test_a_file_that_is_not_there_is_named(cli: Cli, project: Workspace) -> None:
    (project.folder / "cpu.csv").unlink()

    error = cli("run", "--json", code=1).json["monitors"][0]["error"]

    assert error == "there is no file cpu.csv: check its name in the query"


def test_an_incident_without_an_anomaly_is_shown_too(cli: Cli, project: Workspace) -> None:
    rows = noisy(100)
    project.csv("cpu", [*rows[:50], rows[-1]])
    bounds = {"type": "manual_bounds", "params": {"upper_bound": 1000}}
    project.metric("cpu", detectors=[bounds], alerting={"no_data": {"for": "2h"}})

    answer = cli("run")

    assert "Incidents: 1" in answer.out
    assert "no data" in answer.out
    assert "Anomalies: " not in answer.out


def test_a_failing_monitor_gives_1_and_bad_configuration_2_and_the_others_run(
    cli: Cli, project: Workspace
) -> None:
    project.metric("missing")
    assert cli("run", "--json", code=1).json["exit_code"] == 1
    project.metric("misspelt", intervall="10min")

    report = cli("run", "--full-refresh", "--json", code=2).json

    assert report["exit_code"] == 2
    by_name = {monitor["name"]: monitor for monitor in report["monitors"]}
    assert by_name["cpu"]["points_loaded"] == 200
    assert {name: monitor["status"] for name, monitor in by_name.items()} == {
        "cpu": "completed", "missing": "failed", "misspelt": "failed",
    }  # fmt: skip
    assert by_name["misspelt"]["error"].endswith("unknown key 'intervall': did you mean 'interval'?")


def test_nothing_selected_gives_2(cli: Cli, project: Workspace) -> None:
    del project

    answer = cli("run", "--select", "cpi", code=2)

    assert answer.error == "nothing is selected by 'cpi': did you mean 'cpu'?"


def test_state_failed_selects_what_failed(cli: Cli, project: Workspace) -> None:
    project.metric("missing")
    cli("run", code=1)
    project.csv("missing", noisy(20))

    report = cli("run", "--select", "state:failed", "--json").json

    assert [monitor["name"] for monitor in report["monitors"]] == ["missing"]
    assert "nothing is selected" in cli("run", "--select", "state:failed", code=2).error


def test_exclude_leaves_out(cli: Cli, project: Workspace) -> None:
    project.metric("missing")

    assert cli("run", "--exclude", "miss*").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--steps", "load,detct"], "steps are load, detect, alert"),
        (["--steps", ","], "is not understood"),
        (["--from", "yesterday"], "--from 'yesterday' is not a date or time"),
        (["--to", "2026-13-01"], "write 2024-01-31"),
        (["--profile", "fils"], "there is no profile 'fils': did you mean 'files'?"),
        (["--select", "state:odd"], "there is no state 'odd': states are failed, completed, running"),
    ],
)
def test_an_option_that_is_wrong_gives_one_sentence_and_2(
    cli: Cli, project: Workspace, arguments: list[str], said: str
) -> None:
    del project

    assert said in cli("run", *arguments, code=2).error


@pytest.mark.parametrize("arguments", [["--threads", "0"], ["--nonsense"], ["surplus"]])
def test_an_option_that_typer_refuses_gives_2(cli: Cli, project: Workspace, arguments: list[str]) -> None:
    del project

    answer = cli("run", *arguments, code=2)

    assert not answer.out
    assert "Usage: tocsin run" in answer.err


def test_steps_and_a_window_can_be_chosen(cli: Cli, project: Workspace) -> None:
    del project

    load = cli("run", "--steps", "load", "--to", "2026-01-05T10:00", "--json").json
    detect = cli("run", "--steps", "detect,alert", "--json").json

    assert (load["totals"]["points_loaded"], load["totals"]["points_detected"]) == (60, 0)
    assert (detect["totals"]["points_loaded"], detect["totals"]["points_detected"]) == (0, 60)


def test_a_metric_that_is_not_enabled_is_skipped_and_says_so(cli: Cli, project: Workspace) -> None:
    project.metric("cpu", enabled=False)

    answer = cli("run", "--json")

    (monitor,) = answer.json["monitors"]
    assert (monitor["status"], monitor["error"]) == ("skipped", "it is not enabled")
    assert "1 skipped" in cli("run").out


def test_a_folder_that_is_no_project_gives_2(cli: Cli) -> None:
    assert "is not a Tocsin project" in cli("run", code=2).error
    assert "tocsin init" in cli("run", "-p", "elsewhere", code=2).error


def test_a_project_without_monitors_gives_2(cli: Cli, project: Workspace) -> None:
    (project.folder / "metrics" / "cpu.yml").unlink()

    assert "the project has no monitors" in cli("run", code=2).error


def test_the_folder_and_the_profile_can_come_from_the_environment(
    cli: Cli, project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = project.folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("TOCSIN_PROJECT_DIR", str(project.folder))
    assert cli("ls", "--json").json["monitors"][0]["name"] == "cpu"

    monkeypatch.setenv("TOCSIN_PROFILE", "nope")

    assert "there is no profile 'nope'" in cli("run", code=2).error


def test_rejected_rows_are_shown_with_their_place(cli: Cli, project: Workspace) -> None:
    project.csv("cpu", [*noisy(20), ("2026-01-05 03:20:00", "n/a")])
    project.metric("cpu", query="SELECT timestamp, value FROM read_csv('cpu.csv', all_varchar=true)")

    answer = cli("run")

    assert "1 row rejected" in answer.err
    assert "row 21 at 2026-01-05 03:20:00 rejected: not a number: 'n/a'" in answer.err
    assert "more rejected" not in answer.err


def test_of_many_rejected_rows_the_others_are_counted(cli: Cli, project: Workspace) -> None:
    project.csv("cpu", [(time, "n/a") for time, _ in noisy(20)])
    project.metric("cpu", query="SELECT timestamp, value FROM read_csv('cpu.csv', all_varchar=true)")

    assert "and 15 more rejected" in cli("run").err


def test_a_setting_that_the_source_does_not_have_is_bad_configuration(cli: Cli, project: Workspace) -> None:
    profiles = {"files": {"type": "duckdb", "settings": {"treads": 2}}}
    project.write("profiles.yml", {"profiles": profiles})

    (monitor,) = cli("run", "--json", code=2).json["monitors"]

    assert monitor["error"].startswith("profile 'files': DuckDB has no setting treads")


def test_notes_stand_above_the_bar_and_not_behind_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "app.log"
    log.write_text("2026-11-22 10:15:00 INFO ready\n" * 30 + "no time\n", encoding="utf-8")
    cli("init", "shop", "--from", "app.log")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    answer = cli("run", "-p", "shop")

    (line,) = (line for line in answer.err.split("\n") if "rejected lines are kept" in line)
    assert line.rpartition("\x1b[2K")[2].startswith(
        "    rejected lines are kept in "
    )  # the bar was wiped away
