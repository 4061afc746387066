"""Every other command: what people see, what machines read, and how it ends."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import typer

from tests.runtime.conftest import noisy
from tocsin import __version__
from tocsin.cli.main import app
from tocsin.runtime.databases import open_memory
from tocsin.testing.channels import Answer, HttpReceiver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli
    from tests.runtime.conftest import Workspace

_PROCESS_ELSEWHERE = "web-1@machine/boot/namespace/4711/1"
TOP: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
COMMANDS = sorted(
    f"{name} {part}".strip() for name, command in TOP.items() for part in getattr(command, "commands", [""])
)


def with_channel(project: Workspace, **channels: dict[str, Any]) -> None:
    project.write(
        "profiles.yml",
        {"profiles": {"files": {"type": "duckdb"}}, "alert_channels": channels},
    )


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(cli: Cli, command: str, option: str) -> None:
    assert cli(*command.split(), option).out.startswith(f"Usage: tocsin {command}")


def test_the_overview_has_every_command_in_a_whole_sentence(cli: Cli) -> None:
    for words, commands in (((), TOP), (("state",), TOP["state"].commands)):
        text = cli(*words, "--help").out.split("Commands:")[1]
        lines = [line.strip() for line in text.splitlines() if line.strip()]

        assert [line.split()[0] for line in lines] == list(commands)
        assert all(line.endswith(".") and not line.endswith("...") for line in lines)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_can_answer_in_json(cli: Cli, command: str) -> None:
    assert "--json" in cli(*command.split(), "--help").out


def test_the_version_is_shown(cli: Cli) -> None:
    assert cli("--version").out == f"tocsin {__version__}\n"


def test_an_unknown_command_gives_2(cli: Cli) -> None:
    assert "No such command 'rnu'" in cli("rnu", code=2).err


def test_without_a_command_help_is_shown(cli: Cli) -> None:
    answer = cli(code=2)

    assert "Usage: tocsin" in answer.out + answer.err


def test_python_m_is_the_command(project: Workspace) -> None:
    assert project.command("--version").stdout == f"tocsin {__version__}\n"
    assert project.command_json("run")["totals"]["points_loaded"] == 200


def test_debug_shows_where_an_error_comes_from(project: Workspace) -> None:
    command = [sys.executable, "-m", "tocsin", "--debug", "run", "--select", "nope"]

    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False)

    assert "Traceback" in done.stderr
    assert "nothing is selected by 'nope'" in done.stderr


def test_a_reader_that_leaves_is_no_error(project: Workspace) -> None:
    command = [sys.executable, "-m", "tocsin", "schema"]

    with subprocess.Popen(
        command, cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()

    assert said == b""


@pytest.mark.parametrize("arguments", [("alerts", "list"), ("status", "--json"), ("nope",)])
@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-"])
def test_where_nobody_can_be_told_anything_the_work_is_done_all_the_same(
    project: Workspace, arguments: tuple[str, ...], closed: str
) -> None:
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "tocsin", *arguments]

    done = subprocess.run(command, cwd=project.folder, stderr=subprocess.PIPE, check=False)

    assert done.returncode == (2 if arguments == ("nope",) else 0), done.stderr
    assert b"unexpected" not in done.stderr


def test_what_a_receiver_says_does_not_steer_the_terminal(cli: Cli, project: Workspace) -> None:
    with HttpReceiver() as receiver:
        receiver.default = Answer(400, body=b"\x1b[31mred \x07\xe2\x80\xaethgir")
        with_channel(project, hook={"type": "webhook", "url": receiver.url, "allow_private": True})
        project.metric("cpu", alerting={"channels": ["hook"]})

        said = cli("test-alert", "cpu", code=1).out + cli("run").err

    assert said.count("answered 400: \\x1b[31mred \\x07\\u202ethgir") == 2


def test_ls_lists_monitors_also_broken_ones(cli: Cli, project: Workspace) -> None:
    project.metric("off", enabled=False)
    project.metric("bad", intervall=1)

    answer = cli("ls", "--json").json

    assert answer["schema_version"] == 1
    bad, cpu, off = answer["monitors"]
    assert cpu == {
        "name": "cpu", "kind": "metric", "path": "metrics/cpu.yml", "tags": ["host"], "enabled": True,
        "interval": "10min", "detectors": ["mad"], "error": None,
    }  # fmt: skip
    assert not off["enabled"]
    assert "unknown key 'intervall'" in bad["error"]
    lines = cli("ls").out.splitlines()
    assert lines[0].split() == ["name", "kind", "interval", "detectors", "tags", "file"]
    assert "(not enabled)" in lines[3]
    assert "broken" in lines[1]


@pytest.mark.parametrize("group", [(), ("events",), ("state",), ("alerts",)])
def test_a_list_of_commands_is_not_cut_on_a_terminal_of_80_columns(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, group: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    assert "..." not in cli(*group, "--help").out.split("Commands:")[1]


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        (("unlock",), "[MONITOR]..."),
        (("events", "import"), "[FILE]..."),
        (("events", "show"), "{ID}..."),
    ],
)
def test_help_says_once_that_there_may_be_several(cli: Cli, command: tuple[str, ...], usage: str) -> None:
    assert (
        cli(*command, "--help").out.splitlines()[0] == f"Usage: tocsin {' '.join(command)} [OPTIONS] {usage}"
    )


def test_a_run_that_rejected_every_row_does_not_say_that_nothing_is_new(cli: Cli, project: Workspace) -> None:
    query = "SELECT 'someday' AS timestamp, 1 AS value"
    project.metric("odd", query=query)

    err = cli("run", "-s", "odd").err

    assert err.splitlines()[0] == "[1/1] odd: 0 points loaded, 0 judged, 0 anomalies, 1 row rejected"


def test_ls_takes_selectors(cli: Cli, project: Workspace) -> None:
    project.metric("other")

    assert [m["name"] for m in cli("ls", "-s", "tag:host", "--json").json["monitors"]] == ["cpu"]
    assert [m["name"] for m in cli("ls", "--exclude", "tag:host", "--json").json["monitors"]] == ["other"]
    assert "state:completed" in cli("ls", "-s", "state:completed", code=2).error


def test_status_before_and_after_a_run(cli: Cli, project: Workspace) -> None:
    assert cli("status", "--json").json["monitors"][0]["status"] == "never run"
    cli("run")

    answer = cli("status", "--json").json

    assert list(answer) == ["schema_version", "project", "memory", "monitors", "locks", "outbox"]
    (monitor,) = answer["monitors"]
    anomalies = monitor.pop("anomalies")
    assert anomalies >= 6
    assert monitor == {
        "name": "cpu", "kind": "metric", "status": "completed", "series": 1, "points": 200, "gaps": 0,
        "open_incidents": 0, "last_point": "2026-01-06 09:10", "error": None,
    }  # fmt: skip
    assert (answer["project"], answer["locks"]) == ("test", [])
    assert answer["outbox"] == {"pending": 0, "sent": 0, "dead": 0}
    assert "2026-01-06 09:10" in cli("status").out
    project.metric("bad", intervall=1)
    assert "unknown key 'intervall'" in cli("status").out


def test_status_does_not_say_that_a_dead_run_goes_on(cli: Cli, project: Workspace) -> None:
    cli("run")
    done = subprocess.run(  # a process of this machine that has ended
        [sys.executable, "-c", "from tocsin.database.processes import this_process; print(this_process())"],
        capture_output=True,
        text=True,
        check=True,
    )
    with open_memory(project.load(), project.clock) as memory:
        memory.upsert_task_status("cpu", "rule", "alert", "running")
        for owner, status, locks in (
            (_PROCESS_ELSEWHERE, "running", 1),
            (done.stdout.strip(), "interrupted", 0),
            (None, "interrupted", 0),
        ):
            lease = None if owner is None else memory.acquire_lease("metric:cpu", owner, 600)
            answer = cli("status", "--json").json
            assert answer["monitors"][0]["status"] == status
            assert len(answer["locks"]) == locks
            if lease is not None:
                memory.release(lease)


def test_validate_says_all_that_is_wrong_with_file_and_line(cli: Cli, project: Workspace) -> None:
    assert cli("validate").out == "1 of 1 monitor valid\n"
    assert cli("validate", "--json").json == {
        "schema_version": 1, "valid": True, "monitors": 1, "errors": [],
    }  # fmt: skip
    project.metric("misspelt", intervall=1)
    project.metric("jinja", query="SELECT {{ tocsin_start_tim }}")
    project.metric("syntax", query="SELECT\n  {% if %}")
    channels = {"ops": {"type": "slak"}}
    profiles = {"files": {"type": "duckdb"}, "other": {"type": "duckbd"}}
    project.write("profiles.yml", {"profiles": profiles, "alert_channels": channels})

    human, answer = cli("validate", code=2), cli("validate", "--json", code=2).json

    assert human.out == "1 of 4 monitors valid\n"
    found = [
        (error["path"].removeprefix(f"{project.folder}/"), error["line"], error["error"], error["hint"])
        for error in answer["errors"]
    ]
    assert found[:2] == [
        (
            "metrics/jinja.yml",
            2,
            "line 1 of the query's template fails: 'tocsin_start_tim' is undefined",
            "it may use interval_seconds, tocsin_end_time, tocsin_start_time",
        ),
        ("metrics/misspelt.yml", 14, "unknown key 'intervall'", "did you mean 'interval'?"),
    ]
    assert [(path, line) for path, line, *_ in found[2:]] == [
        ("metrics/syntax.yml", 2), ("profiles.yml", 4), ("profiles.yml", 7),
    ]  # fmt: skip
    assert len(human.err.splitlines()) == 5


def test_validate_knows_whose_holidays_there_are(cli: Cli, project: Workspace) -> None:
    project.metric("cpu", seasonality_columns=["is_holiday"], holidays="DE-XX")

    error = cli("validate", "--json", code=2).json["errors"][0]

    assert "DE has no subdivision 'XX'" in error["error"]
    assert error["line"] is not None


@pytest.mark.parametrize("kind", ["metric", "log", "events", "groups", "project", "profiles"])
def test_schema_prints_json_schema(cli: Cli, kind: str) -> None:
    schema = cli("schema", kind).json

    assert schema["additionalProperties"] is False
    assert schema["properties"]


def test_schema_can_write_all_of_them(cli: Cli, tmp_path: Path) -> None:
    kinds = ("metric", "log", "events", "groups", "project", "profiles")
    assert cli("schema", "-o", "schemas").out.count("wrote") == len(kinds)
    written = cli("schema", "-o", "schemas", "--json").json["written"]
    assert written == [f"schemas/{kind}.schema.json" for kind in kinds]
    assert all(json.loads((tmp_path / name).read_text())["properties"] for name in written)
    assert (
        "schemas are metric, log, events, groups, project, profiles" in cli("schema", "metrics", code=2).error
    )
    (tmp_path / "file").write_text("")
    assert "cannot be written" in cli("schema", "-o", "file", code=2).error


@pytest.mark.parametrize(
    ("name", "begins"), [("cpu.png", b"\x89PNG"), ("cpu.svg", b"<?xml"), ("cpu.html", b"<!doctype html>")]
)
def test_plot_draws_by_the_ending(cli: Cli, project: Workspace, name: str, begins: bytes) -> None:
    cli("run")

    assert cli("plot", "cpu", "-o", name).out == f"wrote {name}\n"

    assert (project.folder / name).read_bytes().lower().startswith(begins.lower())


def test_plot_has_a_default_name_and_says_it_in_json(cli: Cli, project: Workspace) -> None:
    cli("run")

    answer = cli("plot", "cpu", "--from", "2026-01-06", "--to", "2026-01-07", "--json").json

    assert answer == {"schema_version": 1, "written": ["cpu.png"]}
    assert (project.folder / "cpu.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cpu", "-o", "x.gif"], "end the name with .png, .svg or .html"),
        (
            ["cpu", "-o", "nowhere/x.png"],
            "cannot be written (No such file or directory): make its folder first",
        ),
        (["cpuu"], "there is no metric 'cpuu': did you mean 'cpu'?"),
        (["cpu{host=a}"], "there is no series 'cpu{host=a}'"),
        (["cpu", "--detector", "iqr"], "cpu has no detector 'iqr': it has mad"),
        (["cpu", "--from", "x"], "--from 'x' is not a date or time"),
        (["bad"], "unknown key 'intervall'"),
    ],
)
def test_plot_says_in_a_sentence_what_is_wrong(
    cli: Cli, project: Workspace, arguments: list[str], said: str
) -> None:
    project.metric("bad", intervall=1)
    cli("run", "--select", "cpu")

    assert said in cli("plot", *arguments, code=2).error


def test_plot_of_what_was_never_loaded_says_so(cli: Cli, project: Workspace) -> None:
    del project

    assert "note: cpu has no points in this range" in cli("plot", "cpu", "-o", "cpu.svg").err


@pytest.mark.parametrize("command", ["plot cpu", "report", "run", "alerts history"])
def test_a_window_that_ends_before_it_begins_is_refused(cli: Cli, project: Workspace, command: str) -> None:
    cli("run")

    refused = cli(*command.split(), "--from", "2026-03-02", "--to", "2026-03-01", code=2)

    assert "--from 2026-03-02 00:00:00 is not before --to 2026-03-01 00:00:00" in refused.error
    assert not list(project.folder.glob("*.png"))
    assert not list(project.folder.glob("*.html"))


def test_report_writes_one_page(cli: Cli, project: Workspace) -> None:
    cli("run")
    project.metric("bad", intervall=1)

    assert cli("report").out == "wrote report.html\n"
    assert cli("report", "-o", "r.html", "-s", "cpu", "--json").json["written"] == ["r.html"]

    page = (project.folder / "report.html").read_text()
    assert "cpu" in page
    assert "unknown key" in page
    assert "unknown key" not in (project.folder / "r.html").read_text()
    assert "cannot be written" in cli("report", "-o", "nowhere/r.html", code=2).error
    assert cli("report", "-o", ".", code=2).error.endswith("(Is a directory): name another file or folder")


def test_a_report_says_what_failed_in_the_last_run(cli: Cli, project: Workspace) -> None:
    project.metric("disk")
    (project.folder / "logs").mkdir()
    project.write(
        "logs/app.yml",
        {
            "name": "app",
            "source": {"files": ["nowhere.log"]},
            "parser": {"type": "json"},
            "detectors": [{"type": "new_event"}],
        },
    )
    cli("run", code=None)
    states = {row["name"]: row["status"] for row in cli("status", "--json").json["monitors"]}

    cli("report", "-s", "disk app")

    page = (project.folder / "report.html").read_text()
    assert states == {"cpu": "completed", "disk": "failed", "app": "failed"}
    assert page.count('<span class="badge bad">failed</span>') == len(["disk", "app"])
    assert "there is no file disk.csv" in page
    assert "there is no log file" in page


def test_a_report_of_a_time_without_points_has_no_incidents_of_other_times(
    cli: Cli, project: Workspace
) -> None:
    project.metric("cpu", alerting={})
    cli("run")
    cli("report", "-o", "all.html")
    cli("report", "-o", "later.html", "--from", "2027-01-01")
    cli("report", "-o", "earlier.html", "--to", "2025-01-01")

    found = {page.stem: ">#1</span>" in page.read_text() for page in project.folder.glob("*.html")}
    assert found == {"all": True, "later": False, "earlier": False}


def test_clean_shows_first_and_deletes_with_yes(cli: Cli, project: Workspace) -> None:
    project.csv("old", noisy(30))
    project.metric("old")
    cli("run")
    assert cli("clean").out == "nothing to clean\n"
    (project.folder / "metrics" / "old.yml").unlink()
    project.metric("cpu", detectors=[{"type": "zscore"}])

    dry, machine = cli("clean"), cli("clean", "--json").json

    assert "nothing was deleted" in dry.out
    assert "the whole series" in dry.out
    assert machine["deleted"] is False
    (whole, verdicts) = machine["leftovers"]
    assert whole == {
        "series": "old", "detector_id": None, "points": 30, "verdicts": 30,
        "kind": "series", "state_bytes": 0,
    }  # fmt: skip
    assert (verdicts["series"], verdicts["points"], verdicts["verdicts"]) == ("cpu", 0, 200)
    assert len(project.slots()) == 230

    assert cli("clean", "--yes").out.endswith("deleted\n")

    assert len(project.slots()) == 200
    assert not project.verdicts()
    assert cli("clean", "--yes", "--json").json == {"schema_version": 1, "deleted": True, "leftovers": []}
    assert cli("run", "--json").json["totals"]["points_detected"] == 200


def test_clean_does_not_take_a_broken_monitor_for_a_leftover(cli: Cli, project: Workspace) -> None:
    cli("run")
    project.metric("cpu", intervall=1)

    assert "is broken, so it is not known what is left over" in cli("clean", "--yes", code=2).error
    assert len(project.slots()) == 200


def test_unlock_gives_back_what_a_run_holds(cli: Cli, project: Workspace) -> None:
    assert cli("unlock").out == "nothing is locked\n"
    with open_memory(project.load(), project.clock) as memory:
        for name in ("metric:cpu", "metric:other"):
            assert memory.acquire_lease(name, _PROCESS_ELSEWHERE, 600) is not None
        held = cli("run", "--json").json["monitors"][0]
        assert "metric:cpu is being worked on by process 4711 on web-1" in cli("status").out
        assert len(cli("status", "--json").json["locks"]) == 2

        missed = cli("unlock", "cup").out
        one = cli("unlock", "cpu", "--json").json
        rest = cli("unlock")

    assert held["status"] == "skipped"
    assert held["error"] == "another run works on it (process 4711 on web-1)"
    assert missed == "cup is not locked\n"
    assert one["schema_version"] == 1
    assert [lease["name"] for lease in one["unlocked"]] == ["metric:cpu"]
    assert rest.out.startswith("unlocked metric:other (was held by process 4711 on web-1)")
    assert cli("run", "--json").json["totals"]["points_loaded"] == 200


def test_test_alert_reaches_a_receiver(cli: Cli, project: Workspace) -> None:
    with HttpReceiver() as receiver:
        with_channel(
            project,
            hook={"type": "webhook", "url": f"{receiver.url}/in", "allow_private": True},
            chat={"type": "slack", "webhook_url": f"{receiver.url}/chat"},
        )
        project.metric("cpu", alerting={"channels": ["hook", "chat"]})

        human = cli("test-alert", "cpu")
        receiver.answers.extend([Answer(500), Answer(200)])
        machine = cli("test-alert", "cpu", "--json", code=1).json

    assert human.out == "chat: delivered\nhook: delivered\n"
    assert {request.path for request in receiver.requests} == {"/in", "/chat"}
    assert machine["metric"] == "cpu"
    chat, hook = machine["channels"]
    assert (chat["channel"], chat["delivered"]) == ("chat", False)
    assert "500" in chat["error"]
    assert hook == {"channel": "hook", "delivered": True, "error": None}


def test_test_alert_tries_the_channels_of_the_groups_that_own_a_metric(cli: Cli, project: Workspace) -> None:
    with HttpReceiver() as receiver:
        hooks = {
            name: {"type": "webhook", "url": f"{receiver.url}/{name}", "allow_private": True}
            for name in ("own", "group", "rest")
        }
        with_channel(project, **hooks)
        groups = [
            {"name": "shop", "tags": ["shop"], "channels": ["group"]},
            {"name": "rest", "channels": ["rest"]},
        ]
        (project.folder / "groups.yml").write_text(json.dumps({"groups": groups, "fallback": "rest"}))
        project.metric("cpu", tags=["shop"], alerting=[{"channels": ["own"]}, {}])
        project.metric("disk", tags=["other"], alerting={})

        assert cli("test-alert", "cpu").out == "group: delivered\nown: delivered\n"
        assert cli("test-alert", "disk").out == "rest: delivered\n"


def test_test_alert_says_what_is_missing(cli: Cli, project: Workspace) -> None:
    assert "cpu has no alert channels" in cli("test-alert", "cpu", code=2).error
    assert "nothing is selected by 'cpuu'" in cli("test-alert", "cpuu", code=2).error
    with_channel(project, hook={"type": "webhok", "url": "http://localhost"})
    project.metric("cpu", alerting={"channels": ["hook"]})
    assert "did you mean webhook?" in cli("test-alert", "cpu", code=2).error


def test_an_alert_is_sent_once_however_often_it_is_run(cli: Cli, project: Workspace) -> None:
    with HttpReceiver() as receiver:
        with_channel(project, hook={"type": "webhook", "url": f"{receiver.url}/in", "allow_private": True})
        project.metric("cpu", alerting={"channels": ["hook"], "recovery": False})

        first = cli("run", "--json").json["totals"]["alerts_sent"]
        again = cli("run", "--json").json["totals"]["alerts_sent"]

    assert (first, again) == (1, 0)
    assert [request.json()["series"] for request in receiver.requests] == ["cpu"]


def test_a_message_that_cannot_be_delivered_waits_and_is_no_failure(cli: Cli, project: Workspace) -> None:
    with HttpReceiver() as receiver:
        receiver.default = Answer(503)
        with_channel(project, hook={"type": "webhook", "url": receiver.url, "allow_private": True})
        project.metric("cpu", alerting={"channels": ["hook"], "recovery": False})

        answer = cli("run", "--json")

    assert answer.json["totals"]["alerts_sent"] == 0
    assert "note: channel hook: " in answer.err
    assert "503" in answer.err
    assert cli("status", "--json").json["outbox"] == {"pending": 1, "sent": 0, "dead": 0}


def test_a_message_that_is_given_up_is_told_beside_others_that_are_sent(cli: Cli, project: Workspace) -> None:
    with HttpReceiver() as receiver:
        receiver.answers.append(Answer(410))
        hook = {"type": "webhook", "url": receiver.url, "allow_private": True}
        with_channel(project, gone=hook, hook=hook)
        project.metric("cpu", alerting={"channels": ["gone", "hook"], "recovery": False})

        answer = cli("run", "--json")

    assert answer.json["totals"]["alerts_sent"] == 1
    assert "note: channel gone: webhook gone answered 410" in answer.err
    assert "given up: 1" in answer.err
    assert cli("status", "--json").json["outbox"] == {"pending": 0, "sent": 1, "dead": 1}


def test_a_memory_that_is_no_database_gives_1(cli: Cli, project: Workspace) -> None:
    (project.folder / "tocsin.db").write_bytes(b"not a database, but long enough to be looked at" * 100)

    for command in (["run"], ["status"], ["clean"], ["unlock"], ["report"], ["plot", "cpu"]):
        answer = cli(*command, code=1)
        assert "tocsin.db" in answer.error


def test_a_memory_of_a_newer_version_gives_1(cli: Cli, project: Workspace) -> None:
    cli("run")
    with sqlite3.connect(project.folder / "tocsin.db") as memory:
        memory.execute("INSERT INTO _tocsin_migrations VALUES (9999, 'future', 0)")
    memory.close()

    assert "upgrade" in cli("status", code=1).error


@pytest.mark.parametrize(
    "command",
    [
        ["ls"],
        ["status"],
        ["report", "--output", "r.html"],
        ["plot", "cpu", "--output", "p.svg"],
        ["clean"],
        ["unlock", "cpu"],
        ["alerts", "list"],
        ["events", "count"],
    ],
)
def test_who_only_looks_needs_no_secrets_of_channels(
    cli: Cli, project: Workspace, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("HOOK", "http://127.0.0.1:9/x")
    with_channel(project, ops={"type": "webhook", "url": "${HOOK}", "allow_private": True})
    project.metric("cpu", alerting={"channels": ["ops"]})
    cli("run")
    monkeypatch.delenv("HOOK")

    cli(*command)

    for telling in (["run"], ["validate"], ["test-alert", "cpu"]):
        error = cli(*telling, code=2).error
        assert "the environment variable HOOK is not set" in error
