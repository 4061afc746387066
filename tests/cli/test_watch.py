"""What `tocsin watch` says before it begins."""

from __future__ import annotations

import json
import signal
import socket
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from tocsin.cli import watch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Cli
    from tests.conftest import SteppingClock
    from tests.runtime.conftest import Workspace


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    chosen = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [(number, signal.getsignal(number)) for number in chosen]
    yield
    for number, handler in before:
        signal.signal(number, handler)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:70000", ":1", "256.0.0.1:0", "127.0.0.1:x"])
def test_an_address_that_cannot_be_listened_on_is_one_sentence(
    cli: Cli, project: Workspace, address: str
) -> None:
    assert "listen" in cli("watch", "--listen", address, code=2).error
    assert project.load().monitors


def test_a_port_that_is_taken_is_one_sentence(cli: Cli, project: Workspace) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        assert f"127.0.0.1:{port}" in cli("watch", "--listen", f"127.0.0.1:{port}", code=2).error
    assert project.load().monitors


def test_a_project_that_is_none_is_one_sentence(cli: Cli, tmp_path: Path) -> None:
    assert "is not a Tocsin project" in cli("watch", "-p", str(tmp_path), code=2).error


def test_a_selection_of_nothing_is_one_sentence(cli: Cli, project: Workspace) -> None:
    assert "nothing is selected" in cli("watch", "--no-listen", "--select", "gpu", code=2).error
    assert project.load().monitors


def test_a_watch_says_in_lines_what_it_does(
    cli: Cli, project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.folder / "metrics" / "broken.yml").write_text("name: broken\n")

    with asked_to_stop_after_the_first_run(monkeypatch):
        answer = cli("watch", "--no-listen")

    assert not answer.out
    said = [line.partition("Z ")[2] for line in answer.err.splitlines()]
    assert said[0] == "watching 1 monitor of test"
    assert any(line.startswith("error: broken is not run: ") for line in said)
    assert any(line.startswith("cpu: 200 points loaded, 200 judged, ") for line in said)
    assert said[-1] == "stopped; the next start goes on from here"


def test_a_monitor_whose_events_are_in_the_store_is_watched_too(
    cli: Cli, project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.folder / "events").mkdir()
    project.write("events/ids.yml", {"name": "ids", "alerting": {}})
    project.write("events/off.yml", {"name": "off", "alerting": {}, "enabled": False})

    with asked_to_stop_after_the_first_run(monkeypatch):
        said = cli("watch", "--no-listen", "--json").out.splitlines()

    started = json.loads(said[0])
    assert (started["text"], started["monitors"]) == ("watching 2 monitors of test", 2)


LOCKED = ("error", "pruning failed: locked", {"part": "pruning", "error": "locked"})
FULL = ("error", "pruning failed: full", {"part": "pruning", "error": "full"})
OTHER = ("error", "telling failed: locked", {"part": "telling", "error": "locked"})
WORKS = ("works", "pruning works again", {"part": "pruning"})


def test_what_fails_for_the_same_reason_is_said_once_for_people(
    clock: SteppingClock, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = watch._Lines(clock, as_json=False)
    for what in (LOCKED, LOCKED, OTHER, LOCKED, FULL, FULL, LOCKED, WORKS, LOCKED, OTHER, WORKS):
        lines.said(*what)
    assert lines.close()

    said = [line.partition("Z ")[2] for line in capsys.readouterr().err.splitlines()]
    assert said == [
        "error: pruning failed: locked",
        "error: telling failed: locked",
        "error: pruning failed: full",
        "error: pruning failed: locked",
        "pruning works again",
        "error: pruning failed: locked",
        "pruning works again",
    ]


def test_what_fails_is_said_each_time_for_programs(
    clock: SteppingClock, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = watch._Lines(clock, as_json=True)
    for what in (LOCKED, LOCKED, WORKS):
        lines.said(*what)
    assert lines.close()

    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["what"], one["part"], one.get("error")) for one in said] == [
        ("error", "pruning", "locked"), ("error", "pruning", "locked"), ("works", "pruning", None)
    ]  # fmt: skip


@contextmanager
def asked_to_stop_after_the_first_run(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have this process get a SIGTERM once a monitor was run, as a service manager would send it."""
    ran = threading.Event()
    write = watch._Lines.ran

    def noted(*arguments: object, **more: object) -> None:
        write(*arguments, **more)  # type: ignore[arg-type]
        ran.set()

    monkeypatch.setattr(watch._Lines, "ran", noted)

    def stop() -> None:
        if ran.wait(60):
            signal.raise_signal(signal.SIGTERM)

    stopper = threading.Thread(target=stop)
    stopper.start()
    yield
    stopper.join()
