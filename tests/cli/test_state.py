"""`tocsin state`: what logs have learned is shown, exported, corrected and taken back."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.logs.conftest import LogWorkspace, entry, quiet
from tocsin.persistency.distinct_settings import DistinctSettings
from tocsin.runtime.clock import SystemClock
from tocsin.runtime.databases import open_memory

if TYPE_CHECKING:
    from tests.cli.conftest import Cli


@pytest.fixture
def logs(tmp_path: Path) -> LogWorkspace:
    """Give the current folder as a project with a log that has learned and judged."""
    workspace = LogWorkspace(tmp_path, SystemClock())
    workspace.log()
    workspace.lines(quiet(80))
    return workspace


@pytest.fixture
def learned(logs: LogWorkspace) -> LogWorkspace:
    logs.run()
    return logs


def anomalies(cli: Cli, logs: LogWorkspace, *lines: str) -> list[Any]:
    logs.append(lines)
    answer = cli("run", "--json").json
    return [line["EventID"] for monitor in answer["monitors"] for line in monitor["lines"]]


def test_show_says_what_each_detector_knows_and_watches(cli: Cli, learned: LogWorkspace) -> None:
    answer = cli("state", "show", "app", "--json").json

    assert (answer["schema_version"], answer["log"], answer["generation"]) == (1, "app", 1)
    kinds, values = answer["detectors"]
    assert (kinds["type"], kinds["phase"], kinds["counters"]["trained"]) == ("new_event", "detect", 60)
    login = next(event for event in values["events"] if event["event_id"] == "login")
    assert "user" in login["watched"]
    assert login["variables"]["user"]["values"] == 3
    shown = cli("state", "show").out
    assert shown.startswith("app: generation 1\n")
    assert "new_event (new_event): detect; 60 learned, 20 judged, 0 alerts" in shown
    assert learned.load().monitors


def test_show_takes_one_detector(cli: Cli, learned: LogWorkspace) -> None:
    assert learned.folder.is_dir()
    answer = cli("state", "show", "--detector", "new_value", "--json").json

    assert [one["name"] for one in answer["detectors"]] == ["new_value"]
    assert "there is no detector 'values'" in cli("state", "show", "--detector", "values", code=2).error


def test_show_before_the_first_run_says_that_nothing_is_learned(cli: Cli, logs: LogWorkspace) -> None:
    assert logs.folder.is_dir()
    assert cli("state", "show").out.startswith("app: nothing was learned yet\n")
    assert cli("state", "show", "--json").json["generation"] is None
    assert cli("state", "generations", "--json").json["generations"] == []
    assert (
        cli("state", "revert", "app", "1", code=1).error == "app has no generation 1: run `tocsin run` first"
    )


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (("show", "web"), "the log 'web' is not there: logs are app"),
        (("show", "ap"), "the log 'ap' is not there: did you mean 'app'?"),
        (("show", "cpu"), "the log 'cpu' is a metric"),
        (("forget", "app"), "say what to forget"),
        (("allow", "app"), "say what is fine"),
        (("allow", "app", "--event", "a", "--value", "b"), "--value needs --variable"),
        (("forget", "app", "--event", "login"), "app has learned nothing yet: run `tocsin run` first"),
        (("allow", "app", "--event", "login"), "app has learned nothing yet"),
    ],
)
def test_what_cannot_be_done_is_said(
    cli: Cli, logs: LogWorkspace, command: tuple[str, ...], error: str
) -> None:
    logs.metric("cpu")

    assert error in cli("state", *command, code=2).error


def test_a_project_without_logs_or_with_several_asks_which(cli: Cli, logs: LogWorkspace) -> None:
    logs.log("web")
    assert cli("state", "show", code=2).error == "say which log: there are app, web"
    for name in ("app", "web"):
        (logs.folder / "logs" / f"{name}.yml").unlink()
    assert "the project has no logs" in cli("state", "show", code=2).error


def test_a_log_whose_file_is_broken_says_so(cli: Cli, logs: LogWorkspace) -> None:
    logs.log(detektors=1)

    assert "unknown key 'detektors'" in cli("state", "show", "app", code=2).error


def test_what_is_allowed_never_alerts_again_and_can_be_taken_back(cli: Cli, learned: LogWorkspace) -> None:
    assert cli("state", "allow", "--event", "sudo").out == "allowed by new_event, new_value\n"
    assert cli("state", "allow", "--event", "sudo").out == "it was so already\n"
    assert "allowed: event 'sudo'" in cli("state", "show").out

    assert anomalies(cli, learned, entry(100, "sudo"), entry(101, "mount")) == ["mount"]
    answer = cli("state", "allow", "--event", "sudo", "--take-back", "--json").json

    assert answer["detectors"] == ["new_event", "new_value"]
    assert answer["generation"]["parent"] is not None
    assert anomalies(cli, learned, entry(102, "sudo")) == ["sudo"]


def test_an_event_that_was_never_met_is_allowed_with_a_note(cli: Cli, learned: LogWorkspace) -> None:
    assert learned.folder.is_dir()
    answer = cli("state", "allow", "--event", "logim")

    assert answer.out == "allowed by new_event, new_value\n"
    assert answer.err == "note: no detector has met the event 'logim' so far; did you mean 'login'?\n"
    assert "did you mean" not in cli("state", "allow", "--event", "logim", "--take-back").err
    assert cli("state", "allow", "--event", "4711", "--json").err == (
        "note: no detector has met the event '4711' so far; `tocsin state show` lists those that were met\n"
    )


def test_an_event_that_was_learned_or_an_anomaly_is_allowed_without_a_note(
    cli: Cli, learned: LogWorkspace
) -> None:
    odd = 'C:\\x "50%" _ü'
    assert anomalies(cli, learned, entry(100, "sudo"), entry(101, odd)) == ["sudo", odd]

    for event in ("login", "sudo", odd):
        assert cli("state", "allow", "--event", event).err == ""
    assert "no detector has met" in cli("state", "allow", "--event", "sud").err


def test_a_value_is_allowed_for_one_detector(cli: Cli, learned: LogWorkspace) -> None:
    options = ("--detector", "new_value", "--event", "login", "--variable", "user", "--value", "eve")

    assert cli("state", "allow", *options).out == "allowed by new_value\n"

    assert anomalies(cli, learned, entry(100, "login", "eve"), entry(101, "read", "eve")) == ["read"]


def test_what_is_forgotten_is_news_again(cli: Cli, learned: LogWorkspace) -> None:
    options = ("--event", "login", "--variable", "user", "--value", "ann")

    assert cli("state", "forget", *options).out == "forgotten by new_value\n"

    assert anomalies(cli, learned, entry(100, "login", "ann"), entry(101, "login", "bob")) == ["login"]
    assert cli("state", "forget", "--event", "logout", "--detector", "new_event").out
    assert anomalies(cli, learned, entry(102, "logout", "ann")) == ["logout"]


@pytest.mark.parametrize(
    "options",
    [
        ("--event", "nope"),
        ("--event", "login", "--variable", "nope"),
        ("--event", "login", "--variable", "user", "--value", "nope"),
    ],
)
def test_what_nobody_knows_cannot_be_forgotten(
    cli: Cli, learned: LogWorkspace, options: tuple[str, ...]
) -> None:
    before = learned.learned()

    assert "no detector knows that" in cli("state", "forget", *options, code=2).error

    assert learned.learned() == before


def test_numbers_on_the_command_line_are_those_that_the_log_has(cli: Cli, logs: LogWorkspace) -> None:
    lines = [
        json.dumps({"event": 4624 if number % 2 else "4624", "code": number % 3, "name": str(number % 3)})
        for number in range(80)
    ]
    logs.lines(lines)
    logs.run()

    def known(event: int | str) -> list[Any]:
        kinds, _ = cli("state", "show", "--json").json["detectors"]
        return [one["event_id"] for one in kinds["events"] if one["event_id"] == event and one["count"]]

    cli("state", "forget", "--event", '"4624"', "--detector", "new_event")
    assert (known("4624"), known(4624)) == ([], [4624])
    cli("state", "forget", "--event", "4624", "--detector", "new_event")
    assert known(4624) == []
    for variable in ("code", "name"):
        options = ("--event", "4624", "--variable", variable, "--value", "2")
        assert cli("state", "forget", *options, "--detector", "new_value").out == "forgotten by new_value\n"


def test_generations_are_listed_oldest_first(cli: Cli, learned: LogWorkspace) -> None:
    anomalies(cli, learned, entry(100, "sudo"))

    answer = cli("state", "generations", "--json").json

    assert [one["generation"] for one in answer["generations"]] == [1, 2]
    assert all(one["bytes"] > 0 and one["damage"] is None for one in answer["generations"])
    lines = cli("state", "generations").out.splitlines()
    assert lines[0].split() == ["generation", "made", "(UTC)", "from", "events", "bytes", "by", "state"]
    assert len(lines) == 3


def test_an_older_generation_comes_back_as_a_new_one(cli: Cli, learned: LogWorkspace) -> None:
    before = learned.learned()
    anomalies(cli, learned, entry(100, "sudo"))

    assert cli("state", "revert", "app", "1").out == "app: generation 3 is as 1 was\n"

    assert learned.learned() == before
    assert anomalies(cli, learned) == ["sudo"]


def test_a_generation_that_is_not_there_is_an_error(cli: Cli, learned: LogWorkspace) -> None:
    assert learned.folder.is_dir()
    assert cli("state", "revert", "app", "7", code=1).error == "app has no generation 7: it has 1"


def test_export_has_every_value_with_its_count(cli: Cli, learned: LogWorkspace) -> None:
    written = cli("state", "export", "-o", "state.json").out
    document = json.loads((learned.folder / "state.json").read_text(encoding="utf-8"))

    assert written == "wrote state.json\n"
    assert document == cli("state", "export").json
    values = document["detectors"][1]
    login = next(event for event in values["learned"] if event["event_id"] == "login")
    assert "ann" in json.dumps(login)
    assert "cannot be written" in cli("state", "export", "-o", "no/state.json", code=2).error


@pytest.mark.parametrize(
    "command",
    [("revert", "app", "1"), ("allow", "app", "--event", "x"), ("forget", "app", "--event", "login")],
)
def test_while_a_run_works_on_a_log_its_state_is_not_changed(
    cli: Cli, learned: LogWorkspace, command: tuple[str, ...]
) -> None:
    with open_memory(learned.load(), learned.clock) as memory:
        memory.acquire_lease("log:app", "web-1@machine/boot/namespace/4711/1", 600)

        error = cli("state", *command, code=2).error

    assert "another run works on app (process 4711 on web-1)" in error


def damage(logs: LogWorkspace, generation: int) -> None:
    """Flip a bit of a generation's manifest."""
    with closing(sqlite3.connect(logs.folder / "tocsin.db")) as memory, memory:
        named = {
            int(Path(name).stem): (name, content)
            for name, content in memory.execute(
                "SELECT name, content FROM _tocsin_state WHERE name LIKE 'manifests/%'"
            )
        }
        name, content = named[generation]
        flipped = bytes([*content[:-9], content[-9] ^ 1, *content[-8:]])
        memory.execute("UPDATE _tocsin_state SET content = ? WHERE name = ?", [flipped, name])


def test_damaged_state_is_an_error_with_a_way_out_and_is_never_written_over(
    cli: Cli, learned: LogWorkspace
) -> None:
    anomalies(cli, learned, entry(100, "sudo"))
    damage(learned, 2)
    before = learned.query("SELECT name, content FROM _tocsin_state ORDER BY name")

    shown = cli("state", "show", code=1).error
    allowed = cli("state", "allow", "--event", "x", code=1).error
    learned.append([entry(200, "mount")])
    ran = cli("run", "--json", code=1).json["monitors"][0]["error"]

    for error in (shown, allowed, ran):
        assert "tocsin state revert app" in error
    assert learned.query("SELECT name, content FROM _tocsin_state ORDER BY name") == before
    cli("state", "revert", "app", "1")
    assert anomalies(cli, learned) == ["sudo", "mount"]


def test_damaged_state_can_be_left_behind_for_good(cli: Cli, learned: LogWorkspace) -> None:
    damage(learned, 1)
    learned.append([entry(100, "sudo")])
    error = cli("run", "--json", code=1).json["monitors"][0]["error"]
    assert "state revert" not in error

    answer = cli("run", "--full-refresh", "--json").json

    assert "start anew with `tocsin run --select app --full-refresh`" in error
    assert (answer["totals"]["lines_read"], answer["totals"]["anomalies"]) == (81, 1)


def test_a_variable_of_very_many_values_shows_how_it_is_kept(
    cli: Cli, logs: LogWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = DistinctSettings.__init__.__defaults__
    assert defaults is not None
    monkeypatch.setattr(DistinctSettings.__init__, "__defaults__", (defaults[0], 100, *defaults[2:]))
    params = {"max_distinct": 50, "false_positive_rate": 0.01}
    logs.log(detectors=[{"type": "new_value", "params": params}], train=2000)
    logs.lines(entry(number, "login", f"user-{number}") for number in range(2000))
    logs.run()

    (detector,) = cli("state", "show", "--json").json["detectors"]

    user = detector["events"][0]["variables"]["user"]
    assert user["kept_as"] == "filter"
    assert 0 < user["false_positive_rate"] < 0.01
    assert detector["config"]["false_positive_rate"] == 0.01
    assert "filter; new values taken for known ones: 0%, at most 1%" in cli("state", "show").out
