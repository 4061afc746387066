"""Who asks `tocsin run` and `tocsin watch` to end twice, and who asks once and is heard twice."""

from __future__ import annotations

import math
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.runtime.watch.test_reload import Heard
from tocsin import threads
from tocsin.cli import run, watch
from tocsin.runtime.databases import open_memory
from tocsin.runtime.watch import Watch, WatchOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.runtime.conftest import Workspace

STOPS = (signal.SIGINT, signal.SIGTERM)
OTHER = {signal.SIGINT: signal.SIGTERM, signal.SIGTERM: signal.SIGINT}


class EndedAtOnce(BaseException):
    """In place of the end of this process."""


@pytest.fixture(autouse=True)
def _signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def end(code: int) -> None:
        raise EndedAtOnce(code)

    monkeypatch.setattr(os, "_exit", end)
    before = [(number, signal.getsignal(number)) for number in (*STOPS, signal.SIGHUP)]
    yield
    for number, handler in before:
        signal.signal(number, handler)


@pytest.fixture
def at_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long this machine takes, what comes twice comes at one moment."""
    monkeypatch.setattr(threads, "SAME_MOMENT", math.inf)


@pytest.fixture
def at_two_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "SAME_MOMENT", 0)


def a_run_gets(first: signal.Signals, then: signal.Signals) -> None:
    with run._ended_by_signals():
        try:
            signal.raise_signal(first)
        finally:
            signal.raise_signal(then)  # while it ends


@contextmanager
def a_watch(project: Workspace) -> Iterator[tuple[Watch, Heard]]:
    heard = Heard()
    with open_memory(project.load(), project.clock) as memory:
        watching = Watch(project.load, memory, WatchOptions(listen=None), clock=project.clock, listener=heard)
        watch._listen_to_signals(watching)
        yield watching, heard


@pytest.mark.usefixtures("at_one_moment")
@pytest.mark.parametrize("number", STOPS)
def test_a_run_that_hears_one_request_twice_ends_in_order(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        a_run_gets(number, number)

    assert ended.value.code == 128 + number
    asked, stopped = capfd.readouterr().err.splitlines()
    assert asked.startswith("asked to end")
    assert stopped.endswith("stopped; the next run goes on from here")


@pytest.mark.usefixtures("at_one_moment")
@pytest.mark.parametrize("number", STOPS)
def test_a_watch_that_hears_one_request_twice_ends_in_order(
    project: Workspace, number: signal.Signals
) -> None:
    with a_watch(project) as (watching, heard):
        signal.raise_signal(number)
        signal.raise_signal(number)
        assert watching.run() == []

    assert heard.lines[-1][:2] == ("stopped", "stopped; the next start goes on from here")


@pytest.mark.usefixtures("at_two_moments")
@pytest.mark.parametrize("number", STOPS)
def test_what_is_asked_again_a_moment_later_ends_at_once(project: Workspace, number: signal.Signals) -> None:
    with pytest.raises(EndedAtOnce) as ended:
        a_run_gets(number, number)
    assert ended.value.args == (128 + number,)

    with a_watch(project):
        signal.raise_signal(number)
        with pytest.raises(EndedAtOnce) as ended:
            signal.raise_signal(number)
    assert ended.value.args == (128 + number,)


@pytest.mark.usefixtures("at_one_moment")
@pytest.mark.parametrize("number", STOPS)
def test_what_is_asked_by_another_signal_ends_at_once(project: Workspace, number: signal.Signals) -> None:
    with pytest.raises(EndedAtOnce) as ended:
        a_run_gets(number, OTHER[number])
    assert ended.value.args == (128 + OTHER[number],)

    with a_watch(project):
        signal.raise_signal(number)
        with pytest.raises(EndedAtOnce) as ended:
            signal.raise_signal(OTHER[number])
    assert ended.value.args == (128 + OTHER[number],)
