"""While a run decides about many events it says how far it is, and sends what is decided."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.events.conftest import BEGIN, EventsWorkspace, event
from tocsin.runtime.alerts import delivery, notify_step
from tocsin.runtime.databases import open_memory
from tocsin.runtime.pipeline import RunOptions, run_monitors
from tocsin.testing.channels import Answer

if TYPE_CHECKING:
    from tests.conftest import SteppingClock
    from tocsin.runtime.run_report import MonitorReport, RunReport
    from tocsin.testing.channels import HttpReceiver

_EVENTS = 50


class _Listener:
    """Keeps how far deciding was, and how many messages had come by then."""

    def __init__(self, receiver: HttpReceiver) -> None:
        self._receiver = receiver
        self.heard: list[tuple[int, int]] = []
        self.sent: list[int] = []

    def started(self, monitor: str) -> None:
        pass

    def progressed(self, monitor: str, done: int, total: int) -> None:
        pass

    def decided(self, done: int, total: int) -> None:
        self.heard.append((done, total))
        self.sent.append(len(self._receiver.requests))

    def finished(self, report: MonitorReport) -> None:
        pass


@pytest.fixture
def listener(receiver: HttpReceiver) -> _Listener:
    return _Listener(receiver)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decide about ten events at once, and send after each time."""
    monkeypatch.setattr(notify_step, "_FEWEST", 10)
    monkeypatch.setattr(notify_step, "_MOST", 10)
    monkeypatch.setattr(delivery, "_SHARE", 0)
    monkeypatch.setattr(delivery.Delivery.send_in_between, "__defaults__", (0.0,))


def filled(project: EventsWorkspace, clock: SteppingClock, **keys: Any) -> None:
    clock.time = BEGIN + timedelta(days=1)
    project.events(**{"alerting": {"channels": ["ops"], "threshold": False}, **keys})
    project.store([event(number, number / 1000) for number in range(_EVENTS)])


def run(project: EventsWorkspace, listener: _Listener) -> RunReport:
    loaded = project.load()
    with open_memory(loaded, project.clock) as memory:
        return run_monitors(
            loaded, loaded.monitors, memory, RunOptions(), clock=project.clock, listener=listener
        )


def test_the_listener_hears_how_many_events_were_looked_at(
    project: EventsWorkspace, clock: SteppingClock, listener: _Listener
) -> None:
    filled(project, clock)

    run(project, listener)

    assert listener.heard == [(10, 50), (20, 50), (30, 50), (40, 50), (50, 50)]


def test_events_that_no_monitor_selects_count_as_looked_at(
    project: EventsWorkspace, clock: SteppingClock, listener: _Listener
) -> None:
    filled(project, clock, filter={"categories": ["Attempt.Login"]})

    run(project, listener)

    assert listener.heard[-1] == (50, 50)


def test_without_anything_new_nothing_is_heard(
    project: EventsWorkspace, clock: SteppingClock, listener: _Listener
) -> None:
    filled(project, clock)
    run(project, listener)
    listener.heard.clear()

    run(project, listener)

    assert listener.heard == []


def test_what_is_decided_is_sent_before_all_is_and_in_order(
    project: EventsWorkspace, clock: SteppingClock, listener: _Listener, receiver: HttpReceiver
) -> None:
    filled(project, clock)

    report = run(project, listener)

    assert listener.sent == [0, 10, 20, 30, 40]
    told = [request.json()["event"]["id"] for request in receiver.requests]
    assert told == [f"e{number}" for number in range(_EVENTS)]
    assert (report.totals["alerts_sent"], report.notes, report.exit_code) == (_EVENTS, [], 0)


def test_what_travels_together_is_not_cut(
    project: EventsWorkspace, clock: SteppingClock, listener: _Listener, receiver: HttpReceiver
) -> None:
    filled(project, clock)
    office = {"name": "office", "networks": "192.0.2.0/24", "group_wait": "1h"}
    project.write("groups.yml", {"groups": [office]})

    report = run(project, listener)

    assert set(listener.sent) == {0}
    assert len(receiver.requests) == 1
    assert report.decisions["told"] == _EVENTS


def test_a_receiver_that_refuses_is_named_once_and_all_is_decided(
    project: EventsWorkspace, clock: SteppingClock, listener: _Listener, receiver: HttpReceiver
) -> None:
    filled(project, clock)
    receiver.default = Answer(503)

    report = run(project, listener)

    assert report.decisions["told"] == _EVENTS
    assert report.totals["alerts_sent"] == 0
    (problem, waiting) = report.notes
    assert problem.startswith("channel ops: ")
    assert waiting == f"messages that wait to be sent again by a later run: {_EVENTS}"


def test_sending_in_between_waits_until_its_time_has_come(
    project: EventsWorkspace, clock: SteppingClock, receiver: HttpReceiver
) -> None:
    filled(project, clock)
    project.notify()
    loaded = project.load()
    with open_memory(loaded, clock) as memory:
        sending = delivery.Delivery(loaded, memory, clock)
        sending.send_in_between(3600.0)
        assert receiver.requests == []
        sending.send_in_between(0.0)
        assert len(receiver.requests) == _EVENTS
