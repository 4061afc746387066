"""`tocsin watch` as a process of its own, with a real receiver of messages."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.runtime.watch.conftest import (
    WatchedProject,
    Watching,
    event,
    insist,
    move_in,
    told,
    until,
)
from tocsin.testing.channels import Answer, HttpReceiver

if TYPE_CHECKING:
    from pathlib import Path

ENDLESS = (
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
    " SELECT '{{ tocsin_start_time }}' AS timestamp, x AS value FROM n WHERE x < 0"
)
FIRST = 1_760_000_000  # the time of the first line of a log
LEASES = "SELECT count(*) FROM _tocsin_leases WHERE owner <> ''"


def series_of(receiver: HttpReceiver) -> list[str]:
    return [message["monitor"] for message in told(receiver)]


def append(path: Path, *lines: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def take_away(project: WatchedProject, watching: Watching, *names: str, running: int) -> None:
    """Take metrics away, and wait for their last runs: what is in hand after that does not go by chance."""
    for name in names:
        (project.folder / "metrics" / f"{name}.yml").unlink()
    watching.send(signal.SIGHUP)
    watching.wait_for("reloaded")
    watching.wait_for_figures({"tocsin_queue_depth": 0, "tocsin_running": running})


def test_what_metrics_logs_and_folders_have_is_told(project: WatchedProject, receiver: HttpReceiver) -> None:
    project.channels(ops=receiver.url)
    project.steady_metric("cpu")
    log = project.log("auth")
    folder = project.folder_of_events("ids")

    with Watching(project.folder) as watching:
        watching.wait_for("run", name="cpu")
        watching.wait_for("run", name="auth", lines_read=20)
        assert not receiver.requests
        project.append("cpu", 900)
        append(log, '{"time": 1760000100, "event": "wipe"}')
        move_in(folder, "alerts.json", event(1), event(2))
        until(lambda: len(told(receiver)) >= 4, "four messages")
        assert sorted(series_of(receiver)) == ["auth", "cpu", "ids", "ids"]
        watching.wait_for_figures(
            {
                "tocsin_events_total events ids": 2,
                "tocsin_lines_total log auth": 21,
                "tocsin_decisions_total told": 4,
                "tocsin_messages_total ops sent": 4,
            }
        )
        assert [path.name for path in (folder / "done").iterdir()] == ["alerts.json"]
        assert watching.end() == 0

    assert not watching.err
    assert watching.lines[-1]["what"] == "stopped"


def test_metrics_and_health_are_pages_and_nothing_else_is(project: WatchedProject) -> None:
    project.channels(ops="http://127.0.0.1:1")
    project.steady_metric("cpu")
    (project.folder / "metrics" / "broken.yml").write_text("name: broken\ninterval: often\n")

    with Watching(project.folder) as watching:
        watching.wait_for("run", name="cpu")
        until(lambda: watching.get("/readyz")[0] == 200, "readiness")
        assert watching.get("/healthz")[0] == 200
        assert '"status": "alive"' in watching.get("/healthz")[1]
        assert watching.get("/")[0] == 404
        assert watching.get("/metrics/../etc/passwd")[0] == 404
        from prometheus_client.openmetrics.parser import text_string_to_metric_families

        text = watching.get("/metrics", "application/openmetrics-text; version=1.0.0")[1]
        names = {family.name for family in text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]
        assert {"tocsin_runs", "tocsin_lag_seconds", "process_resident_memory_bytes"} <= names
        assert watching.said("error", "broken is not run")
        assert watching.end(signal.SIGINT) == 0


def test_a_project_is_read_again_on_demand_and_a_broken_one_changes_nothing(
    project: WatchedProject, receiver: HttpReceiver
) -> None:
    project.channels(ops=receiver.url)
    project.steady_metric("cpu")

    with Watching(project.folder) as watching:
        watching.wait_for("run", name="cpu")
        good = (project.folder / "tocsin_project.yml").read_text()
        (project.folder / "tocsin_project.yml").write_text("nmae: test\n")
        watching.send(signal.SIGHUP)
        watching.wait_for("error", "not reloaded")
        watching.wait_for("run", name="cpu", times=len(watching.said("run", name="cpu")) + 2)

        (project.folder / "tocsin_project.yml").write_text(good)
        (project.folder / "metrics" / "cpu.yml").write_text("name: cpu\nintervall: 1s\n")
        project.steady_metric("ram")
        watching.send(signal.SIGHUP)
        watching.wait_for("reloaded", kept=["cpu"])
        watching.wait_for("error", "cpu goes on as before")
        watching.wait_for("run", name="ram")
        watching.wait_for("run", name="cpu", times=len(watching.said("run", name="cpu")) + 2)
        project.append("ram", 900)
        until(lambda: series_of(receiver) == ["ram"], "a message about what is new")

        (project.folder / "metrics" / "cpu.yml").unlink()
        watching.send(signal.SIGHUP)
        watching.wait_for("reloaded", times=2)
        assert "tocsin_lag_seconds metric cpu" not in watching.figures()
        assert watching.end() == 0


def test_what_is_in_hand_is_finished_and_the_next_start_goes_on(project: WatchedProject) -> None:
    project.channels(ops="http://127.0.0.1:1")
    log = project.log("auth")
    lines = 20

    with Watching(project.folder) as watching:

        def is_at_work() -> bool:
            nonlocal lines
            if sum(line["lines_read"] for line in watching.said("run", name="auth")) == lines:
                begin, lines = lines, lines + 20_000  # and once more, if that was done before anybody looked
                numbers = range(begin, lines)
                append(log, *(f'{{"time": {FIRST + n}, "event": "login", "n": {n}}}' for n in numbers))
            return bool(watching.figures()["tocsin_running"]) and lines > 20

        until(is_at_work, "work")
        assert watching.end() == 0
        assert not watching.lines[-1]["given_up"]

    with Watching(project.folder) as watching:
        watching.wait_for("run", name="auth")
        assert watching.end() == 0
    position = project.memory_says("SELECT position FROM _tocsin_positions WHERE name = 'log:auth'")
    assert json.loads(position)["lines"] == lines
    assert project.memory_says(LEASES) == 0


def test_a_second_signal_ends_it_at_once(project: WatchedProject, receiver: HttpReceiver) -> None:
    project.channels(ops=receiver.url)
    receiver.default = Answer(stall=True)
    project.steady_metric("cpu")

    with Watching(project.folder) as watching:
        watching.wait_for("run", name="cpu")
        project.append("cpu", 900)
        until(lambda: receiver.requests, "a request")
        watching.send(signal.SIGTERM)
        watching.wait_for("stopping")
        insist(watching.process, signal.SIGTERM)
        assert watching.wait() == 128 + signal.SIGTERM


@pytest.mark.fault
def test_killed_again_and_again_it_tells_everything_under_one_id(
    project: WatchedProject, receiver: HttpReceiver
) -> None:
    project.channels(ops=receiver.url)
    log = project.log("auth")
    folder = project.folder_of_events("ids")
    project.steady_metric("cpu")

    for number in range(1, 5):
        with Watching(project.folder) as watching:
            watching.wait_for("started")
            move_in(folder, f"{number}.json", event(2 * number), event(2 * number + 1))
            append(log, f'{{"time": {1_760_001_000 + 10_000 * number}, "event": "new-{number}"}}')
            if number == 4:
                until(lambda: len(told(receiver)) >= 15, "all messages")  # 8 events, 4 first, 3 recovered
                assert watching.end() == 0
            else:  # at some point of its work
                watching.wait_for("told")
                watching.process.kill()

    messages = told(receiver)
    events = [message["event"]["id"] for message in messages if message["monitor"] == "ids"]
    assert len(events) == len(set(events)) == 8
    kinds = [message["kind"] for message in messages if message["monitor"] == "auth"]
    assert kinds == [*["first", "recovered"] * 3, "first"]
    assert len({message["opened_at"] for message in messages if message["monitor"] == "auth"}) == 4


def test_a_channel_that_hangs_delays_no_other(project: WatchedProject, receiver: HttpReceiver) -> None:
    with HttpReceiver() as stuck:
        stuck.default = Answer(stall=True)
        project.channels(ops=receiver.url, stuck=stuck.url)
        project.steady_metric("cpu", channel="stuck")
        project.steady_metric("ram", channel="ops")
        project.folder_of_events("ids")

        with Watching(project.folder, "--patience", "0.5") as watching:
            watching.wait_for("run", name="cpu")
            watching.wait_for("run", name="ram")
            project.append("cpu", 900)
            until(lambda: stuck.requests, "a message that hangs")
            project.append("ram", 900)
            until(lambda: series_of(receiver) == ["ram"], "a message that does not")
            assert watching.figures()["tocsin_channel_busy_seconds stuck"] > 0
            take_away(project, watching, "cpu", "ram", running=0)
            assert watching.end() == 0
            assert watching.lines[-1]["given_up"] == ["sending to stuck"]


def test_a_query_that_hangs_delays_no_other_monitor(project: WatchedProject, receiver: HttpReceiver) -> None:
    with contextlib.closing(sqlite3.connect(project.folder / "source.db")) as source:
        source.execute("CREATE TABLE t (x)")
    project.channels(ops=receiver.url)
    profiles = (project.folder / "profiles.yml").read_text()
    (project.folder / "profiles.yml").write_text(
        profiles.replace("profiles:", "profiles:\n  source: {type: sqlite, path: source.db}", 1)
    )
    project.metric("endless", query=ENDLESS, profile="source", interval="1s")
    project.steady_metric("cpu")

    with Watching(project.folder, "--threads", "2", "--patience", "0.5") as watching:
        until(lambda: watching.figures()["tocsin_lag_seconds metric endless"] > 0.5, "a query that hangs")
        watching.wait_for("run", name="cpu")
        project.append("cpu", 900)
        until(lambda: series_of(receiver) == ["cpu"], "a message of the other")
        assert not watching.said("run", name="endless")
        take_away(project, watching, "cpu", running=1)
        assert watching.end() == 0
        assert watching.lines[-1]["given_up"] == ["metric:endless"]
    assert project.memory_says(LEASES) == 0


def test_two_watches_on_one_project_share_the_work_and_one_tells(
    project: WatchedProject, receiver: HttpReceiver
) -> None:
    project.channels(ops=receiver.url)
    project.steady_metric("cpu")
    folder = project.folder_of_events("ids")

    with Watching(project.folder) as first:
        first.wait_for("run", name="cpu")
        until(lambda: '"tells": true' in first.get("/readyz")[1], "the one that tells")
        with Watching(project.folder) as second:
            second.wait_for("note", "watches this project, too")
            assert '"tells": false' in second.get("/readyz")[1]
            move_in(folder, "one.json", *(event(n) for n in range(1, 6)))
            until(lambda: len(told(receiver)) == 5, "what came first")
            assert first.end() == 0
            second.wait_for("note", "this process tells from now on")
            move_in(folder, "two.json", *(event(n) for n in range(6, 11)))
            until(lambda: len(told(receiver)) == 10, "what came then")
            assert second.end() == 0
    assert len(receiver.requests) == 10


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_does_not_read_stops_nothing(
    project: WatchedProject, receiver: HttpReceiver, stream: str
) -> None:
    project.channels(ops=receiver.url)
    project.steady_metric("cpu")
    read, write = os.pipe()
    os.set_blocking(write, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, b"x" * 65_536)
    os.set_blocking(write, True)
    with subprocess.Popen(
        [sys.executable, "-m", "tocsin", "watch", "--no-listen", *(["--json"] if stream == "stdout" else [])],
        cwd=project.folder,
        stdin=subprocess.DEVNULL,
        stdout=write if stream == "stdout" else None,
        stderr=write if stream == "stderr" else None,
        env={**os.environ, "HOME": str(project.folder)},
    ) as process:
        os.close(write)
        until(lambda: project.memory_says("SELECT count(*) FROM _tocsin_datapoints"), "points")
        project.append("cpu", 900)
        until(lambda: series_of(receiver) == ["cpu"], "a message")
        process.terminate()
        assert process.wait(60) == 0
    os.close(read)
