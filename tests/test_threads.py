"""What threads do for a main one that may be interrupted at any moment."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import pytest

from tocsin.threads import SAME_MOMENT, Bell, EndRequests, map_in_threads, signals_wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

PATIENCE = 60  # seconds; only what is broken waits for as long
STOPS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """The signals that were handled; the handler raises, as that of a command does."""
    numbers: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        numbers.append(number)
        raise KeyboardInterrupt

    before = [(number, signal.signal(number, handle)) for number in STOPS]
    yield numbers
    for number, handler in before:
        signal.signal(number, handler)


def not_stopped() -> None:
    """Nobody interrupts."""
    raise AssertionError


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_results_are_in_the_order_of_the_items(count: int, threads: int) -> None:
    assert map_in_threads(str, range(count), threads, stop=not_stopped) == [str(n) for n in range(count)]


def test_as_many_calls_go_on_at_once_as_there_are_threads() -> None:
    together = threading.Barrier(3)
    map_in_threads(lambda _: together.wait(PATIENCE), range(6), 3, stop=not_stopped)


def test_an_error_is_raised_when_what_is_under_way_has_ended() -> None:
    failed, ended = threading.Event(), threading.Event()
    begun: list[int] = []

    def call(number: int) -> None:
        begun.append(number)
        if number == 0:
            failed.set()
            raise SystemExit(3)
        assert failed.wait(PATIENCE)
        ended.set()

    with pytest.raises(SystemExit):
        map_in_threads(call, range(1000), 2, stop=lambda: None)
    assert 1 not in begun or ended.is_set()
    assert len(begun) < 1000


@pytest.mark.parametrize("number", STOPS)
def test_who_is_interrupted_waits_for_what_is_under_way_and_begins_nothing(
    heard: list[int], number: signal.Signals
) -> None:
    stopped = threading.Event()
    begun: list[int] = []
    ended: list[int] = []

    def call(item: int) -> None:
        begun.append(item)
        if item == 3:
            signal.pthread_kill(threading.main_thread().ident or 0, number)
        if item >= 3:
            assert stopped.wait(PATIENCE)
        ended.append(item)

    with pytest.raises(KeyboardInterrupt):
        map_in_threads(call, range(1000), 2, stop=stopped.set)
    assert heard == [number]
    assert sorted(begun) == sorted(ended)
    assert len(begun) <= 5


@pytest.mark.parametrize("number", STOPS)
def test_a_signal_waits_for_the_end_of_the_block(heard: list[int], number: signal.Signals) -> None:
    within: list[int] = []

    def receive() -> None:
        with signals_wait():
            signal.raise_signal(number)
            within.append(len(heard))

    with pytest.raises(KeyboardInterrupt):
        receive()
    assert (within, heard) == ([0], [number])
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    assert heard == [number, number]


def test_what_is_not_handled_by_python_code_is_left_as_it_is(heard: list[int]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with signals_wait():
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        signal.raise_signal(signal.SIGINT)
    assert heard == []


def test_other_threads_may_start_threads() -> None:
    results: list[list[str]] = []
    other = threading.Thread(target=lambda: results.append(map_in_threads(str, [1, 2], 2, stop=not_stopped)))
    other.start()
    other.join(PATIENCE)
    assert results == [["1", "2"]]


def test_what_was_begun_is_waited_for_when_the_system_has_no_more_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start, begun, ended, stopped = threading.Thread.start, threading.Event(), [], threading.Event()

    def refuse(thread: threading.Thread) -> None:
        if begun.is_set():
            raise RuntimeError("can't start new thread")
        start(thread)
        assert begun.wait(PATIENCE)

    def call(item: int) -> None:
        begun.set()
        assert stopped.wait(PATIENCE)
        ended.append(item)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="new thread"):
        map_in_threads(call, [1, 2, 3], 3, stop=stopped.set)
    assert ended == [1]


def test_a_bell_wakes_who_waits_once_however_often_it_was_rung() -> None:
    bell = Bell()
    assert not bell.wait(0)
    for _ in range(3):
        bell.ring()
    assert bell.wait(PATIENCE)
    assert not bell.wait(0)


def test_a_bell_wakes_who_waits_already() -> None:
    bell, answer = Bell(), Bell()
    woken: list[bool] = []

    def wait() -> None:
        answer.ring()
        woken.append(bell.wait(PATIENCE))

    other = threading.Thread(target=wait)
    other.start()
    assert answer.wait(PATIENCE)
    bell.ring()
    other.join(PATIENCE)
    assert woken == [True]


@pytest.mark.parametrize(
    ("signals", "meaning"),
    [
        ([(15, 0), (15, 0)], "first same"),  # as `timeout` sends it, to its child and to the child's group
        ([(2, 0), (2, SAME_MOMENT / 2)], "first same"),
        ([(2, 0), (2, SAME_MOMENT)], "first again"),
        ([(15, 0), (15, 0), (15, SAME_MOMENT)], "first same again"),
        ([(15, 0), (15, SAME_MOMENT * 0.9), (15, SAME_MOMENT * 1.1)], "first same again"),
        ([(15, 0), (2, 0)], "first again"),
        ([(2, 0), (15, 0)], "first again"),
    ],
)
def test_who_asks_twice_is_told_from_who_is_heard_twice(
    signals: list[tuple[int, float]], meaning: str
) -> None:
    moments = iter([1000 + moment for _, moment in signals])
    requests = EndRequests(lambda: next(moments))

    assert requests.number is None
    assert " ".join(requests.take(number) for number, _ in signals) == meaning
    assert requests.number == signals[0][0]
