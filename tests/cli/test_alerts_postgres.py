"""The commands for alerts say of a memory on a real PostgreSQL server what they say of a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.runtime.alert_scenes import NOWHERE, Scene, scan
from tocsin.runtime.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli

# When it was decided and sent is not the same twice.
_PRESENT = re.compile(r"again (?:at [-\d]+ [:\d]+ UTC|by the next `tocsin run`)")
_COMMANDS = (
    ("list", "--json"),
    ("history", "--all", "--limit", "1000", "--json"),
    ("history", "--event", "scan-003", "--json"),
    ("why", "load", "--at", "2026-01-06T08:30"),
    ("why", "disk", "--at", "2026-01-06T01:40"),
    ("why", "scan-000"),
    ("why", "scan-003"),
    ("why", "scan-009"),
    ("why", "spam"),
)
_TIME = re.compile(r"20(?!26-0[12]-)\d\d-\d\d-\d\d[T ][\d:.Z]+")
_VARYING = frozenset({"decided_at", "at", "next_attempt_at", "seq"})


def same(value: object) -> object:
    """Leave out what differs from run to run."""
    if isinstance(value, dict):
        return {key: same(item) for key, item in value.items() if key not in _VARYING}
    return [same(item) for item in value] if isinstance(value, list) else value


def answers(cli: Cli, folder: Path, url: str | None) -> list[str]:
    scene = Scene.new(folder, SystemClock())
    if url is not None:
        store = {"type": "postgres", "url": url, "internal_schema": "tocsin"}
        files = {"type": "duckdb", "memory": {"profile": "store"}}
        profiles = {"files": files, "store": store}
        content = {"profiles": profiles, "default_profile": "files", "alert_channels": {"hook": NOWHERE}}
        scene.work.write("profiles.yml", content)
    scene.metric("load", range(190, 200), alerting={"channels": ["hook"], "threshold": True})
    scene.metric("disk", range(150, 156))
    scene.monitor()
    here = ("-p", str(folder))
    said: list[str] = [cli("alerts", "list", *here).out]
    options = ("--for", "2h", "--comment", "x", "--author", "ann", "--json")
    name = cli("alerts", "silence", "monitor=disk", *options, *here).json["silence"]["id"]
    events = [scan(number, number / 10) for number in range(10)]
    scene.store(*events, scan(10, 2, severity="high"), scan(11, 3, ID="spam-1", Category=["Abusive.Spam"]))
    scene.run()
    cli("alerts", "ack", "load", "--author", "ann", *here)
    for command in _COMMANDS:
        answer = cli("alerts", *command, *here)
        text = repr(same(answer.json)) if "--json" in command else _PRESENT.sub("", answer.out)
        said.append(_TIME.sub("", text.replace(name, "SILENCE")))
    page = folder / "report.html"
    cli("report", "--output", str(page), *here)
    return [*said, _TIME.sub("", page.read_text(encoding="utf-8"))]


def test_a_server_and_a_file_say_the_same(cli: Cli, tmp_path: Path, postgres_database: str) -> None:
    on_server = answers(cli, tmp_path / "server", postgres_database)
    in_file = answers(cli, tmp_path / "file", None)

    for command, there, here in zip(("list", *_COMMANDS, "report"), on_server, in_file, strict=True):
        assert there == here, command
    assert "Events monitor" in on_server[-1]
