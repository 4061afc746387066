"""People who act while a watch works: their command may be killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.watch.conftest import WatchedProject, Watching, told, until

if TYPE_CHECKING:
    from tocsin.testing.channels import HttpReceiver

pytestmark = pytest.mark.fault

_KILLS = 5
_ONE_AT_MOST = (
    "SELECT count(*), count(DISTINCT series || rule || condition || opened_at) FROM _tocsin_acknowledgements"
)


def alerts(project: WatchedProject, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tocsin", "alerts", *words],
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "HOME": str(project.folder)},
    )


def said(project: WatchedProject, *words: str, code: int = 0) -> str:
    command = alerts(project, *words)
    out, _ = command.communicate(timeout=60)
    assert command.returncode == code, out
    return out


def killed(project: WatchedProject, moments: random.Random, *words: str) -> None:
    """Run a command and kill it after it began; now and then it is done before."""
    command = alerts(project, *words)
    try:
        command.communicate(timeout=moments.uniform(0.2, 0.9))
    except subprocess.TimeoutExpired:
        command.send_signal(signal.SIGKILL)
        command.communicate()


def rows(project: WatchedProject, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(project.folder / "tocsin.db", timeout=20)) as memory:
        return memory.execute(query).fetchall()


def test_a_command_that_is_killed_did_all_or_nothing_and_does_it_when_it_is_run_again(
    project: WatchedProject, receiver: HttpReceiver
) -> None:
    moments = random.Random(20_261_122)  # noqa: S311  # a seed, not a secret
    project.channels(ops=receiver.url)
    project.steady_metric("cpu")
    project.steady_metric("ram")
    ack = ("ack", "cpu", "--author", "ada", "--comment")
    asked = ("silence", "monitor=ram", "--for", "2h", "--comment", "we mend it")

    with Watching(project.folder) as watching:
        for name in ("cpu", "ram"):
            watching.wait_for("run", name=name)
        project.append("cpu", 900)
        until(lambda: told(receiver), "the message about cpu")

        for number in range(_KILLS):
            killed(project, moments, *ack, f"number {number}")
            killed(project, moments, *asked)
        assert rows(project, "PRAGMA integrity_check") == [("ok",)]
        ((acknowledged, different),) = rows(project, _ONE_AT_MOST)
        assert acknowledged == different <= 1
        assert len(rows(project, "SELECT 1 FROM _tocsin_silences")) <= 1

        assert "is acknowledged by ada" in said(project, *ack, "it is me")
        assert rows(project, "SELECT author, comment FROM _tocsin_acknowledgements") == [("ada", "it is me")]
        assert "monitor=ram is silent until" in said(project, *asked)
        project.append("ram", 900)
        until(lambda: rows(project, "SELECT 1 FROM _tocsin_decisions WHERE kind = 'silenced'"), "silence")

        ((silence,),) = rows(project, "SELECT silence_id FROM _tocsin_silences")
        for _ in range(_KILLS):
            killed(project, moments, "unsilence", silence)
        out = said(project, "unsilence", silence)
        assert "is no longer silent" in out or "was over at" in out
        until(lambda: len(told(receiver)) == 2, "the message about ram")
        project.append("cpu", 1)
        project.append("ram", 1)
        until(lambda: len(told(receiver)) == 4, "that both are over")
        assert watching.end() == 0

    assert not watching.err
    ids = [request.json()["id"] for request in receiver.requests]
    assert len(ids) == len(set(ids))
    assert [message["monitor"] for message in told(receiver)][:2] == ["cpu", "ram"]
    assert rows(project, "PRAGMA integrity_check") == [("ok",)]
