"""The reference of the command line has every command and option, and JSON as it is."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import typer

from tests.cli.conftest import Answer, Cli, cli, home, project
from tests.docs.pages import DOCS, section, table_rows
from tests.runtime.alert_scenes import Scene, scan
from tests.runtime.logs.conftest import LogWorkspace, quiet
from tocsin.cli.main import app
from tocsin.runtime.clock import SystemClock
from tocsin.runtime.databases import open_memory
from tocsin.testing.channels import HttpReceiver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runtime.conftest import Workspace

__all__ = ["cli", "home", "project"]  # fixtures of the command line's tests

PAGE = DOCS / "cli.md"
APP = typer.main.get_command(app)
TOP: dict[str, Any] = APP.commands  # type: ignore[attr-defined]
GROUPS: dict[str, Any] = {name: command for name, command in TOP.items() if hasattr(command, "commands")}
COMMANDS: dict[str, Any] = {name: command for name, command in TOP.items() if name not in GROUPS} | {
    f"{group} {name}": command for group, parts in GROUPS.items() for name, command in parts.commands.items()
}


def options_of(command: Any) -> dict[frozenset[str], Any]:
    return {
        frozenset(parameter.opts): parameter.default
        for parameter in command.params
        if parameter.param_type_name == "option" and "--help" not in parameter.opts
    }


def filters() -> dict[frozenset[str], str]:
    """Give the options that say which events; commands that take them refer to their table."""
    names = [name for names in documented_options(section(PAGE, "Which events")) for name in names]
    return {frozenset([name]): "" for name in names}


def documented_options(text: str) -> dict[frozenset[str], str]:
    return {frozenset(re.findall(r"(?<!\w)--?[\w-]+", row[0])): row[1].strip("`") for row in table_rows(text)}


def test_every_command_has_a_section_in_the_order_of_the_help() -> None:
    headings = re.findall(r"^## tocsin (\S+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert headings == list(TOP)


@pytest.mark.parametrize("group", GROUPS)
def test_every_command_of_a_group_has_a_section_in_the_order_of_the_help(group: str) -> None:
    text = PAGE.read_text(encoding="utf-8")

    headings = re.findall(rf"^### tocsin {group} (\S+)$", text, re.MULTILINE)

    assert headings == list(GROUPS[group].commands)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented_with_its_default(name: str) -> None:
    options = options_of(COMMANDS[name])

    text = section(PAGE, f"tocsin {name}")
    written = {option: default for option, default in documented_options(text).items() if option}
    if "(#which-events)" in text:
        written |= filters()

    assert set(written) == set(options)
    for option, default in options.items():
        if default not in (None, False, ()):
            assert written[option] == str(default), option


def test_the_options_for_all_commands_are_documented() -> None:
    text = section(PAGE, "What all commands share")

    rows = [row[0] for row in table_rows(text)]

    written = {option for row in rows for option in re.findall(r"--?[\w-]+", row)}
    assert written == {option for options in options_of(APP) for option in options} | {"--help", "-h"}


def test_the_environment_variables_are_documented() -> None:
    text = section(PAGE, "What all commands share")
    used = {
        variable
        for command in (APP, *COMMANDS.values())
        for parameter in command.params
        for variable in ([parameter.envvar] if isinstance(parameter.envvar, str) else parameter.envvar or [])
    }

    assert used == set(re.findall(r"`(TOCSIN_\w+)`", text))


def shape(value: Any) -> Any:
    """Give the structure of a JSON document: its keys, and the kinds of its values."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "text or null" if value is None or isinstance(value, str) else type(value).__name__


def documented_shape(command: str) -> Any:
    found = re.search(r"```json\n(.*?)```", section(PAGE, f"tocsin {command}"), re.DOTALL)
    assert found is not None
    return shape(json.loads(found[1]))


def test_json_has_the_documented_shape(cli: Cli, project: Workspace) -> None:
    with HttpReceiver() as receiver:
        hook = {"type": "webhook", "url": receiver.url, "allow_private": True}
        project.write("profiles.yml", {"alert_channels": {"hook": hook}})
        project.metric("cpu", alerting={"channels": ["hook"]}, tags=["a"])
        project.metric("gone")
        said = {
            "init": cli("init", "shop", "--from", "cpu.csv", "--json"),
            "run": cli("run", "--select", "cpu", "--json"),
            "plot": cli("plot", "cpu", "-o", "cpu.svg", "--json"),
            "test-alert": cli("test-alert", "cpu", "--json"),
            "ls": cli("ls", "--json"),
        }
        with open_memory(project.load(), project.clock) as memory:
            memory.acquire_lease("metric:cpu", "web-1@machine/boot/namespace/4711/1", 600)
            said["status"] = cli("status", "--json")
            said["unlock"] = cli("unlock", "--json")
        (project.folder / "metrics" / "cpu.yml").unlink()
        said["clean"] = cli("clean", "--json")
        project.metric("gone", intervall=1)
        said["validate"] = cli("validate", "--json", code=2)

    said |= _said_of_a_log(cli, project) | _said_of_events(cli, project.folder)
    said |= _said_of_alerts(cli, project.folder / "alerts")
    for command, answer in said.items():
        assert shape(answer.json) == documented_shape(command), command
    others = {"schema", "report", "watch", "state show", "state export", "events stats", "events queries"}
    assert set(said) == set(COMMANDS) - others


def _said_of_a_log(cli: Cli, project: Workspace) -> dict[str, Answer]:
    logs = LogWorkspace.there(project.folder, project.clock)
    (logs.folder / "logs").mkdir(exist_ok=True)
    logs.log()
    logs.lines(quiet(80))
    cli("run", "--select", "app")
    return {
        "state allow": cli("state", "allow", "--event", "sudo", "--json"),
        "state forget": cli("state", "forget", "--event", "login", "--json"),
        "state revert": cli("state", "revert", "app", "1", "--json"),
        "state generations": cli("state", "generations", "--json"),
    }


def _said_of_alerts(cli: Cli, folder: Path) -> dict[str, Answer]:
    """Let a metric fire that is told and silenced, one wait for hours, and events be held back."""
    scene = Scene.new(folder, SystemClock())
    scene.metric("orders", range(190, 200))
    scene.metric("power", range(190, 200), alerting={})
    later = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(SystemClock().now().weekday() + 3) % 7]
    scene.groups({"name": "day", "monitors": ["power"], "channels": ["hook"], "schedule": {"days": [later]}})
    scene.monitor()
    scene.store(scan(0, 0), scan(1, 0.1), scan(2, 0.2, severity="high"))
    scene.run()
    here = ("-p", str(folder), "--json")
    silenced = cli("alerts", "silence", "tag=test", "--for", "2h", "--comment", "we test", *here)
    said = {
        "alerts silence": silenced,
        "alerts ack": cli("alerts", "ack", "orders", "--comment", "on it", *here),
        "alerts list": cli("alerts", "list", *here),
        "alerts history": cli("alerts", "history", *here),
        "alerts why": cli("alerts", "why", "orders", *here),
    }
    name = silenced.json["silence"]["id"]
    return {**said, "alerts unsilence": cli("alerts", "unsilence", name, *here)}


def _said_of_events(cli: Cli, folder: Path) -> dict[str, Answer]:
    event = {
        "Format": "IDEA0",
        "ID": "e1",
        "DetectTime": "2026-01-31T10:00:00Z",
        "Category": ["Recon.Scanning"],
        "Source": [{"IP4": ["192.0.2.7"]}],
    }
    (folder / "events.json").write_text(json.dumps(event), encoding="utf-8")
    store = ("--store", "events.db", "--json")
    return {
        "events import": cli("events", "import", "events.json", "gone.json", *store, code=1),
        "events search": cli("events", "search", *store),
        "events count": cli("events", "count", *store),
        "events show": cli("events", "show", "e1", *store),
        "events export": cli("events", "export", "-o", "events.csv", *store),
        "events timeline": cli("events", "timeline", "--by", "category", *store),
        "events top": cli("events", "top", *store),
        "events watchdog": cli("events", "watchdog", *store),
        "events cancel": cli("events", "cancel", "mine", *store, code=1),
        "events retention": cli("events", "retention", "--older-than", "1d", *store),
        "events delete": cli("events", "delete", "--all", "--yes", *store),
    }
