"""The other commands in a project with logs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_imports import modules_after
from tests.runtime.conftest import noisy
from tests.runtime.logs.conftest import LogWorkspace, entry, quiet
from tocsin.runtime.clock import SystemClock
from tocsin.runtime.databases import open_memory
from tocsin.testing.channels import HttpReceiver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli

NEWS = [entry(100, "sudo"), entry(101, "login", "<b>eve</b>")]


@pytest.fixture
def logs(tmp_path: Path) -> LogWorkspace:
    """Give the current folder as a project with a metric and a log."""
    workspace = LogWorkspace(tmp_path, SystemClock())
    workspace.csv("cpu", noisy(200))
    workspace.metric("cpu")
    workspace.log(tags=["sec"], description="Who did what")
    workspace.lines([*quiet(80), *NEWS, "no JSON"])
    return workspace


def test_run_shows_each_anomalous_line_with_file_number_and_reason(cli: Cli, logs: LogWorkspace) -> None:
    said = cli("run", "--select", "kind:log")

    assert "[1/1] app: 83 lines read, 2 anomalies, 1 line rejected" in said.err
    lines = [line.strip() for line in said.out.splitlines()]
    assert lines[0] == "Anomalous lines: 2"
    assert lines[1] == f"{logs.folder}/app.log:81  2026-02-01 00:01:40  sudo"
    assert lines[2].startswith("event 'sudo' was never seen in 60 events since 2026-02-01 00:00 UTC")
    assert lines[3] == f"| {NEWS[0]}"
    assert lines[-1] == "1 monitor: 83 lines read, 2 anomalies, 0 alerts sent"


def test_the_json_of_a_run_has_the_lines_of_logs_only(cli: Cli, logs: LogWorkspace) -> None:
    assert logs.folder.is_dir()
    cpu, app = cli("run", "--json").json["monitors"]

    assert "lines" not in cpu
    assert (app["kind"], app["lines_read"], app["lines_rejected"], app["anomalies"]) == ("log", 83, 1, 2)
    assert list(app["lines"][0]) == [
        "file", "line", "timestamp", "EventID", "severity", "explanations", "log",
    ]  # fmt: skip


def test_a_long_explanation_is_shown_in_brief_and_json_has_it_whole(cli: Cli, logs: LogWorkspace) -> None:
    names = [f"field_{number}" for number in range(9)]
    train = [json.loads(line) | dict.fromkeys(names, "as always") for line in quiet(80)]
    odd = json.loads(entry(200)) | dict.fromkeys(names, "never before")
    logs.lines([json.dumps(one) for one in [*train, odd]])

    report = cli("run", "--select", "kind:log", "--json").json
    (line,) = report["monitors"][0]["lines"]
    found = cli("alerts", "why", "app", "--json").json["found"]
    said = [one.strip() for one in cli("alerts", "why", "app").out.splitlines()]

    (explanation,) = line["explanations"].values()
    assert explanation == found["description"]
    assert all(f"{name}: 'as always'" in explanation for name in names)
    assert len(found["summary"]) < len(explanation) / 1.5
    assert found["summary"].endswith(". Also odd: field_3, field_4, field_5, field_6, field_7 and 1 more")
    assert said[1] == f"{found['summary']}."


def test_a_run_shows_long_explanations_in_brief(cli: Cli, logs: LogWorkspace) -> None:
    names = [f"field_{number}" for number in range(9)]
    train = [json.loads(line) | dict.fromkeys(names, "as always") for line in quiet(80)]
    odd = json.loads(entry(200)) | dict.fromkeys(names, "never before")
    logs.lines([json.dumps(one) for one in [*train, odd]])

    lines = cli("run", "--select", "kind:log").out.splitlines()

    (shown,) = [line for line in lines if "never before" in line and not line.strip().startswith("|")]
    assert shown.endswith(". Also odd: field_3, field_4, field_5, field_6, field_7 and 1 more")
    assert "field_3 'never before'" not in shown


def test_ls_and_selectors_know_logs(cli: Cli, logs: LogWorkspace) -> None:
    logs.log("web", enabled=False)

    (app,) = cli("ls", "-s", "kind:log,tag:sec", "--json").json["monitors"]

    assert app == {
        "name": "app", "kind": "log", "path": "logs/app.yml", "tags": ["sec"], "enabled": True,
        "interval": None, "detectors": ["new_event", "new_value"], "error": None,
    }  # fmt: skip
    assert "web" in cli("ls", "-s", "logs/").out


def test_status_says_how_far_a_log_is_and_whether_it_learns(cli: Cli, logs: LogWorkspace) -> None:
    assert [row["status"] for row in cli("status", "--json").json["monitors"]] == ["never run", "never run"]
    cli("run")
    logs.log("web", train=10_000, source={"files": ["app.log"]})
    cli("run")

    metric, log, learning = cli("status", "--json").json["monitors"]

    assert "lines" not in metric
    assert {key: log[key] for key in ("lines", "lines_rejected", "anomalies", "phases", "last_point")} == {
        "lines": 83, "lines_rejected": 1, "anomalies": 2,
        "phases": {"new_event": "detect", "new_value": "detect"}, "last_point": "2026-02-01 00:01",
    }  # fmt: skip
    assert set(learning["phases"].values()) == {"train"}
    tables = cli("status").out
    assert "judging" in tables
    assert "learning" in tables


def test_validate_names_file_and_line_of_what_is_wrong_in_a_log(cli: Cli, logs: LogWorkspace) -> None:
    logs.log(detectors=[{"type": "new_event"}, {"type": "new_valu"}])

    (error,) = cli("validate", "--json", code=2).json["errors"]

    assert "there is no event detector 'new_valu'" in json.dumps(error)


def test_the_schema_of_logs_is_there(cli: Cli, logs: LogWorkspace) -> None:
    assert logs.folder.is_dir()
    schema = cli("schema", "log").out

    assert '"forget_after"' in schema


def test_clean_forgets_state_position_and_detections_of_logs_that_are_gone(
    cli: Cli, logs: LogWorkspace
) -> None:
    cli("run")
    assert cli("clean").out == "nothing to clean\n"
    (logs.folder / "logs" / "app.yml").unlink()

    found = cli("clean", "--json").json

    assert not found["deleted"]
    series, state = found["leftovers"]
    assert (series["series"], series["verdicts"]) == ("app", 2)
    assert (state["kind"], state["series"]) == ("log", "app")
    assert state["state_bytes"] > 0
    assert "what the log has learned" in cli("clean", "--yes").out
    for table in ("_tocsin_state", "_tocsin_detections WHERE metric_name = 'app'"):
        assert logs.query(f"SELECT count(*) AS n FROM {table}") == [{"n": 0}]
    assert logs.position() == {}
    assert cli("clean").out == "nothing to clean\n"


def test_clean_forgets_what_a_detector_said_that_is_gone(cli: Cli, logs: LogWorkspace) -> None:
    cli("run")
    logs.log(detectors=[{"type": "new_event"}])

    (leftover,) = cli("clean", "--yes", "--json").json["leftovers"]

    assert (leftover["series"], leftover["verdicts"]) == ("app", 1)
    assert logs.anomalous() == [81]


def test_a_metric_that_takes_the_name_of_a_log_keeps_its_points(cli: Cli, logs: LogWorkspace) -> None:
    cli("run")
    (logs.folder / "logs" / "app.yml").unlink()
    logs.csv("app", noisy(50))
    logs.metric("app")
    cli("run")

    cli("clean", "--yes")

    assert logs.query("SELECT count(*) AS n FROM _tocsin_datapoints WHERE metric_name = 'app'") == [{"n": 50}]
    assert logs.query("SELECT count(*) AS n FROM _tocsin_state") == [{"n": 0}]


def test_a_log_cannot_be_plotted(cli: Cli, logs: LogWorkspace) -> None:
    assert logs.folder.is_dir()
    error = cli("plot", "app", "-o", "x.svg", code=2).error

    assert error == "app is a log: it has no series to draw: `tocsin report` shows its anomalous lines"


def test_the_report_has_a_section_for_each_log_with_its_lines_escaped(cli: Cli, logs: LogWorkspace) -> None:
    logs.log(alerting={}, description="Who did <i>what</i>")
    cli("run")

    cli("report")

    page = (logs.folder / "report.html").read_text(encoding="utf-8")
    assert '<section class="card" id="log-1">' in page
    assert "event &#39;sudo&#39; was never seen" in page
    assert "&lt;b&gt;eve&lt;/b&gt;" in page
    assert "Who did &lt;i&gt;what&lt;/i&gt;" in page
    assert "<b>" not in page
    assert f"{logs.folder}/app.log:81" in page
    assert '<a href="#log-1">app</a> <span class="soft">#1</span>' in page
    cli("report", "--from", "2026-03-01", "--select", "kind:log")
    assert "No anomalous lines." in (logs.folder / "report.html").read_text(encoding="utf-8")


def test_the_report_says_what_is_wrong_with_a_log(cli: Cli, logs: LogWorkspace) -> None:
    logs.log(parsr=1)

    cli("report")

    assert "unknown key &#39;parsr&#39;" in (logs.folder / "report.html").read_text(encoding="utf-8")


def test_a_channel_of_a_log_can_be_tried(cli: Cli, logs: LogWorkspace) -> None:
    with HttpReceiver() as receiver:
        hook = {"type": "webhook", "url": receiver.url, "allow_private": True}
        logs.write("profiles.yml", {"alert_channels": {"ops": hook}})
        logs.log(alerting={"channels": ["ops"]})

        cli("test-alert", "app")

    assert len(receiver.requests) == 1


def test_a_lease_of_a_log_can_be_broken(cli: Cli, logs: LogWorkspace) -> None:
    with open_memory(logs.load(), logs.clock) as memory:
        memory.acquire_lease("log:app", "web-1@machine/boot/namespace/4711/1", 600)
        assert "skipped: another run works on it" in cli("run", "-s", "app").err

        cli("unlock", "app")

        assert cli("run", "-s", "app", "--json").json["totals"]["lines_read"] == 83


def test_a_run_with_nothing_new_loads_no_tables(cli: Cli, logs: LogWorkspace) -> None:
    (logs.folder / "metrics" / "cpu.yml").unlink()
    cli("run")

    found = modules_after("from tocsin.cli.main import main; main(['run'])", logs.folder)

    assert not found & {"pandas", "polars", "pyarrow", "datasketches", "fsspec", "numba", "matplotlib"}
